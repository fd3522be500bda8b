"""What may be chosen per job: the options of one file, and those of a stack.

The client, the command line, the console's form, a stack's `JobDefaults` and docs/options.md derive from their table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from fanfold_core.domain.chat import Prompt, chat_answer, chat_body, parse_prompt
from fanfold_core.domain.errors import UnknownOptionError
from fanfold_core.domain.expressions import Expression, parse_expression
from fanfold_core.domain.options.row import (
    ALLOW,
    COSTLIER_OPTIONS,
    FOR_LANGUAGE_MODELS,
    JOB_DEFAULTS,
    REFUSE,
    Option,
    spell,
)
from fanfold_core.domain.options.table import Table
from fanfold_core.domain.order import Identity, Order
from fanfold_core.domain.schema import ResponseSchema, parse_schema
from fanfold_core.input.columns import Asked
from fanfold_core.input.errors import JobDefaultsError, OptionError
from fanfold_core.input.json.text import read_json
from fanfold_core.input.records import Dialect

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence


# Default parameters by the task of a pipeline, where others are right than those of the table. Without `batch_size`, a
# pipeline computes one text at a time; only of a class is the result the same in a batch.
_IN_BATCHES = '{"truncation": true, "max_length": 512, "batch_size": 16}'
_CLASSIFICATION = "text-classification"
_TASKS_IN_BATCHES = frozenset({_CLASSIFICATION, "sentiment-analysis"})
# What these write would be of another length.
_CUT = '{"truncation": true}'
_TASKS_CUT = frozenset({"summarization", "text2text-generation", "translation"})
# These refuse to be told, or would write as much.
_NONE = "{}"
_TASKS_WITH_NONE = frozenset({"fill-mask", "ner", "text-generation", "token-classification"})
# Images with a pipeline, by the name that Hugging Face gives them.
_PIPELINE_CONTAINER = re.compile(r"/huggingface-pytorch-inference[:@]")
# Parameters with which a language model may answer otherwise each time, unless they are 0, false or null.
_OF_SAMPLING = ("do_sample", "temperature", "top_p")


@dataclass(frozen=True, slots=True)
class Options(Table):
    """How one file is read, sent and answered. Pinned when its job is created."""

    @property
    def dialect(self) -> Dialect:
        """How records are written in the file."""
        return Dialect(self.delimiter, self.quote, self.skip_initial_space, self.escape)

    @property
    def input(self) -> Expression | Prompt | None:
        """What a row is to the model, None for the text in its input column."""
        return parse_prompt("prompt", self.prompt) or parse_expression("input-expression", self.input_expression)

    @property
    def columns(self) -> Asked | None:
        """The columns that prompt or expression ask for in place of one input column, None without either."""
        return Asked("prompt" if self.prompt else "input-expression", self.input.names) if self.input else None

    @property
    def has_table(self) -> bool:
        """Whether results are written as a table of Parquet, too."""
        return self.results_format == "parquet"

    @property
    def is_chat(self) -> bool:
        """Whether each row is a chat request of its own."""
        return bool(self.prompt) and not self.payload_expression

    @property
    def payload(self) -> Callable[[Any], Any] | None:
        """What a request's body is, None for that of Hugging Face's containers."""
        if not self.is_chat:
            return parse_expression("payload-expression", self.payload_expression)
        return partial(chat_body, schema=read_json(self.response_schema)) if self._has_structured_answers else chat_body

    def order(self, inputs: Sequence[Any], first: Collection[Identity] = ()) -> Order:
        """The order in which the rows of a chunk, with these inputs, are sent; some of these come `first`."""
        return Order.of(inputs, by_length=self.rows_per_request > 1, shares=self._shares_requests, first=first)

    @property
    def _shares_requests(self) -> bool:
        """Whether rows with the same input are sent once: not to a model that may answer otherwise the next time."""
        if self.duplicates != "auto":
            return self.duplicates == "once"
        return not (self.prompt or self.payload_expression or _samples(read_json(self.parameters)))

    @property
    def result(self) -> Callable[[Any], Any] | None:
        """Where in an answer the list of results is, None if the answer is that list."""
        if self.result_expression or not self.is_chat:
            return parse_expression("result-expression", self.result_expression)
        return partial(chat_answer, schema=self._schema) if self._has_structured_answers else chat_answer

    @property
    def result_schema(self) -> ResponseSchema | None:
        """What each row's result must match, None if it may be anything, or has been checked as a chat's text."""
        return None if self._has_structured_answers else self._schema

    @property
    def _has_structured_answers(self) -> bool:
        """Whether the text that answers a prompt is to be JSON."""
        return self.is_chat and bool(self.response_schema) and not self.result_expression

    @property
    def _schema(self) -> ResponseSchema | None:
        return parse_schema("response-schema", self.response_schema)

    @property
    def label_names(self) -> Mapping[str, str]:
        """What the model's labels are called in results; others keep their own names."""
        names: dict[str, str] = read_json(self.labels) if self.labels else {}
        return names

    @property
    def most_dollars(self) -> float:
        """What the job may cost; infinite without a limit."""
        return float(OPTIONS["max_dollars"].kind.amount(self.max_dollars))

    @classmethod
    def defaults(cls, text: str, parameters: str = "") -> Self:
        """The options of a stack, by its `JobDefaults`: a JSON object from options' names to values.

        Those that it does not name are as the table says, but the model's `parameters`, if these are given (see
        `model_parameters`). `JobDefaultsError` for anything else.

        >>> Options.defaults('{"rows-per-request": 64, "parameters": {"truncation": true}}').parameters
        '{"truncation": true}'
        """
        try:
            given = read_json(text)
        except ValueError as error:
            raise JobDefaultsError.of_text(text, str(error)) from error
        if not isinstance(given, dict):
            raise JobDefaultsError.of_text(text, "it is another value")
        known = {row.name: row for row in OPTIONS.values()}
        for name in given.keys() - known.keys():
            raise JobDefaultsError.of_unknown(name, known)
        try:
            chosen = {known[name].field: known[name].default_of_stack(value) for name, value in given.items()}
            options = cls(**({"parameters": parameters} if parameters else {}) | chosen)
            options.settled(chosen).check_chat()
            _ = options.dialect  # making one checks that its characters go together
        except OptionError as error:
            raise JobDefaultsError(str(error)) from error
        return options

    @classmethod
    def of_stack(cls, parameters: Mapping[str, str], given: Mapping[str, str]) -> Self:
        """Options as a stack's parameters say, but for those that are given by their metadata names.

        `OptionError` for a value that none may have, or that costs more than the stack allows; one of an older version
        allows all. `JobDefaultsError` if the stack's own are none.
        """
        image = parameters.get("ContainerImage", "")
        task = parameters.get("HfTask", _CLASSIFICATION) if not image or _PIPELINE_CONTAINER.search(image) else ""
        models = () if parameters.get("EndpointName") else ("ModelDataUrl", "HfModelId")
        of_model = model_parameters(next(filter(None, map(parameters.get, models)), ""), task)
        of_stack = cls.defaults(parameters.get(JOB_DEFAULTS, "{}"), of_model)
        return of_stack.spelt(given, allows_costlier=parameters.get(COSTLIER_OPTIONS, ALLOW) == ALLOW)

    def set_by(self, of_stack: Self, words: str) -> str:
        """How an error begins whose words name options that are as a stack's defaults have set them; else empty.

        >>> defaults = Options.defaults('{"input-column": "txt"}')
        >>> defaults.set_by(defaults, "no column is named 'txt': see the option `input-column`")
        "by input-column in the stack's parameter JobDefaults: "
        """
        named = [row for row in OPTIONS.values() if f"`{row.name}`" in words]
        names = [row.name for row in named if row.default != getattr(self, row.field) == getattr(of_stack, row.field)]
        return f"by {' and '.join(names)} in the stack's parameter {JOB_DEFAULTS}: " if names else ""

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Self:
        """Options as the ledger has them; those that an older version did not know have their defaults.

        `UnknownOptionError` for one of a newer version: without it the file would be read otherwise.
        """
        for name in stored.keys() - OPTIONS.keys():
            raise UnknownOptionError(name.replace("_", "-"))
        return cls(**{name: OPTIONS[name].kind.read(str(value)) for name, value in stored.items()})

    def stored(self) -> dict[str, str | int]:
        """Options as the ledger keeps them: a boolean as yes or no, which older versions read."""
        values = {row.field: getattr(self, row.field) for row in OPTIONS.values()}
        return {name: spell(value) if isinstance(value, bool) else value for name, value in values.items()}

    def overridden(self, metadata: Mapping[str, str], *, allows_costlier: bool = False) -> Self:
        """These options, which are the stack's, with those that the object's metadata names.

        `OptionError` for a value that none may have, or, without `allows_costlier`, that costs more than the stack's.
        Metadata that names no option is somebody else's and left alone. Values are percent-decoded, since S3 metadata
        is ASCII.

        >>> Options().overridden({"input-column": "caf%C3%A9", "rows-per-request": "64"}).input_column
        'café'
        """
        return self.spelt({name: unquote(text) for name, text in metadata.items()}, allows_costlier=allows_costlier)

    def spelt(self, values: Mapping[str, str], *, allows_costlier: bool = False) -> Self:
        """These options with those that are given by their metadata names; `OptionError` as above."""
        chosen = {row.field: row.read(values[row.name]) for row in OPTIONS.values() if row.name in values}
        options, of_stack = replace(self, **chosen).settled(chosen), self.settled({})
        for row in OPTIONS.values():
            row.kind.check(row.name, getattr(options, row.field))
        options.check_chat()
        if not allows_costlier:
            if options.is_chat and "rows_per_request" not in chosen and of_stack.rows_per_request > 1:
                wanted = (
                    f"empty, since it sends each row alone, and this stack has {COSTLIER_OPTIONS}={REFUSE}: "
                    f"{FOR_LANGUAGE_MODELS}"
                )
                raise OptionError("prompt", options.prompt, wanted)
            for row in OPTIONS.values():
                row.check_cost(getattr(options, row.field), getattr(of_stack, row.field))
        _ = options.dialect  # making one checks that its characters go together
        return options

    def settled(self, chosen: Mapping[str, Any]) -> Self:
        """Options that go together: a chat request has one row, and none of the default parameters, which are others'.

        What was `chosen` by name stays.
        """
        if not self.is_chat:
            return self
        settled: dict[str, Any] = {"rows_per_request": 1}
        if self.parameters in {OPTIONS["parameters"].default, _IN_BATCHES, _CUT}:
            settled["parameters"] = "{}"
        return replace(self, **{name: value for name, value in settled.items() if name not in chosen})

    def check_chat(self) -> None:
        """`OptionError` for options that a prompt cannot go together with."""
        if self.prompt and self.input_expression:
            raise OptionError("prompt", self.prompt, "empty where there is an input-expression, which says the same")
        if not self.is_chat:
            return
        if self.rows_per_request != 1:
            raise OptionError("rows-per-request", str(self.rows_per_request), "1, since a prompt is one row's")
        if not isinstance(read_json(self.parameters).get("messages", []), list):
            raise OptionError("parameters", self.parameters, 'an object whose "messages" are a list')


def model_parameters(model: str, task: str) -> str:
    """The default parameters of a model that Hugging Face's container runs for a task; empty for those of the table.

    Without a task it runs in another container, and has none: nobody knows what that takes. Only a model of the Hub
    computes batches: what comes from S3 or a folder may have code of its own, which takes others.

    >>> model_parameters("owner/name", "text-classification"), model_parameters("owner/name", "token-classification")
    ('{"truncation": true, "max_length": 512, "batch_size": 16}', '{}')
    """
    if task in _TASKS_IN_BATCHES:
        return _IN_BATCHES if "/" in model and "://" not in model else ""
    # A translation's task may name its languages.
    if task in _TASKS_CUT or task.startswith("translation_"):
        return _CUT
    return _NONE if not task or task in _TASKS_WITH_NONE else ""


def _samples(parameters: Any) -> bool:
    """Whether parameters make a model sample, at any depth: some containers take them in an object of their own."""
    if not isinstance(parameters, dict):
        return False
    return any(map(parameters.get, _OF_SAMPLING)) or any(map(_samples, parameters.values()))


OPTIONS: Mapping[str, Option] = {field.name: Option(field=field.name, **field.metadata) for field in fields(Options)}

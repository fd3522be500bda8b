"""The table of options: what may be chosen per job, for a stack by a parameter, for a file by its S3 object metadata.

The client, the command line, the console's form and docs/options.md derive from it; tests compare template.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from fanfold_core.domain.errors import SettingError, UnknownOptionError
from fanfold_core.domain.expressions import Expression, parse_expression
from fanfold_core.domain.option import (
    ALLOW,
    COSTLIER_OPTIONS,
    Character,
    Choice,
    Column,
    Encoding,
    Integer,
    Jmespath,
    JsonObject,
    Option,
    YesNo,
    option,
    spell,
)
from fanfold_core.input.records import Dialect

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Options:
    """How one file is read, sent and answered. Pinned when its job is created."""

    input_column: str = option(
        "Input column",
        default="",
        group="File",
        kind=Column(),
        parameter="InputColumn",
        help=(
            "Column with the texts: its name, or its index (0-based). Empty: the only column, or the one with a usual "
            "name, such as text, review or tweet."
        ),
    )
    header: str = option(
        "Header",
        default="auto",
        group="File",
        kind=Choice(choices=("auto", "present", "absent")),
        parameter="Header",
        help="Whether the first record is a header. auto: it is where names or the cells below tell so.",
    )
    delimiter: str = option(
        "Delimiter",
        default=",",
        group="File",
        kind=Character(),
        parameter="Delimiter",
        help='Character that separates cells, or "tab".',
        examples=(",", ";", "tab", "|"),
    )
    quote: str = option(
        "Quote",
        default='"',
        group="File",
        kind=Character(),
        help="Character around cells that contain a delimiter, a quote or a line break.",
        examples=('"', "'"),
    )
    escape: str = option(
        "Escape",
        default="",
        group="File",
        kind=Character(),
        help='Character that escapes the next one, such as \\ where quotes in cells are written \\". Empty: none.',
        examples=("\\",),
    )
    skip_rows: int = option(
        "Skip rows",
        default=0,
        group="File",
        kind=Integer(least=0, most=1000),
        help="Lines before the header to skip, as an editor counts them: titles and comments, blank lines among them.",
    )
    encoding: str = option(
        "Encoding",
        default="utf-8",
        group="File",
        kind=Encoding(),
        parameter="Encoding",
        help="Encoding of the file (Python name).",
        examples=("utf-8", "cp1252", "latin-1", "utf-16", "gb18030", "shift_jis", "euc_kr", "koi8-r"),
    )
    encoding_errors: str = option(
        "Encoding errors",
        default="row",
        group="File",
        kind=Choice(choices=("strict", "row", "replace")),
        help="What happens to bytes that are not text: row (to errors.csv), replace (by U+FFFD), strict (job fails).",
    )
    bom: str = option(
        "Byte-order mark",
        default="auto",
        group="File",
        kind=Choice(choices=("auto", "yes", "no")),
        help="Whether results.csv and errors.csv begin with a byte-order mark, for Excel. auto: as the input does.",
    )
    skip_initial_space: bool = option(
        "Skip initial space",
        default=False,
        group="File",
        kind=YesNo(),
        help='Whether to skip spaces after a delimiter, as in 1, "so, good".',
    )
    rows_per_request: int = option(
        "Rows per request",
        default=32,
        group="Model",
        kind=Integer(least=1, most=1000),
        parameter="RowsPerRequest",
        costlier="lower",
        help="Number of rows per request.",
    )
    parameters: str = option(
        "Model parameters",
        default='{"truncation": true, "max_length": 512}',
        group="Model",
        kind=JsonObject(),
        parameter="ModelParameters",
        help='JSON object to send as the "parameters" of each request.',
    )
    input_expression: str = option(
        "Input expression",
        default="",
        group="Model",
        kind=Jmespath(),
        parameter="InputExpression",
        help="JMESPath over a row's columns that builds the model's input. Empty: the text of the input column.",
        examples=("join(' ', [title, body])",),
    )
    payload_expression: str = option(
        "Payload expression",
        default="",
        group="Model",
        kind=Jmespath(),
        parameter="PayloadExpression",
        help='JMESPath over "inputs" and "parameters" that builds the request body. Empty: the Hugging Face format.',
        examples=("{instances: inputs}",),
    )
    result_expression: str = option(
        "Result expression",
        default="",
        group="Model",
        kind=Jmespath(),
        parameter="ResultExpression",
        help="JMESPath over the model's response that extracts the list of results. Empty: the whole response.",
        examples=("[].{label: labels[0]}",),
    )
    max_attempts: int = option(
        "Attempts",
        default=3,
        group="Job",
        kind=Integer(least=1, most=20),
        parameter="MaxAttempts",
        costlier="higher",
        help="Attempts for a row that the model rejects, before the row goes to errors.csv.",
    )
    request_ttl_seconds: int = option(
        "Request time to live",
        default=3600,
        group="Job",
        kind=Integer(least=60, most=21600, least_of_stack=900),
        parameter="RequestTtlSeconds",
        help="Seconds that a request may wait in SageMaker's queue.",
    )
    deadline_hours: int = option(
        "Deadline",
        default=72,
        group="Job",
        kind=Integer(least=1, most=336),
        parameter="DeadlineHours",
        help="Hours after which the job ends with the rows that are done.",
    )
    tolerated_failure_percentage: int = option(
        "Tolerated failures",
        default=100,
        group="Job",
        kind=Integer(least=0, most=100),
        parameter="ToleratedFailurePercentage",
        help="Percentage of rows that may fail. If more fail, the job ends as FAILED; its results are still written.",
    )
    guard_formulas: bool = option(
        "Guard formulas",
        default=False,
        group="Job",
        kind=YesNo(),
        parameter="GuardFormulas",
        help="Whether to put an apostrophe before anything in result cells that a spreadsheet would run as a formula.",
    )

    @property
    def dialect(self) -> Dialect:
        """How records are written in the file."""
        return Dialect(self.delimiter, self.quote, self.skip_initial_space, self.escape)

    @property
    def input(self) -> Expression | None:
        """What a row is to the model, None for the text in its input column."""
        return parse_expression("input-expression", self.input_expression)

    @property
    def columns(self) -> frozenset[str] | None:
        """The columns that the input expression asks for in place of one input column, None without an expression."""
        return self.input.names if self.input else None

    @property
    def payload(self) -> Expression | None:
        """What a request's body is, None for that of Hugging Face's containers."""
        return parse_expression("payload-expression", self.payload_expression)

    @property
    def result(self) -> Expression | None:
        """Where in an answer the list of results is, None if the answer is that list."""
        return parse_expression("result-expression", self.result_expression)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The stack's options; `SettingError` names a variable that is missing, or is no number where one is needed.

        A text that an option may not have is found when a job begins, which then can say so.
        """
        values: dict[str, Any] = {}
        for row in OPTIONS.values():
            if not row.parameter:
                continue
            if row.variable not in environ:
                raise SettingError(f"environment variable {row.variable} is not set; template.yaml sets it")
            text = environ[row.variable]
            try:
                values[row.field] = row.kind.read(text)
            except ValueError as error:
                raise SettingError(f"environment variable {row.variable} is {text!r}, not {row.kind.wanted}") from error
        return cls(**values)

    @classmethod
    def of_stack(cls, parameters: Mapping[str, str], given: Mapping[str, str]) -> Self:
        """Options as a stack's parameters say, but for those that are given by their metadata names.

        `OptionError` for a value that none may have, or that costs more than the stack allows; one of an older version
        allows all.
        """
        spelt = {row.field: parameters[row.parameter] for row in OPTIONS.values() if row.parameter in parameters}
        of_stack = cls(**{name: OPTIONS[name].read(text) for name, text in spelt.items()})
        return of_stack.spelt(given, allows_costlier=parameters.get(COSTLIER_OPTIONS, ALLOW) == ALLOW)

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
        options = replace(self, **chosen)
        for row in OPTIONS.values():
            row.kind.check(row.name, getattr(options, row.field))
            if not allows_costlier:
                row.check_cost(getattr(options, row.field), getattr(self, row.field))
        _ = options.dialect  # making one checks that its characters go together
        return options


OPTIONS: Mapping[str, Option] = {field.name: Option(field=field.name, **field.metadata) for field in fields(Options)}

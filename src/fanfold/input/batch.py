"""OpenAI's batch format: a line of the input is a request to its API, and a line of the output the response to one.

To the pipeline, such a file is JSON Lines as any other. That its requests are sent as they are, and its answers kept
whole, is said by options; its output is made of results.jsonl.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fanfold_core.app.rounds import NOT_ANSWERED, PAST_DEADLINE
from fanfold_core.domain.requests import EMPTY_INPUT
from fanfold_core.input.errors import InputError
from fanfold_core.input.formats import FileName, Format
from fanfold_core.input.json.text import read_lenient_json, write_json
from fanfold_core.input.records import JsonRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fanfold_core.domain.options import Options
    from fanfold_core.input.source import InputFile

# What a local cloud's model is called unless another is named.
LEXICON = "vader"
OUTPUT, ERRORS = "batch_output.jsonl", "batch_errors.jsonl"
BATCH_FILES = (OUTPUT, ERRORS)
_KEYS = {"custom_id", "method", "url", "body"}
_URLS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
# By the names of a file's metadata. A line that is no request has no input; an answer of another API is none.
_OPTIONS = {
    "prompt": "",
    "input-expression": f"method == 'POST' && contains({list(_URLS)}, url) && type(body) == 'object' && body || `null`",
    "payload-expression": "merge(inputs[0], parameters)",
    "result-expression": "(choices[0] || data[0]) && [@]",
    "rows-per-request": "1",
    "parameters": "{}",
    "results-format": "jsonl",
}
# Who gives one of these says what the model is to be sent of a row, or what is kept of its answer.
_OTHERWISE = {"input-column", "prompt", "input-expression", "payload-expression", "result-expression"}
_MOST_SHOWN = 200


def batch_options(content: InputFile, given: Mapping[str, str]) -> Mapping[str, str]:
    """The options that a file stands for if its first line is a request; none if those `given` say otherwise."""
    return {} if given.keys() & _OTHERWISE or not _begins_with_request(content) else _OPTIONS


def has_batch_output(options: Options) -> bool:
    """Whether the results of a job with these options are whole answers to such requests."""
    names = ("input-expression", "result-expression")
    is_whole = all(getattr(options, name.replace("-", "_")) == _OPTIONS[name] for name in names)
    return is_whole and options.results_format != "csv"


def unanswered(options: Options, parameters: Mapping[str, str]) -> Iterator[str]:
    """A warning, if requests of OpenAI's API are sent to a model of which a stack's parameters say that it takes none.

    >>> list(unanswered(options, stack.parameters))
    ["The model is VADER, a word lexicon, which takes no requests of OpenAI's API: all rows will fail. …"]
    """
    its_own = any(parameters.get(name) for name in ("EndpointName", "ContainerImage", "ModelDataUrl"))
    model = parameters.get("HfModelId", "")
    if its_own or not (options.is_chat or has_batch_output(options)):
        return
    if model == LEXICON:
        yield (
            "The model is VADER, a word lexicon, which takes no requests of OpenAI's API: all rows will fail. Name a "
            "model that takes them, by its server's URL, with --model."
        )
    # What isn't of the Hub is a folder, a container or a function of this machine: anything.
    elif "/" in model:
        yield (
            f"The model {model} runs in Hugging Face's container, which takes no requests of OpenAI's API: all rows "
            "will fail. Deploy the stack with a ContainerImage that takes them, such as LMI or vLLM."
        )


def repeated_ids(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A warning, if some of the first rows of a file have the `custom_id` of an earlier one."""
    ids = CustomIds()
    for row in rows:
        ids.see(row.values if isinstance(row, JsonRow) else {})
    if told := ids.told("the first "):
        yield told


@dataclass(slots=True)
class CustomIds:
    """How often a `custom_id` came again in rows that were seen, all of which are remembered by a hash."""

    rows: int = 0
    repeated: int = 0
    _first_repeated: int = 0
    _hashes: set[int] = field(default_factory=set)

    def see(self, row: Mapping[str, Any]) -> None:
        """The next row."""
        if "custom_id" in row:
            found = hash(write_json(row["custom_id"]))
            if found in self._hashes:
                self._first_repeated = self._first_repeated if self.repeated else self.rows
                self.repeated += 1
            self._hashes.add(found)
        self.rows += 1

    def told(self, which: str) -> str:
        """A warning, empty if all were different."""
        if not self.repeated:
            return ""
        rows = f"{self.repeated:,} of {which}{self.rows:,} rows, such as row {self._first_repeated:,} (from 0)"
        return (
            f"The custom_id of an earlier request stands in {rows}: answers to the same custom_id can be told apart by "
            "their order only."
        )


def batch_output(results: Iterable[bytes], job: str, ids: CustomIds | None = None) -> Iterator[tuple[str, bytes]]:
    r"""For each line of results.jsonl, which file its line belongs to, and that line. `ids` are shown all of them.

    >>> line = b'{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{},"error":"cancelled"}'
    >>> list(batch_output([line], "batch-1f"))[0][1].decode()[:46]
    '{"id":"batch_req_batch-1f-0","custom_id":"a","'
    """
    for number, line in enumerate(results):
        row = json.loads(line)
        if ids is not None:
            ids.see(row)
        # Its own keys come first, whatever they are called.
        *_, (_, error) = row.items()
        request = f"{job}-{number}"
        told = {"id": f"batch_req_{request}", "custom_id": row.get("custom_id")}
        if error is None:
            *_, (_, body), _ = row.items()
            response = {"status_code": 200, "request_id": f"req_{request}", "body": body}
            told |= {"response": response, "error": None}
        else:
            words = _flaw(row) if error == EMPTY_INPUT else error
            told |= {"response": None, "error": {"code": _code(error), "message": words}}
        yield OUTPUT if error is None else ERRORS, f"{write_json(told)}\n".encode()


def _begins_with_request(content: InputFile) -> bool:
    if FileName.parse(content.name).format is not Format.JSON_LINES:
        return False
    try:
        head, _ = content.head()
        first = head.removeprefix(BOM_UTF8).lstrip().partition(b"\n")[0]
        found = read_lenient_json(first.decode(content.chunk_encoding))
    except (InputError, ValueError):
        # Its layout tells what is wrong with it.
        return False
    return isinstance(found, dict) and found.keys() >= _KEYS


def _code(error: str) -> str:
    """OpenAI's own, where it has one for this."""
    if error == "cancelled":
        return "batch_cancelled"
    if error.startswith(f"{NOT_ANSWERED}{PAST_DEADLINE}"):
        return "batch_expired"
    return "invalid_request" if error == EMPTY_INPUT else "request_failed"


def _flaw(row: Mapping[str, Any]) -> str:
    """Why a line is no request that is sent."""
    for name, wanted in (("method", ("POST",)), ("url", _URLS)):
        if row.get(name) not in wanted:
            return f"`{name}` is {_shown(row.get(name))}: it must be {' or '.join(wanted)}"
    return f"`body` is {_shown(row.get('body'))}: it must be an object with at least one parameter of the request"


def _shown(value: Any) -> str:
    return write_json(value)[:_MOST_SHOWN]

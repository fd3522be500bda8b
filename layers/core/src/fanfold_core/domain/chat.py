"""Chat: a row as a message to a language model, in the format that OpenAI's API and its imitations have.

A prompt is a text with columns in braces, as people write it. Whatever a cell holds is put in as it is: braces in cells
are text, and no cell can name another column.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fanfold_core.domain.errors import MalformedAnswerError
from fanfold_core.input.errors import OptionError
from fanfold_core.input.json.text import cell_of, read_lenient_json, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fanfold_core.domain.schema import ResponseSchema

# How often a prompt may name one column: so often is a chunk of the file in memory, and a cell in a request.
_MOST_TIMES = 8
TOKENS = ("prompt_tokens", "completion_tokens")
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")
_DOUBLED = {"{{": "{", "}}": "}"}
WANTED = "a text with at least one column's name in braces, such as {title}; braces that are text are doubled: {{ }}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text with columns.

    >>> prompt = Prompt("Classify {title} as JSON: {{}}")
    >>> prompt({"title": "{id}", "id": "1"})
    'Classify {id} as JSON: {}'
    >>> prompt.names
    frozenset({'title'})
    """

    text: str

    def __call__(self, row: Mapping[str, Any]) -> str:
        """The text for a row; empty if all of its columns are, since there is nothing to ask about.

        A JSON value that is no text is written as results have it; a key that the row lacks is null.
        """
        cells = {name: cell_of(row.get(name)) for name in self.names}
        if not any(map(str.strip, cells.values())):
            return ""
        return _PIECE.sub(lambda piece: cells[piece[1]] if piece[1] else _DOUBLED[piece[0]], self.text)

    @property
    def names(self) -> frozenset[str]:
        """The columns that it asks for."""
        return frozenset(piece[1] for piece in _PIECE.finditer(self.text) if piece[1])


def parse_prompt(option: str, text: str) -> Prompt | None:
    """The prompt in an option, None if the option is empty; `OptionError` if it is none."""
    if not text:
        return None
    named = Counter(piece[1] or piece[0] for piece in _PIECE.finditer(text))
    if named.keys() <= _DOUBLED.keys() or not named.keys().isdisjoint({"{", "}"}):
        raise OptionError(option, text, WANTED)
    if any(times > _MOST_TIMES for name, times in named.items() if name not in _DOUBLED):
        raise OptionError(option, text, f"a text that names each column at most {_MOST_TIMES} times")
    return Prompt(text)


def chat_body(request: Mapping[str, Any], schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The body of a request with one prompt. Messages among the parameters, such as the system's, come before it.

    With a schema, it asks for an answer that matches it, unless the parameters ask for another format.

    >>> chat_body({"inputs": ["So good?"], "parameters": {"max_tokens": 5}})
    {'max_tokens': 5, 'messages': [{'role': 'user', 'content': 'So good?'}]}
    """
    (prompt,) = request["inputs"]
    parameters = request["parameters"]
    asked = {} if schema is None else {"response_format": _response_format(schema)}
    return {**asked, **parameters, "messages": [*parameters.get("messages", []), {"role": "user", "content": prompt}]}


def prompt_bytes(body: Any) -> int:
    """Bytes of the texts that a language model is given by a request in one of OpenAI's formats; 0 for any other.

    They are the texts in its messages, its prompt, or its input for embeddings. Images aren't counted.

    >>> prompt_bytes({"messages": [{"role": "user", "content": "So good?"}], "max_tokens": 5})
    8
    """
    if not isinstance(body, dict):
        return 0
    given = (one for name in ("messages", "prompt", "input") for one in _listed(body.get(name)))
    contents = (one.get("content") if isinstance(one, dict) else one for one in given)
    parts = (part for content in contents for part in _listed(content))
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return sum(len(text.encode()) for text in texts if isinstance(text, str))


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


def _response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "row", "schema": schema, "strict": True}}


def chat_answer(answer: Any, schema: ResponseSchema | None = None) -> list[dict[str, Any]]:
    """The text of the first choice, why the model ended it ("length" if it was cut off), and the tokens it counted.

    With a schema, the fields of the JSON object in the text take its place. `MalformedAnswerError` if there is no text,
    or none that matches.

    >>> choice = {"message": {"content": "Yes."}, "finish_reason": "stop"}
    >>> chat_answer({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})
    [{'finish_reason': 'stop', 'prompt_tokens': 9, 'completion_tokens': 2, 'answer': 'Yes.'}]
    """
    match answer:
        case {"choices": [{"message": {"content": str(text)}, **choice}, *_], **rest}:
            reason, usage = choice.get("finish_reason"), rest.get("usage")
            counts = usage if isinstance(usage, dict) else {}
            tokens = {name: counts[name] for name in TOKENS if type(counts.get(name)) is int}
            told = {"finish_reason": reason if isinstance(reason, str) else "", **tokens}
            found = {"answer": text} if schema is None else _structured(text, schema, is_cut=reason == "length")
            return [{**told, **found}]
    raise MalformedAnswerError(
        "the model's answer is no chat completion with a text in choices[0].message.content",
        MalformedAnswerError.beginning(write_json(answer)),
    )


def _structured(text: str, schema: ResponseSchema, *, is_cut: bool) -> dict[str, Any]:
    """The JSON in a text that matches the schema: an object's fields, or the field `answer`."""
    try:
        found = read_lenient_json(text)
    except ValueError as error:
        cut = ", and was cut off (finish_reason length)" if is_cut else ""
        raise MalformedAnswerError(
            f"the text in choices[0].message.content is not JSON, as response-schema wants it{cut}: {error}",
            MalformedAnswerError.beginning(text, "text"),
        ) from error
    for violation in schema.violations([found], text).values():
        raise violation
    return found if isinstance(found, dict) else {"answer": found}

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
from fanfold_core.input.json.text import cell_of, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

# Characters of an answer that an error shows.
_MOST_SHOWN = 200
# How often a prompt may name one column: so often is a chunk of the file in memory, and a cell in a request.
_MOST_TIMES = 8
_TOKENS = ("prompt_tokens", "completion_tokens")
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


def chat_body(request: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request with one prompt. Messages among the parameters, such as the system's, come before it.

    >>> chat_body({"inputs": ["So good?"], "parameters": {"max_tokens": 5}})
    {'max_tokens': 5, 'messages': [{'role': 'user', 'content': 'So good?'}]}
    """
    (prompt,) = request["inputs"]
    parameters = request["parameters"]
    return {**parameters, "messages": [*parameters.get("messages", []), {"role": "user", "content": prompt}]}


def chat_answer(answer: Any) -> dict[str, Any]:
    """The text of the first choice, why the model ended it ("length" if it was cut off), and the tokens it counted.

    `MalformedAnswerError` if there is no text.

    >>> choice = {"message": {"content": "Yes."}, "finish_reason": "stop"}
    >>> chat_answer({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})
    {'answer': 'Yes.', 'finish_reason': 'stop', 'prompt_tokens': 9, 'completion_tokens': 2}
    """
    match answer:
        case {"choices": [{"message": {"content": str(text)}, **choice}, *_], **rest}:
            reason, usage = choice.get("finish_reason"), rest.get("usage")
            counts = usage if isinstance(usage, dict) else {}
            tokens = {name: counts[name] for name in _TOKENS if type(counts.get(name)) is int}
            return {"answer": text, "finish_reason": reason if isinstance(reason, str) else "", **tokens}
    raise MalformedAnswerError(
        "the model's answer is no chat completion with a text in choices[0].message.content",
        f"the answer begins {write_json(answer)[:_MOST_SHOWN]}",
    )

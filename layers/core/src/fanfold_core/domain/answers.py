"""Answers: what a model said to a request, checked and made one JSON text per request for the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fanfold_core.domain.errors import ExpressionError, MalformedAnswerError
from fanfold_core.domain.json_text import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fanfold_core.domain.expressions import Expression

# Stands in the set of field names for results that are no flat objects. A model with a field of this very name gets
# its results written as JSON, too, which is harmless.
NOT_FLAT = "{}"
MOST_FIELDS = 64
# Characters of an answer that an error shows.
_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Predictions:
    """The results of a request's rows: a JSON list in row order, and the names of the fields that occur in them."""

    results: str
    fields: frozenset[str]


def read_answer(content: bytes, rows: int, expression: Expression | None) -> Predictions:
    """Check that the answer, or what the expression makes of it, holds one result per row.

    `MalformedAnswerError` if it doesn't.

    >>> read_answer(b'[{"label": "POSITIVE", "score": 0.9}]', 1, None).fields == {"label", "score"}
    True
    >>> read_answer(b'{"predictions": ["A", "B"]}', 2, lambda answer: answer["predictions"]).results
    '["A","B"]'
    """
    try:
        answer = read_json(content.decode("utf-8-sig"))
        results = expression(answer) if expression else answer
        text = write_json(results)
    except ValueError as error:
        raise MalformedAnswerError(f"the model's answer is not JSON: {error}") from error
    except ExpressionError as error:
        raise MalformedAnswerError(f"of the model's answer: {error}") from error
    if not isinstance(results, list):
        raise MalformedAnswerError(f"the model's answer is a JSON {type(results).__name__}, not a list of results")
    if len(results) != rows:
        raise MalformedAnswerError(f"the model's answer has {len(results)} results for {rows} rows")
    if any(result is None for result in results):
        raise MalformedAnswerError("the model's answer has no result (null) for one of its rows")
    if expression and any(map(_is_all_null, results)):
        raise MalformedAnswerError(
            f"result-expression finds nothing in the model's answer, which begins {write_json(answer)[:_MOST_SHOWN]}"
        )
    return Predictions(text, field_names(results))


def _is_all_null(result: Any) -> bool:
    return isinstance(result, dict) and all(value is None for value in result.values())


def field_names(results: Iterable[Any]) -> frozenset[str]:
    """The names of the fields that occur in results; `NOT_FLAT` among them if one is no flat object.

    >>> sorted(field_names([{"label": "A"}, ["B"]]))
    ['label', '{}']
    """
    names = frozenset[str]().union(*map(_fields, results))
    return names if len(names) <= MOST_FIELDS else frozenset({NOT_FLAT})


def _fields(result: Any) -> frozenset[str]:
    is_flat = isinstance(result, dict) and result and not any(isinstance(v, dict | list) for v in result.values())
    return frozenset(result) if is_flat and all(result) else frozenset({NOT_FLAT})

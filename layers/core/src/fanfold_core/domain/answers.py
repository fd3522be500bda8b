"""Answers: what a model said to a request, checked and made one JSON text per request for the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fanfold_core.domain.errors import (
    ExpressionError,
    ExpressionTooLargeError,
    MalformedAnswerError,
    MisalignedAnswerError,
)
from fanfold_core.domain.spans import Span, gaps
from fanfold_core.input.json.text import read_json, read_lenient_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fanfold_core.domain.schema import ResponseSchema

# Stands in the set of field names for results that are no flat objects: whose values are text, numbers, truth values,
# null, or vectors. A model with a field of this very name gets its results written as JSON, too, which is harmless.
NOT_FLAT = "{}"
MOST_FIELDS = 64
# Of an answer that is read from S3: SageMaker takes up to 1 GB, and what JSON of this size becomes in Python may take
# thirty times as much, of the functions' 1,769 MB. A notification includes no answer of more than 128 KB.
LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
_MOST_NAMES_BYTES = 4_096
_OF_VECTORS = {int, float, type(None)}
_ERRORS = {"error", "errors", "errorMessage", "error_message", "exception", "detail", "traceback"}
_KINDS: dict[type, str] = {
    dict: "a JSON object that tells of an error",
    str: "a JSON string",
    bool: "a JSON boolean",
    int: "a JSON number",
    float: "a JSON number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Predictions:
    """The results of a request's rows: a JSON list in row order, and the names of the fields that occur in them.

    If it isn't whole, they are those of some of its rows.
    """

    results: str
    fields: frozenset[str]
    is_whole: bool = True


def read_answer(content: bytes, rows: int, expression: Callable[[Any], Any] | None) -> Predictions:
    """The results in an answer, as they are kept. Errors are those of `read_results`.

    >>> read_answer(b'[{"label": "POSITIVE", "score": 0.9}]', 1, None).fields == {"label", "score"}
    True
    """
    results = read_results(content, rows, expression)
    return Predictions(write_json(results), field_names(results))


def read_results(content: bytes, rows: int, expression: Callable[[Any], Any] | None) -> list[Any]:
    """Check that the answer, or what the expression makes of it, holds one result per row.

    A batch of one may have another shape: an object that is no error is the result of a single row.
    `MisalignedAnswerError` if there is another number of results than of rows, `MalformedAnswerError` if none is found.

    >>> read_results(b'{"predictions": ["A", "B"]}', 2, lambda answer: answer["predictions"])
    ['A', 'B']
    """
    try:
        answer = read_lenient_json(content.decode("utf-8-sig"))
        found = expression(answer) if expression else answer
        if expression and found is None:
            raise _nothing_found(answer)
        results = _results(found, rows)
    except (TypeError, ValueError) as error:
        raise MalformedAnswerError(f"the model's answer is not JSON: {error}") from error
    except (ExpressionError, ExpressionTooLargeError) as error:
        raise MalformedAnswerError(f"of the model's answer: {error}") from error
    if any(result is None for result in results):
        raise MalformedAnswerError("the model's answer has no result (null) for one of its rows")
    if expression and any(map(_is_all_null, results)):
        raise _nothing_found(answer)
    return results


def sift(
    predictions: Predictions, schema: ResponseSchema
) -> tuple[Mapping[Span, Predictions], Mapping[int, MalformedAnswerError]]:
    """The results that match the schema, by the runs of rows that they are of, and by row what is wrong with others.

    Rows are counted from the request's first one. `MalformedAnswerError` if all together take too long to check.
    """
    results = read_json(predictions.results)
    wrong = schema.violations(results, predictions.results)
    if not wrong:
        return {Span(0, len(results)): predictions}, {}
    runs = {run: results[run.start : run.end] for run in gaps(len(results), (Span(row, 1) for row in wrong))}
    return {run: Predictions(write_json(of), field_names(of), is_whole=False) for run, of in runs.items()}, wrong


def _nothing_found(answer: Any) -> MalformedAnswerError:
    return MalformedAnswerError(
        "result-expression finds nothing in the model's answer",
        MalformedAnswerError.beginning(write_json(answer)),
    )


def _results(found: Any, rows: int) -> list[Any]:
    if isinstance(found, dict) and not _is_error(found):
        found = [found]
    if not isinstance(found, list):
        raise MalformedAnswerError(f"the model's answer is {_KINDS[type(found)]}, not a list of results")
    if len(found) != rows:
        raise MisalignedAnswerError(len(found), rows)
    return found


def _is_error(answer: dict[str, Any]) -> bool:
    """Whether an object tells of an error, as frameworks spell it, and not of a result."""
    return not _ERRORS.isdisjoint(answer) or answer.keys() >= {"code", "message"} or answer.keys() <= {"message"}


def _is_all_null(result: Any) -> bool:
    return isinstance(result, dict) and all(value is None for value in result.values())


def field_names(results: Iterable[Any]) -> frozenset[str]:
    """The names of the fields that occur in results; `NOT_FLAT` among them if one is no flat object.

    >>> sorted(field_names([{"label": "A"}, ["B"]]))
    ['label', '{}']
    """
    names = frozenset[str]().union(*map(_fields, results))
    return names if _fits(names) else frozenset({NOT_FLAT})


def bounded(names: frozenset[str], more: frozenset[str]) -> frozenset[str]:
    """What is to be added to known field names: `more`, or that there are too many for columns of their own.

    So a set that is only ever added to stays small, however many answers each have names of their own.

    >>> sorted(bounded(frozenset({"label"}), frozenset({"score"})))
    ['score']
    """
    return more if _fits(names | more) else frozenset({NOT_FLAT})


def _fits(names: frozenset[str]) -> bool:
    return len(names) <= MOST_FIELDS and sum(len(name.encode()) for name in names) <= _MOST_NAMES_BYTES


def _fields(result: Any) -> frozenset[str]:
    is_flat = isinstance(result, dict) and result and all(map(_fits_a_cell, result.values()))
    return frozenset(result) if is_flat and all(result) else frozenset({NOT_FLAT})


def _fits_a_cell(value: Any) -> bool:
    """Whether it is a value of its own, as a vector is. What JSON has instead of an infinite number is null."""
    return not isinstance(value, dict | list) or (isinstance(value, list) and set(map(type, value)) <= _OF_VECTORS)

"""What a model may answer, and what is refused."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.domain.answers import MOST_FIELDS, NOT_FLAT, bounded, read_answer
from fanfold_core.domain.errors import MalformedAnswerError, MisalignedAnswerError
from fanfold_core.domain.expressions import Expression

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.lists(st.dictionaries(st.text(min_size=1), scalars, min_size=1, max_size=4), min_size=1, max_size=8))
def test_flat_results_come_back_as_they_were_with_their_field_names(results: list[dict[str, object]]) -> None:
    read = read_answer(json.dumps(results).encode(), len(results), None)
    assert json.loads(read.results) == results
    assert read.fields == frozenset().union(*results)


@pytest.mark.parametrize(
    "result",
    [
        [{"label": "A"}, {"label": "B"}],
        {"a": {"b": 1}},
        {"a": ["b"]},
        {"a": [[1]]},
        {"a": [True]},
        "text",
        0.5,
        [0.1, 0.2],
        {},
        {"": 1},
    ],
)
def test_results_that_are_no_flat_objects_are_kept_as_json(result: object) -> None:
    assert read_answer(json.dumps([result]).encode(), 1, None).fields == {NOT_FLAT}


@pytest.mark.parametrize("vector", [[0.1, -2e-9, 3], [None, 0.5], []])
def test_a_vector_is_the_value_of_a_field(vector: list[float | None]) -> None:
    assert read_answer(json.dumps([{"embedding": vector, "tokens": 4}]).encode(), 1, None).fields == {
        "embedding",
        "tokens",
    }


def test_more_fields_than_a_table_bears_are_kept_as_json() -> None:
    result = {f"field{number}": number for number in range(MOST_FIELDS + 1)}
    assert read_answer(json.dumps([result]).encode(), 1, None).fields == {NOT_FLAT}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not JSON"),
        (b"<html>busy</html>", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b'["\xed\xa0\x80"]', "is not JSON"),
        (b'["\\ud800"]', "is not JSON"),
        pytest.param(b"[" * 100_000, "is not JSON: it is nested too deeply", id="deep"),
        (b'{"error": "busy"}', "is a JSON object that tells of an error, not a list"),
        (b'"A"', "is a JSON string, not a list"),
        (b"null", "is null, not a list"),
        (b'[{"label": "A"}, null]', r"no result \(null\) for one of its rows"),
        (b'[{"label": "A"}, NaN]', r"no result \(null\) for one of its rows"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(content: bytes, words: str) -> None:
    with pytest.raises(MalformedAnswerError, match=words):
        read_answer(content, 2, None)


@pytest.mark.parametrize(
    ("content", "results"),
    [(b"[]", 0), (b'[{"label": "A"}]', 1), (b"[1e999]", 1), (b'{"label": "A"}', 1), (b"[1, 2, 3]", 3)],
)
def test_an_answer_of_another_length_is_told_apart_with_its_length(content: bytes, results: int) -> None:
    with pytest.raises(MisalignedAnswerError, match=f"has {results} results? for 2 rows") as raised:
        read_answer(content, 2, None)
    assert raised.value.results == results


def test_one_row_may_be_answered_with_an_object() -> None:
    assert read_answer(b'{"answer": "me", "score": 0.9}', 1, None).results == '[{"answer":"me","score":0.9}]'


@pytest.mark.parametrize(
    "error", ['{"error": "x"}', '{"code": 400, "message": "x"}', '{"message": "x"}', '{"detail": []}']
)
def test_an_object_that_tells_of_an_error_is_no_result(error: str) -> None:
    with pytest.raises(MalformedAnswerError, match="tells of an error"):
        read_answer(error.encode(), 1, None)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1E+400", "9" * 400 + ".0"])
def test_a_number_that_json_does_not_have_costs_nothing_but_itself(number: str) -> None:
    read = read_answer(f'[{{"label": "A", "score": {number}}}]'.encode(), 1, None)
    assert json.loads(read.results) == [{"label": "A", "score": None}]


def test_field_names_of_any_length_and_number_stay_within_bounds() -> None:
    long = {f"{number}" * 250_000: 1 for number in range(2)}
    assert read_answer(json.dumps([long]).encode(), 1, None).fields == {NOT_FLAT}
    known: frozenset[str] = frozenset()
    for number in range(1000):
        known |= bounded(known, frozenset({f"field{number}"}))
    assert len(known) <= MOST_FIELDS + 1
    assert NOT_FLAT in known


def test_an_expression_finds_the_results_in_an_answer() -> None:
    zero_shot = b'[{"sequence": "so good", "labels": ["praise", "blame"], "scores": [0.9, 0.1]}]'
    best = Expression("result-expression", "[].{label: labels[0], score: scores[0]}")
    assert json.loads(read_answer(zero_shot, 1, best).results) == [{"label": "praise", "score": 0.9}]
    assert read_answer(b'{"predictions": [0.5, 0.1]}', 2, Expression("result-expression", "predictions")).results == (
        "[0.5,0.1]"
    )


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("[0].predictions", r'finds nothing in the model\'s answer; the answer begins \[{"label":"A"}'),
        ("[].label", "has 1 result for 2 rows"),
        ("[].{label: labels[0]}", r'finds nothing in the model\'s answer; the answer begins \[{"label":"A"}'),
        ("sum([].label)", r"of the model's answer: result-expression 'sum\(\[\].label\)' cannot be applied"),
    ],
)
def test_an_expression_that_does_not_fit_the_answer_says_why(expression: str, words: str) -> None:
    with pytest.raises(MalformedAnswerError) as caught:
        read_answer(b'[{"label": "A"}, {"score": 1}]', 2, Expression("result-expression", expression))
    assert re.search(words, caught.value.in_full)
    assert "A" not in str(caught.value)

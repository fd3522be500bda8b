"""What a model may answer, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.domain.answers import MOST_FIELDS, NOT_FLAT, read_answer
from fanfold_core.domain.errors import MalformedAnswerError
from fanfold_core.domain.expressions import Expression

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.lists(st.dictionaries(st.text(min_size=1), scalars, min_size=1, max_size=4), min_size=1, max_size=8))
def test_flat_results_come_back_as_they_were_with_their_field_names(results: list[dict[str, object]]) -> None:
    read = read_answer(json.dumps(results).encode(), len(results), None)
    assert json.loads(read.results) == results
    assert read.fields == frozenset().union(*results)


@pytest.mark.parametrize(
    "result", [[{"label": "A"}, {"label": "B"}], {"a": {"b": 1}}, {"a": [1]}, "text", 0.5, [0.1, 0.2], {}, {"": 1}]
)
def test_results_that_are_no_flat_objects_are_kept_as_json(result: object) -> None:
    assert read_answer(json.dumps([result]).encode(), 1, None).fields == {NOT_FLAT}


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
        (b"[1e999]", "is not JSON"),
        pytest.param(b"[" * 100_000, "is not JSON: it is nested too deeply", id="deep"),
        (b'{"label": "A"}', "is a JSON dict, not a list"),
        (b'"A"', "is a JSON str, not a list"),
        (b"[]", "has 0 results for 2 rows"),
        (b'[{"label": "A"}]', "has 1 results for 2 rows"),
        (b'[{"score": NaN}, {"score": 1}]', "NaN is no JSON number"),
        (b'[{"score": -Infinity}, {"score": 1}]', "-Infinity is no JSON number"),
        (b'[{"label": "A"}, null]', r"no result \(null\) for one of its rows"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(content: bytes, words: str) -> None:
    with pytest.raises(MalformedAnswerError, match=words):
        read_answer(content, 2, None)


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
        ("predictions", "is a JSON NoneType, not a list"),
        ("[].label", "has 1 results for 2 rows"),
        ("[].{label: labels[0]}", r'finds nothing in the model\'s answer, which begins \[{"label":"A"}'),
        ("sum([].label)", r"of the model's answer: result-expression 'sum\(\[\].label\)' cannot be applied"),
    ],
)
def test_an_expression_that_does_not_fit_the_answer_says_why(expression: str, words: str) -> None:
    with pytest.raises(MalformedAnswerError, match=words):
        read_answer(b'[{"label": "A"}, {"score": 1}]', 2, Expression("result-expression", expression))

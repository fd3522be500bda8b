"""Which rows go together, and what the endpoint is sent."""

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.domain.expressions import Expression, parse_expression
from fanfold_core.domain.requests import INPUT_BYTES, Unsendable, body, inputs, obstacle, plan
from fanfold_core.domain.spans import Span
from fanfold_core.input.errors import OptionError
from fanfold_core.input.layout import Layout

TWO = Layout(columns=("id", "text"), has_header=True, input_index=1, first_byte=0, blank_is_row=False)
ONE = Layout(columns=("text",), has_header=False, input_index=0, first_byte=0, blank_is_row=True)

PAIR = Expression("input-expression", "{text: text, text_pair: id}")

cells = st.sampled_from([["1", "fine"], ["1", ""], ["1", " \n"], ["1"], ["1", "2", "3"]])


def obstacle_of(row: list[str], layout: Layout, expression: Expression | None = None) -> str | None:
    (found,) = inputs([row], layout, expression)
    return obstacle(row, found, layout)


@given(st.lists(cells, max_size=40), st.integers(1, 7))
def test_a_plan_has_every_row_once_in_order_and_sends_what_can_be_sent(rows: list[list[str]], most: int) -> None:
    runs = list(plan(rows, inputs(rows, TWO, None), Span(0, len(rows)), TWO, most))
    spans = [run.span if isinstance(run, Unsendable) else run for run in runs]
    assert [row for span in spans for row in range(span.start, span.end)] == list(range(len(rows)))
    assert all(1 <= span.rows <= most for span in spans)
    for run, span in zip(runs, spans, strict=True):
        reasons = {obstacle_of(row, TWO) for row in rows[span.start : span.end]}
        assert reasons == ({run.reason} if isinstance(run, Unsendable) else {None})


@given(st.lists(cells, min_size=1, max_size=40), st.integers(1, 7))
def test_sendable_rows_are_not_split_further_than_asked(rows: list[list[str]], most: int) -> None:
    runs = list(plan(rows, inputs(rows, TWO, None), Span(0, len(rows)), TWO, most))
    for one, other in pairwise(runs):
        if isinstance(one, Span) and isinstance(other, Span):
            assert one.rows == most


def test_what_stands_in_the_way_of_a_row_is_said_in_words() -> None:
    assert obstacle_of(["1", "fine"], TWO) is None
    assert obstacle_of(["1"], TWO) == "row has 1 cell where the file has 2 columns"
    assert obstacle_of(["1", "2", "3"], TWO) == "row has 3 cells where the file has 2 columns"
    assert obstacle_of(["1", " \t\n"], TWO) == "input is empty"
    assert obstacle_of([], ONE) == "input is empty"
    assert obstacle_of(["x" * INPUT_BYTES], ONE) is None
    assert obstacle_of(["é" * (INPUT_BYTES // 2 + 1)], ONE) == "input is longer than 1,000,000 bytes"


def test_an_expression_says_what_a_row_is_to_the_model() -> None:
    assert inputs([["1", 'so "good"'], ["ragged"]], TWO, PAIR) == [{"text": 'so "good"', "text_pair": "1"}, None]
    both = Expression("input-expression", "join(' ', [id, text])")
    assert inputs([["1", "good"]], TWO, both) == ["1 good"]


def test_a_row_of_which_an_expression_makes_nothing_cannot_be_sent_and_says_why() -> None:
    assert obstacle_of(["1", "fine"], TWO, PAIR) is None
    assert obstacle_of(["1"], TWO, PAIR) == "row has 1 cell where the file has 2 columns"
    assert obstacle_of(["1", "fine"], TWO, Expression("input-expression", "other")) == "input is empty"
    words = obstacle_of(["1", "fine"], TWO, Expression("input-expression", "avg(text)"))
    assert words is not None
    assert words.startswith(
        "input-expression 'avg(text)' cannot be applied: function avg() takes array-number, not string"
    )


@pytest.mark.parametrize("text", ["join(', ', [a, b])", "merge(a, b, c)", "not_null(a)", "[1:2].max_by(@, &a)"])
def test_a_function_takes_as_many_arguments_as_jmespath_says(text: str) -> None:
    assert parse_expression("input-expression", text) == Expression("input-expression", text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{a: [].sort_by(@, &no(b))}", "there is no function no()"),
        ("join(a)", "function join() takes 2 arguments, not 1"),
        ("abs(a, b)", "function abs() takes 1 argument, not 2"),
        ("a || merge()", "function merge() takes 1 argument or more, not 0"),
    ],
)
def test_a_call_that_no_value_could_fit_is_refused_with_the_expression(text: str, words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(f"it must be a JMESPath expression ({words})")):
        parse_expression("input-expression", text)


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_a_body_is_json_with_the_texts_as_they_are(texts: list[str]) -> None:
    assert json.loads(body(texts, '{"truncation": true}', None)) == {
        "inputs": texts,
        "parameters": {"truncation": True},
    }


def test_a_payload_is_what_its_expression_makes_of_inputs_and_parameters() -> None:
    payload = Expression("payload-expression", "{instances: inputs, top: parameters.top_k}")
    assert json.loads(body(["a", "b"], '{"top_k": 3}', payload)) == {"instances": ["a", "b"], "top": 3}

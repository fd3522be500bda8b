"""The order in which the rows of a chunk are sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.domain.errors import ExpressionError
from fanfold_core.domain.order import Order

INPUTS = st.lists(
    st.one_of(st.none(), st.text(max_size=3), st.text(min_size=30, max_size=60), st.integers(0, 2), st.booleans())
)


def order(*inputs: Any, by_length: bool = True, shares: bool = True) -> Order:
    return Order.of(inputs, by_length=by_length, shares=shares)


def places(*inputs: Any, by_length: bool = True, shares: bool = True) -> list[int]:
    return list(order(*inputs, by_length=by_length, shares=shares).places)


def test_short_inputs_are_sent_as_they_stand_in_the_file() -> None:
    assert places("so good", "bad", "", "what was that?") == [0, 1, 2, 3]
    assert order("so good", "bad").is_of_file


def test_longer_inputs_are_sent_by_their_length_and_the_file_decides_between_equal_ones() -> None:
    assert places("x " * 50, "so good", "x " * 40, "y " * 50, "é " * 24) == [3, 0, 2, 4, 1]


def test_a_length_is_that_of_the_words_and_marks_of_which_tokens_are_made() -> None:
    words, marks, one, no_spaces = "internationally " * 8, "a-b/c: (d), e!", "x" * 100, "這是一部好電影" * 8
    # 128 bytes in 8 pieces, 14 in 12, 100 in one, and 168 in 15.
    assert places(words, marks, one, no_spaces) == [1, 2, 0, 3]


def test_the_same_inputs_share_a_place() -> None:
    shared = order("good", "bad", "good", {"a": 1}, {"a": 1})
    assert (list(shared.places), shared.length) == ([0, 1, 0, 2, 2], 3)
    assert shared.rows == [[0, 2], [1], [3, 4]]
    assert not shared.is_of_file


def test_inputs_that_are_only_equal_in_python_are_not_the_same() -> None:
    inputs: list[Any] = [1, True, 1.0, "1", "true", [1], "[1]"]
    assert places(*inputs) == list(range(7))


def test_what_is_no_input_is_shared_by_nobody() -> None:
    error = ExpressionError("input-expression", "[text", "is no JMESPath")
    assert places(None, None, error, error) == [0, 1, 2, 3]


def test_each_row_has_a_place_of_its_own_if_they_are_not_shared() -> None:
    assert places("good", "good", shares=False) == [0, 1]


def test_the_file_decides_where_each_request_has_one_row() -> None:
    assert places("x " * 50, "so good", "x " * 40, "x " * 50, by_length=False) == [0, 1, 2, 0]


@given(INPUTS, st.booleans(), st.booleans())
def test_every_row_is_sent_and_the_ledger_keeps_its_place(
    inputs: list[Any],
    by_length: bool,  # noqa: FBT001
    shares: bool,  # noqa: FBT001
) -> None:
    found = order(*inputs, by_length=by_length, shares=shares)
    assert sorted(row for sharing in found.rows for row in sharing) == list(range(len(inputs)))
    assert all(row in found.rows[place] for row, place in enumerate(found.places))
    kept = Order.from_bytes(found.to_bytes(), found.length)
    assert (list(kept.places), kept.length) == (list(found.places), found.length)


@pytest.mark.parametrize("rows", [0, 1, 10_000])
def test_a_file_has_an_order_of_its_own(rows: int) -> None:
    assert Order.of_file(rows).is_of_file
    assert Order.of_file(rows).length == rows

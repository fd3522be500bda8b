"""JSON from outside: what passes can be written again, whoever reads it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.input.json.text import MOST_LEVELS, read_json, read_lenient_json, write_json

_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text('[]{}"\\a'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('[]{}"\\a'), inner),
)


@given(_VALUES, st.sampled_from([0, 50, MOST_LEVELS - 20]))
def test_a_value_comes_back_however_many_brackets_its_texts_hold(value: object, levels: int) -> None:
    text = "[" * levels + json.dumps([value] * 40) + "]" * levels
    assert write_json(read_json(text)) == write_json(json.loads(text))


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 500, 960, 100_000])
@pytest.mark.parametrize("inside", ["", '"]"', '"\\\\"', '"\\"]"'])
def test_what_is_nested_too_deeply_is_refused_in_words(levels: int, inside: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json("[" * levels + inside + "]" * levels)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400", "-1E+999"])
def test_a_number_that_is_not_finite_is_refused_but_in_an_answer(number: str) -> None:
    with pytest.raises(ValueError, match=r"is no finite number"):
        read_json(f'{{"a": {number}}}')
    assert read_lenient_json(f'[{{"a": {number}, "b": 1e5}}]') == [{"a": None, "b": 1e5}]

"""Kinds of columns add up to the same in any order, stay small, and say of which type all values are."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_core.domain.statistics.kinds import JSON, NULL, Kind, Kinds, join, kind_of, settled

names = st.sampled_from(["a", "b", "☂", ""])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
kinds = values.map(kind_of)
# Few enough columns that they meet, and enough that the bounds are passed.
columns = names | st.integers(0, 3_000).map(lambda number: f"{'x' * 20}{number}") | st.just("y" * 256)
rows = st.lists(st.dictionaries(columns, values, max_size=4), max_size=4)
WIDE = [{f"{number:04d}": {"a": number}} for number in range(1_200)]


def counted(found: list[dict[str, Any]]) -> Kinds:
    return Kinds.of(found, {"a", "b"})


@given(kinds, kinds, kinds)
def test_kinds_are_a_lattice(a: Kind, b: Kind, c: Kind) -> None:
    assert join(a, b) == join(b, a)
    assert join(join(a, b), c) == join(a, join(b, c))
    assert join(a, a) == join(a, NULL) == a
    assert join(a, JSON) == JSON


@given(st.lists(values, max_size=6))
def test_a_list_has_the_kind_that_all_in_it_are(found: list[Any]) -> None:
    kind: Kind = NULL
    for value in found:
        kind = join(kind, kind_of(value))
    assert kind_of(found) in ([kind], JSON)


@settings(max_examples=30)
@given(rows, rows, rows)
def test_columns_add_up_to_the_same_in_any_order(
    a: list[dict[str, Any]], b: list[dict[str, Any]], c: list[dict[str, Any]]
) -> None:
    first, second, third = map(counted, (a, b, [*c, *WIDE]))
    assert first + second == second + first == counted(a + b)
    assert (first + second) + third == first + (second + third)
    assert third + Kinds() == third


@given(rows)
def test_the_ledger_gives_back_what_was_written(found: list[dict[str, Any]]) -> None:
    assert Kinds.read(json.loads(json.dumps(counted(found).as_json()))) == counted(found)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ([None, None], "text"),
        ([True, None], "boolean"),
        ([1, -(2**63), 2**63 - 1], "integer"),
        ([1, 2**63], "number"),
        ([1, 0.5], "number"),
        ([2**1023, 1e308], "json"),
        ([1, True], "json"),
        ([1, "1"], "json"),
        ([[1, None], [], None], ["integer"]),
        ([[], [None]], ["text"]),
        ([[1], 1], "json"),
        ([{"a": 1}, {"b": [0.5]}, None], {"a": "integer", "b": ["number"]}),
        ([{}, {"a": 1}], {"a": "integer"}),
        ([{}], "json"),
        ([{"a": {}}], "json"),
        ([{"a": 1}, {"a": "x"}], "json"),
        ([{"a": [{"b": 1}]}, {"a": [{"b": "x"}]}], "json"),
        ([[[[[[[[[[1]]]]]]]]]], "json"),
        ([[[[[[[[[1]]]]]]]]], [[[[[[[["integer"]]]]]]]]),
        ([{str(number): number for number in range(51)}], "json"),
        ([{str(number): number} for number in range(51)], "json"),
        ([{"x" * 1_001: 1}], "json"),
    ],
)
def test_a_column_has_the_type_that_fits_all_its_values(found: list[Any], kind: Kind) -> None:
    assert settled(Kinds.of([{"column": value} for value in found], set())["column"]) == kind


def test_whatever_rows_hold_their_kinds_fit_into_an_item_and_those_that_are_known_are_among_them() -> None:
    """An item of the ledger holds 400 KB, of which other statistics may take 300."""
    widest = "\N{GRINNING FACE}"
    row: dict[str, Any] = {
        f"{number:03d}": {f"{widest}{name}": [[[0.5]]] for name in range(50)} for number in range(40)
    }
    row |= {f"{widest * 60}{number}": [[[[[0.5]]]]] for number in range(900)}
    row |= {f"zz{number}": {"a": number} for number in range(60)}
    known = {f"zz{number}" for number in range(60)}
    found = Kinds.of([row], known)
    assert len(json.dumps(found.as_json(), ensure_ascii=False).encode()) < 90_000
    assert not found.is_whole
    assert found.known.keys() == known
    assert "000" in found.others
    objects = [kind for kind in map(found.__getitem__, found) if isinstance(kind, dict)]
    assert objects == [{"a": "integer"}] * 16

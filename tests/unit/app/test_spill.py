"""Results that wait on disk: as they were, in runs that memory can hold, and gone with whoever knew of them."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.app.spill import Spill, read_result, runs_of, text_of_result
from fanfold_core.domain.results import RowAnswers
from fanfold_core.input.json.text import write_json

VECTOR = [number / 7 for number in range(768)]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(results=st.lists(json_values, max_size=5), more=st.lists(json_values, max_size=5))
def test_results_are_what_they_were_however_many_are_kept(results: list[Any], more: list[Any]) -> None:
    spill = Spill()
    kept = [*spill.keep(results), *spill.keep(more)]
    # Read in another order than they were written.
    assert [read_result(one) for one in reversed(kept)] == [*reversed([*results, *more])]
    assert [text_of_result(one) for one in kept] == [write_json(result) for result in (*results, *more)]


@pytest.mark.parametrize(("most", "firsts"), [(1, [0, 1, 3, 4]), (40, [0, 3]), (1_000, [0])])
def test_runs_follow_one_another_and_hold_so_much(
    monkeypatch: pytest.MonkeyPatch, most: int, firsts: list[int]
) -> None:
    monkeypatch.setattr("fanfold_core.app.spill._RUN_BYTES", most)
    kept = Spill().keep([{"label": "A" * 5}] * 2)
    assert kept[0].size == len('{"label":"AAAAA"}')
    final = RowAnswers(
        [kept[0], None, kept[1], *Spill().keep([{"label": "B" * 5}, {"label": "C" * 5}])], ["", "no", "", "", ""]
    )
    runs = list(runs_of(final))
    assert [first for first, _ in runs] == firsts
    assert [result and result["label"][0] for _, run in runs for result in run.results] == ["A", None, "A", "B", "C"]
    assert [error for _, run in runs for error in run.errors] == ["", "no", "", "", ""]


def test_memory_holds_no_more_than_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold_core.app.spill._RUN_BYTES", 100_000)
    tracemalloc.start()
    try:
        spill = Spill()
        kept = [one for _ in range(300) for one in spill.keep([{"embedding": VECTOR}])]
        rows = sum(len(run.errors) for _, run in runs_of(RowAnswers(kept, [""] * len(kept))))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows == 300
    assert peak < 4_000_000, "all of them are 10 MB, and a local cloud of other tests may be at work, too"


def test_the_file_is_closed_when_nobody_knows_its_results() -> None:
    kept = Spill().keep(["so good"])
    file = kept[0].spill._file  # noqa: SLF001 - nobody else has it
    assert not file.closed
    assert read_result(kept.pop()) == "so good"
    assert file.closed

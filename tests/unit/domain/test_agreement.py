"""How predicted labels agree with the true ones: the figures that others reckon, for any number of labels."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.domain.counting import of_true_labels
from fanfold_core.domain.results import RowAnswer, RowAnswers
from fanfold_core.domain.statistics.labels import Agreement

few = st.sampled_from(["good", "bad", "neither"])


def agreement(rows: list[tuple[str, Any]]) -> Agreement:
    """That of rows with a true label, and a result or the predicted label."""
    results = [RowAnswer({"label": found} if isinstance(found, str) else found, "") for _, found in rows]
    cells = [[f"text {number}", true] for number, (true, _) in enumerate(rows)]
    return of_true_labels(0, cells, 0, 1, RowAnswers.of(results)).agreement


def f1(rows: list[tuple[str, str]], name: str) -> float:
    """By its definition: the harmonic mean of precision and recall, 0 where one is."""
    right = sum(pair == (name, name) for pair in rows)
    if not right:
        return 0.0
    precision = right / sum(predicted == name for _, predicted in rows)
    recall = right / sum(true == name for true, _ in rows)
    return 2 * precision * recall / (precision + recall)


@given(st.lists(st.tuples(few, few), min_size=1))
def test_the_figures_are_those_of_their_definitions(rows: list[tuple[str, str]]) -> None:
    found = agreement(rows).as_summary("stars")
    names = sorted({name for pair in rows for name in pair})
    assert found["accuracy"] == pytest.approx(sum(true == said for true, said in rows) / len(rows), abs=1e-6)
    assert found["macro_f1"] == pytest.approx(sum(f1(rows, name) for name in names) / len(names), abs=1e-6)
    assert found["matrix"]["labels"] == names
    counted = Counter(rows)
    assert found["matrix"]["rows"] == [[counted[true, said] for said in names] for true in names]
    assert list(found["labels"]) == names
    assert (found["column"], found["rows"]) == ("stars", len(rows))


def test_a_share_of_nothing_is_none() -> None:
    found = agreement([("good", "bad"), ("good", "good")]).as_summary("stars")
    assert found["labels"]["bad"] == {
        "true": 0, "predicted": 1, "correct": 0, "precision": 0.0, "recall": None, "f1": 0.0,
    }  # fmt: skip
    empty = agreement([]).as_summary("stars")
    assert (empty["rows"], empty["accuracy"], empty["macro_f1"], empty["labels"]) == (0, None, None, {})


@pytest.mark.parametrize("labels", [300, 301, 400])
def test_beyond_the_bound_accuracy_is_exact_and_no_macro_f1_is_made_up(labels: int) -> None:
    drawn = Random(labels)
    rows = [(f"label {row % labels:03}", f"label {drawn.randrange(labels):03}") for row in range(900)]
    names = sorted({name for pair in rows for name in pair})
    found = sum((agreement(rows[at : at + 300]) for at in range(0, 900, 300)), Agreement()).as_summary("stars")
    assert found["correct"] == sum(true == said for true, said in rows)
    assert (found["macro_f1"] is None) is (labels > 300)
    assert list(found["labels"]) == names[:300]
    assert found["labels"][names[299]]["true"] == sum(true == names[299] for true, _ in rows)
    assert found["matrix"]["labels"] == [*names[:20], None]
    assert sum(map(sum, found["matrix"]["rows"])) == 900


def test_every_row_is_counted_once_also_those_that_are_left_out() -> None:
    rows = [("good", "good"), ("", "good"), (" \t", None), ("good", None), ("good", {"label": 1}), ("good", [1])]
    found = agreement(rows)
    assert (found.whole.true, found.unlabelled, found.unpredicted) == (1, 2, 3)


def test_a_cell_that_is_missing_is_no_true_label() -> None:
    final = RowAnswers.of([RowAnswer({"label": "good"}, "")])
    assert of_true_labels(0, [["text"]], 0, 1, final).agreement.unlabelled == 1


def test_labels_are_compared_as_they_read_on_one_line() -> None:
    long = "x" * 80
    assert agreement([(" good\r\nnews ", "good news"), (long, f"{long} y")]).whole.correct == 2
    assert agreement([("Good", "good")]).whole.correct == 0


def test_the_mistakes_that_the_model_was_surest_of_are_shown() -> None:
    scores = [0.2, None, 0.9, float("nan"), 10**400, 0.95, 0.9, 7, True, *[0.1] * 9]
    rows = [("good", {"label": "bad", "score": score}) for score in scores] + [("good", {"label": "good", "score": 9})]
    found = sum((agreement([]), agreement(rows)), Agreement()).mistakes
    assert [(one.row, one.score) for one in found[:5]] == [(7, 7), (5, 0.95), (2, 0.9), (6, 0.9), (0, 0.2)]
    assert len(found) == 10
    assert found[0]._replace(score=None, row=0) == (None, 0, "good", "bad", "text 7")
    unscored = agreement([("good", "bad")] * 12).mistakes
    assert [(one.row, one.score) for one in unscored] == [(row, None) for row in range(10)]


@pytest.mark.parametrize(
    ("rows", "times"), [([("good", "LABEL_1")], 1), ([("bad", "good"), ("good", "x")], 0), ([], 0)]
)
def test_labels_of_which_none_is_a_true_one_are_said_to_be_called_otherwise(
    rows: list[tuple[str, str]], times: int
) -> None:
    assert sum("with the option `labels`" in sentence for sentence in agreement(rows).warnings()) == times

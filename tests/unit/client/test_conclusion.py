"""How commands tell in a line or two what a job came to."""

from collections import Counter

from fanfold.cli.conclusion import describe_accuracy
from fanfold_core.domain.statistics.labels import Agreement


def test_how_many_predictions_are_right_and_what_is_mistaken_most_takes_two_lines() -> None:
    pairs = Counter({("good", "good"): 900, ("bad", "good"): 99, ("good", "bad"): 1})
    assert describe_accuracy(Agreement.of(pairs).as_summary("stars")) == {
        "accuracy": "900 of 1,000 rows (90.0%); macro F1 0.474",
        "most frequent mistake": "bad predicted as good, 99 rows",
    }


def test_where_nothing_is_mistaken_or_compared_or_known_nothing_is_made_up() -> None:
    assert describe_accuracy(None) == {}
    right = describe_accuracy(Agreement.of(Counter({("good", "good"): 1})).as_summary("stars"))
    assert right == {"accuracy": "1 of 1 row (100.0%); macro F1 1.000", "most frequent mistake": ""}
    empty = describe_accuracy(Agreement.of(Counter(), unlabelled=3).as_summary("stars"))
    assert empty == {"accuracy": "no row has both a label in column 'stars' and a predicted one"}
    # More labels than the matrix has: what they are mistaken for isn't known, and more than have an F1.
    many = Counter({(f"label {row:03}", f"label {(row + 1) % 400:03}"): 1 + (row > 100) for row in range(400)})
    assert describe_accuracy(Agreement.of(many).as_summary("stars")) == {
        "accuracy": "0 of 699 rows (0.0%)",
        "most frequent mistake": "label 000 predicted as label 001, 1 row",
    }

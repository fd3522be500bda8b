"""Each recipe's commands, as they stand in the page; their columns hold what transformers' own pipeline answers."""

import json
import re
from typing import Any

import pytest
from tests.pages import DOCS
from tests.recipes.conftest import PAGE, Kitchen

from fanfold import project

pytestmark = pytest.mark.recipes

OWN = ["id", "place", "text"]


def new_columns(rows: list[dict[str, str]]) -> list[str]:
    """The columns that the results have beside the file's own and `error`, in which there is nothing."""
    assert [row["error"] for row in rows] == ["", "", ""]
    names = list(rows[0])
    assert (names[:3], names[-1]) == (OWN, "error")
    return names[3:-1]


def scores(answer: list[dict[str, Any]]) -> dict[str, float]:
    return {one["label"]: one["score"] for one in answer}


def about(value: float) -> Any:
    return pytest.approx(value, abs=1e-4)


def test_sentiment_has_the_best_label_and_its_score(kitchen: Kitchen) -> None:
    rows = kitchen.cook("## Sentiment", "sentiment")
    assert new_columns(rows) == ["label", "score"]
    for row, answer in zip(rows, kitchen.answers["sentiment"], strict=True):
        assert (row["label"], float(row["score"])) == (answer[0]["label"], about(answer[0]["score"]))


def test_sentiment_has_a_column_for_each_label(kitchen: Kitchen) -> None:
    rows = kitchen.cook("one column per label", "scores")
    assert new_columns(rows) == ["negative", "positive"]
    for row, answer in zip(rows, map(scores, kitchen.answers["sentiment"]), strict=True):
        assert {label: float(row[label]) for label in ("negative", "positive")} == {
            label: about(answer[label]) for label in ("negative", "positive")
        }


def test_zero_shot_has_the_best_of_ones_own_labels(kitchen: Kitchen) -> None:
    rows = kitchen.cook("## Zero-shot", "topics")
    assert new_columns(rows) == ["label", "score"]
    for row, answer in zip(rows, kitchen.answers["topics"], strict=True):
        assert (row["label"], float(row["score"])) == (answer["labels"][0], about(answer["scores"][0]))


def test_a_pair_of_texts_is_taken_from_two_columns(kitchen: Kitchen) -> None:
    rows = kitchen.cook("## Text pairs", "pairs")
    assert new_columns(rows) == ["label", "score"]
    for row, answer in zip(rows, kitchen.answers["pairs"], strict=True):
        assert (row["label"], float(row["score"])) == (answer["label"], about(answer["score"]))


def test_entities_stand_in_a_column_for_each_kind(kitchen: Kitchen) -> None:
    rows = kitchen.cook("## Token classification", "entities")
    assert new_columns(rows) == ["people", "places"]
    for row, answer in zip(rows, kitchen.answers["entities"], strict=True):
        for column, kind in (("people", "PER"), ("places", "LOC")):
            assert row[column] == "; ".join(one["word"] for one in answer if one["entity_group"] == kind)


def test_an_answer_is_found_in_each_text(kitchen: Kitchen) -> None:
    rows = kitchen.cook("## Question answering", "answers")
    assert new_columns(rows) == ["score", "answer", "end", "start"]
    for row, answer in zip(rows, kitchen.answers["answers"], strict=True):
        assert (row["answer"], int(row["start"]), int(row["end"])) == (answer["answer"], answer["start"], answer["end"])


def test_a_text_has_a_summary(kitchen: Kitchen) -> None:
    rows = kitchen.cook("## Summaries", "summaries")
    assert new_columns(rows) == ["summary_text"]
    assert [row["summary_text"] for row in rows] == [one["summary_text"] for one in kitchen.answers["summaries"]]


def test_an_embedding_is_the_first_token_s_vector(kitchen: Kitchen) -> None:
    rows = kitchen.cook("## Embeddings", "embeddings")
    assert new_columns(rows) == ["embedding"]
    for row, answer in zip(rows, kitchen.answers["embeddings"], strict=True):
        assert json.loads(row["embedding"]) == [about(number) for number in answer[0][0]]


def test_a_reply_is_generated_from_several_columns(kitchen: Kitchen) -> None:
    rows = kitchen.cook("## Text generation", "replies")
    assert new_columns(rows) == ["reply"]
    assert [row["reply"] for row in rows] == [answer[0]["generated_text"] for answer in kitchen.answers["replies"]]


def test_the_page_names_parameters_that_the_template_has() -> None:
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    template = (project.find_root() / "template.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z][A-Za-z]+)(?:=[^`]*)?`", page))
    assert {"ContainerImage", "HfModelId", "HfTask", "JobDefaults"} <= named
    assert all(re.search(rf"^  {name}:$", template, re.MULTILINE) for name in named)

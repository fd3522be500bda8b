"""Files that are wrong, or can be read in more ways than one, as any program uploads them."""

import csv
import gzip
from collections.abc import Callable, Sequence
from urllib.parse import quote

import pytest
from tests.misreadable_files import SAID
from tests.pipeline import models
from tests.pipeline.pipeline import Ended, Model, Pipeline
from tests.written_files import TEXTS, VARIANTS
from tests.wrong_files import FAIL_IN_THE_SECOND_ROW, IMPOSSIBLE, PARTLY, POSSIBLE, metadata

from fanfold.input.uploads import metadata as spelled
from fanfold_core.domain.job import State
from fanfold_core.input.cutting import Limits
from fanfold_core.input.formats import FileName


@pytest.fixture
def drop(pipeline: Callable[[Model], Pipeline]) -> Callable[..., Ended]:
    """Plays a file with the options of a command line, whose model is a good one."""

    def run(name: str, content: bytes, options: Sequence[str] = ()) -> Ended:
        given = {option: quote(value) for option, value in spelled(**metadata(options)).items()}
        return pipeline(models.answering(models.good)).run(content, given, FileName.parse(name).uploaded)

    return run


@pytest.mark.parametrize("name", VARIANTS)
def test_the_same_texts_get_the_same_predictions_however_they_are_written(
    pipeline: Callable[[Model], Pipeline], name: str
) -> None:
    content, options = VARIANTS[name]
    ended = pipeline(models.answering(models.good)).run(content, spelled(**options), name)
    assert [row["label"] for row in ended.rows] == [models.label(text) for text in TEXTS]


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_file_that_cannot_be_processed_ends_its_job_with_words(drop: Callable[..., Ended], name: str) -> None:
    content, options, words = IMPOSSIBLE[name]
    ended = drop(name, content, options)
    assert (ended.state, ended.requests) == (State.FAILED, [])
    assert words in ended.job.reason
    assert (ended.summary["state"], ended.summary["reason"]) == ("FAILED", ended.job.reason)


@pytest.mark.parametrize("name", POSSIBLE)
def test_a_file_that_only_looks_wrong_is_predicted_whole(drop: Callable[..., Ended], name: str) -> None:
    content, options, rows = POSSIBLE[name]
    summary = drop(name, content, options).summary
    assert (summary["state"], summary["rows"], summary["predicted"]) == ("SUCCEEDED", rows, rows)


@pytest.mark.parametrize("name", PARTLY)
def test_rows_that_cannot_be_sent_end_in_errors_and_cost_no_other_row(drop: Callable[..., Ended], name: str) -> None:
    content, reasons = PARTLY[name]
    ended = drop(name, content)
    assert (ended.summary["state"], ended.summary["failed"]) == ("COMPLETED_WITH_ERRORS", len(reasons))
    assert [row[1] for row in ended.failed] == reasons
    assert ended.lines[2][-1] == (reasons[0] if name in FAIL_IN_THE_SECOND_ROW else "")


@pytest.mark.parametrize("name", SAID)
def test_what_is_assumed_of_a_file_is_said_and_the_results_say_what_was_read(
    drop: Callable[..., Ended], name: str
) -> None:
    case = SAID[name]
    ended = drop(name, case.content, case.options)
    assert ended.state is State.SUCCEEDED
    assert case.assumed in " ".join(ended.summary["assumed"])
    assert case.warning in " ".join(ended.summary["warnings"])
    layout = ended.job.known_layout
    lines = ended.results.decode().splitlines(keepends=True)
    found = list(csv.reader(lines, delimiter=";" if name.startswith("excel") else ","))
    assert [row[layout.input_index] for row in found[1:]] == case.inputs
    assert {len(row) for row in found} == {len(layout.columns) + 3}


# Of a file of reviews, whose texts have up to 1,810 characters; 300 stand in it before.
_REVIEWS = [f"review {number % 700}" + " of a film as long as it is" * (number % 7 * 10) for number in range(1000)]


@pytest.fixture
def reviews(pipeline: Callable[[Model], Pipeline], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Plays that file with chunks as large as on AWS, and sees that each row has the result of its text."""
    monkeypatch.setattr("tests.pipeline.handlers.ROWS_PER_CHUNK", Limits().rows)

    def run(**options: str) -> Ended:
        content = "".join(f"{number},{text}\n" for number, text in enumerate(_REVIEWS))
        ended = pipeline(models.answering(models.good)).run(f"id,text\n{content}".encode(), options)
        assert [row["id"] for row in ended.rows] == list(map(str, range(1000)))
        assert [row["label"] for row in ended.rows] == list(map(models.label, _REVIEWS))
        return ended

    return run


def test_rows_with_the_same_text_are_sent_once_and_each_has_its_result(reviews: Callable[..., Ended]) -> None:
    ended, each = reviews(), reviews(duplicates="each")
    assert (ended.summary["duplicates"], each.summary["duplicates"]) == (300, 0)
    assert len(ended.requests) <= 0.705 * len(each.requests) + 1, "one more, for the first row is sent alone"


@pytest.mark.parametrize("parameters", ['{"do_sample": true}', '{"generate_kwargs": {"temperature": 0.7}}'])
def test_a_model_that_samples_gets_each_row(reviews: Callable[..., Ended], parameters: str) -> None:
    assert reviews(parameters=quote(parameters)).summary["duplicates"] == 0


def test_texts_of_similar_length_are_sent_together(reviews: Callable[..., Ended]) -> None:
    """A model that computes a request's texts at once pads them to the longest."""
    requests = [[len(text) for text in models.inputs(body)] for body in reviews().requests]
    padded = sum(max(lengths) * len(lengths) for lengths in requests)
    assert padded <= 1.05 * sum(map(sum, requests))


def test_a_row_that_fails_fails_wherever_its_text_stands(pipeline: Callable[[Model], Pipeline]) -> None:
    ended = pipeline(models.poisoned(400)).run(b"id,text\n1,poison\n2,soup\n3,poison\n4,soup\n")
    assert [row["label"] for row in ended.rows] == ["", "of soup", "", "of soup"]
    assert [row[0] for row in ended.failed] == ["0", "2"]
    assert (ended.summary["failed"], ended.summary["predicted"], ended.summary["duplicates"]) == (2, 2, 2)


@pytest.fixture
def twice(pipeline: Callable[[Model], Pipeline], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Ended, Ended]]:
    """Plays one file and then another with `since`; sees that each row has the result of its own text."""
    monkeypatch.setattr("tests.pipeline.handlers.ROWS_PER_CHUNK", 100)

    def run(first: Sequence[str], then: Sequence[str], key: str = "texts.csv", **options: str) -> tuple[Ended, Ended]:
        played = pipeline(models.answering(models.good))
        before = played.run(_file(first, key), key=key)
        after = played.run(_file(then, key), {"since": before.job.id, **options}, key)
        assert [(row["id"], row["label"]) for row in after.rows] == [
            (str(number), models.label(text)) for number, text in enumerate(then)
        ]
        return before, after

    return run


def _file(texts: Sequence[str], key: str) -> bytes:
    content = "".join(f"{number},{text}\n" for number, text in enumerate(texts))
    file = f"id,text\n{content}".encode()
    return gzip.compress(file) if key.endswith(".gz") else file


def _sent(ended: Ended) -> list[str]:
    return [text for body in ended.requests for text in models.inputs(body)]


_TEXTS = [f"text {number}{' of some length' * (number % 5)}" for number in range(1000)]


def _changed(every: int) -> list[str]:
    return [f"new {text}" if number % every == 0 else text for number, text in enumerate(_TEXTS)]


def test_since_a_job_only_rows_that_have_changed_are_sent(twice: Callable[..., tuple[Ended, Ended]]) -> None:
    before, after = twice(_TEXTS, _changed(100))
    assert sorted(_sent(after)) == sorted(f"new {text}" for text in _TEXTS[::100])
    assert (before.summary["reused"], after.summary["reused"], after.summary["predicted"]) == (0, 990, 1000)
    assert (after.summary["since"], before.summary["since"]) == (before.job.id, None)
    assert after.summary["requests"] == len(after.requests) == 10, "one for each chunk"


@pytest.mark.parametrize("key", ["texts.csv", "texts.csv.gz"])
@pytest.mark.parametrize(
    ("then", "sent"),
    [
        (["a new one", *_TEXTS], 1),
        (_TEXTS[50:], 0),
        ([*_TEXTS[:500], *(f"new {number}" for number in range(30)), *_TEXTS[500:], "last"], 31),
        (_TEXTS[::-1][:150][::-1], 0),
    ],
    ids=["one before", "fifty fewer", "in between", "the last ones"],
)
def test_rows_that_have_moved_are_found(
    twice: Callable[..., tuple[Ended, Ended]], key: str, then: list[str], sent: int
) -> None:
    _, after = twice(_TEXTS, then, key)
    is_far = key.endswith(".gz") and len(then) < 500
    assert len(_sent(after)) == (len(then) if is_far else sent), "a compressed file has no places from its end"


def test_many_rows_before_all_others_are_sent_alone(twice: Callable[..., tuple[Ended, Ended]]) -> None:
    new = [f"today {number}" for number in range(450)]
    _, after = twice(_TEXTS, new + _TEXTS)
    assert sorted(_sent(after)) == sorted(new)


def test_since_a_job_with_the_same_file_nothing_is_sent(twice: Callable[..., tuple[Ended, Ended]]) -> None:
    before, after = twice(_TEXTS, _TEXTS)
    assert (after.requests, after.state, after.summary["requests"]) == ([], State.SUCCEEDED, 0)
    assert after.results == before.results


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"parameters": "{}"}, "it had another value of parameters"),
        ({"result-expression": "[*]"}, "it had another value of result-expression"),
    ],
)
def test_what_another_question_was_answered_with_is_not_taken(
    twice: Callable[..., tuple[Ended, Ended]], options: dict[str, str], words: str
) -> None:
    before, after = twice(_TEXTS, _TEXTS, **options)
    assert len(_sent(after)) == len(_TEXTS)
    assert f"Nothing was taken over from {before.job.id}: {words}." in after.summary["warnings"]


def test_rows_that_failed_are_sent_again_and_labels_have_the_names_of_the_new_job(
    pipeline: Callable[[Model], Pipeline],
) -> None:
    texts = ["good", "poison", "", "good"]
    played = pipeline(models.poisoned(400))
    before = played.run(_file(texts, ""), {"labels": quote('{"of good": "before"}')})
    after = played.run(_file(texts, ""), {"since": before.job.id, "labels": quote('{"of good": "after"}')})
    assert [row["label"] for row in before.rows] == ["before", "", "", "before"]
    assert [row["label"] for row in after.rows] == ["after", "", "", "after"]
    assert set(_sent(after)) == {"poison"}
    assert (after.summary["reused"], after.summary["failed"], after.summary["duplicates"]) == (2, 2, 0)


@pytest.mark.parametrize(
    ("since", "words"), [("nobody-0123456789abcdef", "is not known, or no longer"), ("No job", "the id of a job")]
)
def test_since_a_job_that_is_none_fails_before_anything_is_sent(
    pipeline: Callable[[Model], Pipeline], since: str, words: str
) -> None:
    ended = pipeline(models.answering(models.good)).run(_file(_TEXTS, ""), {"since": since})
    assert (ended.state, ended.requests) == (State.FAILED, [])
    assert words in ended.summary["reason"]
    assert "since" in ended.summary["reason"]
    assert ended.summary["warnings"] == [], "the reason says it"

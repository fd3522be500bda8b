"""Requests that a model answers against the clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from fanfold.errors import TuneError
from fanfold.tuning import Setting, SettingFailedError, trials
from fanfold.tuning.trials import Trials
from fanfold_core.domain.options import Options
from localaws.endpoint.models import ModelError

if TYPE_CHECKING:
    from tests.unit.tuning.conftest import FakeModel

TEXTS = [f"text {number}" for number in range(128)]
BLOCKS = [TEXTS[:64], TEXTS[64:]]


def prepared(model: FakeModel, blocks: list[list[str]] = BLOCKS, **options: Any) -> Trials:
    found = Trials(model, Options(**options), at_once=1, clock=lambda: model.now)
    found.prepare(blocks)
    return found


def test_a_turn_is_measured_by_rows_of_the_whole_sample(model: FakeModel) -> None:
    found = prepared(model, parameters='{"top_k": 1}')
    del model.requests[:]
    turn = found(Setting(32, 16))
    assert [request["parameters"] for request in model.requests] == [{"top_k": 1, "batch_size": 16}] * 4
    sent = [request["inputs"] for request in model.requests]
    assert sent == [TEXTS[96:], TEXTS[64:96], TEXTS[32:64], TEXTS[:32]]
    assert list(turn) == pytest.approx([128, 4 * (0.05 + 32 * 0.002), 0.05 + 32 * 0.002])
    assert found(Setting(256)).rows == 256
    assert model.requests[-1]["inputs"] == TEXTS * 2
    assert found.sent == 128 + 4 + 128 + 256


def test_every_worker_is_asked_before_the_clock_counts(model: FakeModel) -> None:
    found = Trials(model, Options(), at_once=3, clock=lambda: model.now)
    found.prepare(BLOCKS)
    assert [len(request["inputs"]) for request in model.requests] == [8] * 16 + [1] * 12


def test_requests_are_sent_several_at_once(model: FakeModel) -> None:
    found = Trials(model, Options(), at_once=3, clock=lambda: model.now)
    found.prepare(BLOCKS)
    del model.requests[:]
    assert found(Setting(64)).rows == 3 * 128
    # Which of two comes first is chance: so each worker gets both.
    texts = sorted(request["inputs"][0] for request in model.requests)
    assert texts == ["text 0"] * 3 + ["text 64"] * 3


def test_rows_that_the_model_refuses_are_left_out_and_their_neighbours_are_not(model: FakeModel) -> None:
    found = prepared(model, [["bad", *TEXTS[:30], "bad"]])
    assert (found.rows, found.refused) == (30, 2)
    assert found.reason == "the model answers 400: 1 bad texts"
    found(Setting(30))
    assert model.requests[-1]["inputs"] == TEXTS[:30]


def test_a_model_that_refuses_all_rows_is_soon_given_up(model: FakeModel) -> None:
    refused = r"refuses all that it was sent, 16 rows alone \(the model answers 400: 1 bad texts\).*fanfold run"
    with pytest.raises(TuneError, match=refused):
        prepared(model, [["bad"] * 64] * 8)
    with pytest.raises(TuneError, match="refuses all that it was sent, 3 rows alone"):
        prepared(model, [["bad"] * 3])


def test_of_a_file_without_sendable_rows_none_is_tried(model: FakeModel) -> None:
    with pytest.raises(TuneError, match="no row of the sample can be sent"):
        prepared(model, [[], []])


@pytest.mark.parametrize(
    ("seconds", "rows", "used"),
    [
        # 8.1 s after the first answer are not yet 10, and 12.15 are more.
        (0.5, 16, [2, 4]),
        # Here it is only half of the second run.
        (1.0, 16, [4]),
        (1.0, 24, [3]),
    ],
)
def test_of_a_slow_model_whole_runs_from_all_over_are_enough(
    model: FakeModel, seconds: float, rows: int, used: list[int]
) -> None:
    model.row_seconds = lambda _batch: seconds
    blocks = [TEXTS[start : start + rows] for start in range(0, 128, rows)]
    found = prepared(model, blocks)
    assert found.rows == rows * len(used)
    found(Setting(found.rows))
    # In the order of the sample.
    assert model.requests[-1]["inputs"] == [text for number in used for text in blocks[number]]


def test_of_a_very_slow_model_a_part_of_a_run_is_enough(model: FakeModel) -> None:
    model.row_seconds = lambda _batch: 1.0
    found = prepared(model)
    found(Setting(found.rows))
    assert model.requests[-1]["inputs"] == TEXTS[64:88]


def test_a_request_that_takes_longer_than_it_may_fails(model: FakeModel) -> None:
    model.row_seconds = lambda _batch: 0.1
    found = prepared(model, invocation_timeout_seconds=6)
    assert found(Setting(32)).rows == 64
    with pytest.raises(SettingFailedError, match="a request took 6 s, and invocation-timeout-seconds is 6"):
        found(Setting(64))


@pytest.mark.parametrize("rows", [64, 100])
def test_results_that_a_batch_changes_are_a_failure(model: FakeModel, rows: int) -> None:
    model.results = lambda texts, batch: [[0.5] * batch for _ in texts]
    with pytest.raises(SettingFailedError, match=r"^128 of 128 rows get other results than without batch_size"):
        prepared(model)(Setting(rows, 8))


@pytest.mark.parametrize("flipped", [2, 3])
def test_results_may_differ_as_floating_point_does(model: FakeModel, flipped: int) -> None:
    def results(texts: list[str], batch: int) -> list[Any]:
        other = batch > 1
        return [
            {"label": "B" if other and text in TEXTS[:flipped] else "A", "score": [0.5 + 0.001 * other, None]}
            for text in texts
        ]

    model.results = results
    found = prepared(model)
    if flipped > 2:
        with pytest.raises(SettingFailedError, match="3 of 128 rows"):
            found(Setting(64, 8))
    else:
        assert found(Setting(64, 8)).rows == 128


def failing(status: int, message: str) -> Any:
    def results(texts: list[str], _batch: int) -> list[Any]:
        if len(texts) > 8:
            raise ModelError(status, message)
        return [{"label": "A"} for _ in texts]

    return results


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (400, '{"code": 400, "message": "CUDA out of memory"}', "the model answers 400: CUDA out of memory"),
        (500, "Worker died.", "the model answers 500: Worker died."),
        (413, "", "the model answers 413"),
        (500, "[1]", "the model answers 500: [1]"),
        (0, "the container is unreachable", "the container is unreachable"),
        (500, "x" * 999, f"the model answers 500: {'x' * 176}…"),
    ],
)
def test_what_the_model_says_is_why_a_setting_fails(model: FakeModel, status: int, message: str, words: str) -> None:
    model.results = failing(status, message)
    with pytest.raises(SettingFailedError, match=rf"^{re.escape(words)}$"):
        prepared(model)(Setting(16))


def test_an_answer_that_a_job_could_not_use_is_a_failure(model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model.results = lambda texts, _batch: [{"label": "A"}] * min(len(texts), 8)
    found = prepared(model)
    with pytest.raises(SettingFailedError, match="8 results for 16 rows"):
        found(Setting(16))
    model.results = lambda texts, _batch: [{"label": "A"}] * len(texts)
    monkeypatch.setattr(trials, "LARGEST_ANSWER_BYTES", 300)
    with pytest.raises(SettingFailedError, match="none of more than 300 is read"):
        found(Setting(32))


def test_answers_and_requests_are_as_expressions_make_them(model: FakeModel) -> None:
    found = prepared(
        model,
        payload_expression="{inputs: inputs, parameters: parameters, more: `1`}",
        result_expression="[].{mood: label}",
    )
    assert found(Setting(64)).rows == 128
    assert model.requests[-1]["more"] == 1
    with pytest.raises(TuneError, match="result-expression finds nothing"):
        prepared(model, result_expression="[].{mood: mood}")

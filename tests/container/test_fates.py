"""What becomes of a row that upsets the model: the real container and handlers, and time that passes at once."""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest
from tests.container.conftest import with_code
from tests.pipeline.handlers import Handlers, loaded
from tests.pipeline.pipeline import Ended, Pipeline

from fanfold.project import find_root
from fanfold_core.domain.job import State
from localaws import template
from localaws.endpoint.models import Model, ModelError, ModelServer
from localaws.endpoint.outcomes import Outcome, Response, model_failed

pytestmark = pytest.mark.container

JSON = "application/json"
# Beside the template's own. One request may wait.
IMPATIENT = {
    "MMS_JOB_QUEUE_SIZE": "1",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "3",
}
MOST_REQUESTS_OF_A_ROW = 50


@pytest.fixture(scope="session")
def handlers() -> Iterator[Handlers]:
    with loaded() as handlers:
        yield handlers


@pytest.fixture(scope="session")
def troubled(serve: Callable[..., Model], folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that some words upset, in the template's environment."""
    coded = with_code(folders / "sentiment", "trouble", tmp_path_factory.mktemp("trouble") / "model")
    return serve("container", coded, {**template.load(find_root()).container_environment(), **IMPATIENT})


def asking(model: Model) -> Callable[[bytes], Outcome]:
    """What an endpoint tells of a container's answer."""

    def ask(body: bytes) -> Outcome:
        try:
            return Response(model.predict(body, JSON, ""), JSON)
        except ModelError as error:
            return model_failed(error)

    return ask


def play(handlers: Handlers, model: Model, texts: list[str], rows_per_request: int, **options: str) -> Ended:
    """The job of a file with these texts."""
    content = "".join(f"{text}\n" for text in ["text", *texts]).encode()
    return Pipeline(handlers, asking(model)).run(content, {"rows-per-request": str(rows_per_request), **options})


def failed(ended: Ended) -> dict[int, str]:
    """The rows without a prediction, and what errors.csv says of them."""
    return {int(row): error for row, error, *_ in ended.failed}


TROUBLE = {
    "cuda": ("CUDA out of memory. Tried to allocate 2.00 GiB", "client error (400)"),
    "nan": ("Out of range float values are not JSON compliant", "client error (400)"),
    "memory": ("", "client error (400)"),
    **{f"status {status}": ("as told", f"client error ({status})") for status in (400, 413, 422, 424)},
    **{f"status {status}": ("as told", f"server error ({status})") for status in (500, 507)},
}


@pytest.mark.parametrize(("word", "words", "status"), [(word, *told) for word, told in TROUBLE.items()], ids=TROUBLE)
def test_a_row_that_fails_costs_itself_and_has_the_model_s_words(
    handlers: Handlers, troubled: Model, word: str, words: str, status: str
) -> None:
    texts = [f"soup {number}" for number in range(8)]
    texts[5] = f"trouble: {word}"
    ended = play(handlers, troubled, texts, 4)
    assert ended.state is State.COMPLETED_WITH_ERRORS
    ((row, error),) = failed(ended).items()
    assert (row, ended.summary["predicted"]) == (5, 7)
    assert error.startswith(words)
    assert status in error
    assert len(ended.requests) <= 2 + MOST_REQUESTS_OF_A_ROW


def test_rows_that_kill_or_stall_the_worker_cost_only_themselves_in_a_large_file(
    handlers: Handlers, troubled: Model
) -> None:
    texts = [f"soup {number}" for number in range(301)]
    # As the longest, the last one has a request of its own, which saves the seconds that it would stall with others.
    killers = {8: "trouble: kill", 9: "trouble: exit", 300: "the longest of all these texts and trouble: stall"}
    broken = {150: "trouble: status 500", 151: "trouble: status 507"}
    for row, text in {**killers, **broken}.items():
        texts[row] = text
    ended = play(handlers, troubled, texts, 2)
    assert ended.state is State.COMPLETED_WITH_ERRORS
    errors = failed(ended)
    assert errors.keys() == {*killers, *broken}
    died = "Worker died. (ClientError: Received server error (500)"
    assert {row for row, error in errors.items() if error.startswith(died)} == killers.keys()
    assert len(ended.requests) <= 151 + MOST_REQUESTS_OF_A_ROW * len(errors)


@pytest.mark.parametrize("killers", [1, 2, 3, 4, 5])
def test_as_many_rows_fail_as_break_the_model_wherever_they_stand(
    handlers: Handlers, troubled: Model, killers: int
) -> None:
    rows = set(Random(killers).sample(range(300), killers))
    texts = [f"trouble: status {500 + row % 2 * 7}" if row in rows else f"soup {row}" for row in range(300)]
    ended = play(handlers, troubled, texts, 32)
    assert (set(failed(ended)), ended.state) == (rows, State.COMPLETED_WITH_ERRORS)
    # A chunk of 40 rows is two requests here.
    assert len(ended.requests) <= 16 + MOST_REQUESTS_OF_A_ROW * killers


def test_a_row_for_which_the_model_is_busy_at_first_is_predicted(handlers: Handlers, troubled: Model) -> None:
    ended = play(handlers, troubled, ["soup", "trouble: busy", "soup"], 3)
    assert (ended.state, failed(ended)) == (State.SUCCEEDED, {})


def test_an_answer_beyond_the_server_s_own_limit_arrives(handlers: Handlers, troubled: Model) -> None:
    # Together, they are more than a job takes, so they are asked for one by one.
    ended = play(handlers, troubled, ["trouble: large", "soup", "soup"], 3)
    assert (ended.state, failed(ended)) == (State.SUCCEEDED, {})
    assert len(ended.rows[0]["label"]) == 7_000_000


def test_a_request_above_the_server_s_limit_is_halved_and_only_a_row_above_it_fails(
    handlers: Handlers, stock: ModelServer
) -> None:
    texts = [f"{number} {'long soup ' * 500}" for number in range(8)]
    texts[5] = "longer soup " * 2_000
    # The model takes 64 tokens.
    ended = play(handlers, stock.model, texts, 4, parameters='{"truncation": true, "max_length": 64}')
    ((row, error),) = failed(ended).items()
    assert (row, ended.summary["predicted"]) == (5, 7)
    assert "client error (413)" in error


def test_an_answer_above_the_server_s_limit_is_asked_for_in_parts(handlers: Handlers, stock: ModelServer) -> None:
    texts = [f"soup {number}" for number in range(900)]
    with patch("tests.pipeline.handlers.ROWS_PER_CHUNK", 1_000):
        ended = play(handlers, stock.model, texts, 899)
    assert (ended.state, failed(ended)) == (State.SUCCEEDED, {})
    assert ended.summary["requests"] > 2, "all of them in one answer had more than 30,000 bytes"


def test_a_request_that_finds_the_server_s_queue_full_is_told_to_come_again(troubled: Model) -> None:
    def status(_: int) -> int:
        try:
            troubled.predict(b'{"inputs": ["trouble: slow"]}', JSON, "")
        except ModelError as error:
            return error.status
        return 200

    with ThreadPoolExecutor(6) as several:
        assert set(several.map(status, range(6))) == {200, 503}


def test_a_model_that_does_not_load_is_named_by_every_row(
    handlers: Handlers, serve: Callable[..., Model], folders: Path, tmp_path: Path
) -> None:
    """As a folder that transformers 5 has saved does."""
    folder = shutil.copytree(folders / "sentiment", tmp_path / "later")
    file = folder / "tokenizer_config.json"
    later = "TokenizersBackend"  # checkov:skip=CKV_SECRET_6:the name of a class
    saved = {**json.loads(file.read_text(encoding="utf-8")), "tokenizer_class": later}
    file.write_text(json.dumps(saved), encoding="utf-8")
    ended = play(handlers, serve("container", folder, {}), ["soup", "spring"], 2)
    assert (set(failed(ended)), ended.summary["predicted"]) == ({0, 1}, 0)
    assert all("Tokenizer class TokenizersBackend does not exist" in error for error in failed(ended).values())

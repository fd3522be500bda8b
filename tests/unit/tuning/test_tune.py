"""`fanfold tune`, with a model whose speed is known."""

from __future__ import annotations

import json
import shlex
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from fanfold.cli import cli, main
from fanfold.errors import UserError
from fanfold.tuning import trials
from fanfold.tuning.trials import Trials
from fanfold_core.domain.options import Options
from localaws.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result
    from tests.unit.tuning.conftest import FakeModel

HEAD = "rows per request\tbatch_size\trows/s\ts per request\tshare of best\tfailure"
PARAMETERS = {"truncation": True, "max_length": 512, "batch_size": 8}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "tweets.csv"
    file.write_text("text\n" + "".join(f"text {number}\n" for number in range(20_000)), encoding="utf-8")
    return file


@pytest.fixture
def tune(file: Path, model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    @contextmanager
    def served(*named: str) -> Iterator[tuple[FakeModel, str]]:
        yield model, str(named[0])

    monkeypatch.setattr(trials, "served", served)
    monkeypatch.setattr(trials, "Trials", partial(Trials, clock=lambda: model.now))
    monkeypatch.setattr(trials, "requests_at_once", lambda: 1)
    # Whoever has a stack may tune here.
    monkeypatch.setenv("FANFOLD_STACK", "fanfold")

    def run(*arguments: str, name: str = "model") -> Result:
        return CliRunner().invoke(cli, ["tune", str(file), "--model", name, *arguments])

    return run


def test_the_best_setting_is_the_first_line_and_said_as_one_sets_it(tune: Callable[..., Result]) -> None:
    said = tune()
    assert said.exit_code == 0, said.output
    head, best, *others = said.stdout.splitlines()
    # In 50 ms and 2 ms for each row, or 10 ms without a batch.
    assert (head, best) == (HEAD, "256\t8\t456\t0.562\t1.0\t")
    assert "32\t\t86.5\t0.37\t0.19\t" in others
    assert "tweets.csv with model: tried with 384 of its 20,000 rows" in said.stderr
    assert (
        "batch_size 8; 5.3 times as fast as 32 rows per request, no batch_size. To use it, add one of these:"
        in said.stderr
    )
    flags, upload, template = (line.split() for line in said.stderr.splitlines()[-3:])
    chosen = Options(rows_per_request=256, parameters=json.dumps(PARAMETERS))
    given = shlex.split(" ".join(flags))
    assert given[given.index("--rows-per-request") + 1] == "256"
    assert json.loads(given[given.index("--parameters") + 1]) == PARAMETERS
    metadata = json.loads(shlex.split(" ".join(upload))[-1])
    assert Options().overridden(metadata, allows_costlier=True) == chosen
    defaults = " ".join(template).partition("JobDefaults=")[2]
    assert Options.defaults(defaults) == chosen


def test_figures_are_there_as_json(tune: Callable[..., Result]) -> None:
    said = json.loads(tune("--json").stdout)
    assert said["best"] == said["settings"][0]
    assert said["best"] == {
        "rows_per_request": 256,
        "batch_size": 8,
        "rows_per_second": 456,
        "seconds_per_request": 0.562,
        "share_of_best": 1.0,
        "failure": None,
    }
    assert said["present"] == {"rows_per_request": 32, "batch_size": None}
    assert said["options"] == {"rows-per-request": 256, "parameters": PARAMETERS}
    assert (said["sample"]["rows"], said["sample"]["of_rows"], said["sample"]["refused"]) == (384, 20_000, 0)
    assert said["requests_at_once"] == 1


def test_what_the_file_has_is_kept_if_it_is_as_good(tune: Callable[..., Result], model: FakeModel) -> None:
    model.row_seconds = lambda _batch: 0.15
    said = tune("--rows-per-request", "16", "--parameters", '{"batch_size": 4}')
    assert said.stdout.splitlines()[1].split("\t")[:2] == ["16", "4"]
    assert said.stderr.splitlines()[-1] == "Best: 16 rows per request, batch_size 4, as the file has it now."


def test_fewer_rows_per_request_are_said_to_need_a_stack_that_takes_them(
    tune: Callable[..., Result], model: FakeModel
) -> None:
    model.results = lambda texts, _batch: [{"label": "A"}] * min(len(texts), 16)
    said = tune()
    assert said.stdout.splitlines()[1].split("\t")[:2] == ["16", "8"]
    assert "the model's answer has 16 results for 32 rows" in said.stdout
    assert "instead of 32 rows per request, no batch_size" in said.stderr
    assert "CostlierOptions=refuse takes fewer rows per request only from its own JobDefaults" in said.stderr


@pytest.mark.parametrize("rows", [5, 20])
def test_a_file_shorter_than_a_request_keeps_what_it_has(
    tune: Callable[..., Result], model: FakeModel, file: Path, rows: int
) -> None:
    file.write_text("text\n" + "".join(f"good {row}\n" for row in range(rows)), encoding="utf-8")
    model.row_seconds = lambda _batch: 0.15
    said = tune()
    assert said.stdout.splitlines()[1].split("\t")[:2] == [f"{rows}", ""]
    assert said.stderr.splitlines()[-2:] == [
        "Best: 32 rows per request, no batch_size, as the file has it now.",
        f"Tried with {rows} rows, no request has had 64: that tells little. Use a file with more rows.",
    ]
    assert json.loads(tune("--json").stdout)["options"] == {"rows-per-request": 32}
    # Larger batches are no reason for smaller requests.
    model.row_seconds = lambda batch: 0.15 if batch == 1 else 0.05
    assert json.loads(tune("--json").stdout)["options"]["rows-per-request"] == 32


def test_a_slow_model_is_said_to_have_been_tried_with_too_few_rows(
    tune: Callable[..., Result], model: FakeModel, file: Path
) -> None:
    model.row_seconds = lambda _batch: 1.0
    assert tune().stderr.splitlines()[-1] == (
        "Tried with 24 rows, no request has had 64: that tells little. Use a faster machine."
    )
    # Where the model refuses rows, others may help.
    model.row_seconds = lambda _batch: 0.001
    file.write_text("text\n" + "".join(f"{'good' if row % 4 else 'bad'} {row}\n" for row in range(100)), "utf-8")
    assert tune().stderr.splitlines()[-1] == (
        "Tried with 48 rows, no request has had 64: that tells little. Use a file with more rows."
    )


def test_a_model_of_the_hub_is_tuned_from_the_batches_that_its_jobs_have(
    tune: Callable[..., Result], model: FakeModel
) -> None:
    said = json.loads(tune("--json", name="owner/name").stdout)
    assert said["present"] == {"rows_per_request": 32, "batch_size": 16}
    # What its jobs have by default need not be said, and what they would have needs to be.
    assert "parameters" not in said["options"]
    model.row_seconds = lambda batch: 0.002 if batch == 1 else 0.01
    slower = json.loads(tune("--json", name="owner/name").stdout)
    assert slower["options"]["parameters"] == {"truncation": True, "max_length": 512}


def test_batch_sizes_are_not_tried_where_nobody_sees_them(
    tune: Callable[..., Result], model: FakeModel, tmp_path: Path
) -> None:
    (tmp_path / "packed/code").mkdir(parents=True)
    (tmp_path / "packed/code/inference.py").touch()
    for said in (tune(name="vader"), tune(name=str(tmp_path / "packed"))):
        assert {line.split("\t")[1] for line in said.stdout.splitlines()[1:]} == {""}
        assert "--parameters" not in said.stderr
    assert not any("batch_size" in request["parameters"] for request in model.requests)


def test_where_every_setting_fails_the_table_says_why(tune: Callable[..., Result], model: FakeModel) -> None:
    model.results = lambda _texts, _batch: [{"label": "A"}]
    said = tune()
    assert isinstance(said.exception, UserError)
    assert str(said.exception) == "every setting fails: see why in the table"
    assert said.stdout.splitlines()[0] == HEAD
    assert "the model's answer has 1 result for 8 rows" in said.stdout
    assert json.loads(tune("--json").stdout)["best"] is None


def test_rows_that_the_model_refuses_are_counted(tune: Callable[..., Result], file: Path) -> None:
    file.write_text(
        "text\n" + "".join(f"good {number}\nbad {number}\nfine {number}\n" for number in range(20)), encoding="utf-8"
    )
    said = tune()
    assert "tried with 40 of its 60 rows" in said.stderr
    assert "20 rows left out, which the model refuses: the model answers 400: 1 bad texts" in said.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("tweets.csv --stack fanfold", "on this machine, not on a stack, where each trial would be a job"),
        ("s3://b/c.csv", "s3://b/c.csv is not on this machine: download it first (aws s3 cp s3://b/c.csv .)"),
        ("tweets.csv --prompt {text}?", "each row of tweets.csv is a request of its own: there is nothing to tune"),
        ("batch.jsonl", "each row of batch.jsonl is a request of its own: there is nothing to tune"),
        ("tweets.csv --model modl", "'modl' names no model: give 'vader', a folder with a transformers model"),
        ("tweets.csv --container python", "'vader' is no folder: name the model's, which the container runs"),
    ],
)
def test_what_cannot_be_tuned_is_refused(
    file: Path, arguments: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    of_openai = {"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {"input": "so good"}}
    (file.parent / "batch.jsonl").write_text(json.dumps(of_openai), encoding="utf-8")
    said = CliRunner().invoke(cli, ["tune", *arguments.split()])
    assert said.exit_code in {1, 2}
    assert isinstance(said.exception, SystemExit | UserError | LocalCloudError)
    assert words in f"{said.stderr}{said.exception}"


def test_a_model_of_this_machine_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("text\n" + "".join(f"so good {number}\n" for number in range(40)), encoding="utf-8")
    monkeypatch.setattr(trials, "_LEAST_SECONDS", 0.001)
    monkeypatch.setattr("sys.argv", ["fanfold", "tune", str(tmp_path / "a.csv")])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert not ended.value.code, said.err
    assert said.out.splitlines()[0] == HEAD
    assert "tried with 40 of its 40 rows" in said.err

"""What the command line takes for a file, and what it asks before it sends one."""

from __future__ import annotations

import errno
import json
import re
import sys
from functools import partial
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from fanfold.cli import cli
from fanfold.costs.estimate import count, project
from fanfold.errors import InputFileError, PackageMissingError, UserError
from fanfold.input.files import LocalFile
from fanfold.input.sources import Source, spooled_stream

ROWS = "id,text\n" + "".join(f"{row},so good {row}\n" for row in range(10))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ten.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def fanfold(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)), input=stdin)


def texts(said: Result) -> list[str]:
    return [text for line in said.stdout.splitlines() for text in json.loads(line)["body"]["inputs"]]


def test_a_dry_run_shows_all_of_the_first_rows_that_it_is_asked_for(file: Path) -> None:
    assert len(texts(fanfold("run", file, "--dry-run", "--limit", "7", "--rows-per-request", "1"))) == 7
    assert len(texts(fanfold("run", file, "--dry-run", "--rows-per-request", "1"))) == 3


def test_standard_input_is_a_file(file: Path) -> None:
    said = fanfold("run", "-", "--dry-run", stdin=ROWS)
    assert said.stderr.startswith("standard input: 2 columns. The first line is the header, and the ")
    assert texts(said) == [f"so good {row}" for row in range(10)]
    assert fanfold("run", "-", file, "-", "--dry-run").exit_code == 2


def test_a_header_is_only_spoken_of_where_there_may_be_one(file: Path, tmp_path: Path) -> None:
    lines = tmp_path / "ten.jsonl"
    lines.write_text('{"id": 1, "text": "so good"}\n', encoding="utf-8")
    pq.write_table(pa.table({"id": [1], "text": ["so good"]}), tmp_path / "ten.parquet")
    texts = "he texts are in column 1, 'text', because of its usual name.\n"
    for path, words in (
        (file, f"The first line is the header, and t{texts}"),
        (lines, f"The columns are the keys of the first 1 row. T{texts}"),
        (tmp_path / "ten.parquet", f"The columns are the keys of the first 1 row. T{texts}"),
    ):
        assert fanfold("run", path, "--dry-run").stderr.startswith(f"{path}: 2 columns. {words}")
    one = tmp_path / "one.csv"
    one.write_text("so good\n", encoding="utf-8")
    for path, options, words in (
        (
            file,
            ("--header", "present", "--input-column", "text"),
            "with a header; the texts are in column 1, 'text'.\n",
        ),
        (
            file,
            ("--header", "absent", "--input-column", "0"),
            "without a header; the texts are in column 0, 'column_1'.",
        ),
        (file, ("--input-column", "text"), "2 columns, with a header; the texts are in column 1, 'text'.\n"),
        (file, ("--input-expression", "text"), "2 columns, with a header; the model input is text.\n"),
        (one, (), "1 column, 'column_1'. The file has one column, and its first line is a row: "),
    ):
        assert words in fanfold("run", path, "--dry-run", *options).stderr


def test_a_file_in_a_folder_that_may_not_be_listed_is_said_not_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputFileError, match=r"tweet\.csv does not exist: see `ls "):
        Source.of_file(tmp_path / "tweet.csv")


def test_what_is_spooled_can_be_read_from_anywhere_again_and_has_no_name_to_be_left_behind(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with file.open("rb") as stream, spooled_stream("a.csv", "a", stream) as source:
        assert list(tmp_path.iterdir()) == [file]
        for start in (0, 5, 0):
            with source.open(start) as opened:
                assert opened.read() == ROWS.encode()[start:]
        assert source.size == len(ROWS)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a file without room")
@pytest.mark.parametrize("trouble", ["no room", "no folder"])
def test_what_cannot_be_spooled_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    def no_folder() -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")  # as Python has it

    no_room = partial(open, "/dev/full", "w+b")
    monkeypatch.setattr("fanfold.input.sources.TemporaryFile", {"no room": no_room, "no folder": no_folder}[trouble])
    with pytest.raises(UserError, match=r"^cannot copy tweets to a temporary file \(No .*TMPDIR"):
        spooled_stream("tweets.csv", "tweets", BytesIO(ROWS.encode())).__enter__()


def test_a_file_in_openais_batch_format_is_said_to_be_one(tmp_path: Path) -> None:
    request = {"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {"input": "so good"}}
    path = tmp_path / "batch.jsonl"
    path.write_text(f"{json.dumps(request)}\n" * 3, encoding="utf-8")
    said = fanfold("run", path, "--dry-run", "--limit", "2")
    assert [json.loads(line)["body"] for line in said.stdout.splitlines()] == [request["body"]] * 2
    first, hint, *_ = said.stderr.splitlines()
    assert first.startswith(
        f"{path} is in OpenAI's batch format: the body of each line is sent as a request of its own."
    )
    assert "The job's files include batch_output.jsonl and batch_errors.jsonl." in first
    assert hint.startswith("The custom_id of an earlier request stands in 2 of the first 3 rows")
    as_csv = fanfold("run", path, "--dry-run", "--results-format", "csv")
    assert "batch format" in as_csv.stderr
    assert "batch_output.jsonl" not in as_csv.stderr


def test_several_files_are_several_jobs(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tsv"
    other.write_text("text\tid\nso bad\t1\n", encoding="utf-8")
    assert texts(fanfold("run", file, other, "--dry-run")) == [*(f"so good {row}" for row in range(10)), "so bad"]


def test_files_whose_results_would_go_to_one_folder_are_not_run(file: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    twin = file.rename(tmp_path / "a" / file.name)
    file.write_text(ROWS, encoding="utf-8")
    said = fanfold("run", file, twin, "--out", tmp_path / "out")
    assert (said.exit_code, (tmp_path / "out").exists()) == (2, False)
    assert "several files are named ten" in said.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--stack", "mine", "--model", "vader"],
            "--model is for the local endpoint, and stack mine has one of its own",
        ),
        (["--stack", "mine", "--task", "ner"], "--task is for the local endpoint"),
        (["s3://bucket/tweets.csv"], "s3://bucket/tweets.csv is read by a stack: add --stack"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(file: Path, options: list[str], words: str) -> None:
    said = fanfold("run", file, *options)
    assert (said.exit_code, words in said.stderr) == (2, True)


def test_a_model_of_the_hub_says_what_it_is_downloaded_with(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.chdir(file.parent)
    with pytest.raises(
        PackageMissingError, match=r"no folder here but on the Hugging Face Hub, .*fanfold\[transformers\]"
    ):
        CliRunner().invoke(cli, ["run", file.name, "--model", "owner/name"], catch_exceptions=False)


def test_the_work_of_a_large_file_is_projected_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("text\n" + "so good\n" * 50_000, encoding="utf-8")
    found = LocalFile.read(Source.of_file(path), {}, {})
    assert project(found).rows == pytest.approx(count(found).rows, rel=0.01)
    assert project(found).requests == pytest.approx(count(found).requests, rel=0.01)


CHAT = '{"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}\n'
PROMPT = {"prompt": "Is {text} good?"}
HUB = "owner/model"


@pytest.mark.parametrize(
    ("file", "options"),
    [(("batch.jsonl", CHAT), {}), (("texts.csv", "text\nso good\n"), PROMPT)],
)
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"HfModelId": "vader"}, "The model is VADER, a word lexicon, .* all rows will fail. .* with --model"),
        ({"HfModelId": HUB}, "owner/model runs in Hugging Face's container, .* all rows will fail. .* ContainerImage"),
        ({"HfModelId": HUB, "ContainerImage": "mine"}, ""),
        ({"HfModelId": HUB, "EndpointName": "mine"}, ""),
        ({"HfModelId": HUB, "ModelDataUrl": "s3://mine/model.tar.gz"}, ""),
        # A container, a folder or a function of this machine.
        ({"HfModelId": "http-127.0.0.1-8000"}, ""),
        ({}, ""),
    ],
)
def test_a_model_that_takes_no_chats_is_said_before_any_is_sent(
    tmp_path: Path, file: tuple[str, str], options: dict[str, str], parameters: dict[str, str], words: str
) -> None:
    name, content = file
    (tmp_path / name).write_text(content, encoding="utf-8")
    warnings = LocalFile.read(Source.of_file(tmp_path / name), parameters, options).layout.warnings
    assert len(warnings) == bool(words)
    assert not words or re.search(words, warnings[0])


def test_a_text_is_sent_to_any_model_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text("text\nso good\n", encoding="utf-8")
    assert LocalFile.read(Source.of_file(tmp_path / "texts.csv"), {"HfModelId": "vader"}, {}).layout.warnings == ()


def test_an_option_of_the_stack_is_blamed_before_the_upload_too(tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text("id,text\n1,so good\n", encoding="utf-8")
    source, defaults = Source.of_file(tmp_path / "texts.csv"), {"JobDefaults": '{"input-column": "txt"}'}
    with pytest.raises(
        InputFileError, match=r"texts\.csv: by input-column in the stack's parameter JobDefaults: no col"
    ):
        LocalFile.read(source, defaults, {})
    with pytest.raises(InputFileError, match=r"texts\.csv: no column is named 'txet'"):
        LocalFile.read(source, defaults, {"input-column": "txet"})

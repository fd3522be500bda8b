"""The client and the command line offer every option of the table, and no other."""

import inspect
import json
import re
from dataclasses import replace
from io import BytesIO
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock, Mock

import click
import pytest
from click.testing import CliRunner
from tests.fakes.ledger import MemoryLedger
from tests.fakes.values import NOW, make_job

from fanfold import Fanfold
from fanfold.cli import cli
from fanfold.doctor.findings import Verdict
from fanfold.doctor.stack import examine
from fanfold.errors import InputFileError, UploadError, UserError
from fanfold.input.files import LocalFile
from fanfold.input.sources import Source
from fanfold.input.uploads import metadata, upload_stream
from fanfold.stacks import Stack
from fanfold_core.domain.job import State
from fanfold_core.domain.options import OPTIONS, Options


def test_help_of_the_client_has_every_option_with_its_meaning() -> None:
    taken = inspect.signature(Fanfold.submit).parameters
    assert list(taken) == ["self", "data", "name", *OPTIONS]
    said = " ".join((Fanfold.submit.__doc__ or "").split())
    for row in OPTIONS.values():
        assert f"{row.field}: {row.help}" in said


def test_values_are_those_of_python_and_spelt_as_metadata() -> None:
    spelt = metadata(rows_per_request=64, parameters={"top_k": 1}, guard_formulas=False, delimiter="\t", header=None)
    assert Options(guard_formulas=True).overridden(spelt) == Options(
        rows_per_request=64, parameters='{"top_k": 1}', delimiter="\t"
    )


def test_a_name_that_is_no_option_is_refused_with_the_nearest() -> None:
    with pytest.raises(TypeError, match="unknown option row_per_request; did you mean rows_per_request"):
        metadata(row_per_request=8)
    with pytest.raises(TypeError, match=r"unknown option zzz$"):
        Fanfold("none").submit("a.csv", zzz=1)


@pytest.mark.parametrize("command", ["run", "submit", "estimate", "tune"])
def test_commands_that_read_a_file_take_every_option(command: str) -> None:
    found = {option.name: option for option in cli.commands[command].params if isinstance(option, click.Option)}
    for row in OPTIONS.values():
        assert f"--{row.name}" in found[row.field].opts
        assert found[row.field].help == row.help


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--parameters", "[1]"], "option `--parameters` is '[1]'; it must be a JSON object"),
        (["--input-expression", "{text: "], "it must be a JMESPath expression"),
        (["--prompt", "Is it good?"], "it must be a text with at least one column's name in braces, such as {title}"),
        (["--encoding", "klingon"], "a text encoding that Python knows"),
        (["--delimiter", "::"], "option `--delimiter` is '::'; it must be one ASCII character"),
        (["--quote", ""], "option `--quote` is ''; it must be one ASCII character"),
        (["--escape", "é"], "option `--escape` is 'é'; it must be one ASCII character"),
        (["--rows-per-request", "0"], "1<=x<=1000"),
        (["--header", "maybe"], "'auto', 'present', 'absent'"),
    ],
)
def test_a_value_that_an_option_may_not_have_is_wrong_usage(given: list[str], words: str) -> None:
    answer = CliRunner().invoke(cli, ["run", __file__, "--dry-run", *given])
    assert answer.exit_code == 2
    assert words in answer.output


@pytest.mark.parametrize(
    ("parameters", "given", "words"),
    [
        ({"MaxBytes": "30"}, {}, "more than 30 bytes of text, which is the most that this stack takes (MaxBytes)"),
        ({"MaxRows": "2"}, {}, "more than 2 rows, which is the most that this stack takes (MaxRows)"),
        (
            {"JobDefaults": '{"rows-per-request": 16}', "CostlierOptions": "refuse"},
            {"rows-per-request": "8"},
            "option rows-per-request is '8'; it must be 16 or more, since this stack has rows-per-request=16 in",
        ),
    ],
)
def test_what_the_stack_does_not_take_is_known_before_the_upload(
    tmp_path: Path, parameters: dict[str, str], given: dict[str, str], words: str
) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,good\n2,better\n3,best\n", encoding="utf-8")
    with pytest.raises(InputFileError, match=re.escape(words)):
        LocalFile.read(Source.of_file(tmp_path / "a.csv"), parameters, given)
    taken = {"MaxBytes": "31", "MaxRows": "3", "JobDefaults": '{"rows-per-request": 16}', "CostlierOptions": "allow"}
    assert LocalFile.read(Source.of_file(tmp_path / "a.csv"), taken, given).layout.columns == ("id", "text")


HUB = {"HfModelId": "acme/sentiment", "ContainerTimeoutSeconds": "900"}


@pytest.mark.parametrize(
    ("parameters", "seconds", "is_cut_short"),
    [
        (HUB, "900", False),
        (HUB, "901", True),
        ({**HUB, "ContainerTimeoutSeconds": "1800"}, "1800", False),
        ({**HUB, "ContainerTimeoutSeconds": "1800"}, "1801", True),
        ({"HfModelId": "acme/sentiment"}, "901", True),
        ({**HUB, "HfModelId": "bert", "ModelDataUrl": "s3://models/model.tar.gz"}, "901", True),
        ({**HUB, "EndpointName": "another"}, "3600", False),
        ({**HUB, "ContainerImage": "image"}, "3600", False),
        ({**HUB, "HfModelId": "vader"}, "3600", False),
    ],
)
def test_a_timeout_that_the_stacks_container_does_not_wait_for_is_warned_of(
    tmp_path: Path, parameters: dict[str, str], seconds: str, *, is_cut_short: bool
) -> None:
    (tmp_path / "a.csv").write_text("text\ngood\n", encoding="utf-8")
    source = Source.of_file(tmp_path / "a.csv")
    warnings = LocalFile.read(source, parameters, {"invocation-timeout-seconds": seconds}).layout.warnings
    words = f"deploy the stack with ContainerTimeoutSeconds={seconds}."
    assert [warning.endswith(words) for warning in warnings] == [True] * is_cut_short
    of_jobs = {**parameters, "JobDefaults": json.dumps({"invocation-timeout-seconds": int(seconds)})}
    assert len(LocalFile.read(source, of_jobs, {}).layout.warnings) == is_cut_short
    findings = islice(examine(Stack(MagicMock(), None, "fanfold", of_jobs, *["name"] * 8)), 2)
    assert [finding.verdict for finding in findings if words in finding.words] == [Verdict.RISKY] * is_cut_short


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "id,title\n1,Soup\n", "'column_1', 'column_2', since the first line is taken for a row; correct"),
        ("a.csv", "id,title\n1,Soup\n", "first line; the first line is 'id', 'title'"),
        ("a.csv", "id,year\n1,1999\n", "'id', 'year'; correct the option, or the file's first line"),
        ("a.jsonl", '{"id": 1, "title": "Soup"}\n', "'id', 'title'; correct the option"),
    ],
)
def test_a_prompt_with_an_unknown_column_is_refused_with_the_columns_that_there_are(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputFileError, match=re.escape(words)) as caught:
        LocalFile.read(Source.of_file(tmp_path / name), {}, {"prompt": "Is {titel} good? {year}"})
    assert "'titel', which the option `prompt` uses: the columns are" in str(caught.value)


def test_options_that_are_more_than_s3_takes_are_refused_and_the_longest_is_named() -> None:
    session = Mock()
    session.client.return_value.head_object.return_value = {"VersionId": "1"}
    stack = Stack(session, None, "fanfold", {}, *["input"] * 8)
    # 337 times the six bytes of %C3%A9, and 26 of all else.
    most = {"prompt": "é" * 337, "rows-per-request": "1000"}
    assert upload_stream(stack, "a.csv", BytesIO(), most).state == "UPLOADED"
    words = (
        "cannot upload a.csv: its options have 2,049 bytes, percent-encoded, and S3 takes 2,048; shorten the option `p"
    )
    with pytest.raises(UploadError, match=re.escape(words)):
        upload_stream(stack, "a.csv", BytesIO(), {**most, "rows-per-request": "01000"})
    session.client.return_value.upload_fileobj.assert_called_once()


def test_json_keeps_its_punctuation_in_metadata_and_what_s3_may_not_take_is_encoded() -> None:
    session = Mock()
    session.client.return_value.head_object.return_value = {"VersionId": "1"}
    given = {"parameters": '{"a": ["50 %", "ü"], "b": "x?=/"}', "delimiter": "tab"}
    upload_stream(Stack(session, None, "fanfold", {}, *["input"] * 8), "a.csv", BytesIO(), given)
    sent = session.client.return_value.upload_fileobj.call_args.kwargs["ExtraArgs"]["Metadata"]
    assert sent["parameters"] == '{"a":%20["50%20%25",%20"%C3%BC"],%20"b":%20"x%3F%3D/"}'
    assert Options().overridden(sent) == Options().spelt(given)


def test_without_a_stack_the_command_line_takes_what_costs_more_as_a_local_cloud_does(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\ngood\nbetter\n", encoding="utf-8")
    options = ["--dry-run", "--rows-per-request", "1", "--max-attempts", "20"]
    answer = CliRunner().invoke(cli, ["run", str(tmp_path / "a.csv"), *options])
    assert answer.exit_code == 0
    assert [json.loads(line)["rows"] for line in answer.stdout.splitlines()] == [[0], [1]]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-", "--stdin-name", "chats.jsonl"], 0, "standard input: 1 column"),
        (["--stdin-name", "some/chats.jsonl", "-"], 0, "standard input: 1 column"),
        (["-"], 1, "standard input: "),
        (["a.csv", "--stdin-name", "chats.jsonl"], 2, "--stdin-name is for standard input: name that as -"),
    ],
)
def test_standard_input_is_of_the_format_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("text\nso good\n", encoding="utf-8")
    monkeypatch.delenv("FANFOLD_STACK", raising=False)
    said = CliRunner().invoke(cli, ["run", *arguments, "--dry-run"], input='{"text": "so good"}\n')
    assert (said.exit_code, words in f"{said.stderr}{said.exception}") == (code, True)
    assert ("so good" in said.stdout) == (code == 0)


@pytest.mark.parametrize(("since", "found"), [("monday", "monday-1f"), ("tuesday-2e", "tuesday-2e"), ("", "")])
def test_an_earlier_job_may_be_named_by_how_its_id_begins(earlier: SimpleNamespace, since: str, found: str) -> None:
    upload_stream(earlier.stack, "a.csv", BytesIO(), {"since": since})
    assert earlier.s3.upload_fileobj.call_args.kwargs["ExtraArgs"]["Metadata"] == {"since": found}


@pytest.mark.parametrize(
    ("since", "words"),
    [
        ("sunday", "this stack has no job sunday: `fanfold jobs` lists all jobs"),
        ("tuesday", "several jobs begin with tuesday, choose one: tuesday-2e, tuesday-3d"),
        ("wednesday", "job wednesday-4c is still running: wait for its end"),
    ],
)
def test_nothing_is_uploaded_since_a_job_that_is_none_or_has_not_ended(
    earlier: SimpleNamespace, since: str, words: str
) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        upload_stream(earlier.stack, "a.csv", BytesIO(), {"since": since})
    earlier.s3.upload_fileobj.assert_not_called()


@pytest.fixture
def earlier() -> SimpleNamespace:
    """A stack with some jobs, the last of which is at work."""
    ledger, s3 = MemoryLedger(lambda: NOW), Mock()
    s3.head_object.return_value = {"VersionId": "1"}
    jobs = {"monday-1f": State.SUCCEEDED, "tuesday-2e": State.FAILED, "tuesday-3d": State.FAILED}
    for job, state in {**jobs, "wednesday-4c": State.RUNNING}.items():
        ledger.create(replace(make_job(), id=job, state=state))
    stack = SimpleNamespace(
        ledger=ledger,
        job_ids=lambda: iter([*jobs, "wednesday-4c"]),
        client=lambda _service: s3,
        input_bucket="input",
        endpoint="endpoint",
    )
    return SimpleNamespace(stack=stack, s3=s3)

"""Mistakes that new users make: each is answered by what happened, where, and what to do; never by a stack trace."""

from __future__ import annotations

import re
import socket
import sys
from functools import partialmethod
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from boto3 import Session
from botocore.exceptions import ClientError, TokenRetrievalError, UnauthorizedSSOTokenError
from tests.docs.known import check_line

from fanfold import InputFileError, StackError
from fanfold.input.files import opened
from fanfold.project import find_root
from fanfold.stacks import Stack
from localaws.credentials import Keys, LocalSession
from localaws.endpoint.models import ContainerModel, load_model
from localaws.errors import ModelUnavailableError, TemplateError
from localaws.template import load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Said, Shell

OK, FAILED, WRONG_USAGE = 0, 1, 2
MOST_LINES = 3
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
# Where nothing listens.
NOWHERE = "http://127.0.0.1:1"


def check(said: Said, code: int, words: tuple[str, ...]) -> None:
    """The words, in their order, are in the last line of few, and docs/errors.md has that."""
    assert (said.code, said.stdout) == (code, "")
    assert len(said.lines) <= MOST_LINES
    line = said.lines[-1]
    assert line.startswith("fanfold: ")
    places = [line.find(part) for part in words]
    assert -1 not in places, line
    assert places == sorted(places), line
    check_line(line)


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        # Names of files, commands and options.
        ("run tweet.csv", WRONG_USAGE, ("file tweet.csv does not exist", "did you mean tweets.csv?")),
        ("estimate flder/tweets.csv", WRONG_USAGE, ("flder/tweets.csv does not exist", "there is no folder flder")),
        ("submit zzz", WRONG_USAGE, ("file zzz does not exist", "`ls .`")),
        ("run folder", WRONG_USAGE, ("folder is a folder", "choose a file in it", "folder/*.csv")),
        ("run https://a.b/c.csv", WRONG_USAGE, ("does not exist: download it first", "`curl -LO https://a.b/c.csv`")),
        ("run https://a.b/c?d=1&e=2", WRONG_USAGE, ("`curl -LO 'https://a.b/c?d=1&e=2'`",)),
        ("run s3://b/c.csv", WRONG_USAGE, ("s3://b/c.csv is read by a stack", "add --stack", "aws s3 cp")),
        ("run", WRONG_USAGE, ("Missing argument 'FILE...'", "`fanfold run --help`")),
        ("tweets.csv", WRONG_USAGE, ("tweets.csv is a file, not a command", "`fanfold run tweets.csv`")),
        ("rnu tweets.csv", WRONG_USAGE, ("No such command 'rnu'", "Did you mean 'run'?")),
        ("run tweets.csv --hedaer present", WRONG_USAGE, ("No such option '--hedaer'", "--header", "run --help`")),
        ("run tweets.csv --verbose", WRONG_USAGE, ("No such option '--verbose'", "`fanfold run --help`")),
        ("errors a-1 --csv --json", WRONG_USAGE, ("--csv and --json cannot be combined", "`fanfold errors --help`")),
        ("results a-1 --parquet -", WRONG_USAGE, ("--parquet writes all rows to a file", "`fanfold results --help`")),
        # Values of options.
        ("run tweets.csv --header yes", WRONG_USAGE, ("'--header'", "'auto', 'present', 'absent'", "run --help`")),
        ("run tweets.csv --limit 0", WRONG_USAGE, ("'--limit': 0 is not in the range x>=1", "`fanfold run --help`")),
        ("jobs --limit ten", WRONG_USAGE, ("'--limit': 'ten' is not a valid number", "`fanfold jobs --help`")),
        ("estimate tweets.csv --rows-per-second x", WRONG_USAGE, ("'x' is not a valid number", "estimate --help`")),
        ("run tweets.csv --encoding uft-8", WRONG_USAGE, ("fanfold: option `--encoding` is 'uft-8'", "such as utf-8")),
        ("run tweets.csv --delimiter tabs", WRONG_USAGE, ("option `--delimiter` is 'tabs'", '"tab"')),
        ("run tweets.csv --encoding utf-16", FAILED, ("tweets.csv: ", "`--encoding` says utf-16", "leave the option")),
        ("run tweets.csv --skip-rows 9", FAILED, ("tweets.csv: ", "not so many lines", "`--skip-rows` says: 9")),
        ("run tweets.csv --task fill-mask", WRONG_USAGE, ("--task is for a model from a folder", "with --model")),
        ("tune tweets.csv --task fill-mask", WRONG_USAGE, ("--task is for a model from a folder", "leave --task out")),
        ("run tweets.csv --since tweets", WRONG_USAGE, ("--since names a job of a stack", "`fanfold local up`")),
        ("run tweets.csv --delimiter ;", FAILED, ("tweets.csv: ", "set the option `--delimiter` to ,")),
        ("run tweets.csv --input-expression no(text)", WRONG_USAGE, ("`--input-expression` is", "no function no()")),
        # Columns.
        ("run tweets.csv --input-column txt", FAILED, ("no column is named 'txt'", "did you mean 'text'?")),
        ("run tweets.csv --label-column ids", FAILED, ("named 'ids'", "`--label-column`; did you mean 'id'")),
        (
            "run tweets.csv --input-expression txt",
            FAILED,
            ("named 'txt'", "`--input-expression`", "did you mean 'text'"),
        ),
        ("run tweets.csv --input-column 7", FAILED, ("there is no column 7", "`--input-column`", "'id', 'text'")),
        ("run words.csv", FAILED, ("words.csv: ", "holds the texts", "option `--input-column`", "'id', 'words'")),
        ("run twins.csv", FAILED, ("2 columns are named 'text'", "0 or 1, with the option `--input-column`")),
        ("run table.csv", FAILED, ("the first 3 lines seem to have 2 cells each", "option `--delimiter` to ;")),
        # What is in files.
        ("run empty.csv", FAILED, ("empty.csv: the file is empty", "upload a file with rows")),
        ("run header.csv", FAILED, ("header.csv: the file has no rows", "upload a file with rows")),
        ("run book.xlsx", FAILED, ("looks like an Excel workbook", "save it as CSV UTF-8")),
        ("run tweets.zip", FAILED, ("looks like a zip archive", "unzip it")),
        ("run list.json", FAILED, ("looks like JSON", "pandas.read_json and to_csv")),
        ("run list.jsonl", FAILED, ("list.jsonl: ", "write one object per line", "`jq -c '.[]'`")),
        ("run broken.parquet", FAILED, ("broken.parquet: the Parquet file cannot be read", "or write it again")),
        ("run windows.csv", FAILED, ("2 of the first 2 rows", "not utf-8", "`--encoding` (for example cp1252)")),
        ("run utf-16.csv", FAILED, ("looks like text in utf-16", "option `--encoding` to utf-16")),
        ("run open.csv", FAILED, ("row 1: a quote opens in this row and is never closed", "option `--escape`")),
        ("run packed.csv", FAILED, ("compressed with gzip", "doesn't end in .gz: rename it so")),
        ("run unpacked.csv.gz", FAILED, ("not a valid gzip file", "rename it if it is not compressed")),
        ("run half.csv.gz", FAILED, ("the gzip file is truncated", "upload the complete file")),
        # Folders of results and models.
        ("run tweets.csv --out empty.csv", WRONG_USAGE, ("'--out': Directory 'empty.csv' is a file", "run --help`")),
        (
            "run tweets.csv --out taken",
            FAILED,
            ("taken has the files of job a-1, from a file named other.csv", "(--out)", "--replace"),
        ),
        (
            "run tweets.csv --out full",
            FAILED,
            (
                "full has the files of job a-1, from a file named tweets.csv, perhaps another one",
                "(--out)",
                "--replace",
            ),
        ),
        (
            "report out_typo",
            FAILED,
            ("there is no folder out_typo here; as the id of a job, it needs a stack: stack ",),
        ),
        ("compare cells out_typo", FAILED, ("there is no folder out_typo here; as the id of a job, it needs a stack",)),
        ("report model-unsaved", FAILED, ("folder model-unsaved has no files of a job; as the id of a job",)),
        ("compare lines/results.jsonl cells", FAILED, ("results.jsonl", "option `--results-format` set to csv")),
        ("compare cells cells --out no/changed.csv", FAILED, ("cannot write no/changed.csv (No such file", "(--out)")),
        ("compare cells tweets.csv", FAILED, ("tweets.csv has no files of a job", "`fanfold download`")),
        ("compare cells old/results.csv", WRONG_USAGE, ("folder old does not exist", "`fanfold download`")),
        ("report old/", WRONG_USAGE, ("folder old does not exist", "`fanfold download`")),
        ("compare cells celsl/", WRONG_USAGE, ("folder celsl does not exist", "did you mean cells?")),
        # Parameters of the template, and models.
        ("local up --parameter MaxRow=3", WRONG_USAGE, ("no parameter MaxRow", "Did you mean MaxRows?")),
        ("local up --parameter MaxInstances=x", WRONG_USAGE, ("MaxInstances is 'x'", "must be a whole number")),
        ("local up --parameter JobDefaults={}x", WRONG_USAGE, ("JobDefaults", "must be a JSON object")),
        ("run tweets.csv --model nomodel", WRONG_USAGE, ("'nomodel' names no model: give 'vader'",)),
        ("run tweets.csv --container python3", WRONG_USAGE, ("'vader' is no folder: name the model's", "--model")),
        ("report cells", FAILED, ("cells has no report.html", "`fanfold download`")),
        ("report folder/", FAILED, ("folder/ has no report.html", "`fanfold download`")),
        # A folder that no job wrote may be called as a job is.
        ("report folder", FAILED, ("stack fanfold: ", "You must specify a region")),
        ("compare cells folder", FAILED, ("stack fanfold: ", "You must specify a region")),
        ("doctor --model modl", WRONG_USAGE, ("model modl does not exist", "did you mean model?")),
        ("doctor --model model.tar.gz", FAILED, ("no model.tar.gz (Compressed file ended", "`tar -czf model.tar.gz")),
        ("doctor --model tweets.csv", FAILED, ("tweets.csv is no model's folder", "`tar -czf model.tar.gz")),
        ("model pack model", FAILED, ("model: it has no config.json at its top", "pack what is in the folder")),
    ],
)
def test_a_mistake_is_answered_by_a_line_that_says_what_to_do(
    shell: Shell, command: str, code: int, words: tuple[str, ...]
) -> None:
    check(shell(command), code, words)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("run semicolons.csv", "has ';' in it: if cells end there, set the option `--delimiter` to ;."),
        ("run backslashes.csv", 'Quotes inside cells seem to be written as \\", which ends cells too early: set the'),
        ("run windows-once.csv", "name it with the option `--encoding`; cp1252 could read it."),
    ],
)
def test_what_can_be_read_but_was_perhaps_not_meant_is_said_with_the_option_to_set(
    shell: Shell, command: str, words: str
) -> None:
    said = shell(f"{command} --dry-run")
    assert (said.code, len(said.lines)) == (OK, MOST_LINES)
    assert words in said.lines[1]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, ("You must specify a region", "set AWS_DEFAULT_REGION", "`fanfold local up`")),
        (
            {"AWS_DEFAULT_REGION": "us-east-1"},
            ("Unable to locate credentials", "`aws configure`", "`fanfold local up`"),
        ),
        ({"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x"}, ("missing: AWS_SECRET_ACCESS_KEY", "set that")),
        ({**KEYS, "AWS_DEFAULT_REGION": "us east"}, ("'us east'", "set AWS_DEFAULT_REGION to a region such as")),
        ({"AWS_PROFILE": "missing"}, ("(missing) could not be found", "`aws configure list-profiles`")),
        ({**KEYS, "AWS_ENDPOINT_URL": NOWHERE}, (f"no response from {NOWHERE}", "`fanfold local up`", "`unset AWS")),
        ({**KEYS, "AWS_ENDPOINT_URL": "127.0.0.1:1"}, ("Invalid endpoint: 127.0.0.1:1", "set AWS_ENDPOINT_URL to")),
    ],
)
def test_what_is_missing_to_ask_aws_is_said_with_how_to_set_it(
    shell: Shell, environment: dict[str, str], words: tuple[str, ...]
) -> None:
    check(shell("jobs", environment), FAILED, ("stack fanfold: ", *words))


def test_a_parquet_file_without_what_reads_it_is_answered_by_how_to_install_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    check(shell("run broken.parquet"), FAILED, ("a Parquet file needs packages", "pip install 'fanfold[parquet]'"))


@pytest.mark.parametrize("option", ["--port", "--endpoint-port", "--console-port"])
def test_a_taken_port_is_answered_by_the_option_to_choose_another(shell: Shell, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = shell(f"local up --port 0 --endpoint-port 0 --console-port 0 {option} {port}")
    check(said, FAILED, (f"port {port} is already in use", f"choose another port with {option} (0: any free port)"))


@pytest.mark.parametrize(
    ("name", "words"),
    [("MaxRow", "no parameter MaxRow. Did you mean MaxRows?"), ("Zzz", "no parameter Zzz. It has AlarmEmail, ")],
)
def test_a_parameter_that_there_is_not_is_answered_by_those_that_there_are(name: str, words: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(words)):
        load(find_root(), {name: "3"})


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            "nomodel",
            "'nomodel' names no model: give 'vader', a folder with a transformers model, owner/name of one on the Hub",
        ),
        ("model", r"model holds no model: it has no config\.json .*; name the folder that save_pretrained"),
        ("model-unsaved", r"its config\.json tells no architectures; save it again .*--task"),
        ("model.tar.gz", r"'model\.tar\.gz' names no model: give 'vader', a folder"),
        (NOWHERE, rf"nothing listens at {NOWHERE}: start the server first \(for example `docker run"),
        (f"{NOWHERE}/v1/embeddings", rf"nothing listens at {NOWHERE}: start the server first "),
        ("http://", r"'http://' is no address: give one such as http://127"),
        ("http://a:b", r"'http://a:b' is no address: give one such as http://127"),
    ],
)
@pytest.mark.usefixtures("shell")
def test_a_model_that_there_is_not_is_said_with_what_to_name(
    monkeypatch: pytest.MonkeyPatch, model: str, words: str
) -> None:
    now = partialmethod(ContainerModel.wait_until_ready, listening_seconds=0)
    monkeypatch.setattr(ContainerModel, "wait_until_ready", now)
    with pytest.raises(ModelUnavailableError, match=words):
        load_model(model)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ClientError({"Error": {"Code": "ExpiredToken", "Message": "The token is expired"}}, "DescribeStacks"),
            "The token is expired. `aws sts get-caller-identity` shows your identity; log in again",
        ),
        (UnauthorizedSSOTokenError(), "log in again (`aws sso login`"),
        (TokenRetrievalError(provider="sso", error_msg="it has expired"), "log in again (`aws sso login`"),
        (
            ClientError({"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}, "DescribeStacks"),
            "Rate exceeded: try again, or check the stack with `fanfold doctor`",
        ),
    ],
)
def test_what_aws_refuses_is_said_with_what_to_do(error: Exception, words: str) -> None:
    def refuse(_service: str, **_how: object) -> None:
        raise error

    session: Any = SimpleNamespace(client=refuse)
    with pytest.raises(StackError) as said:
        Stack.find(session, "mine")
    assert str(said.value).startswith("stack mine: ")
    assert words in str(said.value)


def test_a_local_cloud_needs_no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[no configuration", encoding="utf-8")
    monkeypatch.setenv("AWS_PROFILE", "missing")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    session = LocalSession({"": NOWHERE}, Keys("key", "secret"))
    assert session.client("sts").meta.endpoint_url == NOWHERE


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        ("tweet.csv", InputFileError, r"file tweet\.csv does not exist: did you mean tweets\.csv\?"),
        ("folder", InputFileError, "folder is a folder: choose a file in it"),
        (5, TypeError, "cannot submit int: give a path, an s3:// address, a data frame"),
        ({"text": ["so good"]}, TypeError, "cannot submit dict: give a path"),
        ([], InputFileError, "there are no rows to submit"),
        (
            ["so good", None],
            InputFileError,
            "row 1 is of type NoneType: give rows as dicts, or all of them as texts",
        ),
        ([{"a": 1}, {"b": 2}], InputFileError, "row 1 has 'b', .* give all rows the same keys"),
    ],
)
@pytest.mark.usefixtures("shell")
def test_what_cannot_be_submitted_is_said_with_what_can(data: object, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words), opened(data, lambda: Session().client("s3"), {}, {}):
        pass

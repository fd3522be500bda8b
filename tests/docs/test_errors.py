"""docs/errors.md has every message that somebody may be shown, where they look for it."""

import ast
import re

import pytest
from scripts import errors_docs
from scripts.errors_docs import SECTIONS, messages
from scripts.texts import has_words
from tests.docs.known import check_line, check_reasons

import fanfold

PAGE = errors_docs.PAGE.read_text(encoding="utf-8")
# Errors that nobody is shown in our words.
TOLD_OTHERWISE = {
    "ApiError": "the local endpoint answers as SageMaker does",
    "RefusedError": "the local cloud answers as AWS does",
    "ModelError": "the words are the model's",
    "NotDeliveredError": "the local cloud tries again, as AWS does",
    "FunctionError": "the words are those of a function",
    "UnexpectedResponseError": "the words are those of S3",
    "SettingFailedError": "stands in the table of `fanfold tune`, in the words of the model",
}


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def group(title: str) -> str:
    return PAGE.partition(f"\n### {title}\n")[2].partition("\n#")[0]


def test_the_page_is_that_of_the_code() -> None:
    assert errors_docs.render() == PAGE, "run .venv/bin/python scripts/errors_docs.py"


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("Usage errors", "there is no terminal to ask whether to go on: add --yes"),
        ("Usage errors", "… is read by a stack: add --stack, or download it (aws s3 cp … .)"),
        ("Usage errors", "…=… cannot be a tag: its key may have … characters and not begin with aws:, and its value …"),
        ("AWS and the system", "…: set AWS_DEFAULT_REGION to a region such as us-east-1"),
        ("StackError", "stack … has no log groups: is it a Fanfold stack?"),
        ("CompressionError", "the … file is truncated: upload the complete file"),
        ("OptionError", "option … is …; it must be different from the delimiter"),
        ("SinceError", "the job … of the option `since` is still running: upload the file again when it has ended"),
        ("Reasons", "cancelled"),
        ("Reasons", "the job did not end within its deadline of … hours"),
        ("Reasons", "the model has failed every request for … minutes and predicted none of the rows sent: …"),
        ("Reasons", "… of … rows failed, more than the …% tolerated"),
        ("Rows that cannot be sent", "input is empty"),
        ("Rows that cannot be sent", "input is longer than … bytes"),
        ("Rows that cannot be sent", "row has … cells where the file has … columns"),
        ("Rows without an answer", "cancelled"),
        ("Rows without an answer", "job failed: …"),
    ],
)
def test_a_message_stands_where_its_reader_looks(title: str, message: str) -> None:
    assert f"- {message}\n" in group(title)


def test_a_text_that_is_put_together_is_found_whole() -> None:
    check_line(
        "fanfold: out has the files of job a-1, from other.csv: choose another folder (--out) for those of tweets.csv, "
        "or replace what is there (--replace, or replace=True in Python)"
    )
    check_reasons(["job failed: 1 of 1 row failed, more than the 0% tolerated", "input is empty"])


@pytest.mark.parametrize("line", ["fanfold: it went wrong", "fanfold: stack fanfold: it went wrong"])
def test_a_message_that_nobody_wrote_is_not_found(line: str) -> None:
    with pytest.raises(AssertionError, match="not in docs/errors"):
        check_line(line)
    with pytest.raises(AssertionError, match="not in docs/errors"):
        check_reasons([line])


def test_what_is_written_where_a_message_is_made_is_on_the_page() -> None:
    # Read from the calls as they stand, without following anything.
    found = messages()
    arguments = [argument for one in SECTIONS for group in one.groups for argument in group.arguments]
    given = [call.argument(one.parameter, one.position) for one in arguments for call in found.calls(one)]
    given += [call.argument("message", 0) for kind in found.kinds for call in found.code.calls[kind]]
    literals = [
        " ".join(node.value.split())
        for argument in given
        if argument is not None
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and has_words(node.value)
    ]
    assert len(literals) > 250
    assert [literal for literal in literals if literal not in PAGE] == []


def test_every_error_of_the_code_has_its_place() -> None:
    found = messages()
    errors = {kind.name for base in ("Exception", "BotoCoreError") for kind in found.code.derived(base)}
    told = {kind.name for base in TOLD_OTHERWISE for kind in found.code.kinds(base)}
    assert {name for name in errors if not name.startswith("_")} - told == found.kinds
    assert not told & found.kinds


def test_the_errors_of_the_client_are_those_that_can_be_caught_by_name() -> None:
    named = re.findall(r"^### (\w+)$", section("Command line and Python client"), re.MULTILINE)
    assert "DownloadError" in named
    assert set(named) <= set(fanfold.__all__)

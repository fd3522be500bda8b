"""What functions log of an exception: its type, its trace, and nothing of what it met."""

import json
from io import StringIO

import pytest
from botocore.exceptions import ClientError

from fanfold_core.aws.logs import function_logger, words_of
from fanfold_core.domain.errors import UnknownChunkError
from fanfold_core.input.errors import InputError

CANARY = "Ann Smith"


def parse(text: str) -> int:
    """Raise an error that quotes what it is given, and another one that came of it."""
    try:
        return int(text)
    except ValueError as error:
        error.add_note(text)
        raise KeyError(text) from error


def refused(code: str) -> ClientError:
    """A call that AWS has refused."""
    return ClientError({"Error": {"Code": code, "Message": f"{CANARY} may not"}}, "PutObject")


def test_an_exception_is_logged_by_its_trace_and_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = StringIO()
    monkeypatch.setattr("sys.stdout", lines)
    logger = function_logger("logged")
    try:
        parse(CANARY)
    except KeyError:
        logger.exception("the message returns to its queue", extra={"job": "tweets-1f"})
    record = json.loads(lines.getvalue())
    assert CANARY not in lines.getvalue()
    assert (record["service"], record["job"], record["exception_name"]) == ("logged", "tweets-1f", "KeyError")
    first, second = record["exception"].split("\nTraceback")
    assert "ValueError in parse (test_logs.py, line " in first
    assert "return int(text)" in first
    assert second.splitlines()[-1].startswith("KeyError in parse (test_logs.py, line ")


def test_an_error_of_fanfolds_own_is_told_by_its_message() -> None:
    assert (
        words_of(UnknownChunkError("tweets-1f", 7)) == "UnknownChunkError: the ledger has no chunk 7 of job tweets-1f"
    )
    assert words_of(InputError("say\nwhich", f"the first line is {CANARY}")) == "InputError: say which"


def test_a_call_that_aws_refused_is_told_by_its_code_and_what_may_not_be_done_in_words() -> None:
    assert words_of(refused("ValidationException")) == "ClientError: ValidationException when calling PutObject"
    assert words_of(refused("AccessDenied")) == f"ClientError: AccessDenied when calling PutObject: {CANARY} may not"

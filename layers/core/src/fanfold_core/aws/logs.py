"""Logs: what a function tells of its work, and of what it raises, without any text of a customer's.

What an exception says may quote a cell or an answer. Fanfold's own errors don't; of all others the type is told, and
the line that raised it.
"""

from __future__ import annotations

import traceback
from copy import copy
from pathlib import PurePath
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from botocore.exceptions import ClientError

from fanfold_core.input.errors import FanfoldError

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator


def function_logger(service: str) -> Logger:
    """The logger of a function: one JSON object a line."""
    return Logger(service=service, logger_formatter=_Formatter())


class _Formatter(LambdaPowertoolsFormatter):
    """Powertools' own, which writes an exception by its trace and without its words."""

    def format(self, record: logging.LogRecord) -> str:
        if not (record.exc_info and record.exc_info[1]):
            return super().format(record)
        told = copy(record)
        told.exc_info = None
        facts = {"exception": trace_of(record.exc_info[1]), "exception_name": type(record.exc_info[1]).__name__}
        vars(told).update(facts)
        return super().format(told)


def words_of(error: BaseException) -> str:
    """What may be told of an error, on one line: its type, and what it says or where it was raised.

    Of a call that AWS has refused it is told which and why, in the service's code; the words of a service only where
    they name nothing but roles, actions and resources.

    >>> words_of(KeyError("so good"))
    'KeyError'
    """
    name = type(error).__name__
    match error:
        case FanfoldError():
            return f"{name}: {' '.join(str(error).split())}"
        case ClientError():
            refusal = error.response.get("Error", {})
            code = refusal.get("Code", "Unknown")
            words = f": {refusal.get('Message', '')}" if "AccessDenied" in code else ""
            return f"{name}: {code} when calling {error.operation_name}{words}"
        case _:
            frames = traceback.extract_tb(error.__traceback__)
            return f"{name} in {_place(frames[-1])}" if frames else name


def trace_of(error: BaseException) -> str:
    """The stack trace of an error and of those that it came from, the first one first."""
    return "\n".join(
        "".join(["Traceback (most recent call last):\n", *traceback.format_tb(one.__traceback__), words_of(one)])
        for one in reversed(list(_causes(error)))
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _place(frame: traceback.FrameSummary) -> str:
    return f"{frame.name} ({PurePath(frame.filename).name}, line {frame.lineno})"

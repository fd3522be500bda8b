import json

import pytest

from localaws.functions.problems import Problems


def logged(**record: str) -> str:
    return json.dumps({"level": "ERROR", "message": "the message returns to its queue", **record})


def test_each_kind_of_problem_is_logged_once_and_then_counted(caplog: pytest.LogCaptureFixture) -> None:
    problems = Problems()
    for number in range(250):
        problems.tell(f"Collector: KeyError: {number}")
        problems.tell("Collector: ValueError: other")
    assert caplog.messages == [
        "Collector: KeyError: 0",
        "Collector: ValueError: other",
        "Collector: KeyError: 9 (10 times so far)",
        "Collector: ValueError: other (10 times so far)",
        "Collector: KeyError: 99 (100 times so far)",
        "Collector: ValueError: other (100 times so far)",
    ]


def test_kinds_without_end_become_one_for_each_exception_type(caplog: pytest.LogCaptureFixture) -> None:
    problems = Problems()
    for number in range(1_000):
        problems.tell("Collector: KeyError: '{}'".format("x" * number))
    assert len(caplog.messages) < 110


def test_an_exception_that_a_function_logs_is_told_by_its_last_line(caplog: pytest.LogCaptureFixture) -> None:
    listen = Problems().listener("Collector")
    listen(logged(exception="Traceback (most recent call last):\n  …\nKeyError: 'label'", exception_name="KeyError"))
    listen(logged(exception="Traceback …\nfanfold_core.Error: \x1b[2J", exception_name="Error"))
    listen(logged(exception="Traceback …\nValueError: first line\nsecond line", exception_name="ValueError"))
    listen(logged())
    listen('{"exception_name": cut off')
    listen("START RequestId: 1")
    assert caplog.messages == [
        "Collector: KeyError: 'label'",
        r"Collector: fanfold_core.Error: \x1b[2J",
        "Collector: ValueError: second line",
    ]

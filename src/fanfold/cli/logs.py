"""What the functions of a stack log about one job, from CloudWatch Logs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fanfold.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_logs.type_defs import FilteredLogEventTypeDef

    from fanfold.jobs import Job
    from fanfold.stacks import Stack

# Seconds between two looks; and after the end of a job, until its last lines have arrived.
_PAUSE_SECONDS = 2
_LATE_SECONDS = 6
# Lines of one moment may arrive in any order, so each look begins a little before the last line that is known.
_OVERLAP_MILLISECONDS = 10_000
_KNOWN_FIELDS = {"timestamp", "level", "service", "message", "location", "xray_trace_id", "cold_start"}
_FUNCTION_FIELDS = "function_"
# The stack's log group that no function writes to.
_OF_THE_ENDPOINT = "EndpointLogs"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: when, which function, how grave, what it says, and the facts that it names. `record` is all of it."""

    time: datetime
    service: str
    level: str
    message: str
    facts: dict[str, Any]
    record: dict[str, Any]


def log_lines(stack: Stack, job: Job) -> Iterator[LogLine]:
    """The lines about a job that there are, in the order of time."""
    started = int(job.status().created.timestamp() * 1000) - _OVERLAP_MILLISECONDS
    yield from (line for _, line in _look(stack, log_groups(stack), job.id, started))


def follow_log(stack: Stack, job: Job) -> Iterator[LogLine]:
    """The lines about a job as they come, until it has ended."""
    groups = log_groups(stack)
    since = int(job.status().created.timestamp() * 1000) - _OVERLAP_MILLISECONDS
    seen: set[str] = set()
    ended_at: float | None = None
    while ended_at is None or time.monotonic() < ended_at + _LATE_SECONDS:
        if ended_at is None and job.status().has_ended:
            ended_at = time.monotonic()
        for event_id, line in _look(stack, groups, job.id, since):
            if event_id not in seen:
                seen.add(event_id)
                since = max(since, int(line.time.timestamp() * 1000) - _OVERLAP_MILLISECONDS)
                yield line
        time.sleep(_PAUSE_SECONDS)


def log_groups(stack: Stack) -> list[str]:
    """The log groups of the stack's functions; `StackError` if it has none."""
    pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack.name)
    found = [
        resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Logs::LogGroup" and resource["LogicalResourceId"] != _OF_THE_ENDPOINT
    ]
    if not found:
        raise StackError(f"stack {stack.name} has no log groups: is it a Fanfold stack?")
    return found


def _look(stack: Stack, groups: list[str], job_id: str, since: int) -> list[tuple[str, LogLine]]:
    """The lines from a time on, in milliseconds since 1970, with the ids that CloudWatch gives them."""
    logs = stack.client("logs")
    found: list[tuple[str, LogLine]] = []
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, filterPattern=f'"{job_id}"', startTime=since
        )
        for page in pages:
            for event in page["events"]:
                line = _line(event, job_id)
                if line is not None:
                    found.append((f"{group} {event['eventId']}", line))
    return sorted(found, key=lambda known: known[1].time)


def _line(event: FilteredLogEventTypeDef, job_id: str) -> LogLine | None:
    """The line in an event, None if it is about something else, such as another round of the job."""
    try:
        record = json.loads(event["message"])
    except ValueError:
        return None
    if not isinstance(record, dict) or record.get("job") != job_id:
        return None
    facts = {
        name: value
        for name, value in record.items()
        if name not in _KNOWN_FIELDS and name != "job" and not name.startswith(_FUNCTION_FIELDS)
    }
    return LogLine(
        time=datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
        service=str(record.get("service", "")),
        level=str(record.get("level", "")),
        message=str(record.get("message", "")),
        facts=facts,
        record=record,
    )

"""EventBridge rules on a schedule: each sends its event to its queue, again and again."""

import json
import re
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localaws.credentials import LocalSession
from localaws.errors import UnknownScheduleError
from localaws.template import REGION

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True, slots=True)
class Schedule:
    """A queue, by its ARN, that gets a message every so many seconds."""

    rule_arn: str
    queue_arn: str
    seconds: int
    body: str | None

    @property
    def message(self) -> str:
        """What the queue gets now: the target's own input, or EventBridge's event."""
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": self.rule_arn.split(":")[4],
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": [self.rule_arn],
            "detail": {},
        }
        return self.body or json.dumps(event)


def schedules(session: LocalSession) -> Iterator[Schedule]:
    """The enabled rules that have a schedule; `UnknownScheduleError` for one other than `rate(…)`."""
    events = session.client("events")
    for rule in events.list_rules()["Rules"]:
        if "ScheduleExpression" not in rule or rule["State"] != "ENABLED":
            continue
        rate = _RATE.fullmatch(rule["ScheduleExpression"])
        if not rate:
            raise UnknownScheduleError(
                f"{rule['Name']}: the local cloud doesn't support the schedule {rule['ScheduleExpression']}"
            )
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            seconds = int(rate[1]) * _SECONDS[rate[2]]
            yield Schedule(rule["Arn"], target["Arn"], seconds, target.get("Input"))


class Scheduler:
    """Keeps schedules, the first time after one period, in a thread of its own."""

    def __init__(self, session: LocalSession) -> None:
        """Read the rules."""
        self._sqs: Any = session.client("sqs")
        self._due = {schedule: time.monotonic() + schedule.seconds for schedule in schedules(session)}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    @property
    def queue_arns(self) -> set[str]:
        """The queues that get messages."""
        return {schedule.queue_arn for schedule in self._due}

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End. May be called if it never began."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._due:
            schedule = min(self._due, key=lambda schedule: self._due[schedule])
            if self._stopping.wait(max(0.0, self._due[schedule] - time.monotonic())):
                return
            self._due[schedule] += schedule.seconds
            queue = self._sqs.get_queue_url(QueueName=schedule.queue_arn.rpartition(":")[2])["QueueUrl"]
            self._sqs.send_message(QueueUrl=queue, MessageBody=schedule.message)

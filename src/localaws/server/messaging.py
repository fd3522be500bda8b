"""SQS and EventBridge.

Receiving and deleting are safe with many threads, and cost the same however many messages wait. Queues are fair.
Events reach SNS topics and webhooks, and only by rules that have a pattern.
"""

import copy
import json
import time
from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from moto.core.utils import camelcase_to_underscores, unix_time_millis
from moto.events.models import Rule
from moto.sns.models import sns_backends
from moto.sqs import models
from moto.sqs.models import Message, Queue, SQSBackend

from localaws.server import put, replace, webhooks

# Who waits is woken by each new message; this bounds what goes unnoticed, a changed visibility for one.
LONGEST_NAP = 1.0
_MANY_GROUPS = 1000
_SNS = "arn:aws:sns:"


def patch() -> None:
    """Change moto's SQS and EventBridge. Queues here are standard queues; a FIFO queue is refused with the template."""
    put(Queue, "attributes", property(QueueAttributes))
    put(Queue, "add_message", _add_message)  # and without moto's own event source mappings
    put(Queue, "delete_message", _delete_message)
    put(SQSBackend, "receive_message", _receive_message)
    replace(Rule, "send_to_targets", _with_topics_and_webhooks)


class QueueAttributes(Mapping[str, Any]):
    """A queue's attributes, each computed when it is asked for.

    Moto computes all of them, three of them by counting the backlog, for every message sent or received.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def __getitem__(self, name: str) -> Any:  # numbers, texts and truths
        if name not in (*Queue.BASE_ATTRIBUTES, *Queue.FIFO_ATTRIBUTES, *Queue.KMS_ATTRIBUTES):
            raise KeyError(name)
        value = getattr(self._queue, camelcase_to_underscores(name))
        if name == "RedrivePolicy" and value:
            return json.dumps(value)
        return str(value).lower() if isinstance(value, bool) else value

    def __iter__(self) -> Iterator[str]:
        yield from Queue.BASE_ATTRIBUTES
        if getattr(self._queue, "kms_master_key_id", None):
            yield from Queue.KMS_ATTRIBUTES

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Turns:
    """Who is next in a queue: groups of messages take turns, however many of one wait, as in SQS' fair queues.

    A message without a group is one of its own. Each has the number of the turn it is received in.
    """

    def __init__(self) -> None:
        self._now = 0
        self._latest: dict[str, int] = {}

    def give(self, message: Message) -> int:
        """The turn of a message that has just been sent."""
        if message.group_id is None:
            return self._now + 1
        turn = max(self._now, self._latest.get(message.group_id, 0)) + 1
        if len(self._latest) >= _MANY_GROUPS:
            self._latest = {group: latest for group, latest in self._latest.items() if latest > self._now}
        self._latest[message.group_id] = turn
        return turn

    def reach(self, turn: int) -> None:
        """A message of this turn has been received."""
        self._now = max(self._now, turn)


def _add_message(self: Queue, message: Message) -> None:
    with self._messages_lock:
        turns = vars(self).setdefault("turns", Turns())
        put(message, "turn", turns.give(message))
        insort(self._messages, message, key=_turn)
        self._messages_lock.notify_all()


def _turn(message: Message) -> int:
    turn: int = message.turn  # type: ignore[attr-defined] # set when it was added
    return turn


def _delete_message(self: Queue, receipt_handle: str) -> None:
    # Only the latest receipt deletes; an earlier one is answered with success and deletes nothing, as in SQS.
    with self._messages_lock:
        for index, message in enumerate(self._messages):
            if message.receipt_handle == receipt_handle:
                del self._messages[index]
                return


def _receive_message(  # noqa: PLR0913, PLR0917 # moto's own signature
    self: SQSBackend,
    queue_name: str,
    count: int,
    wait_seconds_timeout: int,
    visibility_timeout: int,
    message_attribute_names: list[str] | None = None,
) -> list[Message]:
    queue = self.get_queue(queue_name)
    deadline = time.monotonic() + wait_seconds_timeout
    with queue._messages_lock:  # noqa: SLF001
        while True:
            received = _take(queue, count, visibility_timeout, message_attribute_names or [])
            remaining = deadline - time.monotonic()
            if received or remaining <= 0:
                return received
            queue._messages_lock.wait(min(remaining, _until_next(queue)))  # noqa: SLF001


def _take(queue: Queue, count: int, visibility_timeout: int, names: list[str]) -> list[Message]:
    now = unix_time_millis()
    oldest = now - float(queue.message_retention_period) * 1000  # type: ignore[attr-defined] # set by moto as a dynamic attribute
    taken, gone = [], []
    for message in queue._messages:  # noqa: SLF001
        if message.visible_at >= now or message.delayed_until > now:
            continue
        if float(message.sent_timestamp or 0) <= oldest:  # type: ignore[redundant-expr] # moto declares its first value only
            gone.append(message)
        elif _is_exhausted(queue, message):
            gone.append(message)
            queue.dead_letter_queue.add_message(message)  # type: ignore[union-attr] # exhausted implies one
        else:
            message.mark_received(visibility_timeout=visibility_timeout)
            queue.turns.reach(_turn(message))  # type: ignore[attr-defined] # made for its first message
            received = copy.copy(message)
            models._filter_message_attributes(received, names)  # noqa: SLF001
            taken.append(received)
            if len(taken) == count:
                break
    for message in gone:
        queue._messages.remove(message)  # noqa: SLF001
    return taken


def _is_exhausted(queue: Queue, message: Message) -> bool:
    policy = queue.redrive_policy
    return bool(queue.dead_letter_queue and policy and message.approximate_receive_count >= policy["maxReceiveCount"])


def _until_next(queue: Queue) -> float:
    """Seconds until a message that is delayed or in flight becomes visible."""
    times = [max(message.visible_at, message.delayed_until) for message in queue._messages]  # noqa: SLF001
    return min(LONGEST_NAP, max(0.001, (min(times) - unix_time_millis()) / 1000)) if times else LONGEST_NAP


def _with_topics_and_webhooks(original: Callable[..., None]) -> Callable[..., None]:
    def send_to_targets(self: Rule, event: dict[str, Any], **options: Any) -> None:
        # Moto takes a rule that has a schedule and no pattern for one that fits every event.
        if self.scheduled_expression or not self.event_pattern.matches_event(event):  # type: ignore[arg-type]
            return
        backend = sns_backends[self.account_id][self.region_name]
        others = copy.copy(self)
        others.targets = []
        for target in self.targets:
            if target["Arn"].startswith(_SNS):
                backend.publish(json.dumps(event), arn=target["Arn"])
            elif webhooks.API_DESTINATION in target["Arn"]:
                webhooks.send(target, event, self.region_name)
            else:
                others.targets.append(target)
        original(others, event, **options)

    return send_to_targets

"""What the endpoint has the cloud do for every request, as the role of its model: store objects, and tell topics.

Neither goes by HTTP, which takes ten times as long as what is done: signed, sent, read, checked, routed and answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Caller(NamedTuple):
    """Whose call it is: where, and the keys of a role's session."""

    region: str
    access_key_id: str
    session_token: str


class NewObject(NamedTuple):
    """An object to be stored; with a key's id, it is encrypted."""

    bucket: str
    key: str
    body: bytes
    content_type: str
    key_id: str | None


class Notification(NamedTuple):
    """What a topic is told; messages of one group take turns with those of others."""

    topic: str
    message: str
    group: str | None


class Calls(Protocol):
    """Several calls at once, of which each may be refused: the answers say why, or None for what is done.

    Example:
        >>> calls.publish(caller, [Notification(topic_arn, "{}", None)])
        [None]
        >>> calls.put_objects(caller, [NewObject("no-such-bucket", "key", b"", "text/plain", None)])
        ['NoSuchBucket: The specified bucket does not exist']
    """

    def put_objects(self, caller: Caller, objects: Sequence[NewObject]) -> list[str | None]:
        """Store objects."""

    def publish(self, caller: Caller, notifications: Sequence[Notification]) -> list[str | None]:
        """Tell topics."""

"""A service that does otherwise than it was asked, at the level of HTTP."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def misbehaving(client: Any, event: str, change: Callable[[Any], None], times: int = 99) -> Iterator[list[Any]]:
    """A service that does so the next times: what is sent (before-call) or answered (after-call) is changed."""
    seen: list[Any] = []

    def handler(**told: Any) -> None:
        what = told["params" if event.startswith("before") else "parsed"]
        seen.append(what)
        if len(seen) <= times:
            change(what)

    client.meta.events.register_first(event, handler)
    try:
        yield seen
    finally:
        client.meta.events.unregister(event, handler)

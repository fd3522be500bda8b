"""The process that stands in for AWS: moto, with what it lacks added while it is loaded.

It is a process of its own so that nothing of this leaks into the one that started it.
"""

from collections.abc import Callable
from typing import Any

from localaws.server.unused import leave_out


def put(owner: Any, name: str, value: Any) -> None:  # any class or module of moto's
    """Set `owner.name`, which moto may declare otherwise or not at all."""
    setattr(owner, name, value)


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:  # any class or module of moto's
    """Put `make(what was there)` in the place of `owner.name`.

    Raises:
        AttributeError: moto has no such name any more.

    Example:
        >>> replace(SNSBackend, "publish", lambda publish: locked(publish))
    """
    put(owner, name, make(getattr(owner, name)))


leave_out()

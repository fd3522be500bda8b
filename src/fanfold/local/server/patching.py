"""How moto is changed: in this process only, before its server answers anything."""

from collections.abc import Callable
from typing import Any


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

"""Pace: how many requests may be under way at once, found out by trying.

Nobody says how many requests an endpoint takes; it says when they were too many. So the number grows with every
request taken and halves when one is not, as TCP does it: fast until the first time, then by one per round trip. Only
replies that were waited for make it grow: where they come faster than they are read, more under way would wait in line,
and the number goes down again.
"""

from __future__ import annotations

from typing import NamedTuple

_FIRST = 32
_MOST = 256


class Pace(NamedTuple):
    """At most `limit` requests under way; those numbered below `halved_at` were under way when it was last halved.

    >>> Pace(limit=8).after_success().limit, Pace(limit=8).after_refusal(number=3, started=8).limit
    (9, 4.0)
    """

    limit: float = _FIRST
    halved_at: int = 0

    def after_success(self) -> Pace:
        """The pace once another request has been taken."""
        if self.limit >= _MOST:
            return self
        step = 1 / self.limit if self.halved_at else 1
        return self._replace(limit=min(_MOST, self.limit + step))

    def after_rush(self) -> Pace:
        """The pace once every reply was there before it was asked for: half of it, or where it began."""
        return self._replace(limit=max(min(_FIRST, self.limit), self.limit / 2))

    def after_refusal(self, number: int, started: int) -> Pace:
        """The pace once request `number` (from 0) found the endpoint busy, when `started` had been sent.

        Requests that were under way together find it busy together, which is to be answered once.
        """
        if number < self.halved_at:
            return self
        return Pace(max(1, self.limit / 2), started)

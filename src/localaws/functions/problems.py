"""What goes wrong in functions, for whoever looks at the terminal: each kind once, then how often it has come."""

import json
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable

logger = logging.getLogger(__name__)

_LONGEST = 500
_MOST_KINDS = 100
# Ids and numbers differ each time; what they stand in is of one kind.
_CHANGING = re.compile(r"[0-9a-f-]{16,}|\d+")


class Problems:
    """Logs each kind of problem the first time, then its count whenever that is ten times the last one logged.

    Example:
        >>> problems = Problems()
        >>> problems.tell("CollectorFunction: KeyError: 'label'")
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def tell(self, problem: str) -> None:
        """Log a problem in one line, unless one of its kind has been logged."""
        line = _one_line(problem)
        with self._lock:
            kind = _CHANGING.sub("", line)
            if kind not in self._counts and len(self._counts) >= _MOST_KINDS:
                kind = ": ".join(line.split(": ")[:2])
            self._counts[kind] += 1
            count = self._counts[kind]
        if count == 1:
            logger.warning("%s", line)
        elif count in {10**power for power in range(1, len(str(count)))}:
            logger.warning("%s (%d times so far)", line, count)

    def listener(self, function: str) -> Callable[[str], None]:
        """What to call with each line that a function, by its logical id, logs: it tells the exceptions in it."""

        def listen(line: str) -> None:
            if exception := _logged_exception(line):
                self.tell(f"{function}: {exception}")

        return listen


def _logged_exception(line: str) -> str | None:
    """The type and message of the exception in a line of Powertools' logger, None if there is none.

    Example: `{"level": "ERROR", "exception": "Traceback …", "exception_name": "KeyError"}`, in which the trace's last
    line is `KeyError: 5`.
    """
    if not line.startswith("{") or '"exception_name"' not in line:
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    name, trace = str(record.get("exception_name")), str(record.get("exception") or "").splitlines()
    last = trace[-1] if trace else ""
    return last if name in last else f"{name}: {last}"


def _one_line(text: str) -> str:
    """The text without what would move a terminal's cursor or colour what follows: spelt as Python spells it."""
    escaped = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[:_LONGEST])
    return "".join(escaped) + ("…" if len(text) > _LONGEST else "")

"""AWS's own models of its services against every call of the handlers: what botocore checks, and what it leaves out.

Botocore looks for members that are missing or have the wrong type, and for values below a minimum. The models also tell
the longest and the largest value, patterns, and the words that there are.
"""

import functools
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import patch

import botocore
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator
from tests.simulation.soak import run
from tests.witness.services import ROOT
from tests.witness.witness import DisagreementError

SCHEDULES = 12


def of_schedules() -> str:
    """The calls of some of the simulation's schedules, which moto answers; in a process of its own."""
    command = [sys.executable, "-m", "tests.witness.calls"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise DisagreementError(ended.stderr.strip().splitlines()[-1])
    told = json.loads(ended.stdout.splitlines()[-1])
    if told["wrong"]:
        raise DisagreementError("; ".join(told["wrong"]))
    calls = sum(told["calls"].values())
    return (
        f"botocore {botocore.__version__}: {calls:,} calls of {len(told['calls'])} operations in {SCHEDULES} schedules "
        "fit the models of the services, their patterns and limits, too"
    )


def unfit(shape: Shape, value: Any, path: str) -> list[str]:
    """What of a value doesn't fit its model, in words."""
    found = [f"{path} {words}" for words in _beyond(shape.metadata, value)]
    match shape:
        case StructureShape():
            for name in shape.members.keys() & value.keys():
                found += unfit(shape.members[name], value[name], f"{path}.{name}")
        case ListShape():
            for number, inner in enumerate(value):
                found += unfit(shape.member, inner, f"{path}[{number}]")
        case MapShape():
            for key, inner in value.items():
                found += unfit(shape.key, key, f"{path} key") + unfit(shape.value, inner, f"{path}.{key}")
    return found


def _beyond(limits: Mapping[str, Any], value: Any) -> Iterator[str]:
    size = len(value) if hasattr(value, "__len__") else value if isinstance(value, int) else 0  # a stream has no length
    if size > limits.get("max", size):
        yield f"is {size}, and {limits['max']} at most is allowed"
    if (enum := limits.get("enum")) and value not in enum:
        yield f"is {value!r}, none of {', '.join(enum)}"
    pattern = _compiled(limits.get("pattern", ""))
    if pattern and not pattern.search(str(value)):
        yield f"is {value!r}, and must match {pattern.pattern}"


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """None for one that only Java understands, as those with classes of Unicode."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _main() -> None:
    calls: Counter[str] = Counter()
    wrong: dict[str, None] = {}
    check = ParamValidator.validate

    def checked(self: ParamValidator, params: Any, shape: Any) -> Any:
        calls[shape.name] += 1
        wrong.update(dict.fromkeys(unfit(shape, params, shape.name)))
        return check(self, params, shape)

    with patch.object(ParamValidator, "validate", checked):
        broken = [outcome.words for outcome in (run("moto", seed) for seed in range(SCHEDULES)) if outcome.words]
    print(json.dumps({"calls": calls, "wrong": [*wrong, *broken]}))


if __name__ == "__main__":
    _main()

"""Runs every benchmark and writes docs/performance.md with its pictures: `make bench`, some ten minutes.

What a script prints, one figure a line, is kept in build/figures.json, so that the page can be written again without
measuring again: `.venv/bin/python benchmarks/page.py --again`.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import scale
import yaml
from measure import HERE, ROOT, SDK_PYTHON, Figure
from models.section import rows, run, section
from words import LIMITS, PAGE

from fanfold.costs.simulation import SimulatedEndpoint, SimulatedJob, simulate
from fanfold.project import find_root
from localaws.scaling import declared
from localaws.template import load

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPTS = ("fan_out", "cutting", "collecting", "assembling", "tweets", "busy", "cold_start")
KEPT, PICTURES, WRITTEN = ROOT / "build/figures.json", ROOT / "docs/performance", ROOT / "docs/performance.md"


def main(*, again: bool) -> None:
    """Measure, unless what was measured is to be used again, and write the page."""
    measured = json.loads(KEPT.read_text()) if again else measure()
    draw(measured)
    WRITTEN.write_text(page(measured), encoding="utf-8")
    print(f"{WRITTEN.relative_to(ROOT)} is written", file=sys.stderr)


def measure() -> dict[str, Any]:
    """Run the scripts one after the other."""
    figures: list[dict[str, Any]] = []
    found: dict[str, Any] = {}
    for number, script in enumerate(SCRIPTS, start=1):
        print(f"bench: {script} ({number} of {len(SCRIPTS)})", file=sys.stderr, flush=True)
        figures += [{**figure, "script": script} for figure in run([f"{script}.py"])]
        found = {"figures": figures, "day": f"{datetime.now(UTC):%Y-%m-%d}"}
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text(json.dumps(found, indent=1))
    return found


def page(measured: dict[str, Any]) -> str:
    """The page as Markdown."""
    figures = [Figure(**{name: f[name] for name in Figure.__slots__}) for f in measured["figures"]]
    return PAGE.format(
        day=measured["day"],
        python=platform.python_version(),
        reached=sum(figure.is_reached for figure in figures),
        figures=len(figures),
        table="\n".join(rows(measured["figures"])),
        models=section(),
        limits="\n\n".join(limits(figures)),
        scale=scale.table(),
        others=scale.others(),
    )


def limits(figures: list[Figure]) -> Iterator[str]:
    """What holds figures back, once for those that share it."""
    yield from LIMITS.values()
    missed = [figure.what for figure in figures if not figure.is_reached]
    unexplained = [what for what in missed if not any(map(what.startswith, LIMITS))]
    if unexplained:
        yield f"Missed for the first time, and not explained yet: {'; '.join(unexplained)}."


def draw(measured: dict[str, Any]) -> None:
    """Have the pictures drawn."""
    course, _ = simulated = simulate_waking()
    scales = [scale.scale(rows) for rows in scale.ROWS]
    loop = [rows * scale.LOOP_CALLS * scale.CALL_SECONDS / 3600 for rows in scale.ROWS]
    given = {
        "goals": measured["figures"],
        "course": {"instances": course.instances, "finished": course.jobs[0].finished, "title": simulated[1]},
        "scale": {"rows": scale.ROWS, "loop": loop, "fanfold": [found.seconds / 3600 for found in scales]},
    }
    command = [SDK_PYTHON, HERE / "sides/plots.py", PICTURES]
    subprocess.run(command, input=json.dumps(given), text=True, check=True)


def simulate_waking() -> tuple[Any, str]:
    """A job that finds the endpoint asleep, by the template's own policies."""
    template = yaml.safe_load(load(find_root()).text)
    endpoint = SimulatedEndpoint(request_seconds=1.0, policies=declared(template, {}))
    course = simulate(endpoint, [SimulatedJob(rows=3_000_000)], window_chunks=16)
    busy = f"{course.busy_share:.1%}"
    return course, f"3 million rows, 1 s a request of 32, simulated: busy {busy} of the instances' time"


if __name__ == "__main__":
    main(again="--again" in sys.argv[1:])

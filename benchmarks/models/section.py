"""Runs the benchmarks of models and writes their part of docs/performance.md: `make bench-models`, some ten minutes.

What they find is kept in models/measured.json, from which `make bench` writes the part again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import scale
from measure import HERE, PYTHON, ROOT, Figure
from words import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SCRIPTS = ("end_to_end", "padding", "duplicates", "since", "tuned")
KEPT, PAGE = HERE / "models/measured.json", ROOT / "docs/performance.md"
BEGIN, END = "<!-- begin models -->\n", "<!-- end models -->"


def main() -> None:
    """Measure, keep what was found, and write the part."""
    figures: list[dict[str, Any]] = []
    rates: dict[str, float] = {}
    for number, script in enumerate(SCRIPTS, start=1):
        print(f"bench-models: {script} ({number} of {len(SCRIPTS)})", file=sys.stderr, flush=True)
        for found in run(["-m", f"models.{script}"]):
            rates |= found.get("rates", {})
            figures += [] if "rates" in found else [{**found, "script": f"models/{script}"}]
    kept = {"day": f"{datetime.now(UTC):%Y-%m-%d}", "figures": figures, "rates": rates}
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{section()}{rest.partition(END)[2]}", encoding="utf-8")


def section() -> str:
    """The part of the page, of what was found last."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    rates = kept["rates"]
    text = MODELS.format(
        day=kept["day"],
        table="\n".join(rows(kept["figures"])),
        dollars=scale.with_endpoint(rates["run"], rates["container, one text per request"]),
        rates=", ".join(f"{name} {rate:g}" for name, rate in rates.items()),
    )
    return f"{BEGIN}{text}{END}"


def run(script: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What a script prints, one JSON object a line; each figure is shown."""
    with subprocess.Popen([PYTHON, *script], cwd=HERE, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if line.startswith("{"):
                found = json.loads(line)
                if "what" in found:
                    print(f"  {found['what']}: {found['found']:.3g} (goal {found['reach']:g})", file=sys.stderr)
                yield found
    if process.returncode:
        sys.exit(f"{script[-1]} failed")


def rows(figures: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The lines of a table."""
    for found in figures:
        figure = Figure(**{name: found[name] for name in Figure.__slots__})
        goal, mark = f"{'≤' if figure.is_limit else '≥'} {figure.reach:g}", "yes" if figure.is_reached else "**no**"
        # What stands there to be compared with has none.
        reach = f"{goal} | {mark}" if figure.reach else " | "
        link = f"[{found['script'].rpartition('/')[2]}.py](../benchmarks/{found['script']}.py)"
        yield f"| {figure.what} | {figure.against} | {figure.found:.3g} | {reach} | {link} |"


if __name__ == "__main__":
    main()

"""Draws the page's pictures, from what `page.py` hands it as JSON: SVG files in a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
# The same picture is the same file: no dates, no random ids; and text stays text.
mpl.rcParams |= {"svg.hashsalt": "fanfold", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False}
mpl.rcParams |= {"axes.spines.right": False, "figure.constrained_layout.use": True}

import matplotlib.pyplot as plt  # noqa: E402 - once it knows how to draw

REACHED, MISSED, LOOP = "#2a7f62", "#c0762b", "#888888"


def goals(figures: list[dict[str, Any]]) -> Any:
    """Each figure as a multiple of its goal."""
    shares = [times_the_goal(**{name: f[name] for name in ("found", "reach", "is_limit")}) for f in figures]
    figure, axes = plt.subplots(figsize=(8, 0.32 * len(figures) + 0.8))
    axes.barh([f["what"] for f in figures], shares, color=[REACHED if share >= 1 else MISSED for share in shares])
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xscale="log", xlabel="times the goal")
    axes.invert_yaxis()
    return figure


def times_the_goal(found: float, reach: float, *, is_limit: bool) -> float:
    """How much better than its goal a figure is; nothing is more than a hundred times better."""
    share = reach / max(found, reach / 100) if is_limit else found / reach
    return min(share, 100.0)


def course(course: dict[str, Any]) -> Any:
    """Instances and what is under way, over the time of a job that finds the endpoint asleep."""
    figure, axes = plt.subplots(figsize=(8, 2.6))
    minutes = [second / 60 for second, _ in course["instances"]]
    instances = [count for _, count in course["instances"]]
    axes.step([*minutes, course["finished"] / 60], [*instances, instances[-1]], where="post", color=REACHED)
    axes.set(xlabel="minutes since the upload", ylabel="instances", title=course["title"])
    return figure


def scale(scale: dict[str, Any]) -> Any:
    """Hours by rows, for the loop and for Fanfold."""
    figure, axes = plt.subplots(figsize=(8, 2.8))
    axes.plot(scale["rows"], scale["loop"], "o-", color=LOOP, label="SDK loop, one after the other")
    axes.plot(scale["rows"], scale["fanfold"], "o-", color=REACHED, label="Fanfold, endpoint of 2,500 rows a second")
    axes.set(xscale="log", yscale="log", xlabel="rows", ylabel="hours")
    axes.legend(frameon=False)
    return figure


def main(folder: Path) -> None:
    """Draw all three."""
    given = json.load(sys.stdin)
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("goals", goals), ("course", course), ("scale", scale)):
        draw(given[name]).savefig(folder / f"{name}.svg", metadata={"Date": None})


main(Path(sys.argv[1]))

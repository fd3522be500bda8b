"""Cutting a CSV into chunks: next to `wc -l` and to csv.reader, and its memory for files of any length."""

from __future__ import annotations

import csv
import resource
import subprocess
import tempfile
import time
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from measure import PYTHON, Figure, child, interleaved, needed, show

from fanfold_core.input.cutting import Limits, cut
from fanfold_core.input.records import Dialect
from fanfold_core.input.scanning import Scanner

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTES = 256
BLOCK = 1024 * 1024


def figures() -> Iterator[Figure]:
    """Measure for about three minutes; files lie in the page cache."""
    with tempfile.TemporaryDirectory() as folder:
        quoted, plain = Path(folder) / "quoted.csv", Path(folder) / "plain.csv"
        fill(quoted, '{0},"so ""good"", no. {0}, and then some more of it","2024-01-01"\r\n')
        fill(plain, "{0},so good no. {0} and then some more of it and more,2024-01-01\r\n")
        seconds = interleaved(
            {
                "cut quoted": partial(cut_file, quoted),
                "cut plain": partial(cut_file, plain),
                "wc quoted": partial(count_lines, quoted),
                "wc plain": partial(count_lines, plain),
                "reader": partial(read_file, quoted),
            }
        )
    yield Figure("Cutting, quoted: share of its speed", "`wc -l`", seconds["wc quoted"] / seconds["cut quoted"], 0.10)
    yield Figure("Cutting, plain: share of its speed", "`wc -l`", seconds["wc plain"] / seconds["cut plain"], 0.15)
    yield Figure("Cutting, quoted: times faster", "`csv.reader`", seconds["reader"] / seconds["cut quoted"], 8)
    # Memory hardly varies, and ten gigabytes take their time.
    grown = growth()
    yield Figure("Cutting, memory from 10 MB to 10 GB: MiB more", "10 MB", grown, 16, is_limit=True)


def fill(file: Path, line: str) -> None:
    """Write a file of so many megabytes."""
    lines = "".join(line.format(row) for row in range(20_000))
    with file.open("w", newline="") as stream:
        stream.writelines(repeat(lines, MEGABYTES * 1_000_000 // len(lines)))


def cut_file(file: Path) -> float:
    """Processor time of cutting."""
    before = time.process_time()
    with file.open("rb") as stream:
        blocks = iter(partial(stream.read, BLOCK), b"")
        for _ in cut(blocks, start=0, first_row=0, scanner=Scanner(Dialect(), blank_is_row=False), limits=Limits()):
            pass
    return time.process_time() - before


def count_lines(file: Path) -> float:
    """Processor time of `wc -l`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([needed("wc"), "-l", file], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def read_file(file: Path) -> float:
    """Processor time of reading all records."""
    before = time.process_time()
    with file.open(newline="", encoding="utf-8") as stream:
        for _ in csv.reader(stream):
            pass
    return time.process_time() - before


def growth() -> float:
    """MiB that cutting 10 GB holds at most, over what cutting 10 MB does."""
    small, large = (child(PYTHON, "sides/cut_memory.py", megabytes)["mib"] for megabytes in (10, 10_000))
    return float(large - small)


if __name__ == "__main__":
    show(figures())

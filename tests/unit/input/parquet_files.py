"""Parquet files, and how their rows are read."""

from __future__ import annotations

import json
from io import BytesIO
from typing import IO, Any

import pyarrow as pa
from pyarrow.parquet import write_table

from fanfold_core.domain.options import Options
from fanfold_core.input.cutting import UNLIMITED, Budget
from fanfold_core.input.source import InputFile

MIB = 1 << 20
ROWS = [{"text": f"so ☂\n{number}", "n": number, "tags": ["a", None]} for number in range(5_000)]


def parquet(data: pa.Table | dict[str, Any], **options: Any) -> bytes:
    out = BytesIO()
    write_table(data if isinstance(data, pa.Table) else pa.table(data), out, **options)
    return out.getvalue()


class File:
    """A file that remembers which ranges of it were asked for."""

    def __init__(self, content: bytes, budget: Budget = UNLIMITED, **options: Any) -> None:
        self.content, self.asked = content, list[tuple[int, int]]()
        self.input = InputFile("a.parquet", len(content), Options(**options), self.open, budget=budget)

    def open(self, start: int, end: int | None = None, /) -> IO[bytes]:
        self.asked.append((start, len(self.content) if end is None else end))
        return BytesIO(self.content[start:end])

    @property
    def text(self) -> bytes:
        with self.input.blocks(0) as blocks:
            return b"".join(blocks)


def rows_of(content: bytes, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in File(content, **options).text.splitlines()]


FILE = parquet(pa.Table.from_pylist(ROWS), row_group_size=700)

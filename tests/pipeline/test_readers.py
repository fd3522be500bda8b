"""Files as others read and write them: results.csv by `csv`, DuckDB, Polars and pandas; Parquet, by pyarrow."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow.parquet import read_table, write_table
from tests.pipeline import models
from tests.pipeline.pipeline import Ended, Model, Pipeline

from fanfold.results import Results
from fanfold.results.formats import JsonLinesFormat
from fanfold_core.domain.job import State

FILES = 50
Read = Callable[[Path, str, str], list[list[str]]]
# Cells as they stand in a file with this quote and this delimiter. None of them leaves a quote open.
REGULAR = [
    *("", "a", " a ", "1.50", "007", "NULL", "nan", "true", "=1+1", "# no comment", "\\"),
    *("é😀", "\u2028\x0b\x0c\x1c", "so\0 good", "[]"),
]
QUOTED = [
    *("", "a", "a{d}b", "two\nlines", "two\r\nlines", "bare\rreturn", "so {q}{q}good{q}{q}", " a", "{q}{q}", "\n"),
    *("\\", "so\0 good", "a{d}{q}{q}{d}b"),
]
IRREGULAR = [
    *("so {q}bad{q}", "5{q} wide", "{q}so{q} good", "{q}a{d}b{q}tail {q}x{q}", " {q}a{q}", "{q}two\nlines{q}tail"),
    *("a{q}", "a{q}{q}b", "{q}a{q} "),
]
ESCAPED = ["{q}so \\{q}good\\{q}{q}", "a\\{d}b", "{q}two \\\nlines{q}", "\\\\"]


@dataclass(frozen=True)
class Irregular:
    """A file, and the options that say how it is to be read."""

    delimiter: str
    quote: str
    escape: str
    skips: bool
    content: bytes

    @classmethod
    def drawn(cls, random: Random) -> "Irregular":
        """Any file: ragged, with blank lines and quotes in all places, a line end in whichever way."""
        delimiter, quote = random.choice(",,;\t|"), random.choice('""\'')
        escape, skips = random.choice(["", "", "\\"]), random.random() < 0.2
        end, bom = random.choice(["\n", "\r\n", "\r"]), random.choice(["", "\ufeff"])
        columns = random.randint(1, 4)
        header = [*(f"column {number}" for number in range(1, columns)), "text"]
        lines = [delimiter.join(header)]
        for _ in range(random.randint(1, 60)):
            cells = [_cell(random, escape) for _ in range(columns)]
            ragged = random.choice([cells] * 20 + [cells[: random.randint(1, columns)], [*cells, ""], [*cells, "more"]])
            lines += [delimiter.join(ragged).format(q=quote, d=delimiter)]
            lines += [""] * random.choice([0] * 9 + [1])
        content = bom + end.join(lines) + random.choice(["", end])
        return cls(delimiter, quote, escape, skips, content.encode())

    @property
    def metadata(self) -> dict[str, str]:
        """The options as a file has them."""
        return {
            "header": "present",
            "input-column": "text",
            "delimiter": self.delimiter,
            "quote": self.quote,
            "escape": self.escape,
            "skip-initial-space": "yes" if self.skips else "no",
        }

    @property
    def records(self) -> list[list[str]]:
        """What the `csv` module reads, with as many cells as there are columns."""
        text = io.StringIO(self.content.decode("utf-8-sig"), newline="")
        escape = self.escape or None
        header, *rows = csv.reader(
            text, delimiter=self.delimiter, quotechar=self.quote, escapechar=escape, skipinitialspace=self.skips
        )
        width = len(header)
        return [header, *((row + [""] * width)[:width] for row in rows if row or width == 1)]


def _cell(random: Random, escape: str) -> str:
    kind = random.choice([REGULAR, QUOTED, IRREGULAR, ESCAPED if escape else REGULAR])
    cell = random.choice(kind)
    if kind is QUOTED:
        # An escape character before the closing quote would keep it open.
        return "a" if escape and cell == "\\" else f"{{q}}{cell}{{q}}"
    return "a" if escape and cell == "\\" else cell


def with_csv(file: Path, delimiter: str, quote: str) -> list[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream, delimiter=delimiter, quotechar=quote))


def with_duckdb(file: Path, delimiter: str, quote: str) -> list[list[str]]:
    found = duckdb.read_csv(
        str(file), header=True, all_varchar=True, delimiter=delimiter, quotechar=quote, escapechar=quote, na_values="\1"
    )
    return [found.columns, *map(list, found.fetchall())]


def with_polars(file: Path, delimiter: str, quote: str) -> list[list[str]]:
    found = pl.read_csv(file, separator=delimiter, quote_char=quote, infer_schema=False, empty_string_is_null=False)
    return [found.columns, *map(list, found.rows())]


def with_pandas(file: Path, delimiter: str, quote: str) -> list[list[str]]:
    found = pd.read_csv(file, sep=delimiter, quotechar=quote, dtype=str, na_filter=False)
    return [list(found.columns), *found.to_numpy().tolist()]


READERS: dict[str, Read] = {"csv": with_csv, "DuckDB": with_duckdb, "Polars": with_polars, "pandas": with_pandas}


def check_all_read_the_same(ended: Ended, file: Irregular, folder: Path) -> None:
    """All readers see the input's cells in its order, and beside them the answers."""
    written = folder / "results.csv"
    written.write_bytes(ended.results)
    expected = file.records
    width = len(expected[0])
    found = {name: read(written, file.delimiter, file.quote) for name, read in READERS.items()}
    for name, records in found.items():
        assert [record[:width] for record in records] == expected, name
        assert records == found["csv"], name


@pytest.mark.parametrize("seed", range(FILES))
def test_all_readers_see_the_cells_that_were_sent(
    pipeline: Callable[[Model], Pipeline], tmp_path: Path, seed: int
) -> None:
    file = Irregular.drawn(Random(seed))
    ended = pipeline(models.answering(models.good)).run(file.content, file.metadata)
    assert ended.state in {State.SUCCEEDED, State.COMPLETED_WITH_ERRORS}
    check_all_read_the_same(ended, file, tmp_path)


def test_a_parquet_file_comes_back_with_the_types_that_json_has(
    pipeline: Callable[[Model], Pipeline], tmp_path: Path
) -> None:
    number, file = range(40), tmp_path / "a.parquet"
    of_json = {
        "id": pa.array([9_007_199_254_740_993 + one for one in number]),
        "text": pa.array(f"so good {one}" for one in number),
        "share": pa.array([float(one) for one in number]),
        "is_new": pa.array([None, True] * 20),
        "tags": pa.array([["a", None], [], None, ["b"]] * 10),
        "meta": pa.array([{"a": 1, "b": {"c": 0.5}}, None] * 20),
    }
    others = {"day": pa.array([date(2024, 2, 29), None] * 20), "price": pa.array([Decimal("1.50")] * 40)}
    others["kind"] = pa.array(["x", "y"] * 20).dictionary_encode()
    write_table(pa.table(of_json | others), file, row_group_size=9)
    options = {"results-format": "jsonl", "input-column": "text", "encoding": "utf-16"}
    ended = pipeline(models.answering(models.good)).run(file.read_bytes(), options, "a.parquet")
    Results(lambda: iter([ended.results]), JsonLinesFormat(), ended.job.dialect).to_parquet(tmp_path / "out.parquet")
    found = read_table(tmp_path / "out.parquet")
    for name, column in of_json.items():
        assert (found[name].type, found[name].to_pylist()) == (column.type, column.to_pylist())
    assert {str(found[name].type) for name in others} == {"string"}
    assert [found[name].to_pylist()[:2] for name in others] == [["2024-02-29", None], ["1.50"] * 2, ["x", "y"]]

"""How the rows of a job's results are read from a stream of bytes, in each format that they may have."""

from __future__ import annotations

import json
from io import BufferedReader, TextIOWrapper
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from fanfold.errors import OtherInputError
from fanfold.results.tables import CsvTable, JsonLinesTable, Table, stream_of
from fanfold_core.aws.store import Blocks
from fanfold_core.domain.results.json_lines import numbered
from fanfold_core.input.json.text import cell_of
from fanfold_core.input.records import Dialect, record_reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd

# Rows whose keys are columns, where nothing else tells them.
_FIRST_ROWS = 1_000


class ResultsFormat(Protocol):
    """How results are read; `suffix` ends the name of their file, which may begin with a header.

    `blocks` are all bytes of it, `lines` some lines of text, none of them the header.
    """

    suffix: str
    has_header: bool

    def columns(self, blocks: Iterator[bytes]) -> list[str]:
        """The names of the columns."""

    def own(self, columns: list[str]) -> list[str]:
        """Those of the columns that are the file's own."""

    def rows(self, blocks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
        """The rows by column."""

    def cells(self, lines: Iterable[str], columns: Sequence[str]) -> Iterator[list[str]]:
        """The rows as cells of these columns."""

    def pandas(self, blocks: Iterator[bytes], columns: list[str]) -> pd.DataFrame:
        """All rows."""

    def table(self, columns: list[str]) -> Table:
        """How rows are read into a table of Arrow."""


class CsvFormat:
    """results.csv, with so many columns of the file's own."""

    suffix, has_header = "csv", True

    def __init__(self, own_columns: int, dialect: Dialect) -> None:
        self._own_columns = own_columns
        self._dialect = dialect

    def columns(self, blocks: Iterator[bytes]) -> list[str]:  # noqa: D102
        return numbered(next(read_csv(blocks, self._dialect)))

    def own(self, columns: list[str]) -> list[str]:  # noqa: D102
        return columns[: self._own_columns]

    def rows(self, blocks: Iterator[bytes]) -> Iterator[dict[str, str]]:  # noqa: D102
        records = read_csv(blocks, self._dialect)
        header = numbered(next(records))
        return (dict(zip(header, cells, strict=True)) for cells in records)

    def cells(self, lines: Iterable[str], columns: Sequence[str]) -> Iterator[list[str]]:  # noqa: ARG002, D102
        return iter(record_reader(lines, self._dialect))

    def pandas(self, blocks: Iterator[bytes], columns: list[str]) -> pd.DataFrame:
        """Own columns are text, the model's have the type that fits all values."""
        import pandas as pd  # noqa: PLC0415 - an extra

        texts = self._texts(columns)
        return pd.read_csv(
            stream_of(blocks),
            sep=self._dialect.delimiter,
            quotechar=self._dialect.quote,
            names=columns,
            header=0,
            dtype=dict.fromkeys(texts, "str"),
            keep_default_na=False,
            na_values={name: [""] for name in set(columns) - set(texts)},
            skip_blank_lines=False,
        )

    def table(self, columns: list[str]) -> CsvTable:
        """Types are as in `pandas`."""
        return CsvTable(columns, self._texts(columns), self._dialect)

    def _texts(self, columns: list[str]) -> list[str]:
        """The columns that are text whatever stands in them."""
        return [*self.own(columns), columns[-1]]


class JsonLinesFormat:
    """results.jsonl. Its columns are the keys of the first rows."""

    suffix, has_header = "jsonl", False

    def columns(self, blocks: Iterator[bytes]) -> list[str]:  # noqa: D102
        first = islice(self.rows(blocks), _FIRST_ROWS)
        return list(dict.fromkeys(name for row in first for name in row))

    def own(self, columns: list[str]) -> list[str]:
        """Each row has keys of its own, and nothing says where the model's begin."""
        del columns
        raise OtherInputError(
            "results.jsonl doesn't tell the file's own keys from the model's: run the job with the option "
            "`results-format` set to csv to compare it"
        )

    def rows(self, blocks: Iterator[bytes]) -> Iterator[dict[str, Any]]:  # noqa: D102
        return map(json.loads, stream_of(blocks))

    def cells(self, lines: Iterable[str], columns: Sequence[str]) -> Iterator[list[str]]:  # noqa: D102
        return ([cell_of(row.get(name)) for name in columns] for row in map(json.loads, lines))

    def pandas(self, blocks: Iterator[bytes], columns: list[str]) -> pd.DataFrame:  # noqa: ARG002
        """Values keep their types, lists and objects, too."""
        import pandas as pd  # noqa: PLC0415 - an extra

        return pd.DataFrame.from_records(list(self.rows(blocks)))

    def table(self, columns: list[str]) -> JsonLinesTable:  # noqa: ARG002
        """Values keep their types."""
        return JsonLinesTable()


def read_csv(blocks: Iterator[bytes], dialect: Dialect) -> Iterator[list[str]]:
    """The records in a stream of bytes in UTF-8, a few at a time."""
    return iter(record_reader(text_of(blocks), dialect))


def text_of(blocks: Iterator[bytes]) -> Iterable[str]:
    """The lines of text in a stream of bytes in UTF-8, with their ends."""
    return TextIOWrapper(BufferedReader(Blocks(blocks)), encoding="utf-8-sig", newline="")

"""The files of a job as its user reads them: a stream of bytes, of rows, or a table of another library."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from fanfold.errors import DownloadError, extra
from fanfold.input.objects import BLOCK_BYTES
from fanfold.results.formats import CsvFormat, JsonLinesFormat, ResultsFormat, read_csv, text_of
from fanfold.results.tables import TypedRows
from fanfold_core.domain.results import ERRORS_AFTER, ERRORS_BEFORE
from fanfold_core.domain.results.json_lines import numbered
from fanfold_core.input.records import Dialect, format_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd
    import pyarrow as pa

# Rows that are written anew at a time.
_BATCH_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row without a prediction: its number from 0, why, its own cells by column, and cells beyond the columns."""

    row: int
    error: str
    cells: dict[str, str]
    surplus: str


class MadeByJob:
    """What is read of a job's files. Its users don't make one: a job does, or `of_folder`."""

    def __new__(cls, *given: object) -> Self:
        """Tell who gives a folder what reads it."""
        for one in given:
            if isinstance(one, str | Path):
                raise TypeError(f"to read the files in a folder, use {cls.__name__}.of_folder({str(one)!r})")
        return super().__new__(cls)


class Errors(MadeByJob):
    """errors.csv of a job, read as it is asked for. Each iteration begins anew.

    >>> [(failed.row, failed.error) for failed in job.errors()]
    [(1, 'input is empty')]
    """

    def __init__(self, blocks: Callable[[], Iterator[bytes]], dialect: Dialect) -> None:
        self._open = blocks
        self._dialect = dialect

    @classmethod
    def of_folder(cls, folder: Path | str) -> Self:
        """Those in a folder, see `Results.of_folder`."""
        _, dialect = _summarized(Path(folder))
        return cls(_blocks(Path(folder) / "errors.csv"), dialect)

    file_name = "errors.csv"

    def __iter__(self) -> Iterator[FailedRow]:
        """The failed rows, in the order of the file."""
        records = read_csv(self._open(), self._dialect)
        own = slice(len(ERRORS_BEFORE), -len(ERRORS_AFTER))
        header = numbered(next(records)[own])
        for record in records:
            told = dict(zip((*ERRORS_BEFORE, *ERRORS_AFTER), record[: own.start] + record[own.stop :], strict=True))
            cells = dict(zip(header, record[own], strict=True))
            yield FailedRow(int(told["row"]), told["error"], cells, told["surplus"])

    def blocks(self) -> Iterator[bytes]:
        """The bytes of the file."""
        return self._open()

    def for_spreadsheets(self) -> Iterator[bytes]:
        """The bytes of the file, written so that a spreadsheet runs none of its cells, and takes it for UTF-8."""
        return _for_spreadsheets(read_csv(self._open(), self._dialect), self._dialect)


class Results(MadeByJob):
    """results.csv or results.jsonl of a job, read as it is asked for: no more than a few megabytes are held at a time.

    Each iteration begins anew. A row is a dict: its own columns, the model's, and the error. In results.csv all of it
    is text, and the error is empty for a row with a prediction; of several columns with one name later ones are
    numbered. In results.jsonl values have types, and the error is None for a row with a prediction.

    >>> for row in job.results():
    ...     print(row["text"], row["label"], float(row["score"]))
    """

    def __init__(self, blocks: Callable[[], Iterator[bytes]], read_as: ResultsFormat, dialect: Dialect) -> None:
        self._open = blocks
        self._format = read_as
        self._dialect = dialect

    @classmethod
    def of_folder(cls, folder: Path | str) -> Self:
        """The results in a folder that `fanfold run`, `fanfold download` or `Job.download` has written.

        `DownloadError` if there are none.

        >>> Results.of_folder("out").to_pandas()
        """
        summary, dialect = _summarized(Path(folder))
        name = results_file(summary)
        return cls(_blocks(Path(folder) / name), format_of(name, summary["columns"], dialect), dialect)

    def in_file(self, file: Path) -> Self:
        """The same results, read from a file to which their bytes were written."""
        return type(self)(_blocks(file), self._format, self._dialect)

    @property
    def file_name(self) -> str:
        """The name of the file."""
        return f"results.{self._format.suffix}"

    @cached_property
    def columns(self) -> list[str]:
        """The names of the columns, which are the keys of each row; in results.jsonl, of the first thousand rows."""
        return self._format.columns(self._open())

    @property
    def own_columns(self) -> list[str]:
        """Those of them that are the file's own; `OtherInputError` for results.jsonl, which doesn't tell them apart."""
        return self._format.own(self.columns)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows, in the order of the file."""
        return self._format.rows(self._open())

    def blocks(self) -> Iterator[bytes]:
        """The bytes of the file."""
        return self._open()

    def for_spreadsheets(self) -> Iterator[bytes]:
        """The rows as a CSV, written so that a spreadsheet runs none of its cells, and takes it for UTF-8."""
        columns, lines = self.columns, iter(text_of(self._open()))
        rows = self._format.cells(lines, columns)
        return _for_spreadsheets(rows if self._format.has_header else chain([columns], rows), self._dialect)

    def to_pandas(self) -> pd.DataFrame:
        """All rows as a pandas data frame.

        Of results.csv, own columns are text, and the model's have the type that fits all values.

        `PackageMissingError` if pandas is not installed.
        """
        with extra("pandas", "a data frame"):
            return self._format.pandas(self._open(), self.columns)

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table, with types as `to_pandas` has them, but times as text.

        `PackageMissingError` without pyarrow, `DownloadError` if a column of results.jsonl has values of several types.
        """
        rows = self._typed_rows("an Arrow table")
        from pyarrow import Table  # noqa: PLC0415 - an extra

        return Table.from_batches(rows.batches, rows.schema)

    def to_parquet(self, file: Path | str) -> None:
        """Write all rows as a Parquet file, with the types of `to_arrow`; some megabytes are held at a time.

        Errors are those of `to_arrow`, and `DownloadError` if the file cannot be written.
        """
        rows, path, is_part = self._typed_rows("a Parquet file"), Path(file), False
        try:
            with path.open("wb") as stream:
                is_part = path.is_file()
                rows.write_parquet(stream)
            is_part = False
        except OSError as error:
            raise DownloadError(
                f"cannot write {file} ({error.strerror or error}): free some space, or choose another file"
            ) from error
        finally:
            if is_part:
                path.unlink()

    def _typed_rows(self, what: str) -> TypedRows:
        """All rows with their types, for `what`; errors are those of `to_arrow`. The file is read twice."""
        with extra("arrow", what):
            import pyarrow as pa  # noqa: F401, PLC0415 - an extra
        return TypedRows.read(self._format.table(self.columns), self._open)


def results_file(summary: Mapping[str, Any]) -> str:
    """The name of the results file of a job, by its summary."""
    return str(summary.get("results", "results.csv")).rpartition("/")[2]


def format_of(name: str, own_columns: int, dialect: Dialect) -> ResultsFormat:
    """The format that the name of a results file ends in; of CSV unless it says otherwise."""
    return JsonLinesFormat() if name.endswith(".jsonl") else CsvFormat(own_columns, dialect)


def _summarized(folder: Path) -> tuple[dict[str, Any], Dialect]:
    """The summary of the job whose files are in a folder, and how they are written."""
    try:
        summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return summary, Dialect(summary["delimiter"], summary["quote"])
    except (OSError, ValueError, KeyError) as error:
        raise _no_files(folder, error) from error


def _blocks(file: Path) -> Callable[[], Iterator[bytes]]:
    try:
        file.open("rb").close()
    except OSError as error:
        raise _no_files(file.parent, error) from error

    return lambda: read_file(file)


def read_file(file: Path, first: int = 0) -> Iterator[bytes]:
    """The bytes of a file, from the `first` on."""
    with file.open("rb") as stream:
        stream.seek(first)
        while block := stream.read(BLOCK_BYTES):
            yield block


def _no_files(folder: Path, error: Exception) -> DownloadError:
    return DownloadError(
        f"{folder} has no files of a job ({error}): name a folder that `fanfold run` or `fanfold download` wrote"
    )


def _for_spreadsheets(records: Iterator[list[str]], dialect: Dialect) -> Iterator[bytes]:
    yield BOM_UTF8
    while batch := list(islice(records, _BATCH_ROWS)):
        yield format_records(batch, dialect, guards=True).encode()

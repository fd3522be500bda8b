"""The files of a job as its user reads them: a stream of bytes, of rows, or a table of another library."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, cast

from botocore.exceptions import IncompleteReadError, ResponseStreamingError

from fanfold.errors import DownloadError, extra
from fanfold_core.aws.store import Blocks, UnexpectedResponseError, check_range
from fanfold_core.domain.results import ERRORS_AFTER, ERRORS_BEFORE
from fanfold_core.input.records import Dialect, format_records, record_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    import pyarrow as pa
    from types_boto3_s3.type_defs import ObjectTypeDef

    from fanfold.stacks import Stack

# Bytes that one request to S3 asks for; as many are held in memory.
_BLOCK_BYTES = 8 * 1024 * 1024
_TRIES = 4
# Rows that are written anew at a time.
_BATCH_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row without a prediction: its number from 0, why, its own cells by column, and cells beyond the columns."""

    row: int
    error: str
    cells: dict[str, str]
    surplus: str


class Errors:
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
        blocks, _, dialect = _in_folder(Path(folder), "errors.csv")
        return cls(blocks, dialect)

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
        return _for_spreadsheets(self._open(), self._dialect)


class Results:
    """results.csv of a job, read as it is asked for: no more than a few megabytes are held at a time.

    Each iteration begins anew. A row is a dict of what stands in the file, as text: its own columns, the model's, and
    the error, which is empty for a row with a prediction. Of several columns with one name later ones are numbered.

    >>> for row in job.results():
    ...     print(row["text"], row["label"], float(row["score"]))
    """

    def __init__(
        self, blocks: Callable[[], Iterator[bytes]], header: Sequence[str], own_columns: int, dialect: Dialect
    ) -> None:
        self._open = blocks
        self._header = header
        self._own_columns = own_columns
        self._dialect = dialect

    @classmethod
    def of_folder(cls, folder: Path | str) -> Self:
        """The results in a folder that `fanfold run`, `fanfold download` or `Job.download` has written.

        `DownloadError` if there are none.

        >>> Results.of_folder("out").to_pandas()
        """
        blocks, summary, dialect = _in_folder(Path(folder), "results.csv")
        return cls(blocks, next(read_csv(blocks(), dialect)), summary["columns"], dialect)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, which are the keys of each row."""
        return numbered(self._header)

    @property
    def own_columns(self) -> list[str]:
        """Those of them that are the file's own."""
        return self.columns[: self._own_columns]

    def __iter__(self) -> Iterator[dict[str, str]]:
        """The rows, in the order of the file."""
        records = read_csv(self._open(), self._dialect)
        header = numbered(next(records))
        return (dict(zip(header, cells, strict=True)) for cells in records)

    def blocks(self) -> Iterator[bytes]:
        """The bytes of the file."""
        return self._open()

    def for_spreadsheets(self) -> Iterator[bytes]:
        """The bytes of the file, written so that a spreadsheet runs none of its cells, and takes it for UTF-8."""
        return _for_spreadsheets(self._open(), self._dialect)

    def to_pandas(self) -> pd.DataFrame:
        """All rows as a pandas data frame: own columns are text, the model's have the type that fits all values.

        `PackageMissingError` if pandas is not installed.
        """
        with extra("pandas", "a data frame"):
            import pandas as pd  # noqa: PLC0415 - an extra
        names = self.columns
        return pd.read_csv(
            self._stream(),
            sep=self._dialect.delimiter,
            quotechar=self._dialect.quote,
            names=names,
            header=0,
            dtype=dict.fromkeys(self._texts, "str"),
            keep_default_na=False,
            na_values={name: [""] for name in set(names) - set(self._texts)},
            skip_blank_lines=False,
        )

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table, with types as `to_pandas` has them; `PackageMissingError` without pyarrow."""
        with extra("arrow", "an Arrow table"):
            import pyarrow as pa  # noqa: PLC0415 - an extra
            from pyarrow import csv as reader  # noqa: PLC0415 - likewise
        text = pa.string()
        names = self.columns
        table: pa.Table = reader.read_csv(
            self._stream(),
            read_options=reader.ReadOptions(column_names=names, skip_rows_after_names=1),
            parse_options=reader.ParseOptions(
                delimiter=self._dialect.delimiter,
                quote_char=self._dialect.quote,
                newlines_in_values=True,
                ignore_empty_lines=False,
            ),
            convert_options=reader.ConvertOptions(column_types=dict.fromkeys(self._texts, text)),
        )
        return table

    def to_parquet(self, file: Path | str) -> None:
        """Write all rows as a Parquet file, with the types of `to_arrow`, which holds them while it does.

        `PackageMissingError` without pyarrow, `DownloadError` if the file cannot be written.
        """
        with extra("arrow", "a Parquet file"):
            from pyarrow.parquet import write_table  # noqa: PLC0415 - an extra
        table = self.to_arrow()
        try:
            write_table(table, file)
        except OSError as error:
            raise DownloadError(f"cannot write {file} ({error}): free some space, or choose another file") from error

    @property
    def _texts(self) -> list[str]:
        """The columns that are text whatever stands in them."""
        return [*self.own_columns, self.columns[-1]]

    def _stream(self) -> IO[bytes]:
        return cast("IO[bytes]", BufferedReader(Blocks(self._open())))


def read_csv(blocks: Iterator[bytes], dialect: Dialect) -> Iterator[list[str]]:
    """The records in a stream of bytes in UTF-8, a few at a time."""
    text = TextIOWrapper(BufferedReader(Blocks(blocks)), encoding="utf-8-sig", newline="")
    return iter(record_reader(text, dialect))


def _in_folder(folder: Path, name: str) -> tuple[Callable[[], Iterator[bytes]], dict[str, Any], Dialect]:
    """A file of a job in a folder, the job's summary, and how the file is written."""
    try:
        summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        dialect = Dialect(summary["delimiter"], summary["quote"])
        (folder / name).open("rb").close()
    except (OSError, ValueError, KeyError) as error:
        raise DownloadError(
            f"{folder} has no files of a job ({error}): name a folder that `fanfold run` or `fanfold download` wrote"
        ) from error

    def blocks() -> Iterator[bytes]:
        with (folder / name).open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                yield block

    return blocks, summary, dialect


def _for_spreadsheets(blocks: Iterator[bytes], dialect: Dialect) -> Iterator[bytes]:
    yield BOM_UTF8
    records = read_csv(blocks, dialect)
    while batch := list(islice(records, _BATCH_ROWS)):
        yield format_records(batch, dialect, guards=True).encode()


def read_object(
    stack: Stack, key: str, found: ObjectTypeDef | None = None, first: int = 0, block_bytes: int = _BLOCK_BYTES
) -> Iterator[bytes]:
    """The bytes of an object of the output bucket, from the `first` on.

    One block is asked for after the other, when it is needed, so that no connection must last long.

    It is looked for unless it was `found` already. `DownloadError` if it isn't there.
    """
    client, found = stack.session.client("s3"), found or find_object(stack, key)
    if found is None:
        raise missing(stack, key)
    for start in range(first, found["Size"], block_bytes):
        end = min(start + block_bytes, found["Size"])
        wanted = f"bytes={start}-{end - 1}"
        for left in range(_TRIES - 1, -1, -1):
            answer = client.get_object(Bucket=stack.output_bucket, Key=key, Range=wanted, IfMatch=found["ETag"])
            try:
                check_range(stack.store.location(key), answer, start, end, found["Size"])
                block = answer["Body"].read()
            except (IncompleteReadError, ResponseStreamingError, UnexpectedResponseError):
                if not left:
                    raise
            else:
                yield block
                break


def missing(stack: Stack, key: str) -> DownloadError:
    """What is said of an object that isn't there, or of all that begin so."""
    return DownloadError(
        f"s3://{stack.output_bucket}/{key} does not exist: it has expired, or an older version didn't write it, or the "
        "job could not (`fanfold status` shows its reason)"
    )


def find_object(stack: Stack, key: str) -> ObjectTypeDef | None:
    """The size and the ETag of an object of the output bucket, None if it isn't there.

    By a list, since to who may list only what begins so, S3 calls an object that isn't there forbidden.
    """
    client = stack.session.client("s3")
    listed = client.list_objects_v2(Bucket=stack.output_bucket, Prefix=key, MaxKeys=1).get("Contents", [])
    return next((found for found in listed if found["Key"] == key), None)


def numbered(names: Sequence[str]) -> list[str]:
    """The names, each once: a second "id" is "id_2".

    >>> numbered(["id", "text", "id"])
    ['id', 'text', 'id_2']
    """
    found: list[str] = []
    for name in names:
        unique, number = name, 1
        while unique in found:
            number += 1
            unique = f"{name}_{number}"
        found.append(unique)
    return found

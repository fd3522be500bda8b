"""Results as a table of Arrow: the types that fit all values are found first, then the rows are read with them."""

from __future__ import annotations

from contextlib import contextmanager
from io import BufferedReader, BytesIO
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from fanfold.errors import DownloadError
from fanfold_core.aws.store import Blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from fanfold_core.input.records import Dialect

# What is parsed at a time.
_RECORDS_BYTES = 8 * 1024 * 1024


class Table(Protocol):
    """Reads a stream of bytes twice: for the types that fit all values, and for the rows."""

    def schema(self, blocks: Iterator[bytes]) -> pa.Schema:
        """Numbers, booleans and text; of JSON Lines also lists and objects."""

    def batches(self, blocks: Iterator[bytes], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """All rows with these types."""


class TypedRows(NamedTuple):
    """All rows, some megabytes at a time, and the types that fit them."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    @classmethod
    def read(cls, table: Table, blocks: Callable[[], Iterator[bytes]]) -> TypedRows:
        """Find the types, and begin anew with the rows; `DownloadError`, now or later, if no table can hold them."""
        with _fitting():
            schema = table.schema(blocks())

        def batches() -> Iterator[pa.RecordBatch]:
            with _fitting():
                yield from table.batches(blocks(), schema)

        return cls(schema, batches())

    def write_parquet(self, stream: IO[bytes]) -> None:
        """Write them as a Parquet file, of which no more is held than a few batches."""
        from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - an extra

        with ParquetWriter(stream, self.schema) as writer:
            for batch in self.batches:
                writer.write_batch(batch)


class CsvTable:
    """A CSV; the columns of `texts` are text whatever stands in them, and an empty cell of another one is null."""

    def __init__(self, columns: Sequence[str], texts: Sequence[str], dialect: Dialect) -> None:
        self._columns, self._dialect = columns, dialect
        self._open = [name for name in columns if name not in texts]

    def schema(self, blocks: Iterator[bytes]) -> pa.Schema:
        """Of the other columns, the first of whole number, boolean, number and text that all cells are."""
        import pyarrow as pa  # noqa: PLC0415 - an extra

        candidates = {name: [pa.int64(), pa.bool_(), pa.float64()] for name in self._open}
        with_values = set()
        for batch in self._read(blocks, dict.fromkeys(self._columns, pa.string()), self._open) if self._open else ():
            for name, cells in zip(batch.schema.names, batch.columns, strict=True):
                candidates[name] = [kind for kind in candidates[name] if _are_all(cells, kind)]
                if cells.null_count < len(cells):
                    with_values.add(name)
        types = {name: candidates[name][0] for name in with_values if candidates[name]}
        return pa.schema([(name, types.get(name, pa.string())) for name in self._columns])

    def batches(self, blocks: Iterator[bytes], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """All rows."""
        return self._read(blocks, dict(zip(schema.names, schema.types, strict=True)))

    def _read(
        self, blocks: Iterator[bytes], types: dict[str, pa.DataType], some: Sequence[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Some columns, with null for text that is empty, or else all, with text as it stands."""
        from pyarrow import csv  # noqa: PLC0415 - an extra

        # Arrow's own reader of streams reads far ahead, and takes no row that is longer than its blocks.
        for number, records in enumerate(_whole_records(blocks, self._dialect.quote.encode())):
            table = csv.read_csv(
                BytesIO(records),
                read_options=csv.ReadOptions(
                    column_names=self._columns,
                    skip_rows_after_names=0 if number else 1,
                    block_size=len(records) + 1,
                    use_threads=False,
                ),
                parse_options=csv.ParseOptions(
                    delimiter=self._dialect.delimiter,
                    quote_char=self._dialect.quote,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                ),
                convert_options=csv.ConvertOptions(
                    column_types=types, include_columns=some, null_values=[""], strings_can_be_null=bool(some)
                ),
            )
            yield from table.to_batches()


class JsonLinesTable:
    """JSON Lines: a column for each key that any row has, with the types of JSON."""

    def schema(self, blocks: Iterator[bytes]) -> pa.Schema:
        """Times are text: whether all can be read as times says only the whole file. So is what is never there."""
        import pyarrow as pa  # noqa: PLC0415 - an extra

        found = pa.schema([])
        for table in self._read(blocks):
            told = pa.schema([(field.name, _as_text(field.type, pa.types.is_timestamp)) for field in table.schema])
            found = pa.unify_schemas([found, told], promote_options="permissive")
        return pa.schema([(field.name, _as_text(field.type, pa.types.is_null)) for field in found])

    def batches(self, blocks: Iterator[bytes], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """All rows; null for what a row doesn't have."""
        for table in self._read(blocks, explicit_schema=schema, unexpected_field_behavior="error"):
            yield from table.to_batches()

    @staticmethod
    def _read(blocks: Iterator[bytes], **parse_options: Any) -> Iterator[pa.Table]:
        from pyarrow import json  # noqa: PLC0415 - an extra

        for lines in _whole_records(blocks):
            yield json.read_json(
                BytesIO(lines),
                read_options=json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
                parse_options=json.ParseOptions(**parse_options),
            )


def stream_of(blocks: Iterator[bytes]) -> IO[bytes]:
    """A stream of these bytes."""
    return cast("IO[bytes]", BufferedReader(Blocks(blocks)))


@contextmanager
def _fitting() -> Iterator[None]:
    from pyarrow import ArrowException  # noqa: PLC0415 - an extra

    try:
        yield
    except ArrowException as error:
        raise DownloadError(
            f"the results fit no table ({error}): read them row by row instead, as `fanfold results JOB --json` does"
        ) from error


def _are_all(cells: pa.Array, kind: pa.DataType) -> bool:
    from pyarrow import ArrowInvalid  # noqa: PLC0415 - an extra

    try:
        cells.cast(kind)
    except ArrowInvalid:
        return False
    return True


def _as_text(kind: pa.DataType, is_to_be_text: Callable[[pa.DataType], bool]) -> pa.DataType:
    """A type with text in place of some types, also within lists and objects."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    if pa.types.is_list(kind):
        return pa.list_(_as_text(kind.value_type, is_to_be_text))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _as_text(field.type, is_to_be_text)) for field in kind])
    return pa.string() if is_to_be_text(kind) else kind


def _whole_records(blocks: Iterator[bytes], quote: bytes = b"") -> Iterator[bytes]:
    """Some megabytes of whole lines at a time, more if one is longer; a line end between quotes ends none."""
    held, wanted = b"", _RECORDS_BYTES
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size < wanted:
            continue
        held = b"".join(parts)
        end = _last_end(held, quote)
        if end:
            yield held[:end]
        parts = [held[end:]]
        size = len(parts[0])
        # A long record is not looked through again for each of its blocks.
        wanted = max(_RECORDS_BYTES, 2 * size)
    if size:
        yield b"".join(parts)


def _last_end(records: bytes, quote: bytes) -> int:
    """Where the last whole record ends, 0 if none does: after a line end with an even number of quotes before it."""
    end, is_within = len(records), bool(quote) and records.count(quote) % 2 == 1
    while end:
        start = records.rfind(b"\n", 0, end) + 1
        # What lies between this line end and the one that was looked at before.
        if quote and records.count(quote, start, end) % 2:
            is_within = not is_within
        if not is_within:
            return start
        end = max(start - 1, 0)
    return 0

"""A table in Athena: a folder in S3 with a Parquet file for each job, and the statement that declares it."""

from __future__ import annotations

import re
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, NamedTuple

from fanfold.errors import DownloadError
from fanfold.results.tables import TypedRows
from fanfold_core.domain.keys import first_round
from fanfold_core.domain.results.json_lines import numbered
from fanfold_core.input.json.text import cell_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from fanfold.results import Results
    from fanfold.stacks import Stack

# Athena takes no other folders, or hides them.
_LOCATION = re.compile(r"s3://([a-z0-9][a-z0-9.-]+)/((?:[A-Za-z0-9][A-Za-z0-9._=-]*/)*([A-Za-z0-9][A-Za-z0-9._=-]*))/?")
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9_]+")
_LONGEST_NAME = 255
_TYPES = {"int64": "bigint", "double": "double", "bool": "boolean", "string": "string"}


class AthenaTable(NamedTuple):
    """Where the rows of a job were written, and the statement that makes their folder a table."""

    file: str
    statement: str


def write_table(results: Results, stack: Stack, job: str, location: str) -> AthenaTable:
    """Write the results of a job to a folder in S3, in place of those of its earlier rounds.

    `DownloadError` if the folder is none that Athena reads, or a bucket of the stack; other errors as `to_arrow`'s.
    """
    found = _LOCATION.fullmatch(location)
    if found is None:
        raise DownloadError(
            f"{location} cannot be a table in Athena: name a folder as s3://BUCKET/FOLDER/, of letters, digits and ._=-"
        )
    bucket, folder, last = found.groups()
    if bucket in {stack.input_bucket, stack.output_bucket}:
        raise DownloadError(f"{bucket} is a bucket of the stack, which has other files: choose another one for tables")
    rows = _flat(results._typed_rows("a table in Athena"))  # noqa: SLF001 - of this package
    key = f"{folder}/{first_round(job)}.parquet"
    with TemporaryFile() as stream:
        rows.write_parquet(stream)
        stream.seek(0)
        stack.client("s3").upload_fileobj(stream, bucket, key)
    return AthenaTable(f"s3://{bucket}/{key}", _statement(_name(last), rows.schema, f"s3://{bucket}/{folder}/"))


def _flat(rows: TypedRows) -> TypedRows:
    """The rows with names that Athena takes. Lists and objects are JSON, whose keys may differ from job to job."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    names = numbered([_name(name) for name in rows.schema.names])
    types = [pa.string() if pa.types.is_nested(kind) else kind for kind in rows.schema.types]
    schema = pa.schema(zip(names, types, strict=True))

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in rows.batches:
            columns = [
                pa.array(map(_json, cells.to_pylist()), pa.string()) if pa.types.is_nested(cells.type) else cells
                for cells in batch.columns
            ]
            yield pa.record_batch(columns, schema)

    return TypedRows(schema, batches())


def _json(value: object) -> str | None:
    return None if value is None else cell_of(value)


def _name(name: str) -> str:
    """A name as Athena takes it.

    >>> _name("Review text")
    'review_text'
    """
    return _NOT_IN_A_NAME.sub("_", name.lower())[:_LONGEST_NAME] or "_"


def _statement(name: str, schema: pa.Schema, location: str) -> str:
    columns = ",\n".join(f"  `{field.name}` {_TYPES[str(field.type)]}" for field in schema)
    return f"CREATE EXTERNAL TABLE IF NOT EXISTS `{name}` (\n{columns}\n)\nSTORED AS PARQUET\nLOCATION '{location}'"

"""Results as a table: results.parquet, a folder of Parquet files with one schema, made of results.jsonl.

results.jsonl is cut at places that its size alone has fixed, and each file has the lines that begin between two of
them. So files are written by anyone, twice, and at once; and each takes no longer than the others, however large the
results of a part are. The schema is fixed when all rows are counted, before the first file.
"""

from __future__ import annotations

import json
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from fanfold_core.app.rows import results_writer
from fanfold_core.app.table.parquet import write_parquet
from fanfold_core.domain.keys import PARQUET_TYPE, columns_key, result_key, table_key
from fanfold_core.domain.results.json_lines import added_names, numbered
from fanfold_core.domain.statistics.kinds import NULL, TEXT, Kind, settled
from fanfold_core.input.formats import FileName, Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fanfold_core.app.ports import Store
    from fanfold_core.domain.job import JobRecord, Source
    from fanfold_core.domain.statistics.kinds import Kinds

# The lines of a file, unless results are so large that there would be more files than this.
_TABLE_BYTES = 128 * 1024 * 1024
_MOST_TABLES = 10_000
# A file larger than this waits on disk, not in memory, for its upload.
_IN_MEMORY = 16 * 1024 * 1024
# What is read at a time of a line that goes on beyond its file's last place.
_BLOCK = 1024 * 1024


def table_numbers(store: Store, job: JobRecord) -> range:
    """The numbers of the files of a job's table, from 0; none if it is to have no table."""
    return range(_files(_results(store, job))) if job.options.has_table else range(0)


def fix_columns(store: Store, job: JobRecord, kinds: Kinds) -> None:
    """Write down which columns the table has. Whoever does it, of all rows, writes the same."""
    columns = json.dumps(list(columns_of(job, kinds).items()), ensure_ascii=False)
    store.write(columns_key(job.id), columns.encode(), "application/json")


def columns_of(job: JobRecord, kinds: Kinds) -> dict[str, Kind]:
    """The table's columns: the file's own, keys that came later, the model's, and the error."""
    shown = results_writer(job, job.fields).shown
    own, added = numbered(shown.original), added_names(shown)
    is_csv = FileName.parse(job.source.key).format is Format.CSV
    found: dict[str, Kind] = {name: kinds[name] for name in kinds}
    found = {shown.error: NULL, **found, **(dict.fromkeys(own, TEXT) if is_csv else {})}
    ordered = dict.fromkeys([*own, *sorted(found.keys() - set(added)), *added])
    return {name: settled(found[name]) for name in ordered if name in found}


def write_table(store: Store, job: JobRecord, number: int) -> None:
    """Write one of the files, with the columns that are fixed."""
    source = _results(store, job)
    columns = dict(json.loads(store.read(columns_key(job.id))))
    start, end = (place * source.size // _files(source) for place in (number, number + 1))
    lines = list(_lines(store, source, start, end))
    with SpooledTemporaryFile(_IN_MEMORY) as table:
        write_parquet(lines, columns, table)
        table.seek(0)
        store.write(table_key(job.id, number), table, PARQUET_TYPE)


def _results(store: Store, job: JobRecord) -> Source:
    return store.source(result_key(job.id, job.results_file))


def _files(results: Source) -> int:
    return min(max(1, -(-results.size // _TABLE_BYTES)), _MOST_TABLES)


def _lines(store: Store, results: Source, start: int, end: int) -> Iterator[memoryview]:
    """The lines that begin at bytes `start` to `end - 1`: most of them together, and the last one."""
    if start == end:
        return
    # A line begins behind a line end, which may be the byte before.
    before = min(start, 1)
    with store.open(results, start - before, end) as stream:
        content = stream.read()
    first = content.find(b"\n") + 1 if before else 0
    last = content.rfind(b"\n") + 1
    if before and not first:
        return
    yield memoryview(content)[first:last]
    if last == len(content):
        return
    line = [content[max(first, last) :]]
    while not line[-1].endswith(b"\n"):
        with store.open(results, end, end + _BLOCK) as stream:
            block = stream.read()
        end += len(block)
        line.append(block[: block.find(b"\n") + 1] or block)
    yield memoryview(b"".join(line))

"""The files of a job as asyncio reads them: threads read ahead, by no more than a few rows."""

from __future__ import annotations

from asyncio import to_thread
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, TypeVar

from fanfold.results import Errors, FailedRow, MadeByJob, Results

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

T = TypeVar("T")
# To go to a thread and back takes as long as to read some rows.
_READ_AHEAD = 100


async def read_ahead(start: Callable[[], Iterator[T]], most: int = _READ_AHEAD) -> AsyncIterator[T]:
    """What an iterator yields that blocks; it is started, and asked for so many items at a time, in threads.

    >>> async for row in read_ahead(lambda: iter(job.results())):
    ...     print(row["label"])
    """
    items = await to_thread(start)
    while found := await to_thread(list, islice(items, most)):
        for item in found:
            yield item


class AsyncErrors(MadeByJob):
    """`Errors` for asyncio. Each iteration begins anew.

    >>> [failed.row async for failed in await job.errors()]
    [1]
    """

    file_name = Errors.file_name

    def __init__(self, errors: Errors) -> None:
        """Take what reads them."""
        self._errors = errors

    @classmethod
    async def of_folder(cls, folder: Path | str) -> Self:
        """Those in a folder, see `Errors.of_folder`."""
        return cls(await to_thread(Errors.of_folder, folder))

    def __aiter__(self) -> AsyncIterator[FailedRow]:
        """The failed rows, in the order of the file."""
        return read_ahead(lambda: iter(self._errors))

    def blocks(self) -> AsyncIterator[bytes]:
        """The bytes of the file."""
        return read_ahead(self._errors.blocks, 1)

    def for_spreadsheets(self) -> AsyncIterator[bytes]:
        """As `Errors.for_spreadsheets`."""
        return read_ahead(self._errors.for_spreadsheets, 1)


class AsyncResults(MadeByJob):
    """`Results` for asyncio, which hold a hundred rows more at a time. Each iteration begins anew.

    >>> async for row in await job.results():
    ...     print(row["text"], row["label"], float(row["score"]))
    """

    def __init__(self, results: Results) -> None:
        """Take what reads them."""
        self._results = results

    @classmethod
    async def of_folder(cls, folder: Path | str) -> Self:
        """Those in a folder, see `Results.of_folder`."""
        return cls(await to_thread(Results.of_folder, folder))

    @property
    def file_name(self) -> str:
        """The name of the file."""
        return self._results.file_name

    async def columns(self) -> list[str]:
        """As `Results.columns`."""
        return await to_thread(lambda: self._results.columns)

    async def own_columns(self) -> list[str]:
        """As `Results.own_columns`."""
        return await to_thread(lambda: self._results.own_columns)

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """The rows, in the order of the file."""
        return read_ahead(lambda: iter(self._results))

    def blocks(self) -> AsyncIterator[bytes]:
        """The bytes of the file."""
        return read_ahead(self._results.blocks, 1)

    def for_spreadsheets(self) -> AsyncIterator[bytes]:
        """As `Results.for_spreadsheets`."""
        return read_ahead(self._results.for_spreadsheets, 1)

    async def in_file(self, file: Path) -> Self:
        """As `Results.in_file`."""
        return type(self)(await to_thread(self._results.in_file, file))

    async def to_pandas(self) -> pd.DataFrame:
        """As `Results.to_pandas`."""
        return await to_thread(self._results.to_pandas)

    async def to_arrow(self) -> pa.Table:
        """As `Results.to_arrow`."""
        return await to_thread(self._results.to_arrow)

    async def to_parquet(self, file: Path | str) -> None:
        """As `Results.to_parquet`."""
        await to_thread(self._results.to_parquet, file)

"""Results that are too large for memory wait on disk, and come back in runs of rows that memory can hold.

The rows of a chunk are sent in another order than they stand in the file, so all its answers have to be there before
the first row is written. Of a few megabytes of texts, embeddings are gigabytes.
"""

from __future__ import annotations

import json
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import finalize

from fanfold_core.domain.results import RowAnswers
from fanfold_core.input.json.text import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Of a run of rows, unless a single one has more. As Python objects, it takes a few times as much.
_RUN_BYTES = 32 * 1024 * 1024


class Spill:
    """A file for results, which is gone as soon as nobody refers to any of them."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - it is closed when this object goes
        self._size = 0
        finalize(self, self._file.close)

    def keep(self, results: Iterable[Any]) -> list[Spilled]:
        """Write results, each of which can be read again."""
        return [self._write(write_json(result).encode()) for result in results]

    def text(self, start: int, size: int) -> str:
        """What was written there."""
        self._file.seek(start)
        return self._file.read(size).decode()

    def _write(self, content: bytes) -> Spilled:
        self._file.seek(self._size)
        self._file.write(content)
        self._size += len(content)
        return Spilled(self, self._size - len(content), len(content))


class Spilled(NamedTuple):
    """Stands for the result of a row, whose JSON is in a file.

    >>> kept = Spill().keep([{"embedding": [0.5, 0.25]}, None])
    >>> read_result(kept[0]), text_of_result(kept[1])
    ({'embedding': [0.5, 0.25]}, 'null')
    """

    spill: Spill
    start: int
    size: int


def text_of_result(result: Any) -> str:
    """A result as JSON, wherever it is."""
    return result.spill.text(result.start, result.size) if type(result) is Spilled else write_json(result)


def read_result(result: Any) -> Any:
    """A result, wherever it is."""
    return json.loads(text_of_result(result)) if type(result) is Spilled else result


def runs_of(final: RowAnswers) -> Iterator[tuple[int, RowAnswers]]:
    """The answers of rows with the results themselves, a run at a time, each with the number of its first row."""
    if Spilled not in set(map(type, final.results)):
        yield 0, final
        return
    first = size = 0
    for row, result in enumerate(final.results):
        more = result.size if type(result) is Spilled else 0
        if size and size + more > _RUN_BYTES:
            yield first, _read(final, first, row)
            first, size = row, 0
        size += more
    yield first, _read(final, first, len(final.results))


def _read(final: RowAnswers, first: int, end: int) -> RowAnswers:
    return RowAnswers([*map(read_result, final.results[first:end])], final.errors[first:end])

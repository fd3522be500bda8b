"""A CSV on this machine, read as the stack's functions would read it: nothing is uploaded."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from stat import S_ISREG
from typing import IO, TYPE_CHECKING, cast

from fanfold.errors import InputFileError
from fanfold.uploads import csv_name
from fanfold_core.app.reading import read_layout, read_pieces
from fanfold_core.app.rows import chunk_encoding, is_copied, rows_in
from fanfold_core.domain.job import JobRecord, Model, Source
from fanfold_core.domain.keys import RequestId, job_id
from fanfold_core.domain.options import Options
from fanfold_core.domain.requests import Request, Unsendable, body, inputs, plan
from fanfold_core.domain.spans import Span
from fanfold_core.input.cutting import Limits
from fanfold_core.input.errors import InputError, NoRowsError
from fanfold_core.input.scanning import Scanner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fanfold_core.app.ports import Store
    from fanfold_core.input.cutting import Cut

# Of a file of any size so much is read before it is uploaded. What is wrong with all of it shows by then.
_BEGINNING_BYTES = 1024 * 1024
_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Planned:
    """A request as it would be sent, or rows that could not be: `rows` of them, from row `first` of the file on."""

    first: int
    rows: int
    content: Request | Unsendable


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file with what is known of its job: how it is read and laid out."""

    path: Path
    job: JobRecord

    @classmethod
    def read(cls, path: Path, parameters: Mapping[str, str], given: Mapping[str, str]) -> LocalFile:
        """Find out how the file is laid out. `parameters` are the stack's, `given` options take their place.

        `InputFileError` if an option has a value that none may have, or the file does not begin as a CSV that they
        describe.
        """
        with _naming(path):
            _check_can_be_read_twice(path)
            job = JobRecord(
                id=job_id("", path.name, ""),
                source=Source("", csv_name(path.name), "", "", path.stat().st_size),
                options=Options.of_stack(parameters, given),
                model=Model("", "", ""),
                created=datetime.now(UTC),
                expires=0,
                part_bytes=0,
            )
            found = cls(path, replace(job, layout=read_layout(cls._store(path), job, _in_time)))
            found._check_beginning()
            return found

    @property
    def first_record(self) -> list[str]:
        """The cells of the header, or of the first row if there is no header."""
        layout = self.job.known_layout
        if layout.has_header:
            return list(layout.columns)
        return rows_in(next(self.pieces(Limits(rows=1))).data, self.job)[0]

    def pieces(self, limits: Limits = _LIMITS) -> Iterator[Cut]:
        """The file as it would be cut into chunks; `InputFileError` where it cannot be read on."""
        layout = self.job.known_layout
        with _naming(self.path):
            yield from read_pieces(
                self._store(self.path),
                self.job,
                start=layout.first_byte,
                first_row=0,
                limits=limits,
                out_of_time=_in_time,
            )

    def requests(self) -> Iterator[Planned]:
        """What would be sent for the file, in its order, and what could not be."""
        for number, piece in enumerate(self.pieces()):
            yield from self.requests_of(number, piece)

    def requests_of(self, chunk: int, piece: Cut) -> Iterator[Planned]:
        """What would be sent for one chunk."""
        options, layout = self.job.options, self.job.known_layout
        rows = rows_in(piece.data, self.job)
        found = inputs(rows, layout, options.input)
        for run in plan(rows, found, Span(0, len(rows)), layout, options.rows_per_request):
            span = run.span if isinstance(run, Unsendable) else run
            content: Request | Unsendable
            if isinstance(run, Unsendable):
                content = run
            else:
                of_span = found[span.start : span.end]
                identity = RequestId(self.job.id, chunk, span, 1)
                content = Request(identity, body(of_span, options.parameters, options.payload))
            yield Planned(piece.first_row + span.start, span.rows, content)

    def write_head(self, rows: int, file: Path) -> str:
        """Write the first rows to a file, with the header if there is one; answers with the encoding that it has."""
        layout = self.job.known_layout
        with file.open("wb") as stream:
            stream.write(self._before_rows())
            for piece in self.pieces():
                if piece.rows >= rows:
                    scanner = Scanner(self.job.options.dialect, layout.blank_is_row)
                    stream.write(piece.data[: scanner.whole_records(piece.data, rows, is_last=True).end])
                    break
                stream.write(piece.data)
                rows -= piece.rows
        return chunk_encoding(self.job)

    def _check_beginning(self) -> None:
        rows = 0
        for piece in self.pieces():
            rows += piece.rows
            if piece.end >= _BEGINNING_BYTES:
                break
        if not rows:
            raise NoRowsError

    def _before_rows(self) -> bytes:
        """The bytes before the first row: the header, or a byte order mark."""
        layout = self.job.known_layout
        if not layout.first_byte:
            return b""
        if not is_copied(self.job):
            with self.path.open("rb") as stream:
                return stream.read(layout.first_byte)
        absent = replace(self.job, layout=replace(layout, first_byte=0))
        whole = replace(self, job=absent)
        return next(whole.pieces()).data[: layout.first_byte]

    @staticmethod
    def _store(path: Path) -> Store:
        return cast("Store", _Files(path))


@dataclass(frozen=True, slots=True)
class _Files:
    """The part of `app.ports.Store` that reading an uploaded file needs."""

    path: Path

    @contextmanager
    def open(self, _source: Source, start: int, end: int | None = None) -> Iterator[IO[bytes]]:
        del end
        with self.path.open("rb") as stream:
            stream.seek(start)
            yield stream


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputFileError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise InputFileError(f"there is no file {path}: see `ls {path.parent}`") from error
    except OSError as error:
        raise InputFileError(f"{path} could not be read: {error.strerror}") from error


def _check_can_be_read_twice(path: Path) -> None:
    if not S_ISREG(path.stat().st_mode):
        raise InputFileError(f"{path} is a folder or a pipe: name a file, which is looked at before it is uploaded")


def _in_time() -> bool:
    return False

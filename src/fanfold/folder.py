"""A folder on this machine for the files of a job: whose files stand in it already, and who may write to it."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from fanfold.errors import DownloadError
from fanfold.input.batch import BATCH_FILES, CustomIds, batch_output, has_batch_output
from fanfold.results.objects import download, missing, sizes_of
from fanfold.terminal import bytes_bar, stderr
from fanfold_core.domain.keys import RESULT_FILES, TABLE_FOLDER, first_round, result_key
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fanfold.stacks import Stack
    from fanfold_core.domain.job import JobRecord

if sys.platform == "win32":
    from msvcrt import LK_NBLCK, locking

    def _lock(descriptor: int) -> None:
        locking(descriptor, LK_NBLCK, 1)
else:
    from fcntl import LOCK_EX, LOCK_NB, flock

    def _lock(descriptor: int) -> None:
        flock(descriptor, LOCK_EX | LOCK_NB)


_LOCK = ".fanfold.lock"
# Of which file the job is whose files are there, and of what content, which no file of the output bucket tells.
_ORIGIN = ".fanfold.json"
# What a folder has of a job: files of the output bucket, and those that are made of these here. First comes what cannot
# be replaced if it has other files.
_FILES = (TABLE_FOLDER, *RESULT_FILES, *BATCH_FILES)
# Windows knows no links that are followed by opening a file for writing; other systems, no binary files.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose files a folder has, or shall have: those of a job of a file, of which everything else may be unknown.

    `origin` tells whether a file is the same, see `Source`; `input` is its address in the input bucket, and `name` what
    a user calls it. The job has so many `rows` at most. Files of the same `content` have the same bytes; those with the
    same bytes may have another one, since S3 hashes what it stores: parts of an upload, or what a key has encrypted.
    """

    name: str = ""
    job: str = ""
    origin: str = ""
    input: str = ""
    rows: int | None = None
    content: str = ""

    @classmethod
    def of_job(cls, job: JobRecord, origin: str = "", rows: int | None = None) -> Self:
        """What a stack knows of a job; not its origin, and its `rows` only if it has read its whole file."""
        source = job.source
        rows = job.rows if rows is None else rows
        return cls("", job.id, origin, source.address, rows, f"{source.etag} {source.size}")

    @classmethod
    def of(cls, folder: Path) -> Self:
        """As far as the files in a folder tell."""
        summary, told = _read_object(folder / "summary.json"), _read_object(folder / _ORIGIN)
        try:
            job, its, rows = str(summary["job"]), str(summary["input"]), int(summary.get("rows", 0))
        except (KeyError, TypeError, ValueError):
            return cls()
        # It may be of another job: the files were copied, or a process has died while it wrote them.
        is_told = first_round(str(told.get("job"))) == first_round(job)
        origin, content = (str(told.get(name, "")) if is_told else "" for name in ("origin", "content"))
        return cls(its.rpartition("/")[2], job, origin, its, rows, content)

    def is_same(self, other: Owner) -> bool:
        """Whether both are rounds of one job, or jobs of one file."""
        ours, theirs = ((one.origin, one.input, first_round(one.job), one.content) for one in (self, other))
        return any(one and one == another for one, another in zip(ours, theirs, strict=True))

    def __str__(self) -> str:
        """The job and its file, as far as they are known."""
        where = self.origin if self.origin and not self.origin.startswith("sha256:") else f"a file named {self.name}"
        return f"job {self.job}, from {where}"


@dataclass(frozen=True, slots=True)
class HeldFolder:
    """A folder to which nobody else writes the files of a job, which is of a file of this origin, if that is known."""

    path: Path
    origin: str = ""

    def receive(self, stack: Stack, job: JobRecord) -> list[Path]:
        """Write the files of a job; they are there when all of them are whole, or what was there before still is.

        Of a job in OpenAI's batch format, those of that format are among them.

        `DownloadError` if there are none, or they cannot be written.
        """
        sizes = sizes_of(stack, job.id, job.tables)
        if not sizes:
            raise missing(stack, result_key(job.id, ""))
        unfinished = {name: self.path / f".{name}.part" for name in (file.partition("/")[0] for file in sizes)}
        try:
            if TABLE_FOLDER in unfinished:
                with _writing(self.path / TABLE_FOLDER):
                    _remove(unfinished[TABLE_FOLDER])
                    unfinished[TABLE_FOLDER].mkdir()
            with bytes_bar("downloading", sum(sizes.values())) as received:
                for file, size in sizes.items():
                    name, _, inner = file.partition("/")
                    with _writing(self.path / file), _new_file(unfinished[name] / inner) as stream:
                        download(stack, result_key(job.id, file), size, stream, received)
            if has_batch_output(job.options) and "results.jsonl" in sizes:
                unfinished |= {name: self.path / f".{name}.part" for name in BATCH_FILES}
                self._make_batch_output(job.id, unfinished)
            # Before the files: with those of another job, it doesn't count.
            told = {"job": job.id, "origin": self.origin, "content": Owner.of_job(job).content}
            self.write(_ORIGIN, [json.dumps(told).encode()])
            for name in _FILES:
                with _writing(self.path / name):
                    # Of an earlier job: it would be taken for this one's.
                    if name not in unfinished or name == TABLE_FOLDER:
                        _remove(self.path / name)
                    if name in unfinished:
                        unfinished[name].replace(self.path / name)
        finally:
            for part in unfinished.values():
                with suppress(OSError):
                    _remove(part)
        return [self.path / name for name in unfinished]

    def _make_batch_output(self, job: str, unfinished: Mapping[str, Path]) -> None:
        with ExitStack() as files:
            results = files.enter_context(unfinished["results.jsonl"].open("rb"))
            files.enter_context(_writing(self.path / BATCH_FILES[0]))
            streams = {name: files.enter_context(_new_file(unfinished[name])) for name in BATCH_FILES}
            ids = CustomIds()
            for name, line in batch_output(results, job, ids):
                streams[name].write(line)
        # Before the upload, only the beginning was looked through.
        if told := ids.told("the "):
            stderr.print(f"{self.path / BATCH_FILES[0]}: {told}", style="yellow", soft_wrap=True)

    def write(self, name: str, blocks: Iterable[bytes]) -> Path:
        """Write a file that no job has yet; it is there when it is whole. `DownloadError` if it cannot be written."""
        file = self.path / name
        with _writing(file), whole_file(file) as stream:
            stream.writelines(blocks)
        return file


def _remove(path: Path) -> None:
    """Remove a file, or the folder of a table, unless it has other files than a table's."""
    if path.is_dir() and not path.is_symlink():
        files = list(path.iterdir())
        for file in files if all(file.match("part-*.parquet") for file in files) else ():
            file.unlink()
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


@contextmanager
def whole_file(file: Path) -> Iterator[IO[bytes]]:
    """A new file, which has its name when it is whole; until then, and if it cannot be, what had that name keeps it.

    >>> with whole_file(Path("changed.csv")) as stream:
    ...     stream.write(content)
    """
    part = file.with_name(f".{file.name}.part")
    try:
        with _new_file(part) as stream:
            yield stream
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def held(path: Path, owner: Owner, *, replace: bool) -> Iterator[HeldFolder]:
    """Hold a folder, which is made if need be, for the files of a job.

    What an earlier job of the same file has left there may be replaced, which is said, unless it has more rows than
    this one has at most. All else is replaced only if `replace` says so.

    `DownloadError` if something else is there, the folder cannot be written, or another process holds it.
    """
    with _locked(path):
        earlier = Owner.of(path)
        _check(path, earlier, owner, replace=replace)
        yield HeldFolder(path, owner.origin or (earlier.origin if earlier.is_same(owner) else ""))


def _check(path: Path, earlier: Owner, owner: Owner, *, replace: bool) -> None:
    there = [name for name in _FILES if os.path.lexists(path / name)]
    if not there:
        return
    is_same, earlier_rows = earlier.is_same(owner), earlier.rows or 0
    has_more = is_same and owner.rows is not None and earlier_rows > owner.rows
    if replace or (is_same and not has_more):
        if first_round(earlier.job) != first_round(owner.job):
            stderr.print(f"{path}: the files of job {earlier.job} will be replaced", soft_wrap=True)
        return
    found = f"the files of {earlier}" if earlier.job else f"{there[0]}, but no summary.json that names its job"
    if not earlier.origin and earlier.name == Path(owner.name).name != "":
        found += ", perhaps another one"
    which = f"those of {f'job {owner.job}' if owner.job else owner.name}"
    if has_more:
        found, which = f"{found}, with {counted(earlier_rows, 'row')}", f"the {owner.rows:,} of this job"
    elif owner.job and earlier.name == owner.input.rpartition("/")[2] != "":
        which = f"those of job {owner.job}, whose {earlier.name} is not known to have the same content"
    raise DownloadError(
        f"{path} has {found}: choose another folder (--out) for {which}, or replace what is there (--replace, or "
        "replace=True in Python)"
    )


def _read_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if there is none."""
    try:
        # Not what would never end, such as a pipe.
        found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """See to it that no other process holds the folder. The lock ends with the process, however that ends."""
    lock, made = path / _LOCK, [folder for folder in (path, *path.parents) if not folder.exists()]
    with _writing(path):
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o600)
    try:
        with _writing(path):
            is_held = _is_held(descriptor, lock)
        if not is_held:
            raise DownloadError(
                f"another process holds {path} for the files of its job: wait for its end, or choose another folder "
                "(--out)"
            )
        try:
            yield
        finally:
            # Windows keeps it, since it is open.
            with suppress(OSError):
                lock.unlink()
    finally:
        os.close(descriptor)
        # What nothing was written to leaves no trace.
        with suppress(OSError):
            for folder in made:
                folder.rmdir()


def _is_held(descriptor: int, lock: Path) -> bool:
    """Take the lock; False if another process has it, or had it and has just removed its file."""
    try:
        _lock(descriptor)
        return os.path.samestat(os.fstat(descriptor), lock.lstat())
    except (BlockingIOError, PermissionError, FileNotFoundError):
        return False


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that nobody else has made: what stands there, such as a link to another file, is removed."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o666), "wb") as stream:
        yield stream


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"cannot write {path} ({error.strerror}): free some space, or choose another folder (--out)"
        ) from error

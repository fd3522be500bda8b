"""A folder on this machine for the files of a job: whose files stand in it already, and who may write to it."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, NamedTuple, Self

from fanfold.errors import DownloadError
from fanfold.input.batch import BATCH_FILES, CustomIds, batch_output
from fanfold.results import find_object, missing
from fanfold.terminal import bytes_bar, stderr
from fanfold_core.domain.keys import RESULT_FILES, TABLE_FOLDER, first_round, result_key, table_key
from fanfold_core.input.errors import counted
from fanfold_core.input.formats import FileName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fanfold.stacks import Stack

if sys.platform == "win32":
    from msvcrt import LK_NBLCK, locking

    def _lock(descriptor: int) -> None:
        locking(descriptor, LK_NBLCK, 1)
else:
    from fcntl import LOCK_EX, LOCK_NB, flock

    def _lock(descriptor: int) -> None:
        flock(descriptor, LOCK_EX | LOCK_NB)


_LOCK = ".fanfold.lock"
# What a folder has of a job: files of the output bucket, and those that are made of these here. First comes what cannot
# be replaced if it has other files.
_FILES = (TABLE_FOLDER, *RESULT_FILES, *BATCH_FILES)
# Windows knows no links that are followed by opening a file for writing; other systems, no binary files.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class HeldFolder:
    """A folder to which nobody else writes the files of a job."""

    path: Path

    def receive(self, stack: Stack, job: str, *, is_batch: bool = False, tables: Iterable[int] = ()) -> list[Path]:
        """Write the files of a job; they are there when all of them are whole, or what was there before still is.

        With `is_batch` those of OpenAI's batch format are among them; so is the folder of its table, with these files.

        `DownloadError` if there are none, or they cannot be written.
        """
        sizes = {name: found["Size"] for name in RESULT_FILES if (found := find_object(stack, result_key(job, name)))}
        if not sizes:
            raise missing(stack, result_key(job, ""))
        unfinished = {name: self.path / f".{name}.part" for name in sizes}
        sizes_of_table = _sizes_of_table(stack, job, tables)
        try:
            with bytes_bar("downloading", sum([*sizes.values(), *sizes_of_table.values()])) as received:
                for name, size in sizes.items():
                    with _writing(self.path / name), _new_file(unfinished[name]) as stream:
                        _download(stack, result_key(job, name), size, stream, received)
                if sizes_of_table:
                    unfinished[TABLE_FOLDER] = folder = self.path / f".{TABLE_FOLDER}.part"
                    with _writing(self.path / TABLE_FOLDER):
                        _remove(folder)
                        folder.mkdir()
                    for key, size in sizes_of_table.items():
                        name = PurePosixPath(key).name
                        with _writing(self.path / TABLE_FOLDER / name), _new_file(folder / name) as stream:
                            _download(stack, key, size, stream, received)
            if is_batch and "results.jsonl" in sizes:
                unfinished |= {name: self.path / f".{name}.part" for name in BATCH_FILES}
                self._make_batch_output(job, unfinished)
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


def _sizes_of_table(stack: Stack, job: str, numbers: Iterable[int]) -> dict[str, int]:
    """The keys of these files of a job's table, and their sizes; `DownloadError` if one is missing."""
    keys = [table_key(job, number) for number in sorted(numbers)]
    if not keys:
        return {}
    pages = stack.client("s3").get_paginator("list_objects_v2")
    listed = pages.paginate(Bucket=stack.output_bucket, Prefix=result_key(job, f"{TABLE_FOLDER}/"))
    sizes = {found["Key"]: found["Size"] for page in listed for found in page.get("Contents", ())}
    if gone := [key for key in keys if key not in sizes]:
        raise missing(stack, gone[0])
    return {key: sizes[key] for key in keys}


def _download(stack: Stack, key: str, size: int, stream: IO[bytes], received: Callable[[int], None]) -> None:
    stack.client("s3").download_fileobj(stack.output_bucket, key, stream, Callback=received)
    # It comes in ranges, and boto3 takes an answer with all of it for one of them.
    if (written := stream.seek(0, os.SEEK_END)) != size:
        raise DownloadError(
            f"{stack.store.location(key)} has {counted(size, 'byte')}, and S3 sent {written:,}: try again"
        )


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
def held(path: Path, file: str, job: str = "", *, rows: int | None = None, replace: bool) -> Iterator[HeldFolder]:
    """Hold a folder, which is made if need be, for the files of a job of a file of this name; "" if it is yet to begin.

    What an earlier job of the file has left there may be replaced, which is said, unless it has more than the `rows`
    that this one has at most (None: nobody knows). All else is replaced only if `replace` says so.

    `DownloadError` if something else is there, the folder cannot be written, or another process holds it.
    """
    with _locked(path):
        _check(path, _plain(file), job, rows, replace=replace)
        yield HeldFolder(path)


def _check(path: Path, file: str, job: str, rows: int | None, *, replace: bool) -> None:
    there = [name for name in _FILES if os.path.lexists(path / name)]
    if not there:
        return
    earlier = _Earlier.of(path / "summary.json")
    has_more = earlier.file == file and rows is not None and earlier.rows > rows
    if replace or (earlier.file == file and not has_more):
        if first_round(earlier.job) != first_round(job):
            stderr.print(f"{path}: the files of job {earlier.job} will be replaced", soft_wrap=True)
        return
    found = (
        f"the files of job {earlier.job}, from {earlier.file}"
        if earlier.job
        else f"{there[0]}, but no summary.json that names its job"
    )
    which = f"those of {file}"
    if has_more:
        found, which = f"{found}, with {counted(earlier.rows, 'row')}", f"the {rows:,} of this job"
    raise DownloadError(
        f"{path} has {found}: choose another folder (--out) for {which}, or replace what is there (--replace, or "
        "replace=True in Python)"
    )


class _Earlier(NamedTuple):
    """The job whose files a folder has, its file's name, and how many rows it had; empty where nothing tells."""

    job: str = ""
    file: str = ""
    rows: int = 0

    @classmethod
    def of(cls, summary: Path) -> Self:
        try:
            # Not what would never end, such as a pipe.
            found = json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {}
            return cls(str(found["job"]), _plain(found["input"]), int(found.get("rows", 0)))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return cls()


def _plain(name: str) -> str:
    """A file's name as its upload has it, without its folder and without how it is compressed.

    >>> _plain("s3://in/5e0c/tweets.csv.gz"), _plain("tweets.tsv")
    ('tweets.csv', 'tweets.tsv')
    """
    return FileName.parse(FileName.parse(PurePosixPath(name).name).uploaded).stem


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

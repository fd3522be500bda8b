"""What becomes a job: a file on this machine or in S3, standard input, or rows, as bytes that can be read again."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from hashlib import file_digest
from itertools import islice
from os import SEEK_END
from pathlib import Path, PurePosixPath
from shlex import quote
from shutil import copyfileobj
from stat import S_ISDIR, S_ISREG
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.errors import InputFileError, room_for
from fanfold.input.objects import S3, split_url
from fanfold_core.aws.store import check_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from io import BufferedRandom

    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CopySourceTypeDef

    from fanfold_core.input.parquet.stream import Opener

# Names that are looked at for the one that was meant.
_MOST_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes and their name, which says how they are compressed; `shown` is what the user calls them.

    `options` are how they are written, by the names of a file's metadata; what else is said of that doesn't count.
    `notes` say in sentences what they are. What is in S3 already has a `copy`, which puts it in a place there: it takes
    a client, the place (`Bucket` and `Key`), metadata, and whom to tell of bytes that have been copied.

    `origin` tells whether another source is the same file: its absolute path, or its address in S3; of what has none,
    such as rows, a hash of its bytes.
    """

    name: str
    shown: str
    size: int
    open: Opener
    options: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    copy: Callable[[S3Client, Mapping[str, str], Mapping[str, str], Callable[[int], None]], None] | None = None
    origin: str = ""

    @classmethod
    def of_file(cls, path: Path) -> Source:
        """A file on this machine; `InputFileError` if there is none, or it can be read only once."""
        try:
            found = path.stat()
        except FileNotFoundError as error:
            raise InputFileError(f"file {path} does not exist: {where_else(path)}") from error
        except OSError as error:
            raise InputFileError(f"cannot read {path}: {error.strerror}") from error
        if S_ISDIR(found.st_mode):
            raise InputFileError(f"{path} is a folder: choose a file in it, such as {path / '*.csv'}")
        if not S_ISREG(found.st_mode):
            raise InputFileError(f"{path} is not a regular file: choose a file, or send its content to standard input")
        return cls(path.name, str(path), found.st_size, partial(_open, path), origin=address(path))

    @classmethod
    def of_object(cls, s3: S3Client, url: str) -> Source:
        """An object in S3, which is read in place; `InputFileError` if it cannot be."""
        bucket, key = split_url(url)
        try:
            found = s3.head_object(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise InputFileError(
                f"cannot read {url}: {error}. See `aws s3 ls {url}`, and whether you may read it; a prefix ends in a "
                "slash"
            ) from error
        place: CopySourceTypeDef = {"Bucket": bucket, "Key": key}
        size = found["ContentLength"]

        @contextmanager
        def read(start: int, end: int | None = None) -> Iterator[IO[bytes]]:
            answer = s3.get_object(**place, Range=f"bytes={start}-{'' if end is None else end - 1}")
            with closing(answer["Body"]) as body:
                check_range(url, answer, start, size if end is None else end, size)
                yield cast("IO[bytes]", body)

        return cls(PurePosixPath(key).name, url, size, read, copy=partial(_copy, place), origin=address(url))


def where_else(path: Path) -> str:
    """What is said of a path at which there is nothing: the name that was perhaps meant, or where to look."""
    if path.parts[:1] in {("http:",), ("https:",)}:
        url = str(path).replace(":/", "://", 1)
        return f"download it first (`curl -LO {quote(url)}`)"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    names: list[str] = []
    # A folder may be open to who knows a name in it, and not be listed.
    with suppress(OSError):
        names += [file.name for file in islice(path.parent.iterdir(), _MOST_NAMES)]
    near = get_close_matches(path.name, names, 1)
    return f"did you mean {path.parent / near[0]}?" if near else f"see `ls {quote(str(path.parent))}`"


def is_in_s3(file: object) -> bool:
    """Whether this names an object in S3.

    >>> is_in_s3("s3://bucket/tweets.csv"), is_in_s3("tweets.csv")
    (True, False)
    """
    return isinstance(file, str) and file.startswith(S3)


def address(file: str | Path) -> str:
    """Where a file is, whichever folder a process works in: its absolute path, without links, or its address in S3."""
    return str(file) if is_in_s3(file) else str(Path(file).resolve())


@contextmanager
def spooled(
    name: str,
    shown: str,
    write: Callable[[IO[bytes]], Any],
    options: Mapping[str, str] | None = None,
    origin: str = "",
) -> Iterator[Source]:
    """What `write` writes, in a file that has no name on the disk, so that none is left behind however this ends.

    Unless it has another origin, that is its content. `UserError` if there is no room for it.
    """
    with _temporary_copy(shown, write) as stream:

        @contextmanager
        def read(start: int, _end: int | None = None) -> Iterator[IO[bytes]]:
            stream.seek(start)
            yield stream

        size = stream.seek(0, SEEK_END)
        if not origin:
            stream.seek(0)
            origin = f"sha256:{file_digest(stream, 'sha256').hexdigest()}"
        yield Source(name, shown, size, read, options or {}, origin=origin)


@contextmanager
def _temporary_copy(shown: str, write: Callable[[IO[bytes]], Any]) -> Iterator[BufferedRandom]:
    """A file without a name that has what `write` writes; `UserError` if it cannot be written."""
    with ExitStack() as kept:
        # What is full cannot be closed without another error, which is one of room, too.
        with room_for(shown), ExitStack() as files:
            stream = files.enter_context(TemporaryFile())
            write(stream)
            stream.flush()
            kept.push(files.pop_all())
        yield stream


def spooled_stream(name: str, shown: str, stream: IO[bytes]) -> AbstractContextManager[Source]:
    """What comes from a stream that can be read once, such as standard input."""
    return spooled(name, shown, partial(copyfileobj, stream))


@contextmanager
def _open(path: Path, start: int, _end: int | None = None) -> Iterator[IO[bytes]]:
    with path.open("rb") as stream:
        stream.seek(start)
        yield stream


def _copy(
    source: CopySourceTypeDef,
    s3: S3Client,
    place: Mapping[str, str],
    metadata: Mapping[str, str],
    sent: Callable[[int], None],
) -> None:
    how = {"Metadata": metadata, "MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"}
    s3.copy(source, place["Bucket"], place["Key"], ExtraArgs=how, Callback=sent)

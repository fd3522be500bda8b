"""Objects in S3 as one file: what they must have in common, and which bytes of each of them are rows.

The pipeline stays as it is: a job is one version of one object. Of each object its beginning and its last byte are
read, so rows are not counted here. Only compressed CSV comes here as a whole, since header and line ends are within.
"""

from __future__ import annotations

from codecs import BOM_UTF8, lookup
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, NamedTuple

from fanfold.errors import InputFileError
from fanfold.input.copying import Range, opened, put_joined
from fanfold.input.objects import at_once
from fanfold.input.sources import Source
from fanfold.input.streamed import LINE_END, as_json_lines, compressed, recompressed
from fanfold.terminal import spinner
from fanfold_core.input.encodings import is_byte_cuttable
from fanfold_core.input.errors import InputError, counted, shown
from fanfold_core.input.formats import FileName, Format
from fanfold_core.input.source import BLOCK_BYTES, InputFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from types_boto3_s3 import S3Client

    from fanfold.input.copying import Segment
    from fanfold.input.objects import Objects, S3Object
    from fanfold_core.domain.options import Options
    from fanfold_core.input.formats import Compression
    from fanfold_core.input.layout import Layout

# So much of each object is looked at; if that doesn't tell where its rows begin, as much as of any file.
_HEAD_BYTES = 64 * 1024
# So much tells whether a byte order mark comes first, also if it is compressed.
_MARK_BYTES = 1024


class _Beginning(NamedTuple):
    """How an object begins: its layout, and the first line of its rows."""

    layout: Layout
    first_line: bytes


def joined(s3: S3Client, objects: Objects, options_of: Callable[[str], Options], name: str | None = None) -> Source:
    """The file that objects are together, called like their prefix or manifest unless a name is given.

    `options_of` tells how a file of some name is read. `InputFileError` if they do not go together.
    """
    found = objects.found
    _check_formats(found)
    if FileName.parse(_ending(found[0])).format is Format.PARQUET:
        return _of_parquet(s3, objects, name or objects.stem)
    name = name or f"{objects.stem}{_ending(found[0])}"
    options, file = options_of(name), FileName.parse(name)
    if not is_byte_cuttable(options.encoding):
        raise InputFileError(f"{objects.shown}: objects in {options.encoding} cannot be joined: write them in UTF-8")
    join = _Join(s3, name, options)
    pinned: Mapping[str, str] = {}
    notes: Sequence[str] = ()
    with spinner(f"looking at {counted(len(found), 'object')}"):
        if file.format is Format.CSV:
            starts, pinned, notes = join.csv(found)
        else:
            starts = join.lines(found)
        if file.compression and (file.format is Format.CSV or any(starts[1:])):
            opening = partial(recompressed, s3, found, starts, file.compression)
            size = sum(one.size for one in found)
            return Source(name, objects.shown, size, opening, pinned, notes=(objects.note, *notes))
        segments = join.segments(found, starts, file.compression)
    return Source(
        name,
        objects.shown,
        sum(map(len, segments)),
        partial(opened, s3, segments),
        pinned,
        notes=(objects.note, *notes),
        copy=partial(put_joined, segments=segments),
    )


@dataclass(frozen=True, slots=True)
class _Join:
    """Looks at objects, which are read as a file of this name with these options."""

    s3: S3Client
    name: str
    options: Options

    def lines(self, objects: Sequence[S3Object]) -> list[int]:
        """Where the rows of JSON Lines begin: they have no header, but perhaps a byte order mark."""
        if not lookup(self.options.encoding).name.startswith("utf-8"):
            return [0] * len(objects)
        return [len(BOM_UTF8) if head.startswith(BOM_UTF8) else 0 for head in at_once(self._first_bytes, objects)]

    def csv(self, objects: Sequence[S3Object]) -> tuple[list[int], Mapping[str, str], Sequence[str]]:
        """The same of CSV; the header that all have or haven't, as an option; and what was assumed to say so."""
        # The largest one has most to tell; the first ones may have no row.
        reference = max(objects, key=lambda one: one.size)
        known = self._beginning(reference, self.options)
        found = at_once(partial(self._like, reference, known.layout), objects)
        has_header = known.layout.has_header
        are_told = has_header or self.options.header != "auto" or len(objects) == 1
        if not are_told and {one.first_line for one in found} == {known.first_line}:
            raise InputFileError(
                f"all {counted(len(objects), 'object')} begin with the same line, which may be their header: set the "
                "option `header` to present or absent"
            )
        starts = [one.layout.first_byte for one in found]
        return starts, {"header": "present" if has_header else "absent"}, known.layout.assumed

    def segments(
        self, objects: Sequence[S3Object], starts: Sequence[int], compression: Compression | None
    ) -> list[Segment]:
        """All bytes of the first object, and of the others those of their rows; each ends a line, but for the last."""
        parts = [
            part for one, start in zip(objects, [0, *starts[1:]], strict=True) if (part := Range(one, start, one.size))
        ]
        if compression:
            # Blank lines are no rows, so nobody has to know which objects lack a line end.
            ends = [compressed(compression, LINE_END)] * (len(parts) - 1)
        else:
            ends = at_once(self._mended, [part.of for part in parts[:-1]])
        return [segment for both in zip(parts, [*ends, b""], strict=True) for segment in both if segment]

    def _mended(self, one: S3Object) -> bytes:
        """The line end that an object lacks; after a carriage return, it is one with it."""
        return b"" if one.read(self.s3, one.size - 1, one.size) == LINE_END else LINE_END

    def _like(self, reference: S3Object, layout: Layout, one: S3Object) -> _Beginning:
        """An object's rows, if it is written as the reference is."""
        options = self.options
        if layout.has_header or options.header != "auto":
            # Its columns are compared, whatever is asked of them.
            header = "present" if layout.has_header else "absent"
            options = replace(options, header=header, input_column="0", label_column="", prompt="", input_expression="")
        found = self._beginning(one, options)
        if difference := _difference(layout, found.layout):
            raise InputFileError(
                f"{reference.url} and {one.url} cannot be joined: {difference}. Run them one by one, or write them "
                "alike"
            )
        return found

    def _first_bytes(self, one: S3Object) -> bytes:
        try:
            return self._head(one, self.options, _MARK_BYTES).head()[0][: len(BOM_UTF8)]
        except InputError as error:
            raise InputFileError(f"{one.url}: {error.in_full}") from error

    def _head(self, one: S3Object, options: Options, most: int) -> InputFile:
        head = one.read(self.s3, 0, min(one.size, most))
        return InputFile(self.name, len(head), options, partial(_from, head), is_beginning=len(head) < one.size)

    def _beginning(self, one: S3Object, options: Options, most: int = _HEAD_BYTES) -> _Beginning:
        file = self._head(one, options, most)
        try:
            layout = file.layout()
            rows = file.head()[0][layout.first_byte :]
        except InputError as error:
            if file.is_beginning and most < BLOCK_BYTES:
                return self._beginning(one, options, BLOCK_BYTES)
            raise InputFileError(f"{one.url}: {error.in_full}") from error
        return _Beginning(layout, rows.partition(LINE_END)[0].rstrip())


def _from(head: bytes, start: int, end: int | None = None) -> IO[bytes]:
    return BytesIO(head[start:end])


def _ending(one: S3Object) -> str:
    """How the names of such files end."""
    name = FileName.parse(FileName.parse(PurePosixPath(one.key).name).uploaded)
    return PurePosixPath(name.stem).suffix + (name.compression.suffix if name.compression else "")


def _of_parquet(s3: S3Client, objects: Objects, name: str) -> Source:
    """JSON Lines, as which a job reads Parquet: each object has its columns one after another."""
    found = objects.found
    size = sum(one.size for one in found)
    stem = PurePosixPath(name).stem if FileName.parse(name).format is Format.PARQUET else name
    opening = partial(as_json_lines, s3, found)
    return Source(f"{stem}.jsonl.gz", objects.shown, size, opening, notes=(objects.note,))


def _check_formats(found: Sequence[S3Object]) -> None:
    formats = [FileName.parse(_ending(one)) for one in found]
    for one, file in zip(found, formats, strict=True):
        first = formats[0]
        if (file.format, file.options, file.compression) != (first.format, first.options, first.compression):
            raise InputFileError(
                f"{found[0].url} and {one.url} cannot be joined: the names end in {_ending(found[0])} and "
                f"{_ending(one)}"
            )


def _difference(layout: Layout, other: Layout) -> str:
    """How another object is written otherwise, empty if it isn't."""
    if layout.has_header != other.has_header:
        return (
            "the second one begins with a header, and the first one with a row (the option `header` says that all of "
            "them have one, or none)"
        )
    if layout.delimiter != other.delimiter:
        return "their first lines name different delimiters"
    if layout.columns == other.columns:
        return ""
    if not layout.has_header:
        return f"the first one has {counted(len(layout.columns), 'column')}, and the second one {len(other.columns)}"
    missing = [name for name in layout.columns if name not in other.columns]
    more = [name for name in other.columns if name not in layout.columns]
    only = [
        f"only the {which} one has {shown(names)}" for which, names in (("first", missing), ("second", more)) if names
    ]
    return f"their columns differ: {', and '.join(only) or 'they have another order'}"

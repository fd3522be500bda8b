"""A CSV, read as the stack's functions would read it: nothing is uploaded."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from fanfold.errors import InputFileError, extra
from fanfold.input.batch import batch_options, repeated_ids, unanswered
from fanfold.input.joined import joined
from fanfold.input.objects import below, is_manifest, is_prefix, of_manifest
from fanfold.input.sources import Source, address, is_in_s3, spooled
from fanfold.input.tables import WRITTEN, writer_of
from fanfold.terminal import spinner
from fanfold_core.domain.keys import RequestId, job_id
from fanfold_core.domain.options import Options
from fanfold_core.domain.options.row import COSTLIER_OPTIONS, FOR_LANGUAGE_MODELS, REFUSE
from fanfold_core.domain.options.table import TIMEOUT_SECONDS
from fanfold_core.domain.requests import Request, Unsendable, body, chunk_limits, inputs, plan
from fanfold_core.domain.spans import Span
from fanfold_core.input.cutting import Budget, Limits
from fanfold_core.input.errors import InputError, NoRowsError, OptionError
from fanfold_core.input.formats import FileName
from fanfold_core.input.source import InputFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from types_boto3_s3 import S3Client

    from fanfold.input.objects import Objects
    from fanfold_core.input.cutting import Cut
    from fanfold_core.input.layout import Layout

# Of a file of any size so much is read before it is uploaded. What is wrong with all of it shows by then.
_BEGINNING_BYTES = 1024 * 1024
_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Planned:
    """A request as it would be sent, or rows that could not be: `rows` are their numbers in the file, from 0."""

    rows: Sequence[int]
    content: Request | Unsendable


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file, the options that its job would have, and how it is read and laid out.

    `assumed` are those that its format stands for; who uploads it has to give them with it.
    """

    source: Source
    options: Options
    content: InputFile
    layout: Layout
    assumed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, source: Source, parameters: Mapping[str, str], given: Mapping[str, str]) -> LocalFile:
        """Find out how the file is laid out. `parameters` are the stack's, `given` options take their place.

        `InputFileError` if an option has a value that none may have, the file is larger than the stack takes, or it
        does not begin as a CSV that they describe.
        """
        with _naming(source.shown):
            of_stack = Options.of_stack(parameters, {})
            options = _options(source.name, parameters, {**given, **source.options})
            named = FileName.parse(source.name)
            content = InputFile(named.uploaded, source.size, options, source.open, budget=_budget(parameters))
            if assumed := batch_options(content, given):
                return cls._read_batch(source, parameters, content, assumed, {**given, **source.options})
        with _naming(source.shown, blame=partial(options.set_by, of_stack)), extra("parquet", "a Parquet file"):
            layout = content.layout()
            said = _once((*source.notes, *layout.assumed))
            warnings = (*layout.warnings, *unanswered(options, parameters), *cut_short(options, parameters))
            found = cls(source, options, content, replace(layout, assumed=said, warnings=warnings))
            found._check_beginning()
            return found

    @classmethod
    def _read_batch(
        cls,
        source: Source,
        parameters: Mapping[str, str],
        content: InputFile,
        assumed: Mapping[str, str],
        given: Mapping[str, str],
    ) -> LocalFile:
        with _naming(source.shown, ", in OpenAI's batch format"):
            _check_requests_may_have_one_row(source, parameters)
            options = Options.of_stack(parameters, {**assumed, **given})
            if options.rows_per_request != 1:
                raise OptionError("rows-per-request", str(options.rows_per_request), "1, since each row is a request")
            content = replace(content, options=options)
            layout = content.layout()
            first = content.first_rows(layout)
            rows = content.rows(first.data, layout, start=first.start)
            said = (*source.notes, *layout.assumed)
            of_stack = (*unanswered(options, parameters), *cut_short(options, parameters))
            warnings = (*layout.warnings, *repeated_ids(rows), *of_stack)
            found = cls(source, options, content, replace(layout, assumed=said, warnings=warnings), assumed)
            found._check_beginning()
            return found

    def pieces(self, limits: Limits = _LIMITS) -> Iterator[Cut]:
        """The file as it would be cut into chunks; `InputFileError` where it cannot be read on."""
        with _naming(self.source.shown):
            yield from self.content.pieces(self.layout, chunk_limits(limits, self.options.rows_per_request))

    def requests(self) -> Iterator[Planned]:
        """What would be sent for the file, chunk by chunk, and what could not be."""
        for number, piece in enumerate(self.pieces()):
            yield from self.requests_of(number, piece)

    def requests_of(self, chunk: int, piece: Cut) -> Iterator[Planned]:
        """What would be sent for one chunk."""
        options, job = self.options, job_id("", self.source.name, "")
        rows = self.content.rows(piece.data, self.layout, first_row=piece.first_row, start=piece.start)
        found = inputs(rows, self.layout, options.input)
        order = options.order(found)
        rows, found, at = [rows[row] for row in order.sent], [found[row] for row in order.sent], order.rows
        for run in plan(rows, found, Span(0, len(rows)), self.layout, options.rows_per_request, first_alone=True):
            span = run.span if isinstance(run, Unsendable) else run
            content: Request | Unsendable
            if isinstance(run, Unsendable):
                content = run
            else:
                of_span = found[span.start : span.end]
                content = Request(RequestId(job, chunk, span, 1), body(of_span, options.parameters, options.payload))
            numbers = [piece.first_row + row for sharing in at[span.start : span.end] for row in sharing]
            yield Planned(numbers, content)

    def head(self, rows: int) -> AbstractContextManager[Source]:
        """A file of the first rows, with the header if there is one."""
        name, encoding = FileName.parse(self.source.name).text, {"encoding": self.content.chunk_encoding}
        options = {**self.source.options, **encoding}
        return spooled(name, self.source.shown, partial(self._write_head, rows), options, self.source.origin)

    def _write_head(self, rows: int, stream: IO[bytes]) -> None:
        stream.write(self.content.head()[0][: self.layout.first_byte])
        for piece in self.pieces():
            if piece.rows >= rows:
                scanner = self.content.scanner(self.layout)
                stream.write(piece.data[: scanner.whole_records(piece.data, rows, is_last=True).end])
                break
            stream.write(piece.data)
            rows -= piece.rows

    def _check_beginning(self) -> None:
        rows = 0
        for piece in self.pieces():
            rows += piece.rows
            if piece.end >= _BEGINNING_BYTES:
                break
        if not rows:
            raise NoRowsError


def _once(sentences: Sequence[str]) -> tuple[str, ...]:
    """Sentences without those that come again, whole or as the end of another."""
    different = tuple(dict.fromkeys(sentences))
    return tuple(one for one in different if not any(other.endswith(one[1:]) for other in different if other != one))


def _check_requests_may_have_one_row(source: Source, parameters: Mapping[str, str]) -> None:
    if parameters.get(COSTLIER_OPTIONS) == REFUSE and Options.of_stack(parameters, {}).rows_per_request > 1:
        raise InputFileError(
            f"{source.shown} is in OpenAI's batch format, of which each row is sent alone, and this stack has "
            f"{COSTLIER_OPTIONS}={REFUSE}: {FOR_LANGUAGE_MODELS}"
        )


def cut_short(options: Options, parameters: Mapping[str, str]) -> Iterator[str]:
    """A warning, if a stack's own container ends its workers before the options' time is over.

    Of an endpoint or a container of the user's own, and of a local cloud's model, nobody knows when.

    >>> list(cut_short(options, stack.parameters))
    ["invocation-timeout-seconds is 1800, but the stack's container ends a worker after 900. …"]
    """
    is_own = any(parameters.get(name) for name in ("EndpointName", "ContainerImage"))
    is_in_container = bool(parameters.get("ModelDataUrl")) or "/" in parameters.get("HfModelId", "")
    most, asked = int(parameters.get("ContainerTimeoutSeconds", TIMEOUT_SECONDS)), options.invocation_timeout_seconds
    if asked > most and is_in_container and not is_own:
        yield (
            f"invocation-timeout-seconds is {asked}, but the stack's container ends a worker after {most}. To let it "
            f"work longer, deploy the stack with ContainerTimeoutSeconds={asked}."
        )


def _budget(parameters: Mapping[str, str]) -> Budget:
    """What the stack takes; a stack of an older version has no limit."""
    limits = {"max_rows": "MaxRows", "max_bytes": "MaxBytes"}
    return Budget(**{name: int(parameters[limit]) for name, limit in limits.items() if limit in parameters})


@contextmanager
def opened(
    data: object,
    s3: Callable[[], S3Client],
    parameters: Mapping[str, str],
    given: Mapping[str, str],
    name: str | None = None,
) -> Iterator[LocalFile]:
    """A path, an address in S3, which its client reads, or rows, read as `LocalFile.read` does; perhaps renamed.

    A prefix or a manifest becomes one file. `TypeError` if it is nothing that can be read.
    """
    with _source_of(data, s3, partial(_options, parameters=parameters, given=given), name) as source:
        yield LocalFile.read(source, parameters, given)


@contextmanager
def _source_of(
    data: object, s3: Callable[[], S3Client], options_of: Callable[[str], Options], name: str | None
) -> Iterator[Source]:
    if isinstance(data, Source):
        found = data
    elif is_prefix(data) or is_manifest(data):
        client = s3()
        with spinner("looking for objects"):
            objects = below(client, str(data)) if is_prefix(data) else _listed(str(data), client)
        with _naming(objects.shown):
            found = replace(joined(client, objects, options_of, name), origin=address(str(data)))
        name = None  # it has one that says what has become of them
    elif isinstance(data, str) and is_in_s3(data):
        found = Source.of_object(s3(), data)
    elif isinstance(data, str | Path):
        found = Source.of_file(Path(data))
    else:
        name = name or "rows.csv"
        with spooled(name, name, writer_of(data), WRITTEN) as source:
            yield source
        return
    yield replace(found, name=name) if name else found


def _listed(manifest: str, s3: S3Client) -> Objects:
    source = Source.of_object(s3, manifest) if is_in_s3(manifest) else Source.of_file(Path(manifest))
    with _naming(source.shown), source.open(0) as stream:
        return of_manifest(s3, manifest, PurePosixPath(source.name).stem, stream.read())


def _options(name: str, parameters: Mapping[str, str], given: Mapping[str, str]) -> Options:
    return Options.of_stack(parameters, {**FileName.parse(name).options, **given})


@contextmanager
def _naming(shown: str, taken_for: str = "", blame: Callable[[str], str] = lambda _words: "") -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputFileError(f"{shown}{taken_for}: {blame(str(error))}{error.in_full}") from error
    except OSError as error:
        raise InputFileError(f"cannot read {shown}: {error.strerror}") from error

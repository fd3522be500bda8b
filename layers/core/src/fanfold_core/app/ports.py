"""What the steps need of the world. `fanfold_core.aws` has the adapters; every write here may happen twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from fanfold_core.domain.job import Chunk, JobRecord, Model, Source, Spent, State
    from fanfold_core.domain.keys import RequestId
    from fanfold_core.domain.options import Options
    from fanfold_core.domain.order import Order
    from fanfold_core.domain.outcomes import Failure, Health, Mark, Pause, Prediction
    from fanfold_core.domain.parts import Built, Part
    from fanfold_core.domain.requests import Postponed, Request, Unsendable
    from fanfold_core.domain.results import SpanOutcome
    from fanfold_core.domain.spans import Span
    from fanfold_core.domain.window import Progress
    from fanfold_core.input.layout import Layout

LONGEST_DELAY_SECONDS = 900  # that a message can be put off
MOST_RESULTS = 300_000  # bytes of a span's results, of which an item of the ledger holds 400 KB


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message about a job that a function could not process. Its queue asks for `receipt` to drop it."""

    function: str
    job: str
    receipt: str


class Ledger(Protocol):
    """What is known of every job, chunk and span. Writes answer with the item as it then is."""

    def create(self, job: JobRecord) -> JobRecord:
        """Put the job unless it is there; answers with the one that is."""

    def job(self, job_id: str) -> JobRecord:
        """Read a job; `UnknownJobError` if there is none."""

    def set_layout(self, job_id: str, layout: Layout) -> JobRecord:
        """Remember how the file is laid out."""

    def set_model(self, job_id: str, model: Model) -> JobRecord:
        """Remember what will predict the rows, unless the job has chunks already."""

    def set_options(self, job_id: str, options: Options) -> JobRecord:
        """Remember how the file is to be read, unless the job knows already what it found."""

    def store(self, job: JobRecord, chunk: Chunk, part: Part | None) -> JobRecord:
        """Put a chunk, and the part that it ends, unless they are there; then raise `stored`, while RUNNING."""

    def set_total(self, job_id: str, total: int, rows: int) -> JobRecord:
        """Remember how many chunks and rows the file has, while the job is RUNNING."""

    def raise_released(self, job_id: str, released: int) -> None:
        """Remember how many chunks have been handed to the dispatcher."""

    def compact(self, job_id: str, low: int, below: Iterable[int]) -> None:
        """Forget the covered chunks `below`, now that all below `low` are covered."""

    def close(self, job_id: str, outcome: State, reason: str) -> JobRecord:
        """RUNNING becomes CLOSING with this outcome and reason; the first one stays."""

    def chunk(self, job_id: str, number: int) -> Chunk:
        """Read a chunk; `UnknownChunkError` if there is none."""

    def chunks(self, job_id: str, numbers: Iterable[int]) -> Iterator[Chunk]:
        """Read those of several chunks that there are, in no particular order."""

    def touch(self, job_id: str, chunk: int) -> None:
        """Remember that something of a chunk has been sent just now."""

    def raise_attempts(self, job_id: str, chunk: int, attempts: int) -> None:
        """Remember that requests of a chunk are about to be sent as so high an attempt."""

    def set_trouble(self, job: JobRecord, words: str) -> None:
        """Remember what went wrong with a job just now; since when, if it was the same before."""

    def add_mismatches(self, job_id: str, mismatches: Iterable[str]) -> JobRecord:
        """Remember wrong lengths that answers had, spelt `rows:results`."""

    def open_jobs(self) -> Iterator[str]:
        """The ids of jobs that are RUNNING or CLOSING, perhaps without the very latest."""

    def health(self, endpoint: str) -> Health:
        """What is known of an endpoint, its circuit breaker among it."""

    def set_health(self, endpoint: str, *, answered: bool, broken: bool) -> None:
        """Remember that an endpoint has answered a request just now, or broken one."""

    def set_pause(self, endpoint: str, pause: Pause) -> None:
        """Set the circuit breaker of an endpoint."""

    def progress(self, endpoint: str) -> Mapping[str, Progress]:
        """How far the jobs of an endpoint were when they were last swept; perhaps also of jobs that have ended."""

    def set_progress(self, job: JobRecord, progress: Progress) -> None:
        """Remember how far a job is."""

    def set_order(self, job_id: str, chunk: int, order: Order) -> Chunk:
        """Fix the order in which the rows of a chunk are sent; the first one stays."""

    def advance_sent(self, job_id: str, chunk: int, before: int, after: int) -> bool:
        """Move a chunk's dispatch progress by compare-and-set; False if somebody else did."""

    def put_predictions(self, job: JobRecord, chunk: int, predictions: Sequence[Prediction]) -> None:
        """Store results. Of two attempts of one span the lower one stays."""

    def put_failures(self, job: JobRecord, chunk: int, failures: Sequence[Failure]) -> None:
        """Store the reasons of spans that end without results; of two reasons the first one stays."""

    def cover(  # noqa: PLR0913, PLR0917 - what there is to add
        self,
        job_id: str,
        chunk: int,
        predicted: Iterable[Span],
        failed: Iterable[Span],
        fields: Iterable[str],
        held: Iterable[Span] = (),
        inherited: Iterable[Span] = (),
    ) -> Chunk:
        """Add spans and field names to a chunk, unless it is frozen."""

    def freeze(self, job_id: str, chunk: int) -> Chunk:
        """From now on the chunk is covered as it is: what is stored later for it changes no file."""

    def cover_chunk(self, job_id: str, chunk: int, fields: Iterable[str]) -> JobRecord:
        """Add a done chunk and its field names to its job."""

    def mark(self, job_id: str, chunk: int, span: Span) -> Mark:
        """What is known of a span's failures."""

    def set_mark(  # noqa: PLR0913 - what is known of a failed attempt
        self, job: JobRecord, chunk: int, span: Span, mark: Mark, refusal: str | None = None, *, mismatch: bool = False
    ) -> None:
        """Raise the mark of a span; `refusal`: the model failed it, in its words; `mismatch`: by a wrong length."""

    def outcomes(self, job_id: str, chunk: int) -> Iterator[SpanOutcome]:
        """What is known of a chunk's spans: one strongly consistent read, in order."""

    def parts(self, job_id: str) -> Iterator[Part]:
        """The parts that the splitter has ended, in order."""

    def set_upload(self, job_id: str, upload_id: str, pieces: int, fields: Iterable[str]) -> JobRecord:
        """Fix the multipart upload of the results, the pieces of a part, and the fields; the first ones stay."""

    def fail_closing(self, job_id: str, reason: str) -> None:
        """A job that is CLOSING becomes a failure for this reason, unless it is one."""

    def add_built(self, job: JobRecord, built: Built) -> Built:
        """Remember a piece of a part that is about to be uploaded; answers with how it was built first."""

    def add_part(self, job_id: str, part: int) -> JobRecord:
        """Remember that all of a part is uploaded."""

    def add_table(self, job_id: str, number: int) -> JobRecord:
        """Remember that a file of the job's table is written."""

    def built(self, job_id: str) -> Iterator[Built]:
        """All pieces that were built, in the order of the rows."""

    def spent(self, job_id: str) -> Spent | None:
        """What the job had taken when it was last looked at, None if it never was."""

    def set_spent(self, job: JobRecord, spent: Spent) -> None:
        """Remember what the job has taken."""

    def set_ended(self, job_id: str, ended: datetime) -> JobRecord:
        """Fix the time at which the job ended; the first one stays."""

    def finish(self, job_id: str, state: State, reason: str) -> JobRecord:
        """CLOSING becomes a terminal state, for this reason."""


class Store(Protocol):
    """Objects: the uploaded files and the output bucket."""

    def head(self, bucket: str, key: str, version: str | None) -> tuple[Source, Mapping[str, str]]:
        """Pin an uploaded object and read its metadata; `ObjectGoneError` if it isn't there."""

    def open(self, source: Source, start: int, end: int | None = None) -> AbstractContextManager[IO[bytes]]:
        """Stream bytes `start` to `end - 1` of the uploaded object; `ObjectGoneError` if it isn't there."""

    def source(self, key: str) -> Source:
        """An object of the output bucket as it can be opened; `ObjectGoneError` if it isn't there."""

    def read(self, key: str) -> bytes:
        """An object of the output bucket; `ObjectGoneError` if it isn't there."""

    def read_at(self, location: str) -> bytes:
        """The answer at an `s3://` location; `ObjectGoneError`, or `AnswerTooLargeError` for one that is not read."""

    def write(self, key: str, content: bytes | IO[bytes], content_type: str) -> None:
        """Put an object into the output bucket."""

    def join(self, key: str, header: bytes, keys: Iterable[str], content_type: str) -> None:
        """Write an object that is the header and then other objects of the output bucket, as a stream."""

    def begin_upload(self, key: str, content_type: str) -> str:
        """Begin a multipart upload; its id."""

    def upload_part(self, key: str, upload_id: str, part: int, content: IO[bytes]) -> None:
        """Upload part `part` (from 0); nothing to do if somebody else has completed the upload."""

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[int]) -> None:
        """Complete an upload of these parts, all of which are there; nothing to do if somebody else did."""

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Throw an upload away."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The objects of the output bucket whose keys begin so."""

    def location(self, key: str) -> str:
        """The `s3://` address of an object of the output bucket."""


class Queues(Protocol):
    """Messages from step to step. Delays are in seconds."""

    def split(self, job_id: str) -> None:
        """Go on splitting a file."""

    def dispatch(self, job_id: str, chunks: Iterable[int], delay: int = 0) -> None:
        """Send the rows of chunks to the endpoint."""

    def resend(self, job_id: str, chunk: int, attempts: Mapping[Span, int], delay: int) -> None:
        """Send spans of a chunk again, each as the attempt that is named."""

    def send_witness(self, job_id: str, chunk: int, span: Span) -> None:
        """Send a span again that has a prediction: its answer tells a failing endpoint from a row that fails."""

    def probe(self, job_id: str, chunk: int, row: int, delay: int = 0) -> None:
        """Send the first row of a chunk from this one on that can be sent, alone."""

    def report(self, job_id: str, chunk: int, unsendable: Sequence[Unsendable]) -> None:
        """Tell the collector of rows that cannot be sent."""

    def found(self, job_id: str, outputs: Mapping[RequestId, str]) -> None:
        """Tell the collector of outputs of a job, by their locations, that nobody has reported."""

    def sweep(self, job_id: str, start: int = 0) -> None:
        """Sweep a job, from this chunk on."""

    def assemble(self, job_id: str, tables: Iterable[int] = ()) -> None:
        """Assemble a job, or write these files of its table."""

    def assemble_parts(self, job_id: str, parts: Iterable[Part]) -> None:
        """Assemble these parts of a job."""

    def abandon(self, job_id: str) -> None:
        """End a job that cannot be assembled."""


class DeadLetters(Protocol):
    """Messages that functions could not process."""

    def read(self) -> Iterator[DeadLetter]:
        """Those that are about a job."""

    def drop(self, letter: DeadLetter) -> None:
        """Delete one."""


class Endpoint(Protocol):
    """The asynchronous endpoint."""

    def send(self, endpoint: str, requests: Sequence[Request], ttl_seconds: int) -> list[Postponed]:
        """Send requests side by side; answers with those that it cannot take now, `EndpointError` if it takes none."""


class Announcements(Protocol):
    """Tells whoever listens."""

    def job_ended(self, summary: Mapping[str, Any]) -> None:
        """Announce, at least once, that a job has ended; `AnnouncementError` if nobody heard."""

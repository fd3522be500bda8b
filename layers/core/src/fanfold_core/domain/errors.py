"""What can go wrong with a job, by what is to be done about it. Errors of the input are in `fanfold_core.input.errors`.

FanfoldError
├── JobError                 the job cannot go on; it ends FAILED with this message
│   ├── ObjectGoneError
│   ├── ChunkMismatchError
│   ├── EndpointError
│   ├── ExpressionError      applied to a row or an answer, it is that row's error instead
│   └── ExpressionTooLargeError
├── MalformedAnswerError     the model's answer cannot be used
│   ├── AnswerTooLargeError
│   └── MisalignedAnswerError
├── MalformedMessageError    a message that no version of Fanfold has written
├── NewerVersionError        a message or job that a newer version of Fanfold has written
│   └── UnknownOptionError
├── NotEndedError            a job is still running, and something needs it ended
├── PieceChangedError        a piece of the results isn't what it was when it was built first
├── UnknownJobError          the ledger has no such job
├── UnknownChunkError
├── QueueError               SQS did not take a message
├── AnnouncementError        EventBridge did not take an event
└── SettingError             the function's environment is not what template.yaml says
"""

from __future__ import annotations

from fanfold_core.input.errors import FanfoldError, counted, shortened

# Characters of an answer that an error shows.
_MOST_SHOWN = 200


class JobError(FanfoldError):
    """The job cannot go on; it ends FAILED with this message. Do not retry."""


class ObjectGoneError(JobError):
    """An object that the job needs isn't there any more. Do not retry."""

    def __init__(self, location: str) -> None:
        super().__init__(f"{location} no longer exists: upload the file again, and keep it until its job has ended")


class ChunkMismatchError(JobError):
    """A chunk doesn't read as it was cut, which would put answers to the wrong rows. Do not retry."""

    def __init__(self, chunk: int, *, cut: int, read: int) -> None:
        super().__init__(
            f"chunk {chunk} was cut with {counted(cut, 'row')} but read with {read:,}: a bug in Fanfold, please report "
            "it"
        )


class EndpointError(JobError):
    """The endpoint refuses every request: it is missing, or isn't asynchronous. Do not retry."""

    def __init__(self, endpoint: str, words: str) -> None:
        super().__init__(f"endpoint {endpoint} rejects requests ({words}): check that it exists and is asynchronous")


class MalformedAnswerError(FanfoldError):
    """The model's answer isn't one result per row. Retry with fewer rows."""

    @staticmethod
    def beginning(text: str, of: str = "answer") -> str:
        """What such an error quotes of an answer, or of what is in it.

        >>> MalformedAnswerError.beginning('{"choices":[]}')
        'the answer begins {"choices":[]}'
        """
        return f"the {of} begins {text[:_MOST_SHOWN]}"


class AnswerTooLargeError(MalformedAnswerError):
    """The model's answer is larger than any that is read. Retry with fewer rows."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"the model's answer has {size:,} bytes, and none of more than {limit:,} is read: "
            "have the model answer with less for a row"
        )


class MisalignedAnswerError(MalformedAnswerError):
    """The answer has `results` results where its request has another number of rows. Retry row by row.

    Fewer rows would go on until the numbers agree by accident: this model doesn't answer row by row.
    """

    def __init__(self, results: int, rows: int) -> None:
        super().__init__(f"the model's answer has {counted(results, 'result')} for {counted(rows, 'row')}")
        self.results = results


class MalformedMessageError(FanfoldError):
    """A message that nobody can understand. Do not retry: it belongs among the dead letters."""


class NewerVersionError(FanfoldError):
    """A version of Fanfold that is newer than this code has written it. Retry once that version is deployed."""

    def __init__(self, what: str, written: int, known: int) -> None:
        super().__init__(
            f"a {what} of version {written}, but this code only knows version {known}: deploy the newer version"
        )


class UnknownOptionError(NewerVersionError):
    """A job has an option that this code doesn't know, and would be read otherwise. Retry once it is deployed."""

    def __init__(self, option: str) -> None:
        FanfoldError.__init__(
            self,
            f"a job with the option {option}, which this version of Fanfold does not know: install a newer version",
        )


class ExpressionError(JobError):
    """An expression cannot be applied to a value. Do not retry: mend the option."""

    def __init__(self, option: str, text: str, words: str) -> None:
        super().__init__(f"{option} {shortened(text, 100)!r} cannot be applied: {words}")


class ExpressionTooLargeError(JobError):
    """An expression makes so much of a value that no job could work with it. Do not retry: mend the option."""

    def __init__(self, option: str, text: str, words: str) -> None:
        super().__init__(f"{option} {shortened(text, 100)!r} makes {words} of one value: write a simpler one")


class NotEndedError(FanfoldError):
    """A job is still at work; only what has ended can be tried again. Retry when it has ended."""

    def __init__(self, job: str) -> None:
        super().__init__(f"job {job} is still running: cancel it, or wait until it has ended")


class PieceChangedError(FanfoldError):
    """A piece of the results isn't what it was when it was built first, and what follows it goes on from that.

    Retry: whoever has built it may be about to go on.
    """

    def __init__(self, part: int, piece: int) -> None:
        super().__init__(
            f"piece {piece} of part {part} of the results is not what it was before: the file, or answers of the "
            "model, were deleted meanwhile"
        )


class UnknownJobError(FanfoldError):
    """The ledger has no such job: its time is over, or there never was one. Do not retry."""

    def __init__(self, job: str) -> None:
        super().__init__(f"the ledger has no job {job}")


class UnknownChunkError(FanfoldError):
    """The ledger has no such chunk. Do not retry."""

    def __init__(self, job: str, chunk: int) -> None:
        super().__init__(f"the ledger has no chunk {chunk} of job {job}")


class QueueError(FanfoldError):
    """A queue did not take a message. Retry."""

    def __init__(self, queue: str, words: str) -> None:
        super().__init__(f"{queue} rejected a message: {words}")


class AnnouncementError(FanfoldError):
    """The end of a job could not be announced. Retry."""

    def __init__(self, job: str, words: str) -> None:
        super().__init__(f"EventBridge rejected the event that job {job} has ended: {words}")


class SettingError(FanfoldError):
    """An environment variable is missing or malformed. Do not retry: mend template.yaml."""

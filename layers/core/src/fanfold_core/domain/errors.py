"""What can go wrong, by what is to be done about it.

FanfoldError
├── InputError               the upload cannot be processed as it is; its job ends FAILED with the words
│   ├── OptionError
│   ├── CompressionError
│   ├── OpenQuoteError
│   ├── RecordTooLargeError
│   ├── UndecodableError
│   ├── LayoutError
│   └── NoRowsError
├── JobError                 the job cannot go on; it ends FAILED with the words
│   ├── ObjectGoneError
│   ├── ChunkMismatchError
│   └── EndpointError
├── MalformedAnswerError     the model's answer cannot be used
├── MalformedMessageError    a message that no version of Fanfold has written
├── NotEndedError            a job is still at work, and something needs it ended
├── UnknownJobError          the ledger has forgotten, or never known
├── UnknownChunkError
├── QueueError               SQS did not take a message
├── AnnouncementError        EventBridge did not take an event
└── SettingError             the function's environment is not what template.yaml says
"""

from __future__ import annotations


class FanfoldError(Exception):
    """Base of all errors of Fanfold's own."""


class InputError(FanfoldError):
    """The uploaded file cannot be processed as it is; the job ends FAILED with this message. Do not retry."""


class OptionError(InputError):
    """An option of the job has a value that none may have. Do not retry."""

    def __init__(self, option: str, value: str, wanted: str) -> None:
        super().__init__(f"option {option} is {value!r}; it must be {wanted}")


class CompressionError(InputError):
    """A compressed file cannot be read. Do not retry."""


class OpenQuoteError(InputError):
    """A quote opens and the file ends before it is closed. Do not retry."""

    def __init__(self, row: int) -> None:
        super().__init__(
            f"row {row}: a quote opens in this row and is never closed, so the rest of the file would be one cell; "
            "close it, or double it if it is part of the text"
        )


class RecordTooLargeError(InputError):
    """A record is larger than any may be, which mostly means a quote that isn't closed. Do not retry."""

    def __init__(self, row: int, limit: int) -> None:
        super().__init__(
            f"row {row} does not end within {limit:,} bytes, and no row may be larger; perhaps a quote that opens in "
            "it is never closed: close it, or double it if it is part of the text"
        )


class UndecodableError(InputError):
    """Bytes are no text in the file's encoding. Do not retry."""

    def __init__(self, where: str, encoding: str) -> None:
        super().__init__(
            f"{where}: the file is not {encoding} here; name its encoding with the option `encoding` "
            "(cp1252, for instance), or upload it as UTF-8"
        )

    @classmethod
    def in_row(cls, row: int, byte: int, encoding: str) -> UndecodableError:
        """Of a row, and the byte of the file where it stops being text."""
        return cls(f"row {row}, byte {byte:,}", encoding)

    @classmethod
    def in_header(cls, byte: int, encoding: str) -> UndecodableError:
        """Of the first record, and the byte of the file where it stops being text."""
        return cls(f"first line, byte {byte:,}", encoding)

    @classmethod
    def in_stream(cls, encoding: str, byte: int) -> UndecodableError:
        """Of a file that has been decoded up to this byte before it was cut."""
        return cls(f"after byte {byte:,}", encoding)


class LayoutError(InputError):
    """The file isn't a CSV of the kind that its options describe. Do not retry."""


class NoRowsError(InputError):
    """The file holds no row of data. Do not retry."""

    def __init__(self) -> None:
        super().__init__(
            "the file has no rows: nothing follows its header, or nothing but empty lines; upload one with rows"
        )


class JobError(FanfoldError):
    """The job cannot go on; it ends FAILED with this message. Do not retry."""


class ObjectGoneError(JobError):
    """An object that the job needs isn't there any more. Do not retry."""

    def __init__(self, location: str) -> None:
        super().__init__(f"{location} is gone: upload the file again, and leave it there until its job has ended")


class ChunkMismatchError(JobError):
    """A chunk doesn't read as it was cut, which would put answers to the wrong rows. Do not retry."""

    def __init__(self, chunk: int, *, counted: int, read: int) -> None:
        super().__init__(
            f"chunk {chunk} was cut as {counted} rows and reads as {read}: a defect of Fanfold, please report it"
        )


class EndpointError(JobError):
    """The endpoint refuses every request: it is missing, or isn't asynchronous. Do not retry."""

    def __init__(self, endpoint: str, words: str) -> None:
        super().__init__(f"endpoint {endpoint} takes no requests ({words}): see that it exists and is asynchronous")


class MalformedAnswerError(FanfoldError):
    """The model's answer isn't one result per row. Retry with fewer rows."""


class MalformedMessageError(FanfoldError):
    """A message that nobody can understand. Do not retry: it belongs among the dead letters."""


class NewerVersionError(FanfoldError):
    """A version of Fanfold that is newer than this code has written it. Retry once that version is deployed."""

    def __init__(self, what: str, written: int, known: int) -> None:
        super().__init__(
            f"a {what} of version {written}, where this code knows version {known}: deploy the newer Fanfold again"
        )


class ExpressionError(JobError):
    """An expression cannot be applied to a value. Do not retry: mend the option."""

    def __init__(self, option: str, text: str, words: str) -> None:
        super().__init__(f"{option} {text!r} cannot be applied: {words}")


class NotEndedError(FanfoldError):
    """A job is still at work; only what has ended can be tried again. Retry when it has ended."""

    def __init__(self, job: str) -> None:
        super().__init__(f"job {job} is still at work: cancel it, or wait until it has ended")


class UnknownJobError(FanfoldError):
    """The ledger has no such job: its time is over, or there never was one. Do not retry."""

    def __init__(self, job: str) -> None:
        super().__init__(f"the ledger knows no job {job}")


class UnknownChunkError(FanfoldError):
    """The ledger has no such chunk. Do not retry."""

    def __init__(self, job: str, chunk: int) -> None:
        super().__init__(f"the ledger knows no chunk {chunk} of job {job}")


class QueueError(FanfoldError):
    """A queue did not take a message. Retry."""

    def __init__(self, queue: str, words: str) -> None:
        super().__init__(f"{queue} did not take a message: {words}")


class AnnouncementError(FanfoldError):
    """The end of a job could not be announced. Retry."""

    def __init__(self, job: str, words: str) -> None:
        super().__init__(f"EventBridge did not take the event that job {job} has ended: {words}")


class SettingError(FanfoldError):
    """An environment variable is missing or malformed. Do not retry: mend template.yaml."""

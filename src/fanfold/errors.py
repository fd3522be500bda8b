"""What the client tells its user, in one line each.

UserError                    the base of all of them
├── StackError
├── DeployError
├── WakeError
├── LocalStartError
├── TuneError
├── InputFileError
├── ModelFilesError
│   └── PackError
├── UploadError
├── DownloadError
├── JobNotFoundError
├── JobStillOpenError
├── NothingToRetryError
├── RowNotFoundError
├── OtherInputError
└── PackageMissingError
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class UserError(Exception):
    """Base of the errors that the command line shows without a stack trace."""


class StackError(UserError):
    """A stack is missing, unreadable, or none of ours, or a local one has ended. Do not retry: name another."""


class DeployError(UserError):
    """A stack cannot be deployed, or its deploy has failed. Retry when what the words name is mended."""


class WakeError(UserError):
    """The endpoint has no instance and gets none. Retry when the words say so."""


class LocalStartError(UserError):
    """A local cloud doesn't start: a port is taken, or there is no such model. Retry when the words say so."""


class TuneError(UserError):
    """No setting serves a model: it answers no row, or no request. Do not retry: mend what the words name."""


class InputFileError(UserError):
    """A file on this machine is missing, or no CSV as its options describe it. Do not retry: mend file or options."""


class ModelFilesError(UserError):
    """A model on this machine is missing or cannot be read. Do not retry: name another, or save it again."""


class PackError(ModelFilesError):
    """A folder holds no model that the container can load, or the packed code run. Do not retry: mend the folder."""


class UploadError(UserError):
    """The file could not be uploaded. Retry when the words say so."""


class DownloadError(UserError):
    """The files of the job could not be written here. Retry with another folder, or when there is room for them."""


class JobNotFoundError(UserError):
    """The stack knows no such job, or several. Do not retry: name another, or another stack."""


class JobStillOpenError(UserError):
    """Something was asked of a job that only an ended one can do. Retry when it has ended."""

    def __init__(self, job: str, after: str = "", or_else: str = "") -> None:
        super().__init__(
            f"job {job} is still running{after}: wait for its end (`fanfold status {job} --watch`, or wait() in Python)"
            f"{or_else}"
        )


class NothingToRetryError(UserError):
    """No retry can help the rows of a job that have no prediction. Do not retry: correct the file."""


class RowNotFoundError(UserError):
    """The job has no row of this number, or none yet. Retry when the job has come further, or name another row."""


class OtherInputError(UserError):
    """Two results are not of the same file, so no row can be compared. Do not retry: name others."""


class PackageMissingError(UserError):
    """A package is needed that comes with one of Fanfold's extras. Retry when it is installed."""


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """Write `what` to a temporary file within it; `UserError` if there is no room for it.

    >>> with room_for("the table"), TemporaryFile() as stream:
    ...     stream.write(content)
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise  # it is of a file that is read
        raise UserError(
            f"cannot copy {what} to a temporary file ({error.strerror or error}): free some space, or set TMPDIR to a "
            "folder that has some"
        ) from error


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Import within it what `pip install 'fanfold[name]'` installs, and `what` needs.

    Raises:
        PackageMissingError: a package is not installed.

    Example:
        >>> with extra("arrow", "an Arrow table"):
        ...     import pyarrow
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise PackageMissingError(
            f"{what} needs packages that are not installed, such as {error.name}: pip install 'fanfold[{name}]'"
        ) from error

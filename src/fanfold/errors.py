"""What the client tells its user, in one line each."""


class UserError(Exception):
    """Base of the errors that the command line shows without a stack trace."""


class StackError(UserError):
    """A stack is missing, unreadable, or none of ours. Do not retry: name another."""


class InputFileError(UserError):
    """A file on this machine is missing, or no CSV as its options describe it. Do not retry: mend file or options."""


class UploadError(UserError):
    """The file could not be uploaded. Retry when the words say so."""


class DownloadError(UserError):
    """A file of the job could not be written here. Retry when there is room for it."""


class JobNotFoundError(UserError):
    """The stack knows no such job, or several. Do not retry: name another, or another stack."""


class JobStillOpenError(UserError):
    """Something was asked of a job that only an ended one can do. Retry when it has ended."""


class RowNotFoundError(UserError):
    """The job has no row of this number, or none yet. Retry when the job has come further, or name another row."""


class PackageMissingError(UserError):
    """A package that is not among Fanfold's own is needed for this. Retry when it is installed."""

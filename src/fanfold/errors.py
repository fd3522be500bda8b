"""What the client tells its user, in one line each."""


class UserError(Exception):
    """Base of the errors that the command line shows without a stack trace."""


class StackError(UserError):
    """A stack is missing, unreadable, or none of ours. Do not retry: name another."""


class UploadError(UserError):
    """The file could not be uploaded. Retry when the words say so."""

"""What exit codes say."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of all commands; a script may rely on them."""

    OK = 0
    FAILED = 1
    WRONG_USAGE = 2
    SOME_ROWS_FAILED = 3
    INTERRUPTED = 130

"""What exit codes say."""

from enum import IntEnum

from fanfold.status import JobState


class ExitCode(IntEnum):
    """Exit codes of all commands; a script may rely on them."""

    OK = 0
    FAILED = 1
    WRONG_USAGE = 2
    SOME_ROWS_FAILED = 3
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "done; of commands that follow a job: every row has a prediction",
    ExitCode.FAILED: "it could not be done, or the job has failed or was cancelled",
    ExitCode.WRONG_USAGE: "wrong usage",
    ExitCode.SOME_ROWS_FAILED: "the job has ended, and some rows ended in errors",
    ExitCode.INTERRUPTED: "interrupted",
}


def code_of(state: JobState, failed: int | None) -> ExitCode:
    """What a job that has ended comes to."""
    if state in {JobState.FAILED, JobState.CANCELLED}:
        return ExitCode.FAILED
    return ExitCode.SOME_ROWS_FAILED if failed else ExitCode.OK

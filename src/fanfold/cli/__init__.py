"""The command line. Data goes to standard output, messages to standard error, and exit codes have names."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError

from fanfold.cli.conclusion import MEANINGS, ExitCode
from fanfold.cli.deploy import deploy
from fanfold.cli.environment import completion, console, doctor, wake
from fanfold.cli.estimate import estimate_command
from fanfold.cli.jobs import cancel, jobs, retry, status, tail
from fanfold.cli.local import local
from fanfold.cli.model import model
from fanfold.cli.options import as_typed
from fanfold.cli.results import compare, download, errors, report, results
from fanfold.cli.run import run, submit
from fanfold.cli.tune import tune
from fanfold.errors import InputFileError, NothingToRetryError, UserError
from fanfold.stacks import refused_words
from fanfold.terminal import guard_terminals, show_progress, stderr
from fanfold_core import __version__
from fanfold_core.input.errors import JobDefaultsError, OptionError
from localaws.errors import LocalCloudError, ParameterError, UnknownModelError

# The commands by what they are for, in the order in which one needs them.
SECTIONS = {
    "Files": (run, submit, estimate_command, tune),
    "Jobs": (jobs, status, results, errors, report, download, compare, tail, cancel, retry),
    "Environment": (local, deploy, console, wake, doctor, model, completion),
}


class Commands(click.Group):
    """Lists its commands by what they are for, and what their exit codes say."""

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click asks for it; a file in place of a command is said to be one."""
        if args[0] not in self.commands and Path(args[0]).is_file():
            raise click.UsageError(f"{args[0]} is a file, not a command: run it with `fanfold run {args[0]}`", context)
        return super().resolve_command(context, args)

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """As click asks for it."""
        widest = max(len(command.name or "") for commands in SECTIONS.values() for command in commands)
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                rows = [(f"{command.name or '':<{widest}}", command.get_short_help_str(80)) for command in commands]
                formatter.write_dl(rows)
        with formatter.section("Exit codes"):
            formatter.write_dl([(f"{code.value:<{widest}}", meaning) for code, meaning in MEANINGS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="fanfold")
def cli() -> None:
    """Run the rows of a CSV through a Hugging Face model on SageMaker and collect the answers in one CSV.

    \b
    fanfold run tweets.csv --out results     # on a temporary local cloud
    fanfold run tweets.csv --stack fanfold   # on the deployed stack named fanfold
    fanfold submit tweets.csv                # start a job without waiting for it
    fanfold status JOB --watch               # JOB is a job id or a unique prefix
    fanfold results JOB > results.csv
    """
    show_progress()


for commands in SECTIONS.values():
    for command in commands:
        cli.add_command(command)


def main() -> None:
    """Run the command line; trouble that the user can end is one line, not a stack trace."""
    guard_terminals()
    try:
        with _written():
            sys.exit(cli.main(standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _say(_with_help(error))
        sys.exit(error.exit_code)
    except (UserError, LocalCloudError) as error:
        _say(as_typed(str(error)))
        sys.exit(ExitCode.WRONG_USAGE if _is_of_usage(error) else ExitCode.FAILED)
    except (BotoCoreError, ClientError) as error:
        _say(refused_words(error))
        sys.exit(ExitCode.FAILED)
    except OSError as error:
        _say_what_failed(error)
        sys.exit(ExitCode.FAILED)
    except (KeyboardInterrupt, click.Abort):
        stderr.print("fanfold: interrupted")
        sys.exit(ExitCode.INTERRUPTED)


def _is_of_usage(error: UserError | LocalCloudError) -> bool:
    """Whether a command cannot be right as it was typed, whatever is in its files and stacks, or will ever be.

    Such as an option that no file could have, alone or together with the others, or a retry of rows that none can help.
    """
    if isinstance(error.__cause__, JobDefaultsError):
        # Those of a stack that is there are nobody's who names a file.
        return not isinstance(error, InputFileError)
    wrong = (NothingToRetryError, OptionError, ParameterError, UnknownModelError)
    return isinstance(error, wrong) or isinstance(error.__cause__, wrong)


def _say(words: str) -> None:
    stderr.print(f"fanfold: {words}", style="red", soft_wrap=True)


def _with_help(error: click.ClickException) -> str:
    """What is wrong with a command; and where to look up the right one, unless it names that, or another command."""
    words = error.format_message()
    if "`" in words or words.endswith("?"):
        return words
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "fanfold"
    return f"{words.removesuffix('.')}: see `{command} --help`"


@contextmanager
def _written() -> Iterator[None]:
    """See to it that what is printed within has been written at the end; `OSError` if it cannot be."""
    # Python has no standard output at all if it was closed when it began.
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        yield
    finally:
        sys.stdout.flush()


def _say_what_failed(error: OSError) -> None:
    """Say what the system refused: a file that it names, or else standard output."""
    if error.filename is not None:
        _say(str(error))
        return
    # A reader that has seen enough, as `head` has, is no trouble.
    if error.errno != errno.EPIPE:
        _say(f"cannot write to standard output: {error.strerror}")
    # What could not be written is still held, and would be tried again when Python ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

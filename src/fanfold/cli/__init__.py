"""The command line. Data goes to standard output, talk to standard error, and exit codes have names."""

import sys

import click

from fanfold.cli.codes import ExitCode
from fanfold.cli.doctor import doctor
from fanfold.cli.jobs import cancel, retry
from fanfold.cli.local import local
from fanfold.cli.run import run
from fanfold.errors import UserError
from fanfold.talk import talk
from fanfold_core import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fanfold")
def cli() -> None:
    """Fan the rows of a CSV out to a Hugging Face model on SageMaker, fold the answers back into one CSV.

    \b
    fanfold run tweets.csv --out results     # on a local cloud of its own
    fanfold run tweets.csv --stack fanfold   # on the deployed stack of that name
    fanfold local up                         # a local cloud to drop files into
    fanfold doctor --stack fanfold           # whether an endpoint of your own fits the stack
    """


for command in (run, cancel, retry, local, doctor):
    cli.add_command(command)


def main() -> None:
    """Run the command line; trouble that the user can end is one line, not a stack trace."""
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except UserError as error:
        talk.print(f"fanfold: {error}", style="red", soft_wrap=True)
        sys.exit(ExitCode.FAILED)
    except (KeyboardInterrupt, click.Abort):
        talk.print("fanfold: interrupted")
        sys.exit(ExitCode.INTERRUPTED)

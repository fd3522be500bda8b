"""`fanfold tail`: what the functions log about a job."""

import json

import click
from rich.console import Console
from rich.text import Text

from fanfold.cli import options
from fanfold.client import Fanfold
from fanfold.logs import LogLine, follow_log, log_lines

_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


@click.command(short_help="Print what the functions log about a job.")
@options.of_a_job
@click.option("--follow", "-f", is_flag=True, help="Go on with what is logged from now on, until the job has ended.")
@options.as_json
def tail(job: str, stack: str, follow: bool, as_json: bool) -> None:
    """Print what the functions log about JOB, in the order of time; with --json the lines as they are.

    It reads the functions' log groups in CloudWatch Logs, where a line arrives after some seconds.

    \b
    fanfold tail tweets-6a5ef09ece7577f1
    fanfold tail tweets --follow
    fanfold tail tweets --json | jq 'select(.level == "ERROR")'
    """
    client = Fanfold(stack)
    console = Console(highlight=False, soft_wrap=True)
    for line in (follow_log if follow else log_lines)(client.stack, client.job(job)):
        if as_json:
            click.echo(json.dumps(line.record, ensure_ascii=False))
        else:
            console.print(Text(_spelt(line), style=_STYLES.get(line.level, "")))


def _spelt(line: LogLine) -> str:
    facts = " ".join(f"{name}={value}" for name, value in line.facts.items())
    return f"{line.time.astimezone():%H:%M:%S} {line.service:<10} {line.level:<7} {line.message} {facts}".rstrip()

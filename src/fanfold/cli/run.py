"""`fanfold run`: one file through the model, on a local cloud of its own or on a deployed stack."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import click

from fanfold import jobs
from fanfold.cli.clouds import local_cloud
from fanfold.cli.conclusion import follow_to_the_end
from fanfold.cli.talk import upload_bar
from fanfold.stacks import Stack


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Folder for results.csv, errors.csv and summary.json.",
)
@click.option("--input-column", metavar="C", help="Column with the texts: its name, or its index from 0.")
@click.option(
    "--header", type=click.Choice(["auto", "present", "absent"]), help="Whether the first record is a header."
)
@click.option("--delimiter", metavar="D", help='Character between two cells; "tab" for a tab.')
@click.option("--encoding", metavar="E", help="Encoding of the file, by its Python name.")
@click.option("--rows-per-request", type=click.IntRange(1, 1000), metavar="N", help="Rows that one request carries.")
@click.option(
    "--stack", metavar="NAME", envvar="FANFOLD_STACK", show_envvar=True, help="Deployed stack to run on, by its name."
)
@click.option(
    "--model",
    default="vader",
    show_default=True,
    metavar="M",
    help="Model of the local cloud: vader, a folder with a transformers model, or a container's address.",
)
def run(file: Path, out: Path, stack: str | None, model: str, **options: Any) -> None:
    """Run FILE through the model and write what comes back to a folder.

    Without --stack everything happens on this machine, where VADER, a word lexicon, stands in for the model. The
    summary goes to standard output as JSON. Exit code: 0 every row has a prediction, 3 some rows ended in errors.csv,
    1 the job failed, 2 wrong usage.

    \b
    fanfold run tweets.csv
    fanfold run reviews.csv.gz --input-column review --out reviews
    fanfold run export.csv --delimiter ';' --encoding cp1252 --rows-per-request 8
    fanfold run tweets.csv --stack fanfold | jq .predicted
    """
    chosen = {name.replace("_", "-"): str(value) for name, value in options.items() if value is not None}
    with _target(stack, model) as target:
        with upload_bar(file) as sent:
            job = jobs.submit(target, file, chosen, sent)
        code = follow_to_the_end(target, job, str(file), out)
    sys.exit(code)


@contextmanager
def _target(stack: str | None, model: str) -> Iterator[Stack]:
    if stack:
        yield Stack.find(boto3.Session(), stack)
        return
    with local_cloud(model) as cloud:
        yield Stack.find(cloud.session(), cloud.stack_name)

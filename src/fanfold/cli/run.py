"""`fanfold run`: one file through the model, on a local cloud of its own or on a deployed stack."""

import sys
from pathlib import Path
from typing import Any

import click

from fanfold.cli.clouds import opened
from fanfold.cli.conclusion import follow_to_the_end
from fanfold.cli.options import out_option


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@out_option
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
    with opened(stack, model) as fanfold:
        code = follow_to_the_end(fanfold.submit(file, **options), str(file), out)
    sys.exit(code)

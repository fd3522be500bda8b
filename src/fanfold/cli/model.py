"""`fanfold model`: models as an endpoint takes them."""

from __future__ import annotations

from pathlib import Path

import click

from fanfold.cli import options
from fanfold.cli.output import echo
from fanfold.hub import on_this_machine
from fanfold.packing.pack import pack
from fanfold.terminal import spinner
from fanfold_core.input.errors import counted


@click.group(short_help="Prepare a model for an endpoint.")
def model() -> None:
    """Prepare a model for an endpoint.

    \b
    fanfold model pack models/sentiment
    """


@model.command("pack")
@click.argument("model", type=options.ModelPath(file_okay=False))
@click.option(
    "--out",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("model.tar.gz"),
    show_default=True,
    help="File to write.",
)
@click.option("--labels", default="", metavar="A,B,…", help="Names for the model's classes, in their order.")
def pack_command(model: str, file: Path, labels: str) -> None:
    """Pack the transformers MODEL with code that runs it faster than the container's own.

    MODEL is a folder, or owner/name[@revision] of a model on the Hugging Face Hub (if there is no such folder).

    The code computes texts of similar length together, in half precision on a GPU, and returns one embedding for each
    text, as sentence-transformers does if it has saved the model. Upload the file to S3 (`aws s3 cp`) and deploy the
    stack with its address as ModelDataUrl. Set `FANFOLD_BATCH_TOKENS` in the container's environment (parameter
    ContainerEnvironment) to change how many tokens it computes at once.

    \b
    fanfold model pack models/sentiment --labels negative,neutral,positive
    fanfold model pack cardiffnlp/twitter-roberta-base-sentiment --labels negative,neutral,positive
    """
    folder = on_this_machine(model)
    with spinner(f"packing {model}"):
        files = pack(Path(folder), file, [label.strip() for label in labels.split(",")] if labels else [])
    echo(f"{file}: {counted(files, 'file')}, {file.stat().st_size / 1e6:,.1f} MB")
    echo(f"Upload it to S3, and deploy with ModelDataUrl=s3://BUCKET/{file.name} and the model's task as HfTask.")

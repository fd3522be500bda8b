"""Data on standard output: tables on a terminal, tab-separated text elsewhere, JSON where it is asked for.

On a terminal it is visible text, whatever it holds (see `fanfold.terminal`); elsewhere it stays as it is.
"""

import json
import sys
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table

from fanfold.terminal import stderr, stdout
from fanfold_core.aws.store import Blocks

REPORT = "report.html"
_ANY_WIDTH = 10_000


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def echo(line: object, style: str = "") -> None:
    """One line, with a style where there are any."""
    if is_terminal():
        stdout.print(str(line), style=style, soft_wrap=True)
    else:
        # With what it takes for colours, too, which click would leave out.
        click.echo(line, color=True)  # noqa: TID251 - the only place


def show_in_browser(file: Path) -> None:
    """A page; if no browser is there, the line that names it is enough."""
    if not webbrowser.open(file.resolve().as_uri()):
        stderr.print(f"No browser was found: open {file}", soft_wrap=True)


def show_bytes(blocks: Iterator[bytes]) -> None:
    """A file in UTF-8."""
    if is_terminal():
        text = TextIOWrapper(BufferedReader(Blocks(blocks)), encoding="utf-8", errors="backslashreplace", newline="\n")
        for line in text:
            echo(line.removesuffix("\n").removesuffix("\r"))
    else:
        for block in blocks:
            sys.stdout.buffer.write(block)


def show_json(value: Any) -> None:
    """One JSON document."""
    echo(json.dumps(value, indent=2, ensure_ascii=False))


def show_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, right: Sequence[str] = (), less: str = ""
) -> None:
    """Rows under the names of their columns; those that are numbers stand at the `right` of theirs.

    The column that matters `less` is left out on a terminal where it is empty, or makes the table too wide.
    """
    if not is_terminal():
        for cells in (list(columns), *([_text(row[column]) for column in columns] for row in rows)):
            echo("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in cells))
        return
    table = _table(rows, columns, right)
    needed = stdout.measure(table, options=stdout.options.update_width(_ANY_WIDTH)).maximum
    if less in columns and (needed > stdout.width or not any(row[less] for row in rows)):
        table = _table(rows, [column for column in columns if column != less], right)
    stdout.print(table)


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_shown(row[column]) for column in columns))
    return table


def show_facts(facts: Mapping[str, Any]) -> None:
    """Names and values, one a line; what is not known or empty is left out."""
    known = {name: value for name, value in facts.items() if value not in {None, ""}}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        echo(f"{name:<{width}}  {_shown(value)}")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else _text(value)

"""Data on standard output: tables on a terminal, tab-separated text elsewhere, JSON where it is asked for."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def show_json(value: Any) -> None:
    """One JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def show_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, right: Sequence[str] = ()) -> None:
    """Rows under the names of their columns; those that are numbers stand at the `right` of theirs."""
    if not is_terminal():
        for cells in (list(columns), *([_text(row[column]) for column in columns] for row in rows)):
            click.echo("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in cells))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_shown(row[column]) for column in columns))
    Console(highlight=False, markup=False, emoji=False).print(table)


def show_facts(facts: Mapping[str, Any]) -> None:
    """Names and values, one a line; what is not known or empty is left out."""
    known = {name: value for name, value in facts.items() if value not in {None, ""}}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        click.echo(f"{name:<{width}}  {_shown(value)}")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else _text(value)

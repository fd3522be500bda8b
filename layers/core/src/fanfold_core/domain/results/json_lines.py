"""Results as JSON Lines: each row's own object, or the cells of its columns, and its result, with their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fanfold_core.domain.results import padded, unused
from fanfold_core.domain.statistics import Statistics
from fanfold_core.domain.statistics.kinds import Kinds
from fanfold_core.input.json.text import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fanfold_core.domain.results import Columns, RowAnswers
    from fanfold_core.input.records import Records


def json_lines(records: Records, final: RowAnswers, columns: Columns) -> str:
    r"""The lines of results.jsonl for these records. A row that couldn't be read has only its error.

    What a result calls like a key of the row's own gets a prefix, as columns of results.csv do.

    >>> from fanfold_core.domain.results import RowAnswers, columns
    >>> from fanfold_core.input.records import Dialect, Records
    >>> final = RowAnswers([{"label": "GOOD", "score": 0.5}, None], ["", "input is empty"])
    >>> print(json_lines(Records(["1,so good", "2,"], Dialect()), final, columns(("id", "text"), {"label", "score"})))
    {"id":"1","text":"so good","label":"GOOD","score":0.5,"error":null}
    {"id":"2","text":"","error":"input is empty"}
    <BLANKLINE>
    """
    owns = _objects(records, columns) if records.objects is None else records.objects
    return "\n".join([*map(write_json, _rows(owns, final, columns)), ""])


def kinds_of(records: Records, final: RowAnswers, columns: Columns) -> Statistics:
    """The kinds of the values in these lines. The cells of a CSV are text, which nobody has to count."""
    texts = dict.fromkeys(numbered(columns.original) if records.objects is None else (), "")
    rows = _rows(records.objects or [texts] * len(records), final, columns)
    return Statistics(kinds=Kinds.of(rows, frozenset(added_names(columns)), texts.keys()))


def added_names(columns: Columns) -> list[str]:
    """The names under which the model's fields and the error stand in rows that have no such keys of their own."""
    return [*columns.names, columns.error]


def numbered(names: Sequence[str]) -> list[str]:
    """The names, each once: a second "id" is "id_2".

    >>> numbered(["id", "text", "id"])
    ['id', 'text', 'id_2']
    """
    found: list[str] = []
    for name in names:
        unique, number = name, 1
        while unique in found:
            number += 1
            unique = f"{name}_{number}"
        found.append(unique)
    return found


def _rows(owns: Iterable[Mapping[str, Any]], final: RowAnswers, columns: Columns) -> Iterator[dict[str, Any]]:
    for own, (result, error) in zip(owns, final, strict=True):
        row = dict(own)
        for name, value in _predicted(result, columns) if not error else ():
            row[unused(name, row)] = value
        row[unused(columns.error, row)] = error or None
        yield row


def _objects(records: Records, columns: Columns) -> Iterator[Mapping[str, Any]]:
    names = numbered(columns.original)
    return (dict(zip(names, padded(cells, len(names)), strict=True)) for cells in records)


def _predicted(result: Any, columns: Columns) -> Iterator[tuple[str, Any]]:
    if not columns.fields:
        yield from ((name, result) for name in columns.names)
        return
    for field, name in zip(columns.fields, columns.names, strict=True):
        if field in result:
            yield name, result[field]

"""Kinds: of which type the values of each column are, so that one schema fits all rows of a table.

A kind is written as JSON: `"integer"`, `["number"]` for a list, `{"label": "text"}` for an object. Kinds are a lattice:
`join` is commutative and associative, since what it can lose, such as more than so many fields, is lost whatever comes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import reduce
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

Kind: TypeAlias = "str | list[Kind] | dict[str, Kind]"

NULL, BOOLEAN, INTEGER, NUMBER, TEXT, JSON = "null", "boolean", "integer", "number", "text", "json"
# What is beyond these bounds within one column is JSON: lists and objects in each other, names, and their bytes.
_MOST_LEVELS, _MOST_FIELDS, _MOST_FIELD_BYTES = 8, 50, 1_000
# Bounds of what an item of the ledger has to hold: names of columns, the bytes of one, those of all, and how many
# columns may be objects.
_MOST_COLUMNS, _MOST_NAME_BYTES, _MOST_NAMES_BYTES, _MOST_OBJECTS = 1_000, 255, 24_000, 16
_SCALARS = {type(None): NULL, bool: BOOLEAN, float: NUMBER, str: TEXT}
_INTEGERS = range(-(1 << 63), 1 << 63)
# What is looked at together.
_ROWS = 1_000
_NUMBERS = ((INTEGER, NUMBER), (NUMBER, INTEGER))
# Whole numbers of so many bits are numbers, if not exactly.
_NUMBER_BITS = 1023


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of columns by their names: of those that all parts of a job know to come, and of all others.

    `is_whole` is False if there were others beyond the bounds: those that come first in the alphabet are kept, and each
    of them is counted fully.
    """

    known: Mapping[str, Kind] = field(default_factory=dict)
    others: Mapping[str, Kind] = field(default_factory=dict)
    is_whole: bool = True

    @classmethod
    def of(
        cls, rows: Iterable[Mapping[str, Any]], known: AbstractSet[str], without: AbstractSet[str] = frozenset()
    ) -> Self:
        """The kinds of all values in rows but for those columns that are left out.

        >>> Kinds.of([{"id": 1, "label": "GOOD"}, {"id": 0.5, "label": None}], known={"label"})
        Kinds(known={'label': 'text'}, others={'id': 'number'}, is_whole=True)
        """
        found, left = cls(), iter(rows)
        while some := list(islice(left, _ROWS)):
            kinds = {name: _of_all(values) for name, values in _by_name(some).items() if name not in without}
            found += cls(
                {name: kind for name, kind in kinds.items() if name in known},
                {name: kind for name, kind in kinds.items() if name not in known},
            )
        return found

    def __add__(self, more: Self) -> Self:
        known, others = _joined(self.known, more.known), _joined(self.others, more.others)
        names = [
            name
            for ordered in (sorted(known), sorted(others))
            for name in ordered
            if len(name.encode()) <= _MOST_NAME_BYTES
        ][:_MOST_COLUMNS]
        sizes = accumulate(len(name.encode()) for name in names)
        kept = [name for name, size in zip(names, sizes, strict=True) if size <= _MOST_NAMES_BYTES]
        # What was one of the first objects stays one of them, or was none of them in any order of adding.
        objects = [name for name in kept if _is_object(known.get(name, others.get(name, NULL)))]
        cut = dict.fromkeys(objects[_MOST_OBJECTS:], JSON)
        return type(self)(
            {name: cut.get(name, known[name]) for name in kept if name in known},
            {name: cut.get(name, others[name]) for name in kept if name in others},
            self.is_whole and more.is_whole and len(kept) == len(known) + len(others),
        )

    def __getitem__(self, name: str) -> Kind:
        return self.known[name] if name in self.known else self.others[name]

    def __iter__(self) -> Iterator[str]:
        yield from self.known
        yield from self.others

    def as_json(self) -> list[Any]:
        """Ready for JSON."""
        return [self.known, self.others, self.is_whole]

    @classmethod
    def read(cls, content: Sequence[Any]) -> Self:
        """What `as_json` has given."""
        return cls(*content)


def join(a: Kind, b: Kind) -> Kind:
    """The least kind that both are.

    >>> join("integer", "number"), join(["null"], ["text"]), join({"a": "text"}, {"b": "text"}), join("text", "number")
    ('number', ['text'], {'a': 'text', 'b': 'text'}, 'json')
    """
    if b in (a, NULL):
        return a
    if a == NULL:
        return b
    if isinstance(a, list) and isinstance(b, list):
        return _bounded([join(a[0], b[0])])
    if isinstance(a, dict) and isinstance(b, dict):
        return _bounded({name: join(a.get(name, NULL), b.get(name, NULL)) for name in sorted({*a, *b})})
    return NUMBER if (a, b) in _NUMBERS else JSON


def kind_of(value: Any) -> Kind:
    """The kind of a value as JSON has it.

    >>> kind_of({"label": "GOOD", "scores": [1, 0.5]}), kind_of(2**70), kind_of([])
    ({'label': 'text', 'scores': ['number']}, 'number', ['null'])
    """
    return _of_all([value])


def settled(kind: Kind) -> Kind:
    """The kind as a table has it: text where nothing was ever there, and JSON where a table has no such type.

    >>> settled(["null"]), settled({"a": "integer", "b": "null"}), settled([{}])
    (['text'], {'a': 'integer', 'b': 'text'}, 'json')
    """
    if isinstance(kind, list):
        return JSON if (item := settled(kind[0])) == JSON else [item]
    if isinstance(kind, dict):
        fields = {name: settled(inner) for name, inner in kind.items()}
        return JSON if not fields or JSON in fields.values() else fields
    return TEXT if kind == NULL else kind


def _of_all(values: Sequence[Any]) -> Kind:
    """The least kind that all values are: column by column, for what a column holds is mostly of one type."""
    types = set(map(type, values))
    kinds: list[Kind] = [_SCALARS[one] for one in types if one in _SCALARS]
    if int in types:
        integers = [value for value in values if type(value) is int]
        kinds += map(_of_integer, (min(integers), max(integers)))
    if list in types:
        kinds.append(_bounded([_of_all([inner for value in values if type(value) is list for inner in value])]))
    if dict in types:
        inside = _by_name(value for value in values if type(value) is dict)
        kinds.append(_bounded({name: _of_all(inside[name]) for name in sorted(inside)}))
    nothing: Kind = NULL
    return reduce(join, kinds, nothing)


def _by_name(objects: Iterable[Mapping[str, Any]]) -> Mapping[str, list[Any]]:
    columns: defaultdict[str, list[Any]] = defaultdict(list)
    for one in objects:
        for name, value in one.items():
            columns[name].append(value)
    return columns


def _of_integer(value: int) -> Kind:
    return INTEGER if value in _INTEGERS else NUMBER if value.bit_length() <= _NUMBER_BITS else JSON


def _joined(a: Mapping[str, Kind], b: Mapping[str, Kind]) -> dict[str, Kind]:
    return {name: join(a.get(name, NULL), b.get(name, NULL)) for name in {**a, **b}}


def _bounded(kind: Kind) -> Kind:
    """The kind, or JSON if something in it is, or it is beyond the bounds."""
    names, levels = _measured(kind)
    small = len(names) <= _MOST_FIELDS and sum(len(name.encode()) for name in names) <= _MOST_FIELD_BYTES
    return kind if small and levels <= _MOST_LEVELS else JSON


def _measured(kind: Kind) -> tuple[list[str], int]:
    """All names in a kind, and how many lists and objects are in each other; more than there may be for JSON."""
    inner = kind if isinstance(kind, list) else list(kind.values()) if isinstance(kind, dict) else []
    if kind == JSON or JSON in inner:
        return [], _MOST_LEVELS + 1
    found = [_measured(one) for one in inner]
    names = [*(kind if isinstance(kind, dict) else ()), *(name for names, _ in found for name in names)]
    return names, max((levels for _, levels in found), default=0) + (not isinstance(kind, str))


def _is_object(kind: Kind) -> bool:
    """Whether it has names within, or may have had some."""
    return kind == JSON or bool(_measured(kind)[0])

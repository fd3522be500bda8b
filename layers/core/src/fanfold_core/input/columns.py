"""Columns: whether the first record is the header, and which column is the input.

What can be told from the file is assumed, and said; what cannot be told is asked for, never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from fanfold_core.input.errors import InputColumnError, LayoutError, counted, shortened, shown
from fanfold_core.input.hints import overlooked_delimiter, several_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# What the column of the texts is called where nobody says so, if exactly one column is called like this.
USUAL_NAMES = frozenset(
    (
        *("text", "texts", "input", "inputs", "sentence", "sentences", "content", "body", "comment", "comments"),
        *("message", "review", "review_text", "reviewtext", "tweet", "tweet_text", "full_text", "description"),
        "utterance",
    )
)
# Numbers of columns in an error's words.
_MOST_SHOWN = 10
# Columns, and characters of a name, among which a near name is looked for: it takes longer with each.
_MOST_COMPARED = 200
# Digits of a column's number.
_LONGEST_NUMBER = 40
# What the header says is shorter than this, and a text is so many times as long as its column's name.
_LONGEST_NAME = 40
_TIMES_LONGER = 3
_LONGEST_CODE = 8
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ]\S.*)?")
_NUMBER = re.compile(r"[-+$€£]?\s?\d[\d.,]*(e[-+]?\d+)?\s?%?", re.IGNORECASE)


class Asked(NamedTuple):
    """The columns that an option asks for, which are all the input."""

    option: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Columns:
    """What the first record is, which column is the input, and what was assumed to say so, a sentence each.

    The true labels are in column `label_index`, None if the file has none.
    """

    has_header: bool
    input_index: int
    assumed: tuple[str, ...] = ()
    label_index: int | None = None


def find_columns(  # noqa: PLR0913 (what the job's options say of columns)
    first: Sequence[str],
    following: Sequence[Sequence[str]],
    *,
    header: str,
    input_column: str | None,
    asked: Asked | None,
    label_column: str | None = None,
) -> Columns:
    """Find header and input by the first record, those that follow it, and the options.

    If columns are `asked` for, the input is all of them: `input_index` is the last one's.

    `InputColumnError` if nothing tells which column is the input; `LayoutError` if the file isn't as the options say.

    >>> find_columns(["id", "review"], [["1", "great"]], header="auto", input_column=None, asked=None).input_index
    1
    """
    has_header = header == "present"
    assumed: tuple[str, ...] = ()
    if header == "auto":
        has_header, assumed = _find_header(first, following, input_column, asked, label_column)
    columns = column_names(first, has_header=has_header)
    if asked is not None:
        index = _last_asked_for(columns, asked, first)
    elif input_column is not None:
        # The only column is the input, whatever it is called.
        is_only = has_header and len(first) == 1 and not input_column.isdecimal()
        index = 0 if is_only else _chosen(first, input_column, "input-column", header, has_header=has_header)
    elif len(first) == 1:
        index = 0
    else:
        index = _usual(first, has_header=has_header)
        where = f"he texts are in column {index}, {shown([first[index]])}, because of its usual name."
        # The same name has told the header.
        assumed = (f"The first line is the header, and t{where}" if assumed else f"T{where}",)
    label_index = None
    if label_column is not None:
        label_index = _chosen(first, label_column, "label-column", header, has_header=has_header)
        if asked is None and label_index == index:
            raise LayoutError(f"the texts and their true labels are in one column, {label_index}: see `label-column`")
    return Columns(has_header, index, assumed, label_index)


def column_names(first: Sequence[str], *, has_header: bool) -> tuple[str, ...]:
    """The header's cells as they are, or `column_1`, `column_2`, … without a header."""
    return tuple(first) if has_header else tuple(f"column_{number}" for number in range(1, len(first) + 1))


def _find_header(
    first: Sequence[str],
    following: Sequence[Sequence[str]],
    input_column: str | None,
    asked: Asked | None,
    label_column: str | None,
) -> tuple[bool, tuple[str, ...]]:
    if asked and not asked.names.isdisjoint(first):
        return True, ()
    if asked is None and input_column is not None and not input_column.isdecimal():
        if _plain(input_column) in map(_plain, first):
            return True, ()
        _check_delimiter(first, following, {_plain(input_column)})
        names = "the name of one of those in the file's first line, or the column's number, counted from 0"
        how = names if len(first) > 1 else "0, the number of the file's only column"
        raise LayoutError(
            f"no column is named {shown([input_column])}: give {how}, with the option `input-column`",
            f"{_first_line(first)}{_perhaps(input_column, first)}",
        )
    if label_column is not None and _plain(label_column) in map(_plain, first):
        return True, ()
    has_no_names = asked and asked.names and asked.names <= set(column_names(first, has_header=False))
    if not has_no_names and (usual := [cell for cell in first if _plain(cell) in USUAL_NAMES]):
        return True, (f"The first line is the header: {shown(usual[:1])} is a column's usual name.",)
    is_told = bool(asked and asked.names)
    if input_column is None:
        _check_delimiter(first, following, {_plain(name) for name in asked.names} if asked and is_told else USUAL_NAMES)
    if is_told or len(first) == 1:
        words = "The file has one column, and its first line is a row: it is no column's usual name."
        return False, () if is_told else (words,)
    if input_column is None and asked is None:
        raise _unknown(first, is_header=False)
    return _by_evidence(first, following)


def _check_delimiter(first: Sequence[str], following: Sequence[Sequence[str]], names: Collection[str]) -> None:
    """See that the first line, if it is one cell, is not several columns with other delimiters, one of such a name."""
    if not (delimiter := overlooked_delimiter(first, following)):
        return
    parts = [_plain(part.strip().strip("\"'")) for part in first[0].split(delimiter)]
    if found := [part for part in parts if part in names]:
        raise several_columns(f"seems to name several columns, one of them {shown(found[:1])}", delimiter)


class _Evidence(NamedTuple):
    """What speaks for the first line's being the header (`weight` > 0), or a row (< 0)."""

    weight: int
    words: str


def _by_evidence(first: Sequence[str], following: Sequence[Sequence[str]]) -> tuple[bool, tuple[str, ...]]:
    found = [
        evidence
        for index, cell in enumerate(first)
        if (below := [cells[index] for cells in following if len(cells) == len(first)])
        and (evidence := _evidence(index, cell.strip(), [other.strip() for other in below]))
    ]
    total = sum(evidence.weight for evidence in found)
    if total > 0:
        words = max(found, key=lambda evidence: evidence.weight).words
        return True, (f"The first line is the header: {words}. If it is a row, set the option `header` to absent.",)
    words = min(found, key=lambda evidence: evidence.weight).words if total else "nothing tells it from the others"
    return False, (f"The first line is a row: {words}. If it is the header, set the option `header` to present.",)


def _evidence(index: int, cell: str, below: Sequence[str]) -> _Evidence | None:
    kinds = {_kind(other) for other in below if other}
    if not cell:
        return _Evidence(-1, f"its cell of column {index} is empty") if "text" in kinds else None
    if (kind := _kind(cell)) != "text":
        return _Evidence(-2, f"its cell of column {index} has {kind}{', as those below' if kind in kinds else ''}")
    if kinds and "text" not in kinds:
        return _Evidence(2, f"its cell of column {index} stands above {' and '.join(sorted(kinds))}")
    if cell in below:
        return _Evidence(-1, f"its cell of column {index} comes again below")
    return _evidence_of_length(index, cell, [len(other) for other in below])


def _evidence_of_length(index: int, cell: str, lengths: Sequence[int]) -> _Evidence | None:
    if len(cell) > _LONGEST_NAME:
        return _Evidence(-1, f"its cell of column {index} is too long for a name")
    if len(cell) * _TIMES_LONGER <= sum(lengths) / len(lengths):
        return _Evidence(1, f"its cell of column {index} is much shorter than those below")
    if len(lengths) > 1 and max(lengths) <= _LONGEST_CODE and len(set(lengths)) == 1:
        # Codes, such as those of languages.
        if len(cell) == lengths[0]:
            return _Evidence(-1, f"its cell of column {index} is as long as those below")
        return _Evidence(1, f"its cell of column {index} is not as long as those below, which are all alike")
    return None


def _kind(cell: str) -> str:
    if _DATE.fullmatch(cell):
        return "dates"
    return "numbers" if _NUMBER.fullmatch(cell) else "text"


def _last_asked_for(columns: Sequence[str], asked: Asked, first: Sequence[str]) -> int:
    for name in sorted(asked.names):
        if columns.count(name) != 1:
            count = f"{columns.count(name)} columns are" if name in columns else "no column is"
            has_header = columns == tuple(first)
            known = f"{shown(columns)}{'' if has_header else ', since the first line is taken for a row'}"
            raise LayoutError(
                f"{count} named {shown([name])}, which the option `{asked.option}` uses: the columns are {known}; "
                f"correct the option, or the file's first line{_perhaps(name, columns)}",
                "" if has_header else f"{_first_line(first)}{_perhaps(name, first)}",
            )
    return max(map(columns.index, asked.names), default=len(columns) - 1)


def _chosen(first: Sequence[str], given: str, option: str, header: str, *, has_header: bool) -> int:
    """The column that an option gives, by its name or its number."""
    if given.isdecimal():
        # Python reads no number of thousands of digits.
        if len(given) <= _LONGEST_NUMBER and int(given) < len(first):
            return int(given)
        raise LayoutError(
            f"there is no column {shortened(given, _LONGEST_NUMBER)}: the file has {len(first)}, counted from 0; see "
            f"the option `{option}`",
            f"the columns are {shown(first)}" if has_header else _first_line(first),
        )
    if not has_header:
        why = "header=absent says" if header == "absent" else "the first line, which looks like a row, says"
        raise LayoutError(
            f"the option `{option}` is a name, {shown([given])}, but {why} that there are no names: give the column's "
            "number, counted from 0, or header=present",
            _first_line(first),
        )
    named = [index for index, cell in enumerate(first) if _plain(cell) == _plain(given)]
    if not named:
        raise LayoutError(
            f"no column is named {shown([given])}: the columns are {shown(first)}; give the name of one of them, or "
            f"the column's number, counted from 0, with the option `{option}`{_perhaps(given, first)}"
        )
    if len(named) > 1:
        raise _ambiguous(f"{counted(len(named), 'column')} are named {shown([_plain(given)])}", named, option)
    return named[0]


def _usual(first: Sequence[str], *, has_header: bool) -> int:
    usual = [index for index, cell in enumerate(first) if has_header and _plain(cell) in USUAL_NAMES]
    if not usual:
        raise _unknown(first, is_header=has_header)
    if len(usual) > 1:
        names = list(dict.fromkeys(_plain(first[index]) for index in usual))
        which = f"are named {shown(names)}" if len(names) == 1 else f"may hold the texts, {shown(names)}"
        raise _ambiguous(f"{counted(len(usual), 'column')} {which}", usual, "input-column")
    return usual[0]


def _unknown(first: Sequence[str], *, is_header: bool) -> InputColumnError:
    header = f": the columns are {shown(first)}" if is_header else ""
    return InputColumnError(
        f"the file has {counted(len(first), 'column')}, and none has a usual name (text, review, tweet, …) that "
        f"tells which of them holds the texts{header}; say which with the option `input-column`: its name, or its "
        "number, counted from 0",
        "" if is_header else _first_line(first),
    )


def _perhaps(given: str, names: Sequence[str]) -> str:
    """What an error asks at its end, if a name is near to the given one."""
    plain = {_plain(name): name for name in names[:_MOST_COMPARED] if len(name) <= _MOST_COMPARED}
    if len(given) > _MOST_COMPARED:
        return ""
    near = get_close_matches(_plain(given), plain, 1)
    return f"; did you mean {shown([plain[near[0]]])}?" if near and near[0] != _plain(given) else ""


def _first_line(first: Sequence[str]) -> str:
    """What an error quotes: nobody knows whether the first line is the header, whose names may be told, or a row."""
    return f"the first line is {shown(first)}"


def _ambiguous(what: str, columns: Sequence[int], option: str) -> LayoutError:
    kind = InputColumnError if option == "input-column" else LayoutError
    numbers = " or ".join(map(str, columns[:_MOST_SHOWN]))
    return kind(f"{what}: give the number of the one that is meant, {numbers}, with the option `{option}`")


def _plain(name: str) -> str:
    return name.strip().casefold()

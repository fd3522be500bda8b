"""JSON that comes from outside, read so that whatever passes can be written again: to the ledger, and as UTF-8."""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

# A float may be infinite only if it is written so, but for one of 309 digits.
_HUGE_EXPONENT = re.compile(r"[eE]\+?[0-9]{3}|[0-9]{300}")
# Half of a character that UTF-16 spells in two: Python's parser lets it through, and then nobody can encode it.
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
# Python's parsers and encoders recurse, so how deep a value may be would depend on who calls them.
MOST_LEVELS = 100
TOO_DEEP = "it is nested too deeply"
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# Python's spelling of a number is JSON's, too, and found in a tenth of the time.
CELLS: dict[type, Callable[[Any], str]] = {str: str, float: repr, int: repr, type(None): lambda _: ""}
# `json.dumps` makes an encoder for each call that wants it otherwise.
_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no finite number")


def _null(_constant: str) -> None:
    return None


def read_json(text: str, *, unknown: Callable[[str], Any] = _refuse) -> Any:
    r"""The value that the text spells; `ValueError` if it is no JSON, or holds what JSON and UTF-8 cannot spell.

    >>> read_json('{"label": "\\ud83d\\udc4d"}')
    {'label': '👍'}
    """
    try:
        text.encode()
        value = _decoder(unknown, has_huge=_HUGE_EXPONENT.search(text) is not None).decode(text)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    if text.count("[") + text.count("{") > MOST_LEVELS:
        _check_levels(text)
    if _SURROGATE_ESCAPE.search(text):
        write_json(value)
    return value


def read_lenient_json(text: str) -> Any:
    """The same for what others write: a number that JSON doesn't have, such as NaN, is null, and costs nothing else.

    >>> read_lenient_json('[{"label": "A", "score": NaN}, {"score": 1e999}]')
    [{'label': 'A', 'score': None}, {'score': None}]
    """
    return read_json(text, unknown=_null)


def write_json(value: Any) -> str:
    """The value as compact JSON; `ValueError` for numbers beyond all bounds and text that UTF-8 cannot spell.

    >>> write_json([{"score": 0.5}])
    '[{"score":0.5}]'
    """
    text = _compact(value)
    text.encode()
    return text


def cell_of(value: Any) -> str:
    """How a JSON value stands in a cell: text as it is, null as nothing, all else as JSON has it.

    >>> cell_of("so good"), cell_of(None), cell_of({"score": 0.5})
    ('so good', '', '{"score":0.5}')
    """
    spell = CELLS.get(type(value))
    return spell(value) if spell else _compact(value)


def _check_levels(text: str) -> None:
    """`ValueError` unless all brackets are gone when innermost pairs have been taken out so often."""
    outside_of_strings = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    left = outside_of_strings.encode().translate(None, _NO_BRACKETS)
    for _ in range(MOST_LEVELS):
        left = left.replace(b"[]", b"").replace(b"{}", b"")
        if not left:
            return
    raise ValueError(TOO_DEEP)


@lru_cache
def _decoder(unknown: Callable[[str], Any], *, has_huge: bool) -> json.JSONDecoder:
    """One for all texts: to make it takes longer than to read a line."""
    return json.JSONDecoder(parse_constant=unknown, parse_float=partial(_finite, unknown) if has_huge else None)


def _finite(unknown: Callable[[str], Any], number: str) -> Any:
    value = float(number)
    return value if math.isfinite(value) else unknown(number)

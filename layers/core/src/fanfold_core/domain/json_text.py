"""JSON that comes from outside, read so that whatever passes can be written again: to the ledger, and as UTF-8."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

# Half of a character that UTF-16 spells in two: Python's parser lets it through, and then nobody can encode it.
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
# `json.dumps` makes an encoder for each call that wants it otherwise.
_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def read_json(text: str) -> Any:
    r"""The value that the text spells; `ValueError` if it is no JSON, or holds what JSON and UTF-8 cannot spell.

    >>> read_json('{"label": "\\ud83d\\udc4d"}')
    {'label': '👍'}
    """
    try:
        text.encode()
        value = json.loads(text, parse_constant=_refuse)
        if _SURROGATE_ESCAPE.search(text):
            write_json(value)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def write_json(value: Any) -> str:
    """The value as compact JSON; `ValueError` for numbers beyond all bounds and text that UTF-8 cannot spell.

    >>> write_json([{"score": 0.5}])
    '[{"score":0.5}]'
    """
    text = _compact(value)
    text.encode()
    return text


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")

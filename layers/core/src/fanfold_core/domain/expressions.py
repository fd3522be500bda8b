"""Expressions: JMESPath over JSON values, for models that take something else than a text, or say something else.

They select and put together, and can reach nothing but the value that they are given. What they make is a JSON value,
so nothing has to be escaped, and has a bound, since an expression of some characters can double a value at each step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jmespath.exceptions import JMESPathError, JMESPathTypeError
from jmespath.functions import Functions
from jmespath.parser import Parser
from jmespath.visitor import TreeInterpreter

from fanfold_core.domain.errors import ExpressionError, ExpressionTooLargeError
from fanfold_core.input.errors import OptionError, counted
from fanfold_core.input.json.text import MOST_LEVELS, TOO_DEEP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Values and characters in what an expression makes, and elements of a list or text that it makes on the way.
_MOST_MADE = 4_000_000
_MOST_ELEMENTS = 1_000_000
_SCALARS = (str, int, type(None))


@dataclass(frozen=True, slots=True)
class Expression:
    """What an option called `option` says.

    >>> pair = Expression("input-expression", "{text: title, text_pair: body}")
    >>> pair({"title": "Hi", "body": "Bye", "id": "1"})
    {'text': 'Hi', 'text_pair': 'Bye'}
    >>> sorted(pair.names)
    ['body', 'title']
    """

    option: str
    text: str

    def __call__(self, value: Any) -> Any:
        """What it makes of the value; `ExpressionError` if it cannot be applied to it, or makes no JSON of it.

        `ExpressionTooLargeError` if it makes too much of it.
        """
        try:
            found = _Bounded().visit(_parse(self.text), value)
            _check_json(found)
        except _TooMuchError as error:
            raise ExpressionTooLargeError(self.option, self.text, str(error)) from error
        except Exception as error:  # jmespath raises whatever its functions do, and has no say in how deep values are
            raise ExpressionError(self.option, self.text, _words(error)) from error
        return found

    @property
    def names(self) -> frozenset[str]:
        """The fields that it asks for."""
        return frozenset(_fields(_parse(self.text)))


def parse_expression(option: str, text: str) -> Expression | None:
    """The expression in an option, None if the option is empty; `OptionError` if it is none."""
    if not text:
        return None
    made = Expression(option, text)
    try:
        _ = made.names
    except Exception as error:  # as above
        raise OptionError(option, text, f"a JMESPath expression ({_words(error)})") from error
    return made


class _TooMuchError(Exception):
    """An expression has made too much. Do not retry."""


class _UnfitError(Exception):
    """An expression is nested too deeply, calls no function, or what it makes is no JSON value. Do not retry."""


class _Bounded(TreeInterpreter):
    """Refuses lists and texts that have grown too long on the way."""

    def visit(self, node: Any, *args: Any, **options: Any) -> Any:
        found = super().visit(node, *args, **options)
        if isinstance(found, list | str) and len(found) > _MOST_ELEMENTS:
            raise _TooMuchError(f"a list or text of more than {_MOST_ELEMENTS:,} elements")
        return found


@lru_cache(maxsize=16)
def _parse(text: str) -> Any:
    """What the text says; an error for the same texts, however deep the caller's own calls are."""
    if text.count("(") > MOST_LEVELS:
        raise _UnfitError(TOO_DEEP)
    parsed = Parser().parse(text).parsed
    level: list[Any] = [parsed]
    for _ in range(MOST_LEVELS):
        for node in level:
            _check_call(node)
        # The children of a slice are numbers.
        level = [child for node in level for child in node["children"] if isinstance(child, dict)]
        if not level:
            return parsed
    raise _UnfitError(TOO_DEEP)


def _check_call(node: Mapping[str, Any]) -> None:
    """See that a function that is called is one of JMESPath's, and is given as many arguments as it takes.

    It would be found out in each row, and only where it is reached.
    """
    if node["type"] != "function_expression":
        return
    name, given = node["value"], len(node["children"])
    if not (known := Functions.FUNCTION_TABLE.get(name)):
        raise _UnfitError(f"there is no function {name}()")
    wanted = len(known["signature"])
    is_variadic = any(argument.get("variadic") for argument in known["signature"])
    if given < wanted or (given > wanted and not is_variadic):
        more = " or more" if is_variadic else ""
        raise _UnfitError(f"function {name}() takes {counted(wanted, 'argument')}{more}, not {given}")


def _check_json(value: Any) -> None:
    left, level = _MOST_MADE, [value]
    for _ in range(MOST_LEVELS):
        inner: list[Any] = []
        for one in level:
            left -= 1 + (len(one) if isinstance(one, str) else 0)
            if left < 0:
                raise _TooMuchError(f"more than {_MOST_MADE:,} values and characters")
            if isinstance(one, list):
                inner += one
            elif isinstance(one, dict):
                inner += one.keys()
                inner += one.values()
            elif isinstance(one, float):
                if not math.isfinite(one):
                    raise _UnfitError(f"it makes the number {one}, which JSON doesn't have")
            elif not isinstance(one, _SCALARS):
                raise _UnfitError("it makes something that is no JSON value: & belongs into sort_by and its like")
        if not inner:
            return
        level = inner
    raise _UnfitError(f"it makes a value of more than {MOST_LEVELS} levels")


def _words(error: Exception) -> str:
    """What is wrong with an expression, without the value: that may be a cell, and the words go everywhere."""
    match error:
        case RecursionError():
            return TOO_DEEP
        case JMESPathTypeError():
            wanted = " or ".join(error.expected_types)
            return f"function {error.function_name}() takes {wanted}, not {error.actual_type}"
        case JMESPathError() | _UnfitError():
            # Of the expression itself, such as a bracket that is missing.
            return " ".join(str(error).split())
        case _:
            return f"it raises {type(error).__name__}"


def _fields(node: Mapping[str, Any]) -> Iterator[str]:
    if node["type"] == "field":
        yield node["value"]
    # The children of a slice are numbers.
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _fields(child)

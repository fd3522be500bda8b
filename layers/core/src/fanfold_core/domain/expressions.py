"""Expressions: JMESPath over JSON values, for models that take something else than a text, or say something else.

They select and put together; they cannot compute for ever, or reach anything but the value that they are given. What
they make is a JSON value, so nothing has to be escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jmespath
from jmespath.exceptions import JMESPathError

from fanfold_core.domain.errors import ExpressionError
from fanfold_core.input.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
        """What it makes of the value; `ExpressionError` if it cannot be applied to it."""
        try:
            return jmespath.search(self.text, value)
        except JMESPathError as error:
            raise ExpressionError(self.option, self.text, str(error)) from error

    @property
    def names(self) -> frozenset[str]:
        """The fields that it asks for."""
        return frozenset(_fields(jmespath.compile(self.text).parsed))


def parse_expression(option: str, text: str) -> Expression | None:
    """The expression in an option, None if the option is empty; `OptionError` if it is none."""
    if not text:
        return None
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        raise OptionError(option, text, f"a JMESPath expression ({' '.join(str(error).split())})") from error
    return Expression(option, text)


def _fields(node: Mapping[str, Any]) -> Iterator[str]:
    if node["type"] == "field":
        yield node["value"]
    for child in node["children"]:
        yield from _fields(child)

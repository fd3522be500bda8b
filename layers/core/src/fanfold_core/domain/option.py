"""One option: its row in the table of `options`, and the kinds of values that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fanfold_core.domain.expressions import parse_expression
from fanfold_core.domain.json_text import read_json
from fanfold_core.input.encodings import is_byte_cuttable
from fanfold_core.input.errors import OptionError
from fanfold_core.input.records import check_character

Group = Literal["File", "Model", "Job"]
Costlier = Literal["", "lower", "higher"]
# The template's parameter that says whether a file may have options which cost more than the stack's, and its values.
COSTLIER_OPTIONS, REFUSE, ALLOW = "CostlierOptions", "refuse", "allow"
_WORD = re.compile("(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Text:
    """Any text. The base of all kinds: what a value is in Python, how text is read, and which values are refused."""

    metavar: str = "TEXT"

    @property
    def wanted(self) -> str:
        """What a value must be, for errors and the documentation; empty if it may be anything."""
        return ""

    @property
    def annotation(self) -> Any:
        """The type of a value that Python code gives."""
        return str

    def read(self, text: str) -> Any:
        """The value that a text spells; `ValueError` if it spells none of this kind."""
        return text

    def check(self, option: str, value: Any) -> None:
        """`OptionError` for a value that the option may not have."""


@dataclass(frozen=True, slots=True)
class Column(Text):
    """A column's name, or its index."""

    metavar: str = "COLUMN"

    @property
    def annotation(self) -> Any:  # noqa: D102
        return str | int


@dataclass(frozen=True, slots=True)
class Integer(Text):
    """A whole number of a range. A stack's parameter may have a greater minimum than a file's metadata."""

    least: int = 0
    most: int = 0
    least_of_stack: int | None = None
    metavar: str = "N"

    @property
    def wanted(self) -> str:  # noqa: D102
        return f"a number from {self.least} to {self.most}"

    @property
    def annotation(self) -> Any:  # noqa: D102
        return int

    def read(self, text: str) -> int:  # noqa: D102
        if not (text.isascii() and text.isdigit()):
            raise ValueError(text)
        return int(text)

    def check(self, option: str, value: Any) -> None:  # noqa: D102
        if not self.least <= value <= self.most:
            raise OptionError(option, str(value), self.wanted)


@dataclass(frozen=True, slots=True)
class Choice(Text):
    """One of a few words."""

    choices: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:  # noqa: D102
        return f"one of {', '.join(self.choices)}"

    @property
    def annotation(self) -> Any:  # noqa: D102
        return Literal[self.choices]

    def check(self, option: str, value: Any) -> None:  # noqa: D102
        if value not in self.choices:
            raise OptionError(option, value, self.wanted)


@dataclass(frozen=True, slots=True)
class YesNo(Choice):
    """A boolean, spelt yes or no."""

    choices: tuple[str, ...] = ("yes", "no")

    @property
    def annotation(self) -> Any:  # noqa: D102
        return bool

    def read(self, text: str) -> bool:  # noqa: D102
        if text not in self.choices:
            raise ValueError(text)
        return text == "yes"

    def check(self, option: str, value: Any) -> None:  # noqa: D102
        if not isinstance(value, bool):
            raise OptionError(option, str(value), self.wanted)


@dataclass(frozen=True, slots=True)
class JsonObject(Text):
    """A JSON object, kept as its text."""

    metavar: str = "JSON"

    @property
    def wanted(self) -> str:  # noqa: D102
        return 'a JSON object such as {"truncation": true}'

    @property
    def annotation(self) -> Any:  # noqa: D102
        return Mapping[str, Any]

    def check(self, option: str, value: Any) -> None:  # noqa: D102
        try:
            is_object = isinstance(read_json(value), dict)
        except ValueError as error:
            raise OptionError(option, value, f"{self.wanted} ({error})") from error
        if not is_object:
            raise OptionError(option, value, self.wanted)


@dataclass(frozen=True, slots=True)
class Jmespath(Text):
    """A JMESPath expression, or nothing."""

    metavar: str = "EXPRESSION"

    @property
    def wanted(self) -> str:  # noqa: D102
        return "a JMESPath expression"

    def check(self, option: str, value: Any) -> None:  # noqa: D102
        parse_expression(option, value)


@dataclass(frozen=True, slots=True)
class Character(Text):
    """One character; a tab may be spelt. Whether it goes together with the others, `Dialect` checks."""

    metavar: str = "CHARACTER"

    @property
    def wanted(self) -> str:  # noqa: D102
        return 'one ASCII character, or "tab"'

    def read(self, text: str) -> str:  # noqa: D102
        return "\t" if text in {"tab", "\\t"} else text

    def check(self, option: str, value: Any) -> None:  # noqa: D102
        check_character(option, value)


@dataclass(frozen=True, slots=True)
class Encoding(Text):
    """A text encoding that Python knows."""

    metavar: str = "ENCODING"

    @property
    def wanted(self) -> str:  # noqa: D102
        return "a text encoding that Python knows"

    def check(self, option: str, value: Any) -> None:  # noqa: D102, ARG002
        is_byte_cuttable(value)


@dataclass(frozen=True, slots=True)
class Option:
    """A row of the table.

    `field` names it in Python, `parameter` in the template, empty if it is left to each file. A form shows `label`,
    `help` and `examples`. `costlier` values cost more money than the stack's, empty if cost does not depend on it.
    """

    field: str
    default: str | int | bool
    kind: Text
    group: Group
    label: str
    help: str
    parameter: str
    examples: tuple[str, ...]
    costlier: Costlier

    @property
    def name(self) -> str:
        """What S3 metadata and the command line call it, as in `rows-per-request`."""
        return self.field.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that has its parameter, as in `ROWS_PER_REQUEST`."""
        return _WORD.sub("_", self.parameter).upper()

    def read(self, text: str) -> Any:
        """The value that a text spells; `OptionError` if it spells none of this kind."""
        try:
            return self.kind.read(text)
        except ValueError as error:
            raise OptionError(self.name, text, self.kind.wanted) from error

    def parse(self, text: str) -> Any:
        """The value that a text spells; `OptionError` if the option may not have it."""
        value = self.read(text)
        self.kind.check(self.name, value)
        return value

    def check_cost(self, value: Any, of_stack: Any) -> None:
        """`OptionError` for a value that costs more than the stack's."""
        is_costlier = value < of_stack if self.costlier == "lower" else value > of_stack
        if self.costlier and is_costlier:
            bound = "or more" if self.costlier == "lower" else "or less"
            why = f"since this stack has {self.parameter}={of_stack} and {COSTLIER_OPTIONS}={REFUSE}"
            raise OptionError(self.name, str(value), f"{of_stack} {bound}, {why}")


def option(  # noqa: PLR0913 - the columns of the table
    label: str,
    *,
    default: str | int | bool,
    group: Group,
    help: str,  # noqa: A002 - as in click and argparse
    kind: Text,
    parameter: str = "",
    examples: tuple[str, ...] = (),
    costlier: Costlier = "",
) -> Any:
    """A dataclass's field that is a row of the table."""
    columns = {"default": default, "label": label, "kind": kind, "group": group, "help": help, "parameter": parameter}
    return field(default=default, metadata=columns | {"examples": examples, "costlier": costlier})


def spell(value: Any) -> str:
    """A value that Python code gives as text, which a kind reads.

    >>> spell(8), spell(True), spell({"top_k": 1}), spell("auto")
    ('8', 'yes', '{"top_k": 1}', 'auto')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value)

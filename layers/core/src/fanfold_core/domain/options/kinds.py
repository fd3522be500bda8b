"""The kinds of values that an option may have."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from fanfold_core.domain.chat import WANTED, parse_prompt
from fanfold_core.domain.expressions import parse_expression
from fanfold_core.domain.keys import is_job_id
from fanfold_core.domain.schema import WANTED as WANTED_SCHEMA
from fanfold_core.domain.schema import parse_schema
from fanfold_core.input.encodings import is_byte_cuttable
from fanfold_core.input.errors import OptionError
from fanfold_core.input.json.text import read_json
from fanfold_core.input.records import check_character

_DOLLARS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Text:
    """Any text. The base of all kinds: what a value is in Python, how text is read, and which values are refused."""

    json_types: ClassVar[tuple[type, ...]] = (str,)
    metavar: str = "TEXT"

    @property
    def of_stacks(self) -> Self:
        """The kind of values that may be the default of a stack."""
        return self

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

    def amount(self, value: Any) -> Any:
        """What values are compared by."""
        return value


@dataclass(frozen=True, slots=True)
class Column(Text):
    """A column's name, or its index."""

    json_types: ClassVar[tuple[type, ...]] = (str, int)
    metavar: str = "COLUMN"

    @property
    def wanted(self) -> str:  # noqa: D102
        return "a column's name or index"

    @property
    def annotation(self) -> Any:  # noqa: D102
        return str | int


@dataclass(frozen=True, slots=True)
class JobName(Text):
    """The id of a job, or nothing."""

    metavar: str = "JOB"

    @property
    def wanted(self) -> str:  # noqa: D102
        return "the id of a job"

    def check(self, option: str, value: Any) -> None:  # noqa: D102
        if value and not is_job_id(value):
            raise OptionError(option, value, self.wanted)


@dataclass(frozen=True, slots=True)
class Integer(Text):
    """A whole number of a range. The default of a stack may have a greater minimum than a file's metadata."""

    json_types: ClassVar[tuple[type, ...]] = (str, int)
    least: int = 0
    most: int = 0
    least_of_stack: int | None = None
    metavar: str = "N"

    @property
    def of_stacks(self) -> Self:  # noqa: D102
        return self if self.least_of_stack is None else replace(self, least=self.least_of_stack)

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
class Dollars(Text):
    """An amount of money, or nothing. Kept as its text, which has the same cents everywhere."""

    json_types: ClassVar[tuple[type, ...]] = (str, int, float)
    metavar: str = "DOLLARS"

    @property
    def wanted(self) -> str:  # noqa: D102
        return "a number of dollars such as 5 or 0.50"

    @property
    def annotation(self) -> Any:  # noqa: D102
        return float

    def check(self, option: str, value: Any) -> None:  # noqa: D102
        if value and not _DOLLARS.fullmatch(value):
            raise OptionError(option, value, self.wanted)

    def amount(self, value: Any) -> float:
        """The number; without one, or with 0, there is no limit."""
        return float(value or 0) or math.inf


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

    json_types: ClassVar[tuple[type, ...]] = (str, bool)
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

    json_types: ClassVar[tuple[type, ...]] = (str, dict)
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
class Names(JsonObject):
    """A JSON object that gives texts other texts as their names, kept as its text, or nothing."""

    @property
    def wanted(self) -> str:  # noqa: D102
        return 'a JSON object of texts such as {"LABEL_0": "negative"}'

    @property
    def annotation(self) -> Any:  # noqa: D102
        return Mapping[str, str]

    def check(self, option: str, value: Any) -> None:  # noqa: D102
        if not value:
            return
        JsonObject.check(self, option, value)
        if not all(isinstance(name, str) and name.strip() for name in read_json(value).values()):
            raise OptionError(option, value, self.wanted)


@dataclass(frozen=True, slots=True)
class JsonSchema(JsonObject):
    """A JSON Schema, kept as its text, or nothing."""

    @property
    def wanted(self) -> str:  # noqa: D102
        return WANTED_SCHEMA

    def check(self, option: str, value: Any) -> None:  # noqa: D102
        parse_schema(option, value)


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
class Template(Text):
    """A text with columns in braces, or nothing."""

    metavar: str = "TEMPLATE"

    @property
    def wanted(self) -> str:  # noqa: D102
        return WANTED

    def check(self, option: str, value: Any) -> None:  # noqa: D102
        parse_prompt(option, value)


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

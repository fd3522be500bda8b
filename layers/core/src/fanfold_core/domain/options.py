"""What may be chosen per job: the template's parameters, overridden by a file's S3 object metadata."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fanfold_core.domain.expressions import Expression, parse_expression
from fanfold_core.domain.json_text import read_json
from fanfold_core.input.errors import OptionError
from fanfold_core.input.layout import HEADER_CHOICES, is_byte_cuttable
from fanfold_core.input.records import Dialect

if TYPE_CHECKING:
    from collections.abc import Mapping

# The least and the most that an option which is a number may be.
RANGES = {
    "rows_per_request": (1, 1000),
    "max_attempts": (1, 20),
    "request_ttl_seconds": (60, 21600),
    "deadline_hours": (1, 336),
    "tolerated_failure_percentage": (0, 100),
}
_YES_OR_NO = ("yes", "no")
_SPELT_DELIMITERS = {"tab": "\t", "\\t": "\t"}


@dataclass(frozen=True, slots=True)
class Options:
    """How one file is read and sent. Pinned when its job is created.

    `parameters` is the JSON object that every request carries beside its inputs; `input_column` a name, a 0-based
    index, or empty for the defaults. The expressions are JMESPath, or empty: over a row's columns for what stands for
    it in a request, over `inputs` and `parameters` for a request's payload, over an answer for the list of results. A
    job of which more than `tolerated_failure_percentage` of the rows end in errors is FAILED.
    """

    input_column: str = ""
    header: str = "auto"
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    rows_per_request: int = 32
    max_attempts: int = 3
    request_ttl_seconds: int = 3600
    deadline_hours: int = 72
    tolerated_failure_percentage: int = 100
    parameters: str = "{}"
    input_expression: str = ""
    payload_expression: str = ""
    result_expression: str = ""
    guard_formulas: str = "no"

    @property
    def dialect(self) -> Dialect:
        """How records are written in the file."""
        return Dialect(self.delimiter, self.quote)

    @property
    def input(self) -> Expression | None:
        """What a row is to the model, None for the text in its input column."""
        return parse_expression("input-expression", self.input_expression)

    @property
    def columns(self) -> frozenset[str] | None:
        """The columns that the input expression asks for in place of one input column, None without an expression."""
        return self.input.names if self.input else None

    @property
    def payload(self) -> Expression | None:
        """What a request's body is, None for that of Hugging Face's containers."""
        return parse_expression("payload-expression", self.payload_expression)

    @property
    def result(self) -> Expression | None:
        """Where in an answer the list of results is, None if the answer is that list."""
        return parse_expression("result-expression", self.result_expression)

    @property
    def guards_formulas(self) -> bool:
        """Whether cells that a spreadsheet would compute are guarded."""
        return self.guard_formulas == "yes"

    def overridden(self, metadata: Mapping[str, str]) -> Options:
        """These options with those that the object's metadata names; `OptionError` for a value that none may have.

        Metadata that names no option is somebody else's and left alone. Values are percent-decoded, since S3 metadata
        is ASCII.

        >>> Options().overridden({"input-column": "caf%C3%A9", "rows-per-request": "16"}).input_column
        'café'
        """
        names = {field.name.replace("_", "-"): field.name for field in fields(self)}
        chosen = {
            names[key]: _parsed(key, names[key], unquote(metadata[key])) for key in names.keys() & metadata.keys()
        }
        return replace(self, **chosen).checked()

    def checked(self) -> Options:
        """These options, if they go together; `OptionError` if not."""
        if self.header not in HEADER_CHOICES:
            raise OptionError("header", self.header, f"one of {', '.join(HEADER_CHOICES)}")
        for name, (least, most) in RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise OptionError(name.replace("_", "-"), str(getattr(self, name)), f"a number from {least} to {most}")
        if not isinstance(_json(self.parameters), dict):
            raise OptionError("parameters", self.parameters, 'a JSON object such as {"truncation": true}')
        if self.guard_formulas not in _YES_OR_NO:
            raise OptionError("guard-formulas", self.guard_formulas, f"one of {', '.join(_YES_OR_NO)}")
        # Making a dialect or an expression, and asking about an encoding, checks them.
        _ = self.dialect, self.input, self.payload, self.result, is_byte_cuttable(self.encoding)
        return self


def _parsed(key: str, name: str, value: str) -> Any:
    if name == "delimiter":
        return _SPELT_DELIMITERS.get(value, value)
    if name in RANGES:
        if not (value.isascii() and value.isdigit()):
            least, most = RANGES[name]
            raise OptionError(key, value, f"a number from {least} to {most}")
        return int(value)
    return value


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except ValueError:
        return None

"""One option: its row in the table."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from fanfold_core.input.errors import OptionError

if TYPE_CHECKING:
    from fanfold_core.domain.options.kinds import Text

Group = Literal["File", "Model", "Job"]
Costlier = Literal["", "lower", "higher"]
# The template's parameter that says whether a file may have options which cost more than the stack's, and its values.
COSTLIER_OPTIONS, REFUSE, ALLOW = "CostlierOptions", "refuse", "allow"
_WORD = re.compile("(?<=[a-z])(?=[A-Z])")


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

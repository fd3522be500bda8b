"""One option: its row in the table."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from fanfold_core.input.errors import OptionError

if TYPE_CHECKING:
    from fanfold_core.domain.options.kinds import Text

Group = Literal["File", "Model", "Job"]
Costlier = Literal["", "lower", "higher"]
# The template's parameter that has a stack's defaults, and the one that says whether a file may have options which cost
# more than these, with its values.
JOB_DEFAULTS = "JobDefaults"
COSTLIER_OPTIONS, REFUSE, ALLOW = "CostlierOptions", "refuse", "allow"
# What to do where each row has to be sent alone, and a stack doesn't let a file have that.
FOR_LANGUAGE_MODELS = f'for a language model, deploy it with {JOB_DEFAULTS}={{"rows-per-request": 1}}'


@dataclass(frozen=True, slots=True)
class Option:
    """A row of the table.

    `field` names it in Python. A form shows `label`, `help` and `examples`. `costlier` values cost more money than the
    stack's, empty if cost does not depend on it.
    """

    field: str
    default: str | int | bool
    kind: Text
    group: Group
    label: str
    help: str
    examples: tuple[str, ...]
    costlier: Costlier

    @property
    def name(self) -> str:
        """What S3 metadata and the command line call it, as in `rows-per-request`."""
        return self.field.replace("_", "-")

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

    def default_of_stack(self, value: Any) -> Any:
        """The value that a stack's JSON gives; `OptionError` if it may not be the default of a stack."""
        kind = self.kind.of_stacks
        if type(value) not in kind.json_types:
            raise OptionError(self.name, json.dumps(value), kind.wanted)
        return replace(self, kind=kind).parse(spell(value))

    def check_cost(self, value: Any, of_stack: Any) -> None:
        """`OptionError` for a value that costs more than the stack's."""
        asked, most = self.kind.amount(value), self.kind.amount(of_stack)
        is_costlier = asked < most if self.costlier == "lower" else asked > most
        if self.costlier and is_costlier:
            bound = "or more" if self.costlier == "lower" else "or less"
            where = "by default" if of_stack == self.default else f"in {JOB_DEFAULTS}"
            why = f"since this stack has {self.name}={of_stack} {where} and {COSTLIER_OPTIONS}={REFUSE}"
            raise OptionError(self.name, str(value), f"{of_stack} {bound}, {why}")


def option(  # noqa: PLR0913 - the columns of the table
    label: str,
    *,
    default: str | int | bool,
    group: Group,
    help: str,  # noqa: A002 - as in click and argparse
    kind: Text,
    examples: tuple[str, ...] = (),
    costlier: Costlier = "",
) -> Any:
    """A dataclass's field that is a row of the table."""
    columns = {"default": default, "label": label, "kind": kind, "group": group, "help": help}
    return field(default=default, metadata=columns | {"examples": examples, "costlier": costlier})


def spell(value: Any) -> str:
    """A value that Python code gives as text, which a kind reads.

    >>> spell(8), spell(True), spell({"top_k": 1}), spell("auto")
    ('8', 'yes', '{"top_k": 1}', 'auto')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value)

"""What `help` and editors say of a function that takes the options of a job: a keyword for each row of the table."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from textwrap import fill
from typing import TypeVar

from fanfold_core.domain.options import OPTIONS

F = TypeVar("F", bound=Callable[..., object])
_PLACE = "            **options: those of the table in docs/options.md."


def with_options(function: F) -> F:
    """Give a function's signature and documentation the options that its `**options` take."""
    signature = inspect.signature(function)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    options = [
        inspect.Parameter(
            row.field, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=row.kind.annotation | None
        )
        for row in OPTIONS.values()
    ]
    setattr(function, "__signature__", signature.replace(parameters=[*own, *options]))  # noqa: B010 - mypy knows none
    lines = [
        fill(f"{row.field}: {row.help}", 120, initial_indent=" " * 12, subsequent_indent=" " * 16)
        for row in OPTIONS.values()
    ]
    # Without documentation (python -OO) there is nothing to add to.
    function.__doc__ = function.__doc__ and function.__doc__.replace(_PLACE, "\n".join(lines))
    return function

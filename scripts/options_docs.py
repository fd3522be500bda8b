#!/usr/bin/env python3
"""Write the tables of docs/options.md from the table of options and the template.

.venv/bin/python scripts/options_docs.py
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fanfold_core.domain.options import OPTIONS
from fanfold_core.domain.options.kinds import Integer
from fanfold_core.domain.options.row import Option, spell
from localaws import template

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/options.md"
TEMPLATE: Mapping[str, Any] = template.read(ROOT)
GROUPS = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]


def render(page: str) -> str:
    """The page with its tables as the code has them."""
    for name, lines in (("job", job_table()), ("stack", stack_tables())):
        before, begin, rest = page.partition(f"<!-- begin {name} -->\n")
        _, end, after = rest.partition(f"<!-- end {name} -->")
        if not end:
            raise ValueError(f"docs/options.md has no place for the table of a {name}")
        table = "\n".join(lines).rstrip()
        page = f"{before}{begin}\n{table}\n\n{end}{after}"
    return page


def job_table() -> Iterator[str]:
    """What may be chosen for one file."""
    yield from _head("metadata, `--option`, `JobDefaults`", "Python", "meaning", "default", "may be")
    for row in OPTIONS.values():
        default = _code(spell(row.default))
        yield _row(f"`{row.name}`", f"`{row.field}`", row.help, default, _may_be(row))


def stack_tables() -> Iterator[str]:
    """What is chosen when a stack is deployed, and holds for all of its jobs."""
    for group in GROUPS:
        yield f"### {group['Label']['default']}"
        yield ""
        yield from _head("parameter", "meaning", "default", "may be")
        for name in group["Parameters"]:
            declared = TEMPLATE["Parameters"][name]
            meaning = " ".join(declared["Description"].split())
            yield _row(f"`{name}`", meaning, _code(declared["Default"]), _values(declared))
        yield ""


def _may_be(row: Option) -> str:
    values = _range(row.kind.least, row.kind.most) if isinstance(row.kind, Integer) else row.kind.wanted
    return f"{values}; {row.costlier} than the stack's costs more" if row.costlier else values


def _values(declared: Mapping[str, Any]) -> str:
    if "AllowedValues" in declared:
        return ", ".join(f"`{value}`" for value in declared["AllowedValues"])
    if "MinValue" in declared:
        return _range(declared["MinValue"], declared.get("MaxValue"))
    return ""


def _range(least: int, most: int | None) -> str:
    return f"{least} or more" if most is None else f"{least} to {most}"


def _code(value: object) -> str:
    return f"`{value}`" if value != "" else ""


def _head(*names: str) -> Iterable[str]:
    return _row(*names), _row(*["---"] * len(names))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE.relative_to(ROOT))

#!/usr/bin/env python3
"""Write the tables of docs/options.md from what declares the options: `.venv/bin/python scripts/options_docs.py`.

An option of a job is a field of `Options`. What the template, the command line and the Python client call it follows
from its name; whether they have it is looked up in each.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from fanfold import Fanfold
from fanfold.cli.run import run
from fanfold_core.domain.options import RANGES, Options

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/options.md"
TEMPLATE: Mapping[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
DECLARED: Mapping[str, Any] = TEMPLATE["Parameters"]
GROUPS = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
# The only option that the template calls otherwise, and the only one that it leaves to each file.
RENAMED = {"parameters": "ModelParameters"}
LEFT_TO_FILES = {"quote": "Character around cells that need it."}


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
    options = {option.opts[0] for option in run.params}
    arguments = inspect.signature(Fanfold.submit).parameters
    yield from _head("metadata", "meaning", "default", "may be", "template, command line, Python")
    for field in fields(Options):
        metadata = field.name.replace("_", "-")
        parameter = parameter_of(field.name)
        declared = DECLARED.get(parameter, {})
        known = ((parameter, DECLARED), (f"--{metadata}", options), (field.name, arguments))
        elsewhere = [name for name, names in known if name in names]
        yield _row(
            f"`{metadata}`",
            _words(declared["Description"] if declared else LEFT_TO_FILES[field.name]),
            _code(declared.get("Default", field.default)),
            _range(*RANGES[field.name]) if field.name in RANGES else _values(declared),
            ", ".join(f"`{name}`" for name in elsewhere),
        )


def stack_tables() -> Iterator[str]:
    """What is chosen when a stack is deployed, and holds for all of its jobs."""
    of_jobs = {parameter_of(field.name) for field in fields(Options)}
    for group in GROUPS:
        names = [name for name in group["Parameters"] if name not in of_jobs]
        if names:
            yield f"### {group['Label']['default']}"
            yield ""
            yield from _head("parameter", "meaning", "default", "may be")
            for name in names:
                declared = DECLARED[name]
                yield _row(f"`{name}`", _words(declared["Description"]), _code(declared["Default"]), _values(declared))
            yield ""


def parameter_of(option: str) -> str:
    """What the template calls an option.

    >>> parameter_of("rows_per_request")
    'RowsPerRequest'
    """
    return RENAMED.get(option, option.title().replace("_", ""))


def _values(declared: Mapping[str, Any]) -> str:
    if "AllowedValues" in declared:
        return ", ".join(f"`{value}`" for value in declared["AllowedValues"])
    if "MinValue" in declared:
        return _range(declared["MinValue"], declared.get("MaxValue"))
    return ""


def _range(least: int, most: int | None) -> str:
    return f"{least} or more" if most is None else f"{least} to {most}"


def _words(description: str) -> str:
    return " ".join(description.split())


def _code(value: object) -> str:
    return f"`{value}`" if value != "" else ""


def _head(*names: str) -> Iterable[str]:
    return _row(*names), _row(*["---"] * len(names))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE.relative_to(ROOT))

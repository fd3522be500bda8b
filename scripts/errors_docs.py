#!/usr/bin/env python3
"""Write docs/errors.md: every message of an error that users see, as the code has it.

.venv/bin/python scripts/errors_docs.py
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/errors.md"
SOURCES = ("layers/core/src", "src")
# What a message names: a file, a number, an option.
GAP = "…"
INTRODUCTION = f"""# Errors

`scripts/errors_docs.py` generates this page from the code. Look for words of your message; `{GAP}` is what it names: a
file, a row, a value.
"""
CLIENT = """`fanfold` prints the message after `fanfold:` and exits with 1, or with 2 for a usage error. The client
raises the error, a `fanfold.UserError` ([Python](python.md#errors))."""
FILES = """The job ends as FAILED with this message, before anything is sent or with the rows that were sent before it
was found. You find it in `fanfold status`, in `summary.json` and in the report. The command line and the client say the
same before the upload, as far as the file's beginning shows it."""
JOBS = "The job ends as FAILED with this message. The rows that are done are in its results."
ROWS = """These stand in the column `error` of `errors.csv`, as do the messages of the model itself, after the request
has been halved until the row stands alone and has been sent `max-attempts` times. Rows that don't match
`response-schema` are sent alone at once."""
LOCAL_CLOUD = """`fanfold run`, `fanfold local up` and `fanfold local endpoint` end with this message and exit code 1,
or 2 for a usage error."""
SECTIONS: tuple[tuple[str, str, str], ...] = (
    ("Command line and Python client", CLIENT, "UserError"),
    ("Files and options", FILES, "InputError"),
    ("Jobs", JOBS, "JobError"),
    ("Rows", ROWS, "MalformedAnswerError"),
    ("Local cloud", LOCAL_CLOUD, "LocalCloudError"),
)
# Fewer words of a message are a part that others complete.
_FEWEST_WORDS = 3


def render() -> str:
    """The page as the code has it."""
    modules = [
        ast.parse(path.read_text(encoding="utf-8"))
        for source in SOURCES
        for path in sorted((ROOT / source).rglob("*.py"))
    ]
    nodes = [node for module in modules for node in ast.walk(module)]
    kinds = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
    messages = [message for node in nodes for message in _made_in(node)]
    sections = (_section(title, words, list(_tree(base, kinds)), messages) for title, words, base in SECTIONS)
    return "\n".join([INTRODUCTION, *sections])


def _section(title: str, words: str, kinds: list[ast.ClassDef], messages: list[tuple[str, str]]) -> str:
    lines = [f"## {title}", "", words, ""]
    for kind in kinds:
        found = sorted({message for name, message in messages if name == kind.name}, key=str.casefold)
        if found:
            lines += [f"### {kind.name}", "", _meaning(kind), "", *(f"- {message}" for message in found), ""]
    return "\n".join(lines)


def _tree(base: str, kinds: Mapping[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    yield kinds[base]
    for name, kind in kinds.items():
        if base in map(ast.unparse, kind.bases):
            yield from _tree(name, kinds)


def _meaning(kind: ast.ClassDef) -> str:
    return (ast.get_docstring(kind) or "").partition("\n\n")[0].replace("\n", " ")


def _made_in(outer: ast.AST) -> Iterator[tuple[str, str]]:
    """The names of errors with the messages that a class or a function makes them with."""
    if isinstance(outer, ast.ClassDef):
        calls = (node for node in ast.walk(outer) if isinstance(node, ast.Call))
        own = (call for call in calls if ast.unparse(call.func) in {"cls", "super().__init__"})
        yield from ((outer.name, message) for call in own for message in _messages(call, outer))
    elif isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef):
        for call in (node for node in ast.walk(outer) if isinstance(node, ast.Call)):
            yield from ((ast.unparse(call.func), message) for message in _messages(call, outer))


def _messages(call: ast.Call, within: ast.AST) -> Iterator[str]:
    """What a call's first argument may be, if it is a text or a name of one."""
    if not call.args:
        return
    first = call.args[0]
    if isinstance(first, ast.Name):
        assigned = (node for node in ast.walk(within) if isinstance(node, ast.Assign))
        values = [node.value for node in assigned if ast.unparse(node.targets[0]) == first.id]
    else:
        values = [first]
    for value in values:
        text = " ".join(_text(value).split()).replace(f"{GAP} {GAP}", GAP)
        if len(re.findall(r"(?:^|\s)\W*[A-Za-z]{2,}", text)) >= _FEWEST_WORDS:
            yield text


def _text(value: ast.expr) -> str:
    """A text with gaps, empty if it is none."""
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) or GAP for part in parts)
        case ast.FormattedValue(value=ast.Call(func=ast.Name(id="counted"), args=[_, ast.Constant(value=str(what))])):
            return f"{GAP} {what}s"
        case ast.BinOp(op=ast.Add()):
            return (_text(value.left) or GAP) + (_text(value.right) or GAP)
    return ""


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    print(PAGE.relative_to(ROOT))

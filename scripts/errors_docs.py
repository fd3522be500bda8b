#!/usr/bin/env python3
"""Write docs/errors.md: every message of an error that users see, as the code has it.

.venv/bin/python scripts/errors_docs.py
"""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.messages import Call, Code
from scripts.texts import FEWEST_WORDS, GAP, Words, choices, forms, has_words, written

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/errors.md"
CLIENT = "src/fanfold"
SOURCES = ("layers/core/src", CLIENT, "src/localaws")


class Argument(NamedTuple):
    """What calls give for a parameter, such as the reason of a job; but for those calls that begin like `but`."""

    callee: str
    parameter: str
    position: int | None = 0
    source: str = ""
    but: str = "-"


class Group(NamedTuple):
    """Messages that belong together, of so many words at least; an error's own group bears its name."""

    title: str
    meaning: str
    arguments: tuple[Argument, ...]
    fewest_words: int = FEWEST_WORDS


class Section(NamedTuple):
    """What a user finds in one place: groups, and the errors that derive from one."""

    title: str
    words: str
    base: str
    groups: tuple[Group, ...] = ()


INTRODUCTION = f"""# Errors

`scripts/errors_docs.py` generates this page from the code. Look for words of your message; `{GAP}` is what it names: a
file, a row, a value, or what AWS, the model or another program said.
"""
SECTIONS = (
    Section(
        "Command line and Python client",
        """`fanfold` prints the message after `fanfold:` and exits with 1, or with 2 for a usage error. The client
raises the error, a `fanfold.UserError` ([Python](python.md#errors)). Options are `--header` on the command line and
`header` on this page.""",
        "UserError",
        (
            Group(
                "Usage errors",
                "The command cannot be right as it was typed. Messages such as `No such option` are those of "
                "[click](https://click.palletsprojects.com/).",
                (Argument("UsageError", "message"), Argument("BadParameter", "message")),
            ),
            Group(
                "AWS and the system",
                f"AWS or the system refuses something; what it says stands in place of the first `{GAP}`.",
                (Argument("_say", "words"),),
            ),
            Group(
                "Findings of fanfold doctor",
                "What it says of a stack or a model, and `fanfold model pack` of one that no container can load.",
                (Argument("Finding", "words", 1, but="Finding(Verdict.OK"),),
            ),
            Group(
                "TypeError and ValueError",
                "The Python client was called in a way that cannot be right.",
                (Argument("TypeError", "", source=CLIENT), Argument("ValueError", "", source=CLIENT)),
            ),
        ),
    ),
    Section(
        "Files and options",
        """The job ends as FAILED with this message, before anything is sent or with the rows that were sent before it
was found. You find it in `fanfold status`, in `summary.json` and in the report. The command line and the client say the
same before the upload, as far as the file's beginning shows it.""",
        "InputError",
    ),
    Section(
        "Jobs",
        """The job ends with this message as its `reason`: in `fanfold status`, in `summary.json` and in the report. The
rows that are done are in its results.""",
        "JobError",
        (
            Group(
                "Reasons",
                "The job ends as FAILED, or as CANCELLED if it was cancelled or has cost as much as it may.",
                (
                    Argument("close", "reason", 2),
                    Argument("finish", "reason", 2),
                    Argument("fail_closing", "reason", 1),
                    Argument("replace", "reason", None),
                ),
                fewest_words=1,
            ),
        ),
    ),
    Section(
        "Rows",
        """These stand in the column `error` of `errors.csv`, as do the messages of the model itself, after the request
has been halved until the row stands alone and has been sent `max-attempts` times. Rows that don't match
`response-schema` are sent alone at once.""",
        "MalformedAnswerError",
        (
            Group(
                "Rows that cannot be sent",
                "A retry does not help: correct the file, and upload it again.",
                (Argument("Unsendable", "reason", 1), Argument("UnreadableRow", "reason", 1)),
            ),
            Group(
                "Rows without an answer",
                "The job ended before, or the endpoint did not answer. A retry sends them again.",
                (
                    Argument("answers", "uncovered", 2),
                    Argument("failed", "reason", 1),
                    Argument("Refused", "reason", 1),
                    Argument("Broken", "reason", 1),
                ),
                fewest_words=1,
            ),
        ),
    ),
    Section(
        "Local cloud",
        """`fanfold run`, `fanfold local up` and `fanfold local endpoint` end with this message and exit code 1,
or 2 for a usage error.""",
        "LocalCloudError",
    ),
    Section(
        "Functions",
        """These stand in the logs of the functions (`fanfold tail`). A message that cannot be processed goes to a
dead-letter queue.""",
        "FanfoldError",
        (
            Group(
                "Requests that are sent later",
                "The endpoint does not take them now.",
                (Argument("Postponed", "reason", 1),),
            ),
        ),
    ),
)


class Found(NamedTuple):
    """What a group of the page has."""

    title: str
    meaning: str
    messages: tuple[Words, ...]
    fewest_words: int = FEWEST_WORDS

    @property
    def shown(self) -> list[str]:
        """The messages, as the page shows them."""
        return sorted(self._of(written), key=str.casefold)

    @property
    def said(self) -> set[str]:
        """The same, with what the page leaves out of them or shows as a gap."""
        return self._of(forms)

    def _of(self, texts: Callable[[Words], Iterable[str]]) -> set[str]:
        every = (_spaced(text) for words in self.messages for text in texts(words))
        return {text for text in every if has_words(text, self.fewest_words)}


class Messages:
    """All messages that the code has for its users, by the sections of the page."""

    def __init__(self) -> None:
        trees = {
            path: ast.parse(path.read_text(encoding="utf-8"))
            for source in SOURCES
            for path in sorted((ROOT / source).rglob("*.py"))
        }
        self.code = Code.of(trees.values())
        self.kinds: set[str] = set()
        self._files: Mapping[ast.AST, Path] = {tree: path for path, tree in trees.items()}
        self.sections = {section: list(self._found(section)) for section in SECTIONS}

    def calls(self, argument: Argument) -> list[Call]:
        """Where something is given for it."""
        calls = self.code.calls[argument.callee]
        within = [call for call in calls if self._files[call.module].is_relative_to(ROOT / argument.source)]
        return [call for call in within if not ast.unparse(call.node).startswith(argument.but)]

    def _found(self, section: Section) -> Iterator[Found]:
        for group in section.groups:
            given = (self.code.given(self.calls(one), one.parameter, one.position) for one in group.arguments)
            yield Found(group.title, group.meaning, choices(given), group.fewest_words)
        for kind in self.code.kinds(section.base):
            if kind.name not in self.kinds:
                self.kinds.add(kind.name)
                yield Found(kind.name, _meaning(kind), choices(self.code.errors(kind, self.code.calls[kind.name])))


def render() -> str:
    """The page as the code has it."""
    return "\n".join([INTRODUCTION, *(_lines(*one) for one in messages().sections.items())])


@cache
def messages() -> Messages:
    """All messages of the code."""
    return Messages()


def _lines(section: Section, groups: list[Found]) -> str:
    lines = [f"## {section.title}", "", section.words, ""]
    for group in groups:
        if texts := group.shown:
            lines += [f"### {group.title}", "", group.meaning, "", *map(_item, texts), ""]
    return "\n".join(lines)


def _meaning(kind: ast.ClassDef) -> str:
    return (ast.get_docstring(kind) or "").partition("\n\n")[0].replace("\n", " ")


def _item(text: str) -> str:
    r"""A line of a list; a text that begins with a dash isn't one of its own.

    >>> _item("- stands for standard input")
    '- \\- stands for standard input'
    """
    return f"- {text}".replace("- - ", "- \\- ", 1)


def _spaced(text: str) -> str:
    """A text on one line, without two gaps side by side."""
    return re.sub(f"{GAP}( ?{GAP})+", GAP, " ".join(text.split()))


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    print(PAGE.relative_to(ROOT))

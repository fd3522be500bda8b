"""Whether docs/errors.md has a message as somebody was shown it."""

import re
from collections.abc import Iterable
from functools import cache

from scripts.errors_docs import messages
from scripts.texts import GAP

# Begins of messages that click gives, or AWS's client, whose words are on no page of ours.
OF_OTHERS = re.compile(r"Missing argument|No such (command|option)|Invalid value for .* (is not|is a|'\S+' is not) ")
# What comes of a failure of the model: its status, and after it whatever it said.
OF_MODELS = re.compile(r"Received (client|server) error \(")


def check_line(line: str) -> None:
    """A line of the command line is on the page, unless it is click's."""
    words = re.sub(r": see `fanfold[^`]* --help`$", "", line.removeprefix("fanfold: "))
    words = re.sub(r"^Invalid value for [^:]+: ", "", words).replace("option `--", "option `")
    assert OF_OTHERS.match(line.removeprefix("fanfold: ")) or is_known(words), f"not in docs/errors.md: {line}"


def check_reasons(reasons: Iterable[str]) -> None:
    """The reasons of jobs or rows are on the page, but for the words of models."""
    unknown = {one for one in reasons if one and not OF_MODELS.search(one) and not is_known(one)}
    assert not unknown, f"not in docs/errors.md: {unknown}"


@cache
def is_known(text: str) -> bool:
    """Whether the page has a message, or its end: a file may be named before it."""
    ends = [match.end() for match in re.finditer(r"^|: ", text)]
    return any(pattern.fullmatch(text, end) for pattern in _patterns() for end in ends)


@cache
def _patterns() -> list[re.Pattern[str]]:
    texts = {text for groups in messages().sections.values() for group in groups for text in group.said}
    return [_pattern(text) for text in texts]


def _pattern(text: str) -> re.Pattern[str]:
    words = ".*".join(map(re.escape, text.split(GAP)))
    # Of what is counted there may be one.
    return re.compile(re.sub(r"(?<=\.\*)(\\ [a-z]+s)\b", r"\1?", words), re.DOTALL)

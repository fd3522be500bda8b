"""Texts that the code puts together: what they may be, as far as that is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What a message names: a file, a number, an option.
GAP = "…"
# Fewer words are a part that others complete.
FEWEST_WORDS = 3
# Of a message with several parts that differ, so many are all written out; of more, each part once.
_MANY, _MOST_COMBINED = 2, 4


@dataclass(frozen=True, slots=True)
class Either:
    """One of these."""

    choices: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """These, one after the other."""

    parts: tuple[Words, ...]


Words = str | Either | Joined


def either(found: Iterable[Words]) -> Words:
    """One of these, of which no two are alike; a gap if there is none."""
    flat = chain.from_iterable(one.choices if isinstance(one, Either) else (one,) for one in found)
    choices = tuple(dict.fromkeys(flat)) or (GAP,)
    return choices[0] if len(choices) == 1 else Either(choices)


def choices(found: Iterable[Words]) -> tuple[Words, ...]:
    """All that can be said, one by one."""
    every = either(found)
    return every.choices if isinstance(every, Either) else (every,)


def has_words(text: str, fewest: int = FEWEST_WORDS) -> bool:
    """Whether a text has enough words to be known by them."""
    return len(re.findall(r"(?:^|\s)\W*[A-Za-z]{2,}", text)) >= fewest


def forms(words: Words) -> Iterator[str]:
    """All texts that words may be."""
    if isinstance(words, str):
        yield words
    elif isinstance(words, Either):
        yield from chain.from_iterable(map(forms, words.choices))
    else:
        yield from map("".join, product(*map(forms, words.parts)))


def written(words: Words) -> list[str]:
    """The same for a reader: parts of few words, of which there are several, are gaps, and none is left out."""
    if isinstance(words, str):
        return [words]
    if isinstance(words, Either):
        texts = [text for text in chain.from_iterable(map(written, words.choices)) if text]
        return list(dict.fromkeys(text if has_words(text) else GAP for text in texts)) or [GAP]
    parts = [written(part) for part in words.parts]
    varied = [number for number, texts in enumerate(parts) if len(texts) > 1]
    if len(varied) < _MANY or len(list(product(*parts))) <= _MOST_COMBINED:
        return list(map("".join, product(*parts)))
    # Not every part goes with every other, so each is shown by itself.
    known = [texts if number not in varied else [GAP] for number, texts in enumerate(parts)]
    return [text for one in varied for text in map("".join, product(*known[:one], parts[one], *known[one + 1 :]))]

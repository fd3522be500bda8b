"""Requests: which rows go together, which cannot be sent at all, and what the endpoint is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanfold_core.domain.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fanfold_core.domain.keys import RequestId
    from fanfold_core.domain.layout import Layout

# What the API takes as `Body`; a larger request goes through S3.
INLINE_BYTES = 128_000
# A text of more is no text that a model reads; its row ends in errors.csv.
INPUT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """One `InvokeEndpointAsync` call: who it is, its JSON body, and where that lies if the call cannot carry it."""

    id: RequestId
    body: bytes
    location: str | None = None

    @property
    def goes_inline(self) -> bool:
        """Whether the body fits into the call itself."""
        return len(self.body) <= INLINE_BYTES


@dataclass(frozen=True, slots=True)
class Unsendable:
    """A run of rows that no request can carry, all for the same reason."""

    span: Span
    reason: str


def obstacle(cells: Sequence[str], layout: Layout) -> str | None:
    """Why this row cannot be sent, in words for errors.csv; None if it can."""
    if len(cells) != len(layout.columns) and (cells or len(layout.columns) > 1):
        return f"row has {len(cells)} cells where the file has {len(layout.columns)} columns"
    text = cells[layout.input_index] if cells else ""
    if not text.strip():
        return "input is empty"
    if len(text) > INPUT_BYTES or len(text.encode()) > INPUT_BYTES:
        return f"input is longer than {INPUT_BYTES:,} bytes"
    return None


def plan(
    rows: Sequence[Sequence[str]], span: Span, layout: Layout, rows_per_request: int
) -> Iterator[Span | Unsendable]:
    """Cut a span of a chunk's rows into spans to send and runs that cannot be sent, in order and without a gap.

    The plan is a function of the rows and pinned options alone, so whoever makes it again cuts alike.
    """
    start, reason = span.start, None
    for number in range(span.start, span.end):
        found = obstacle(rows[number], layout)
        if number > start and (found != reason or number - start == rows_per_request):
            yield _run(start, number, reason)
            start = number
        reason = found
    if span.rows:
        yield _run(start, span.end, reason)


def _run(start: int, end: int, reason: str | None) -> Span | Unsendable:
    span = Span(start, end - start)
    return Unsendable(span, reason) if reason else span


def body(inputs: Sequence[str], parameters: str) -> bytes:
    """The JSON that Hugging Face's inference container takes for a list of texts.

    >>> body(["so good", "ça va"], '{"top_k": 1}').decode()
    '{"inputs":["so good","ça va"],"parameters":{"top_k": 1}}'
    """
    texts = json.dumps(inputs, ensure_ascii=False, separators=(",", ":"))
    return f'{{"inputs":{texts},"parameters":{parameters}}}'.encode()

"""Requests: which rows go together, which cannot be sent at all, and what the endpoint is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fanfold_core.domain.errors import ExpressionError
from fanfold_core.domain.options.table import TIMEOUT_SECONDS
from fanfold_core.domain.spans import Span
from fanfold_core.input.errors import counted
from fanfold_core.input.json.text import read_json, write_json
from fanfold_core.input.records import JsonRow, UnreadableRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fanfold_core.domain.chat import Prompt
    from fanfold_core.domain.expressions import Expression
    from fanfold_core.domain.keys import RequestId
    from fanfold_core.input.cutting import Limits
    from fanfold_core.input.layout import Layout

# The most that a chunk may be sent in, so that the set of its covered spans stays small even if each row fails alone.
_REQUESTS_PER_CHUNK = 1_000
# What the API takes as `Body`; a larger request goes through S3.
INLINE_BYTES = 128_000
# A text of more is no text that a model reads; its row ends in errors.csv.
INPUT_BYTES = 1_000_000
# What is said of a row without an input.
EMPTY_INPUT = "input is empty"


_EMPTY: tuple[Any, ...] = (None, [], {})


def chunk_limits(limits: Limits, rows_per_request: int) -> Limits:
    """The same limits, but no more rows than a chunk's most requests take."""
    return limits.at_most(rows=_REQUESTS_PER_CHUNK * rows_per_request)


class Request(NamedTuple):
    """One `InvokeEndpointAsync` call: who it is, its JSON body, and where that lies if the call cannot carry it.

    Its output goes to `folder`, and its notification repeats the `nonce`, so that nobody else's is taken for it. The
    model may work on it for `timeout_seconds`.
    """

    id: RequestId
    body: bytes
    folder: str = ""
    nonce: str = ""
    location: str | None = None
    timeout_seconds: int = TIMEOUT_SECONDS

    @property
    def goes_inline(self) -> bool:
        """Whether the body fits into the call itself."""
        return len(self.body) <= INLINE_BYTES


class Postponed(NamedTuple):
    """A request that the endpoint could not take now: it is throttled, or out of reach. The reason is in its words."""

    request: Request
    reason: str


class Unsendable(NamedTuple):
    """A run of rows that no request can carry, all for the same reason."""

    span: Span
    reason: str


def inputs(rows: Sequence[Sequence[str]], layout: Layout, expression: Expression | Prompt | None) -> list[Any]:
    """What stands for each row in its request: what its input column holds, or what the expression makes of the row.

    An error in the place of an input is that row's; rows that cannot be read or don't fit the layout have None.
    """
    width, index = len(layout.columns), layout.input_index
    fitting = (
        (cells if len(cells) == width else layout.fit(cells)) if not isinstance(cells, UnreadableRow) else None
        for cells in rows
    )
    if expression is None:
        name = layout.columns[index]
        return [
            (cells.values.get(name) if isinstance(cells, JsonRow) else cells[index]) if cells else None
            for cells in fitting
        ]
    return [_applied(expression, _values(cells, layout)) if cells else None for cells in fitting]


def _values(cells: Sequence[str], layout: Layout) -> Mapping[str, Any]:
    return cells.values if isinstance(cells, JsonRow) else dict(zip(layout.columns, cells, strict=True))


def _applied(expression: Expression | Prompt, row: Mapping[str, Any]) -> Any:
    try:
        return expression(row)
    except ExpressionError as error:
        return error


def obstacle(cells: Sequence[str], found: Any, layout: Layout) -> str | None:
    """Why this row, with this input, cannot be sent, in words for errors.csv; None if it can."""
    if isinstance(cells, UnreadableRow):
        return cells.reason
    if layout.fit(cells) is None and (cells or len(layout.columns) > 1):
        return f"row has {counted(len(cells), 'cell')} where the file has {counted(len(layout.columns), 'column')}"
    if isinstance(found, ExpressionError):
        return str(found)
    text = found if isinstance(found, str) else "" if found in _EMPTY else write_json(found)
    if not text.strip():
        return EMPTY_INPUT
    if len(text) > INPUT_BYTES or len(text.encode()) > INPUT_BYTES:
        return f"input is longer than {INPUT_BYTES:,} bytes"
    return None


def plan(  # noqa: PLR0913 - rows, and how they are cut
    rows: Sequence[Sequence[str]],
    found: Sequence[Any],
    span: Span,
    layout: Layout,
    rows_per_request: int,
    *,
    first_alone: bool = False,
) -> Iterator[Span | Unsendable]:
    """Cut a span of a chunk's rows, with these inputs, into spans to send and runs that cannot be sent, without a gap.

    With `first_alone` the first row that can be sent is a span of its own. The plan is a function of the rows and these
    numbers alone, so whoever makes it again cuts alike.
    """
    start, reason, most = span.start, None, 1 if first_alone else rows_per_request
    for number in range(span.start, span.end):
        here = obstacle(rows[number], found[number], layout)
        limit = rows_per_request if reason else most
        if number > start and (here != reason or number - start == limit):
            yield _run(start, number, reason)
            start, most = number, most if reason else rows_per_request
        reason = here
    if span.rows:
        yield _run(start, span.end, reason)


def _run(start: int, end: int, reason: str | None) -> Span | Unsendable:
    span = Span(start, end - start)
    return Unsendable(span, reason) if reason else span


def body(inputs: Sequence[Any], parameters: str, payload: Callable[[Any], Any] | None) -> bytes:
    """The JSON that a model takes: that of Hugging Face's inference containers, or what the expression makes of it.

    >>> body(["so good", "ça va"], '{"top_k": 1}', None).decode()
    '{"inputs":["so good","ça va"],"parameters":{"top_k": 1}}'
    >>> body(["so good"], "{}", lambda request: {"instances": request["inputs"]})
    b'{"instances":["so good"]}'
    """
    if payload:
        return write_json(payload({"inputs": inputs, "parameters": read_json(parameters)})).encode()
    return f'{{"inputs":{write_json(inputs)},"parameters":{parameters}}}'.encode()

"""What a file is, by its first bytes, before it is uploaded, and what it will take: its job goes by the same rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING

from fanfold.costs.estimate import Workload
from fanfold.costs.outlook import look_ahead
from fanfold_core.domain.chat import prompt_bytes
from fanfold_core.domain.options import Options
from fanfold_core.domain.requests import chunk_limits, inputs
from fanfold_core.input.cutting import Limits
from fanfold_core.input.encodings import likely_encoding
from fanfold_core.input.errors import InputColumnError, InputError, UndecodableError
from fanfold_core.input.formats import FileName, Format
from fanfold_core.input.json.text import read_json
from fanfold_core.input.sniffing import check_is_text
from fanfold_core.input.source import BLOCK_BYTES, InputFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fanfold.stacks import Stack
    from fanfold_core.input.layout import Layout

HEAD_BYTES = BLOCK_BYTES
# A Parquet file can be read only if its end is there, too: one of at most so many bytes is looked at as a whole.
PARQUET_BYTES = 64 * BLOCK_BYTES
_UNSEEN = (
    "A Parquet file of more than 64 MiB is not looked at before it is uploaded. If its job has to be told which column "
    "is the input, start it with `fanfold submit FILE --input-column NAME`."
)
_MOST_ROWS = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """The columns, which of them (from 0) is the input or could be, whether they have names, and the first rows.

    Where an expression makes the input, no column is it; nor where `question` asks for it, without which no job begins.
    `assumed` says what was taken for granted, `hint` what may be wrong with that. `rows_read` rows were found, in the
    first `bytes_read` bytes of the file; None where that tells nothing of the rest, as in a compressed one. Prompts
    made of these rows have `prompt_bytes`.
    """

    columns: tuple[str, ...]
    input_index: int | None
    has_header: bool
    rows: list[list[str]]
    hint: str = ""
    question: str = ""
    assumed: str = ""
    rows_read: int = 0
    bytes_read: int | None = None
    prompt_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a job will take: rows and requests, the cost in words and what it is based on, and seconds where known.

    `is_exact` if the rows were counted; the endpoint `wakes` for it, as far as that is known.
    `prompt_tokens` are a guess.
    """

    rows: int
    is_exact: bool
    requests: int
    cost: str
    basis: str
    seconds: float | None
    wakes: bool
    prompt_tokens: int


def preview_file(
    name: str, head: bytes, *, complete: bool, parameters: Mapping[str, str], options: Mapping[str, str]
) -> Preview:
    """Read the first bytes of a file; `complete` if they are all of it.

    `parameters` are the stack's, `options` this file's. `InputError` says what is wrong with either.
    """
    named = FileName.parse(name)
    if not named.is_table:
        # What is in it says better what to do.
        check_is_text(head, "a CSV")
    named.check()
    chosen = Options.of_stack(parameters, {**named.options, **options})
    if named.format is Format.PARQUET and not complete:
        return Preview((), None, has_header=False, rows=[], hint=_UNSEEN)
    file = InputFile(
        name, len(head), chosen, lambda start, end=None: BytesIO(head[start:end]), is_beginning=not complete
    )
    try:
        return _preview(file, chosen)
    except UndecodableError as error:
        # Without its advice, which is for files that have been uploaded.
        where = str(error).partition(";")[0]
        # As bytes, which Latin-1 leaves as they are.
        content, _ = replace(file, options=replace(chosen, encoding="latin-1")).head()
        likely = likely_encoding(content, chosen.encoding)
        words = f"{where}. Try the encoding {likely}, and check that the rows look right"
        raise InputError(words) from error


def _preview(file: InputFile, chosen: Options) -> Preview:
    question = ""
    try:
        layout = file.layout()
    except InputColumnError as error:
        question = error.in_full
        layout = replace(file, options=replace(chosen, input_column="0", label_column="")).layout()
    piece = file.first_rows(layout)
    rows = file.rows(piece.data, layout)
    input_index = None if question or chosen.input else layout.input_index
    return Preview(
        layout.columns,
        input_index,
        layout.has_header,
        # Cells alone: those of JSON come with their values.
        [list(row) for row in rows[:_MOST_ROWS]],
        hint=" ".join(layout.warnings),
        question=question,
        assumed="" if question else " ".join(layout.assumed),
        rows_read=piece.rows,
        bytes_read=None if file.is_copied else piece.end,
        prompt_bytes=0 if question else _prompt_bytes(rows, layout, chosen),
    )


def forecast(
    preview: Preview, size: int, stack: Stack, given: Mapping[str, str], speed: float | None
) -> Forecast | None:
    """What the job of a file of this size will take on a stack; None if its first bytes don't tell."""
    if preview.question or not preview.bytes_read or not preview.rows_read:
        return None
    options = Options.of_stack(stack.parameters, given)
    rows = max(1, round(preview.rows_read * max(1, size / preview.bytes_read)))
    limits = chunk_limits(Limits(), options.rows_per_request)
    chunks = ceil(max(rows / limits.rows, size / limits.bytes))
    # The first row of each chunk goes alone.
    requests = ceil(rows / options.rows_per_request) + chunks
    prompts = round(preview.prompt_bytes * rows / preview.rows_read)
    work = Workload(rows, 0, requests, chunks, size, prompt_bytes=prompts)
    outlook = look_ahead(work, options, stack, speed)
    return Forecast(
        rows=rows,
        is_exact=size <= preview.bytes_read,
        requests=work.requests,
        cost=outlook.cost,
        basis=f"{outlook.basis} {outlook.limit}." if outlook.limit else outlook.basis,
        seconds=outlook.seconds,
        wakes=outlook.wakes,
        prompt_tokens=work.prompt_tokens,
    )


def _prompt_bytes(rows: Sequence[Sequence[str]], layout: Layout, chosen: Options) -> int:
    if not (chosen.is_chat and chosen.payload):
        return 0
    prompts = [one for one in inputs(rows, layout, chosen.input) if isinstance(one, str) and one]
    parameters = read_json(chosen.parameters)
    return sum(prompt_bytes(chosen.payload({"inputs": [prompt], "parameters": parameters})) for prompt in prompts)

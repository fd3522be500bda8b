"""What a file is taken to be, said before anything is done with it, and where that is often wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanfold.hints import overlooked_delimiter
from fanfold.talk import counted, talk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fanfold.files import LocalFile

# Delimiters as one types them.
_DELIMITERS = {";": "';'", "\t": "tab", "|": "'|'"}


def say_what_is_assumed(found: LocalFile) -> None:
    """One line about header, columns and texts, and hints where a header or a delimiter may have been overlooked."""
    talk.print(f"{found.path}: {_assumed(found)}", soft_wrap=True)
    for hint in _hints(found):
        talk.print(hint, style="yellow", soft_wrap=True)


def _assumed(found: LocalFile) -> str:
    layout, expression = found.job.known_layout, found.job.options.input_expression
    columns = f"{counted(len(layout.columns), 'column')}, {'with' if layout.has_header else 'without'} a header"
    where = f"the texts are in column {layout.input_index}, {layout.columns[layout.input_index]!r}"
    return f"{columns}; {f'of a row the model gets {expression}' if expression else where}."


def _hints(found: LocalFile) -> Iterator[str]:
    options, layout = found.job.options, found.job.known_layout
    if likely := overlooked_delimiter(found.first_record):
        yield f"Its first line has {likely!r} in it; if it stands between cells: --delimiter {_DELIMITERS[likely]}"
    elif options.header == "auto" and not (layout.has_header or options.input_expression):
        yield (
            "No cell of its first line is called inputs, text or input, so the line is taken for a row. If it is a "
            "header, say which column holds the texts: --input-column NAME."
        )

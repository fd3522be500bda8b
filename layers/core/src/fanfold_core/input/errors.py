"""What can be wrong with an input file or its options.

FanfoldError                 the base of all errors of Fanfold's own
└── InputError               the upload cannot be processed as it is; its job ends FAILED with this message
    ├── FileNameError
    ├── OptionError
    ├── JobDefaultsError
    ├── FileTooLargeError
    ├── TooManyRowsError
    ├── CompressionError
    ├── ParquetError
    ├── OpenQuoteError
    ├── RecordTooLargeError
    ├── EmptyLinesError
    ├── UndecodableError
    ├── LayoutError
    │   ├── InputColumnError
    │   └── NotCsvError
    ├── NoRowsError
    └── SinceError
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# Characters of a message, and of what it quotes. They have to fit into an item of the ledger, a message and a line of
# errors.csv.
_MOST_CHARACTERS = 1_000
# Characters of a value in an error's words.
_MOST_SHOWN = 80
# Names in an error's words, and the characters of each.
_MOST_NAMES, _MOST_OF_A_NAME = 10, 40


class FanfoldError(Exception):
    """Base of all errors of Fanfold's own. What is too long for the ledger is cut where it is made, here.

    Its message goes to the ledger, to logs, events and mail. So it names rows, bytes, lengths and options, and quotes
    no cell and no answer: `quoted` does, for those who may read the file and its results.

    >>> error = FanfoldError("the file has 2 columns: say which holds the texts", "the first line is 'a', 'b'")
    >>> str(error)
    'the file has 2 columns: say which holds the texts'
    >>> error.in_full
    "the file has 2 columns: say which holds the texts; the first line is 'a', 'b'"
    """

    def __init__(self, message: str = "", quoted: str = "") -> None:
        super().__init__(shortened(message, _MOST_CHARACTERS))
        self.quoted = shortened(quoted, _MOST_CHARACTERS)

    @property
    def in_full(self) -> str:
        """The message and what it quotes."""
        return f"{self}; {self.quoted}" if self.quoted else str(self)


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters; one that was longer ends in an ellipsis.

    >>> shortened("a long story", 7)
    'a long…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shown(names: Sequence[str]) -> str:
    """Names in an error's words: not too many of them, and none too long.

    >>> shown(["id", "text"]), shown(["a" * 50])
    ("'id', 'text'", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…'")
    """
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(repr(shortened(name, _MOST_OF_A_NAME)) for name in names[:_MOST_NAMES]) + more


def counted(number: int, what: str) -> str:
    """A number of things in words.

    >>> counted(1, "row"), counted(2_000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class InputError(FanfoldError):
    """The uploaded file cannot be processed as it is; the job ends FAILED with this message. Do not retry."""


class FileNameError(InputError):
    """A file's name isn't one of text with rows. Do not retry."""

    def __init__(self, endings: str) -> None:
        super().__init__(
            f"the file's name must end in {endings}: unpack an archive, export a workbook or other data as CSV, and "
            "upload that"
        )


class OptionError(InputError):
    """An option of the job has a value that none may have. Do not retry."""

    def __init__(self, option: str, value: str, wanted: str) -> None:
        super().__init__(f"option {option} is {shortened(value, _MOST_SHOWN)!r}; it must be {wanted}")


class JobDefaultsError(InputError):
    """The defaults that a stack has for its jobs' options cannot be used. Do not retry before they are mended."""

    def __init__(self, words: str) -> None:
        super().__init__(f"the stack's parameter JobDefaults: {words}")

    @classmethod
    def of_text(cls, text: str, why: str) -> Self:
        """For a text that is no JSON object."""
        wanted = 'a JSON object from options to values, such as {"rows-per-request": 64}'
        return cls(f"it is {shortened(text, _MOST_SHOWN)!r}; it must be {wanted} ({why})")

    @classmethod
    def of_unknown(cls, name: str, known: Collection[str]) -> Self:
        """For a name that no option has."""
        near = get_close_matches(name[:_MOST_SHOWN], known, 1)
        hint = f"did you mean {near[0]}?" if near else f"it must be one of {', '.join(known)}"
        return cls(f"{shortened(name, _MOST_SHOWN)!r} is no option; {hint}")


class FileTooLargeError(InputError):
    """A file has more bytes than the stack takes, once it is decompressed. Do not retry."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the file has more than {counted(limit, 'byte')} of text, which is the most that this stack takes "
            "(MaxBytes): upload it in smaller files, or raise the parameter"
        )


class TooManyRowsError(InputError):
    """A file has more rows than the stack takes. Do not retry."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the file has more than {counted(limit, 'row')}, which is the most that this stack takes (MaxRows): "
            "upload it in smaller files, or raise the parameter"
        )


class CompressionError(InputError):
    """A compressed file cannot be read. Do not retry."""


class ParquetError(InputError):
    """A Parquet file cannot be read, or holds what JSON doesn't have. Do not retry."""


class OpenQuoteError(InputError):
    """A quote opens and the file ends before it is closed. Do not retry."""

    def __init__(self, row: int) -> None:
        super().__init__(
            f"row {row}: a quote opens in this row and is never closed, so the rest of the file would be one cell; "
            "close it, or double it if it is part of the text; where quotes inside cells are written with a backslash "
            "before them, set the option `escape`; where cells are never in quotes, set `quote` to a character that "
            "the file does not have"
        )


class RecordTooLargeError(InputError):
    """A record is larger than any may be, which mostly means a quote that isn't closed. Do not retry."""

    def __init__(self, row: int, limit: int) -> None:
        super().__init__(
            f"row {row} is larger than the limit of {limit:,} bytes; if the file is a CSV, and a quote in this row is "
            "never closed, close it, or double it if it is part of the text; if backslashes escape quotes, set the "
            "option `escape`"
        )


class EmptyLinesError(InputError):
    """Empty lines that are no rows take more bytes than a row may. Do not retry."""

    def __init__(self, row: int, limit: int) -> None:
        super().__init__(
            f"row {row}: more than {limit:,} bytes of empty lines stand where it should begin: remove them"
        )


class UndecodableError(InputError):
    """Bytes are no text in the file's encoding. Do not retry."""

    def __init__(self, where: str, encoding: str) -> None:
        other = "utf-8" if encoding == "cp1252" else "cp1252"
        super().__init__(
            f"{where}: the file is not {encoding} here; set its encoding with the option `encoding` "
            f"(for example {other}), or upload it as UTF-8"
        )

    @classmethod
    def in_row(cls, row: int, byte: int, encoding: str) -> UndecodableError:
        """Of a row, and the byte of the file where it stops being text."""
        return cls(f"row {row}, byte {byte:,}", encoding)

    @classmethod
    def in_header(cls, byte: int, encoding: str) -> UndecodableError:
        """Of the first record, and the byte of the file where it stops being text."""
        return cls(f"first line, byte {byte:,}", encoding)

    @classmethod
    def in_most_rows(cls, rows: int, first: int, encoding: str) -> UndecodableError:
        """Of so many of the first rows that all of the file must be in another encoding."""
        return cls(f"{rows:,} of the first {counted(first, 'row')}", encoding)

    @classmethod
    def in_stream(cls, encoding: str, byte: int) -> UndecodableError:
        """Of a file that has been decoded up to this byte before it was cut."""
        return cls(f"after byte {byte:,}", encoding)


class LayoutError(InputError):
    """The file isn't of the kind that its name and its options describe. Do not retry."""


class InputColumnError(LayoutError):
    """Nothing tells which of several columns holds the texts, so it has to be said. Do not retry."""


class NotCsvError(LayoutError):
    """The file is something else than text with rows, whatever its options say. Do not retry."""


class NoRowsError(InputError):
    """The file holds no row of data. Do not retry."""

    def __init__(self) -> None:
        super().__init__(
            "the file has no rows: it is empty after the header, or has only blank lines; upload a file with rows"
        )


class SinceError(InputError):
    """Nothing can be taken over from the job that the option names. Do not retry."""

    def __init__(self, since: str, words: str) -> None:
        super().__init__(f"the job {since} of the option `since` {words}")

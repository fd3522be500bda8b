"""Files that can be read in more ways than one: what is assumed of them, and what may be wrong with it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Misreadable:
    """A file that can be read in more ways than one: the inputs of its rows, what is assumed, and what may be wrong."""

    content: bytes
    inputs: list[str]
    options: tuple[str, ...] = ()
    assumed: str = ""
    warning: str = ""


SAID: dict[str, Misreadable] = {
    "review.csv": Misreadable(
        b"id,review\n1,great\n2,awful\n",
        ["great", "awful"],
        assumed="The first line is the header, and the texts are in column 1, 'review', because of its usual name.",
    ),
    "index.csv": Misreadable(
        b"id,words\n1,great\n2,awful\n",
        ["great", "awful"],
        ("--input-column", "1"),
        assumed="The first line is the header: its cell of column 0 stands above numbers. If it is a row, set",
    ),
    "index of rows.csv": Misreadable(
        b"1,great\n2,awful\n",
        ["great", "awful"],
        ("--input-column", "1"),
        assumed="The first line is a row: its cell of column 0 has numbers, as those below. If it is the header",
    ),
    "bare.csv": Misreadable(
        b"great\nawful\n", ["great", "awful"], assumed="The file has one column, and its first line is a row: it is no"
    ),
    "backslash-quotes.csv": Misreadable(
        b'id,text,lang\n1,"she wrote \\"ok\\"",en\n2,"a \\", b",en\n3,fine,en\n',
        ['she wrote "ok"', 'a ", b', "fine"],
        ("--escape", "\\"),
    ),
    "backslashes swallow.csv": Misreadable(
        b'id,text\n1,"path C:\\\\"\n2,"ends with quote \\""\n3,"x"\n',
        ["path C:\\\\", 'ends with quote \\"\n3,x"'],
        warning='Quotes inside cells seem to be written as \\", which ends cells too early: set the option `escape`',
    ),
    "irregular quotes.csv": Misreadable(
        b'id,text\n1,so 5" wide\n2,"so" good\n3,so\n',
        ['so 5" wide', "so good", "so"],
        warning="There are 2 rows, 0, 1 (from 0), with quotes that a strict reader refuses",
    ),
    "space-before-quote.csv": Misreadable(
        b'question, text\nwho, "hello"\nwhat, "x"\n',
        [' "hello"', ' "x"'],
        warning="set the option `skip-initial-space` to yes",
    ),
    "spaces skipped.csv": Misreadable(
        b'question, text\nwho, "hello, world"\nwhat, "x"\n',
        ["hello, world", "x"],
        ("--skip-initial-space",),
    ),
    "excel-sep-line.csv": Misreadable(
        b"sep=;\r\nid;text\r\n1;gut\r\n2;schlecht\r\n",
        ["gut", "schlecht"],
        assumed="Cells are delimited by ';', as the file's first line says.",
    ),
    "preamble.csv": Misreadable(
        b"# created 4/22/2025\nid,text\n1,good\n2,bad\n", ["good", "bad"], ("--skip-rows", "1")
    ),
    "trailing-delimiter.csv": Misreadable(b"id,text\n1,good,\n2,bad,\n", ["good", "bad"]),
    "trailing delimiter of header.csv": Misreadable(b"id,text,\n1,good\n2,bad\n", ["good", "bad"]),
    "short rows.csv": Misreadable(
        b"id,text,day\n1,good,1\n2,bad\n",
        ["good", "bad"],
        warning="There is 1 row, 1 (from 0), with fewer cells than there are columns: those that are missing",
    ),
    "semicolons.csv": Misreadable(
        b"id;words\n1;great\n",
        ["id;words", "1;great"],
        warning="The first line is one cell and has ';' in it: if cells end there, set the option `delimiter` to ;.",
    ),
}

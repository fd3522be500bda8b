"""Objects are joined row by row, under one header, or refused by their names."""

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable
from datetime import date
from io import BytesIO

import pyarrow as pa
import pytest
from pyarrow.parquet import write_table
from tests.contracts.joined.joining import BOM, Put, sent

from fanfold.errors import InputFileError
from fanfold.input.files import opened
from fanfold.input.sources import Source
from fanfold.input.streamed import COMPRESSORS
from fanfold.stacks import Stack
from fanfold_core.input.formats import COMPRESSIONS


@pytest.mark.parametrize(
    ("objects", "joined"),
    [
        ([b"id,text\n1,a\n", b"id,text\n2,b\n"], b"id,text\n1,a\n2,b\n"),
        ([b"id,text\n1,a", b"id,text\n2,b"], b"id,text\n1,a\n2,b"),
        ([b"id,text\r\n1,a\r\n", b"id,text\n2,b\n", b"id,text\r\n3,c"], b"id,text\r\n1,a\r\n2,b\n3,c"),
        ([b"id,text\n1,a\n", BOM + b"id,text\n2,b\n"], b"id,text\n1,a\n2,b\n"),
        ([BOM + b"id,text\n1,a\n", b'"id","text"\n2,b\n'], BOM + b"id,text\n1,a\n2,b\n"),
        ([b"id,text\n", b"id,text\n1,a\n", b"id,text"], b"id,text\n1,a\n"),
        ([b"id,text", b"id,text\n1,a\n", b""], b"id,text\n1,a\n"),
        ([b"text\na\n", b"text", BOM + b"text", b"text\nb\n"], b"text\na\nb\n"),
        ([b"id,text\r1,a\r", b"id,text\r2,b\r"], b"id,text\r1,a\r\n2,b\r"),
        ([b'"i\nd",text\n1,a\n', b'"i\nd",text\n2,"b\nc"'], b'"i\nd",text\n1,a\n2,"b\nc"'),
        ([b"sep=;\nid;text\n1;a\n", b"sep=;\nid;text\n2;b\n"], b"sep=;\nid;text\n1;a\n2;b\n"),
    ],
)
def test_objects_are_joined_under_one_header(stack: Stack, put: Put, objects: list[bytes], joined: bytes) -> None:
    found, content = sent(stack, put({f"part-{number:04}.csv": one for number, one in enumerate(objects)}))
    assert (content, found.source.size, found.source.name) == (joined, len(joined), "reviews.csv")
    assert (found.layout.has_header, found.options.header) == (True, "present")


def test_lines_before_the_header_of_each_object_are_skipped(stack: Stack, put: Put) -> None:
    url = put({"a.tsv": b"Monday\nid\ttext\n1\ta", "b.tsv": b"Some day\nid\ttext\n2\tb"})
    found, content = sent(stack, url, skip_rows="1")
    assert content == b"Monday\nid\ttext\n1\ta\n2\tb"
    assert found.layout.columns == ("id", "text")


def test_objects_without_a_header_are_joined_without_their_byte_order_marks(stack: Stack, put: Put) -> None:
    url = put({"a.csv": b"1,so good", "b.csv": BOM + b"2,so bad"})
    found, content = sent(stack, url, header="absent", input_column="1")
    assert (content, found.layout.has_header) == (b"1,so good\n2,so bad", False)
    lines = put({"a.jsonl": b'{"text": "a"}', "b.ndjson": BOM + b'{"text": "b", "more": 1}\n', "c.jsonl": b"{}"})
    found, content = sent(stack, lines)
    assert content == b'{"text": "a"}\n{"text": "b", "more": 1}\n{}'
    assert found.source.name == "reviews.jsonl"


@pytest.mark.parametrize("seed", range(8))
def test_the_joined_rows_are_those_of_the_objects(stack: Stack, put: Put, seed: int) -> None:
    chance = random.Random(seed)
    header = chance.choice([b"id,text", b'"id",text', b'id,"te""xt"', b'"i\r\nd",text'])
    objects, rows = {}, []
    for number in range(chance.randrange(1, 9)):
        cells = [[f"{number}.{row}", "x" * chance.randrange(40)] for row in range(chance.randrange(5))]
        rows += cells
        end = chance.choice([b"\n", b"\r\n"])
        lines = end.join([header, *(f'{one},"{text}"'.encode() for one, text in cells)])
        objects[f"{number:03}.csv"] = chance.choice([b"", BOM]) + lines + chance.choice([b"", end])
    if not rows:
        return
    found, content = sent(stack, put(objects), input_column="1")
    with opened(Source("a.csv", "a", len(content), found.source.open), pytest.fail, {}, {"input-column": "1"}) as one:
        assert [list(row) for piece in one.pieces() for row in one.content.rows(piece.data, one.layout)] == rows


@pytest.mark.parametrize(
    ("objects", "given", "words"),
    [
        (
            {"a.csv": b"id,text\n1,so good\n", "b.csv": b"id,review\n1,b\n"},
            {},
            (
                "a.csv and URL/b.csv cannot be joined: their columns differ: only the first one has 'text', and only "
                "the second one has 'review'. Run them one by one"
            ),
        ),
        (
            {"a.csv": b"id,text\n1,so good\n", "b.csv": b"text,id\nb,1\n"},
            {},
            "their columns differ: they have another order",
        ),
        ({"a.csv": b"id,text\n1,so good\n", "b.csv": b"2,b\n"}, {}, "only the second one has '2', 'b'"),
        (
            {"a.csv": b"1,so good\n", "b.csv": b"1,2,b\n"},
            {"header": "absent", "input-column": "1"},
            "the first one has 2 columns, and the second one 3",
        ),
        (
            {"a.csv": b"1,so very good\n2,so bad\n", "b.csv": b"n,text\n3,c"},
            {"input-column": "1"},
            "the second one begins with a header, and the first one with a row",
        ),
        (
            {"a.csv": b"opinion\nso good\n", "b.csv": b"opinion\nso bad\n"},
            {},
            "all 2 objects begin with the same line, which may be their header: set the option `header`",
        ),
        (
            {"a.csv": b"sep=;\nid;text\n1;so good\n", "b.csv": b"sep=|\nid|text\n2|b\n"},
            {},
            "their first lines name different delimiters",
        ),
        ({"a.csv": b"text\na\n", "b.tsv": b"text\nb\n"}, {}, "the names end in .csv and .tsv"),
        ({"a.csv": b"text\na\n", "b.csv.gz": b"text\nb\n"}, {}, "the names end in .csv and .csv.gz"),
        ({"a.csv": b"text\na\n", "b.csv": gzip.compress(b"text\n")}, {}, "b.csv: the file is not a CSV, it looks like"),
        (
            {"a.csv": "text\na\n".encode("utf-16")},
            {"encoding": "utf-16"},
            "objects in utf-16 cannot be joined: write them in UTF-8",
        ),
        ({"a.csv": b"text\na\n", "b.parquet": b"PAR1"}, {}, "the names end in .csv and .parquet"),
        ({"a.parquet": b"PAR1"}, {}, "a.parquet: the Parquet file is truncated: upload the complete file"),
        ({"a.parquet": b"text"}, {}, "a.parquet: its name ends in .parquet, but it is not a Parquet file"),
        ({"a.csv": b"text\na\n"}, {"delimiter": "long"}, "delimiter"),
        ({}, {}, "has no objects with rows: see `aws s3 ls URL/`"),
        ({"_SUCCESS": b"", "a.csv": b""}, {}, "no objects with rows; skipped: _SUCCESS (hidden), a.csv (empty)"),
    ],
)
def test_objects_that_do_not_go_together_are_refused_by_their_names(
    stack: Stack, put: Put, objects: dict[str, bytes], given: dict[str, str], words: str
) -> None:
    url = put(objects)
    with pytest.raises(InputFileError) as error, opened(url, lambda: stack.client("s3"), {}, given):
        pass
    assert words.replace("URL", url.removesuffix("/")) in str(error.value)


def test_parquet_objects_are_joined_as_json_lines(stack: Stack, put: Put) -> None:
    tables = [
        pa.table({"id": [1, 2], "text": ["so good", None]}),
        pa.table({"id": pa.array([], pa.int64()), "text": pa.array([], pa.string())}),
        pa.table({"id": [3], "text": ["so bad"], "day": [date(2026, 11, 29)]}),
    ]
    objects = {"_SUCCESS": b"", **{f"part-{n:05}.snappy.parquet": parquet(table) for n, table in enumerate(tables)}}
    found, content = sent(stack, put(objects))
    assert found.source.name == "reviews.jsonl.gz"
    assert [json.loads(line) for line in gzip.decompress(content).splitlines()] == [
        {"id": 1, "text": "so good"},
        {"id": 2, "text": None},
        {"id": 3, "text": "so bad", "day": "2026-11-29"},
    ]
    assert found.layout.columns[:2] == ("id", "text")
    with opened(put({"a.parquet": parquet(tables[0])}), lambda: stack.client("s3"), {}, {}, "march.parquet") as named:
        assert named.source.name == "march.jsonl.gz"


def parquet(table: pa.Table) -> bytes:
    stream = BytesIO()
    write_table(table, stream)
    return stream.getvalue()


def test_the_largest_object_says_whether_there_is_a_header(stack: Stack, put: Put) -> None:
    url = put({"a.csv": b"n,opinion\n", "b.csv": b"n,opinion\n1,so good\n2,so bad\n"})
    found, content = sent(stack, url, input_column="1")
    assert content == b"n,opinion\n1,so good\n2,so bad\n"
    assert "The first line is the header: its cell of column 0 stands above numbers." in found.layout.assumed[1]


def test_a_header_after_what_is_looked_at_first_is_found_all_the_same(stack: Stack, put: Put) -> None:
    preamble = b"#" * 70_000 + b"\n"
    url = put({"a.csv": preamble + b"text\nso good\n", "b.csv": preamble + b"text\nso bad\n"})
    assert sent(stack, url, skip_rows="1")[1] == preamble + b"text\nso good\nso bad\n"


def test_the_same_first_line_is_a_row_if_the_user_says_so(stack: Stack, put: Put) -> None:
    url = put({"a.csv": b"opinion\nso good\n", "b.csv": b"opinion\nso bad\n"})
    assert sent(stack, url, header="absent")[1] == b"opinion\nso good\nopinion\nso bad\n"
    assert sent(stack, url, header="present")[1] == b"opinion\nso good\nso bad\n"


COMPRESS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_compressed_objects_become_one_compressed_object(stack: Stack, put: Put, suffix: str) -> None:
    def content_of(end: str, *objects: bytes) -> bytes:
        compressed = {f"{number}{end}{suffix}": COMPRESS[suffix](one) for number, one in enumerate(objects)}
        found, content = sent(stack, put(compressed))
        assert found.source.name == f"reviews{end or '.csv'}{suffix}"
        return DECOMPRESS[suffix](content)

    texts = [BOM + b"id,text\n1,a", b"id,text\n", BOM + b"id,text\r\n2,b\r\n", b"id,text\n3,c"]
    assert content_of(".csv", *texts) == BOM + b"id,text\n1,a\n2,b\r\n3,c"
    assert content_of("", *texts) == BOM + b"id,text\n1,a\n2,b\r\n3,c"
    mark = suffix == ".xz"
    lines = content_of(".jsonl", b'{"text": "a"}', BOM * mark + b'{"text": "b"}\n', b'{"text": "c"}')
    assert [json.loads(line)["text"] for line in lines.split(b"\n") if line] == ["a", "b", "c"]


def test_what_can_be_read_compressed_can_be_joined_compressed() -> None:
    assert {known.suffix for known in COMPRESSIONS} == set(COMPRESSORS)


def test_a_compressed_object_that_is_damaged_is_named(stack: Stack, put: Put) -> None:
    whole = gzip.compress(b"text\n" + random.Random(1).randbytes(80_000).hex(",", 20).replace(",", "\n").encode())
    url = put({"a.csv.gz": whole + whole, "b.csv.gz": whole[:-9]})
    with (
        pytest.raises(InputFileError, match=r"/b\.csv\.gz: the gzip file is truncated"),
        opened(url, lambda: stack.client("s3"), {}, {}),
    ):
        pass

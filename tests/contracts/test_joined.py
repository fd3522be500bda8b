"""Objects below a prefix, or of a manifest, become one object with one header, within S3 as far as it allows."""

import bz2
import gzip
import itertools
import json
import lzma
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from tests.contracts.clouds import Services
from tests.contracts.conftest import LEAST_PART
from tests.contracts.misbehaving import misbehaving
from tests.fakes.values import INPUT, OUTPUT

from fanfold.cli import cli
from fanfold.errors import InputFileError
from fanfold.input import copying
from fanfold.input.copying import Range, planned
from fanfold.input.files import LocalFile, opened
from fanfold.input.joined import COMPRESSORS
from fanfold.input.objects import S3Object
from fanfold.input.sources import Source
from fanfold.input.uploads import upload
from fanfold.stacks import Stack
from fanfold_core.input.formats import COMPRESSIONS
from localaws.template import REGION

BOM = b"\xef\xbb\xbf"
_prefixes = itertools.count()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "LEAST_PART_BYTES", LEAST_PART)


@pytest.fixture
def stack(services: Services) -> Stack:
    session = boto3.Session(region_name=REGION)
    # The one client that the test can lead astray.
    session.client = lambda _, **__: services.s3  # type: ignore[method-assign,assignment]
    return Stack(session, None, "fanfold", {}, INPUT, OUTPUT, "", "", "", "", "", "")


@pytest.fixture
def put(services: Services) -> Callable[[Mapping[str, bytes]], str]:
    """Puts objects below a prefix of their own, and answers with its address."""

    def put(objects: Mapping[str, bytes]) -> str:
        prefix = f"{next(_prefixes)}/reviews/"
        for name, content in objects.items():
            services.s3.put_object(Bucket=OUTPUT, Key=prefix + name, Body=content)
        return f"s3://{OUTPUT}/{prefix}"

    return put


Put = Callable[[Mapping[str, bytes]], str]


def sent(stack: Stack, url: str, **given: str) -> tuple[LocalFile, bytes]:
    """How objects are read as one file, and the object that they have become; both are the same bytes."""
    options = {name.replace("_", "-"): value for name, value in given.items()}
    s3 = stack.client("s3")
    with opened(url, lambda: s3, {}, options) as found:
        status = upload(stack, found.source, {**found.assumed, **options})
        content = s3.get_object(Bucket=INPUT, Key=status.key)["Body"].read()
        for start in (0, 1, len(content) // 2) if not found.content.is_copied else (0,):
            with found.source.open(start) as stream:
                read = partial(stream.read, max(7, len(content) // 20))
                assert b"".join(iter(read, b"")) == content[start:]
    assert uploads(stack) == []
    return found, content


def uploads(stack: Stack) -> list[Any]:
    return stack.client("s3").list_multipart_uploads(Bucket=INPUT).get("Uploads", [])


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


def test_ranges_of_large_objects_are_copied_within_s3(
    stack: Stack, services: Services, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    least = 5 * 1024 * 1024  # as S3 has it
    monkeypatch.setattr(copying, "LEAST_PART_BYTES", least)
    header, row = b"text\n", b"so good\n"
    large = header + row * (least // 4)
    url = put({"0.csv": header + row, "1.csv": large, "2.csv": header + row})
    with (
        misbehaving(services.s3, "before-call.s3.UploadPartCopy", lambda _: None) as copied,
        misbehaving(services.s3, "before-call.s3.UploadPart", lambda _: None) as gathered,
        opened(url, lambda: services.s3, {}, {}) as found,
    ):
        status = upload(stack, found.source, {})
    content = services.s3.get_object(Bucket=INPUT, Key=status.key)["Body"].read()
    assert content == header + row + large.removeprefix(header) + row
    # The first object and what it lacks of a part, and the last one; between them, S3 copies the large object.
    assert sorted(int(call["headers"]["X-Amz-Decoded-Content-Length"]) for call in gathered) == [len(row), least]
    (call,) = copied
    start = len(header) + least - len(header + row)
    assert call["headers"]["x-amz-copy-source-range"] == f"bytes={start}-{len(large) - 1}"


def segments_of(sizes: Iterable[int]) -> list[Range | bytes]:
    return [
        Range(S3Object("bucket", f"{number}", size, "etag"), 0, size) if size > 1 else b"x" * size
        for number, size in enumerate(sizes)
        if size
    ]


@pytest.mark.parametrize("seed", range(40))
def test_parts_are_as_large_and_as_many_as_s3_takes_and_hold_all_bytes_in_order(seed: int) -> None:
    chance = random.Random(seed)
    segments = segments_of(chance.choice([0, 1, 2, 9, 10, 11, 19, 500]) for _ in range(chance.randrange(1, 40)))
    most = chance.choice([8, 20, 10_000])
    try:
        parts = planned(segments, most)
    except InputFileError:
        assert most < len(segments)
        return
    assert len(parts) <= most
    assert all(sum(map(len, part)) >= LEAST_PART for part in parts[:-1])
    of_parts = [(part, segment) for part in parts for segment in part]
    flat: list[Any] = [(one.of.key, one.start, one.end) if isinstance(one, Range) else one for _, one in of_parts]
    whole: list[Any] = []
    for one in flat:
        if isinstance(one, tuple) and whole and isinstance(whole[-1], tuple) and whole[-1][0] == one[0]:
            assert whole[-1][2] == one[1]
            whole[-1] = (one[0], whole[-1][1], one[2])
        else:
            whole.append(one)
    assert whole == [(one.of.key, one.start, one.end) if isinstance(one, Range) else one for one in segments]


def test_objects_that_need_more_parts_than_s3_takes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_MOST_GATHERED_BYTES", LEAST_PART)
    assert len(planned(segments_of([5] * 16), most_parts=8)) == 8
    with pytest.raises(InputFileError, match="17 objects of 85 bytes cannot be joined, since S3 takes 8 parts"):
        planned(segments_of([5] * 17), most_parts=8)


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
        ({"a.csv": b"text\na\n", "b.tsv": b"text\nb\n"}, {}, "the names end in .csv and .tsv"),
        ({"a.csv": b"text\na\n", "b.csv.gz": b"text\nb\n"}, {}, "the names end in .csv and .csv.gz"),
        ({"a.csv": b"text\na\n", "b.csv": gzip.compress(b"text\n")}, {}, "b.csv: the file is not a CSV, it looks like"),
        (
            {"a.csv": "text\na\n".encode("utf-16")},
            {"encoding": "utf-16"},
            "objects in utf-16 cannot be joined: write them in UTF-8",
        ),
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


def test_the_same_first_line_is_a_row_if_the_user_says_so(stack: Stack, put: Put) -> None:
    url = put({"a.csv": b"opinion\nso good\n", "b.csv": b"opinion\nso bad\n"})
    assert sent(stack, url, header="absent")[1] == b"opinion\nso good\nopinion\nso bad\n"
    assert sent(stack, url, header="present")[1] == b"opinion\nso good\nso bad\n"


def test_what_is_no_input_is_skipped_and_named(stack: Stack, put: Put) -> None:
    objects = {"b=2/part-0.csv": b"text\nb\n", "a=1/part-0.csv": b"text\na\n", "_b=/2.csv": b"text\nc\n"}
    others = {
        "_SUCCESS": b"",
        ".part-0.csv.crc": b"crc",
        "_temporary/0/part.csv": b"text\n?\n",
        "z.csv": b"",
        "d/": b"",
    }
    found, content = sent(stack, put(objects | others))
    assert content == b"text\nc\na\nb\n"
    assert found.layout.assumed[0] == (
        "It is 3 objects, one after another. Skipped: .part-0.csv.crc (hidden), _SUCCESS (hidden), "
        "_temporary/0/part.csv (hidden), z.csv (empty)."
    )


def test_a_bucket_that_cannot_be_listed_is_named_with_the_permission(stack: Stack) -> None:
    with pytest.raises(InputFileError, match=r"cannot list s3://nowhere/: .*NoSuchBucket.* s3:ListBucket there"):
        sent(stack, "s3://nowhere/")


@pytest.mark.parametrize("size", [4, 400])
@pytest.mark.parametrize("gone", [True, False])
def test_an_object_that_changes_meanwhile_is_not_joined(
    stack: Stack, services: Services, put: Put, *, size: int, gone: bool
) -> None:
    content = b"text\n" + b"good\n" * size
    url = put({"a.csv": content, "b.csv": content})
    key = f"{url.removeprefix(f's3://{OUTPUT}/')}b.csv"
    with opened(url, lambda: services.s3, {}, {}) as found:
        if gone:
            services.s3.delete_object(Bucket=OUTPUT, Key=key)
        else:
            services.s3.put_object(Bucket=OUTPUT, Key=key, Body=content.replace(b"good", b"evil"))
        before = services.s3.list_object_versions(Bucket=INPUT).get("Versions", [])
        with pytest.raises(InputFileError, match=r"b\.csv was replaced or deleted while it was read: try again"):
            upload(stack, found.source, {})
        with found.source.open(0) as stream, pytest.raises(InputFileError, match=r"b\.csv was replaced"):
            list(iter(partial(stream.read, 100), b""))
    assert uploads(stack) == []
    assert services.s3.list_object_versions(Bucket=INPUT).get("Versions", []) == before


def test_an_interrupted_join_leaves_nothing(stack: Stack, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_bytes: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fanfold.input.uploads.bytes_bar", lambda *_: nullcontext(interrupt))
    url = put({f"{number}.csv": b"text\n" + b"so good\n" * 10 for number in range(10)})
    with opened(url, lambda: stack.client("s3"), {}, {}) as found, pytest.raises(KeyboardInterrupt):
        upload(stack, found.source, {})
    assert uploads(stack) == []


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


def manifest(*urls: str, **more: object) -> bytes:
    return json.dumps({"entries": [{"url": url, "meta": {"content_length": 1}, **more} for url in urls]}).encode()


def test_a_manifest_lists_objects_in_its_own_order(stack: Stack, services: Services, put: Put, tmp_path: Path) -> None:
    url = put({"a": b"text\na\n", "b": b"text\nb\n"})
    services.s3.put_object(Bucket=INPUT, Key="elsewhere/c", Body=b"text\nc")
    file = tmp_path / "june.manifest"
    file.write_bytes(manifest(f"s3://{INPUT}/elsewhere/c", f"{url}b", f"{url}a", f"{url}none"))
    found, content = sent(stack, str(file))
    assert (content, found.source.name) == (b"text\nc\nb\na\n", "june.csv")
    assert f"Skipped: {url}none (does not exist)." in found.layout.assumed[0]
    services.s3.put_object(Bucket=OUTPUT, Key="unload/reviews_manifest", Body=manifest(f"{url}a", mandatory=True))
    assert sent(stack, f"s3://{OUTPUT}/unload/reviews_manifest")[1] == b"text\na\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (manifest(f"s3://{OUTPUT}/none", mandatory=True), "cannot read s3://output/none: "),
        (manifest(f"s3://{OUTPUT}/none"), "has no objects with rows; skipped: s3://output/none (does not exist)"),
        (manifest("s3://output"), "'s3://output' is no address of an object; write it as {"),
        (b'{"entries": [["s3://output/a"]]}', "is no manifest: write it as {"),
        (b'["s3://output/a"]', "is no manifest: write it as {"),
        (b"text\na\n", "is no manifest: write it as {"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(stack: Stack, tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(content)
    with pytest.raises(InputFileError) as error, opened(file, lambda: stack.client("s3"), {}, {}):
        pass
    assert words in str(error.value)
    assert str(file) in str(error.value)


@pytest.fixture
def fanfold(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr(Stack, "find", lambda *_: stack)
    return lambda *arguments: CliRunner().invoke(cli, [*arguments, "--stack", "mine"])


def test_a_prefix_is_tried_before_it_is_sent_as_a_file_is(
    fanfold: Callable[..., Result], stack: Stack, put: Put
) -> None:
    url = put({"0.csv": b"id,text\n1,so good\n", "1.csv": b"id,text\n2,so bad\n", "_SUCCESS": b""})
    before = stack.client("s3").list_object_versions(Bucket=INPUT).get("Versions", [])
    said = fanfold("submit", url, "--dry-run")
    assert [json.loads(line)["body"]["inputs"] for line in said.stdout.splitlines()] == [["so good"], ["so bad"]]
    assert said.stderr.startswith(
        f"{url}: 2 columns, with a header; the texts are in column 1, 'text'. It is 2 objects, one after another. "
        "Skipped: _SUCCESS (hidden). The first line is the header"
    )
    said = fanfold("run", url, "--dry-run", "--limit", "1")
    assert [json.loads(line)["body"]["inputs"] for line in said.stdout.splitlines()] == [["so good"]]
    assert stack.client("s3").list_object_versions(Bucket=INPUT).get("Versions", []) == before


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("s3://bucket/reviews/", "add --stack, or download it (aws s3 cp --recursive s3://bucket/reviews/ .)"),
        ("reviews.manifest", "reviews.manifest is read by a stack: add --stack\n"),
    ],
)
def test_without_a_stack_nobody_joins_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reviews.manifest").touch()
    said = CliRunner().invoke(cli, ["run", file])
    assert (said.exit_code, words in said.stderr) == (2, True)

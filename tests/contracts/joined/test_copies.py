"""Joined objects are copied within S3 as far as it allows, as they were found, or not at all."""

import random
from collections.abc import Iterable
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.contracts.clouds import Services
from tests.contracts.conftest import LEAST_PART
from tests.contracts.joined.joining import Put, sent, uploads
from tests.contracts.misbehaving import misbehaving
from tests.fakes.values import INPUT, OUTPUT

from fanfold.errors import InputFileError
from fanfold.input import copying
from fanfold.input.copying import Range, planned
from fanfold.input.files import opened
from fanfold.input.objects import S3Object
from fanfold.input.uploads import upload
from fanfold.stacks import Stack


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


def test_where_parts_would_be_too_many_more_is_gathered_in_each() -> None:
    parts = planned(segments_of([5] * 16), most_parts=4)
    assert [sum(map(len, part)) for part in parts] == [LEAST_PART * 2] * 4


def test_objects_that_need_more_parts_than_s3_takes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_MOST_GATHERED_BYTES", LEAST_PART)
    assert len(planned(segments_of([5] * 16), most_parts=8)) == 8
    with pytest.raises(InputFileError, match="17 objects of 85 bytes cannot be joined, since S3 takes 8 parts"):
        planned(segments_of([5] * 17), most_parts=8)


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


def test_an_object_that_may_not_be_read_or_is_not_read_as_asked_is_named(
    stack: Stack, services: Services, put: Put
) -> None:
    def deny(_call: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "GetObject")

    def without_range(call: Any) -> None:
        del call["headers"]["Range"]

    url = put({"a.csv": b"text\nso good\n", "b.csv": b"text\nso bad\n"})
    get = "before-call.s3.GetObject"
    with misbehaving(services.s3, get, without_range, times=3):
        sent(stack, url)
    for change, words in ((deny, "Access Denied"), (without_range, "S3 was asked for bytes")):
        with (
            misbehaving(services.s3, get, change),
            pytest.raises(InputFileError, match=rf"cannot read {url}\w\.csv: .*{words}.* See whether you may read it"),
        ):
            sent(stack, url)


def test_an_interrupted_join_leaves_nothing(stack: Stack, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_bytes: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fanfold.input.uploads.bytes_bar", lambda *_: nullcontext(interrupt))
    url = put({f"{number}.csv": b"text\n" + b"so good\n" * 10 for number in range(10)})
    with opened(url, lambda: stack.client("s3"), {}, {}) as found, pytest.raises(KeyboardInterrupt):
        upload(stack, found.source, {})
    assert uploads(stack) == []

"""S3 does otherwise than it was asked: store and client see it, and take nothing of it for an answer."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import IncompleteReadError, ReadTimeoutError
from botocore.response import StreamingBody
from moto.core.botocore_stubber import MockRawResponse
from tests.contracts.clouds import Services
from tests.contracts.conftest import LEAST_PART
from tests.contracts.misbehaving import misbehaving
from tests.fakes.values import INPUT, KEY, OUTPUT

from fanfold.errors import DownloadError
from fanfold.folder import HeldFolder
from fanfold.input import sources
from fanfold.results.objects import read_object
from fanfold.stacks import Stack
from fanfold_core.aws.store import S3Store, UnexpectedResponseError
from fanfold_core.domain.errors import ObjectGoneError
from fanfold_core.domain.job import Source

CONTENT = b"id,text\r\n1,so good\r\n"
CSV = "text/csv"


def without_range(call: Any) -> None:
    del call["headers"]["Range"]


def cut_short(answer: Any) -> None:
    content = answer["Body"].read()
    answer["Body"] = StreamingBody(BytesIO(content[:-1]), len(content))


class _Stalled(BytesIO):
    def read(self, *_: Any) -> bytes:
        raise urllib3.exceptions.ReadTimeoutError(urllib3.HTTPConnectionPool("s3"), "/", "timed out")


def stalled(answer: Any) -> None:
    answer["Body"] = StreamingBody(_Stalled(), len(CONTENT))


@pytest.fixture
def source(services: Services) -> Source:
    return services.store.head(INPUT, KEY, services.upload(KEY, CONTENT, {}))[0]


@pytest.mark.parametrize(("start", "end"), [(0, None), (9, None), (9, 12), (0, 19)])
def test_the_whole_object_in_place_of_a_range_is_refused(
    services: Services, source: Source, start: int, end: int | None
) -> None:
    refused = pytest.raises(UnexpectedResponseError, match=rf"was asked for bytes {start}-.*answered with no range")
    with misbehaving(services.s3, "before-call.s3.GetObject", without_range), refused:
        services.store.open(source, start, end).__enter__()


@pytest.mark.parametrize(
    "sent", ["bytes=0-7", "bytes=8-10", "bytes=9-", "bytes=9-12"], ids=["earlier", "shifted", "more", "longer"]
)
def test_another_range_than_was_asked_for_is_refused(services: Services, source: Source, sent: str) -> None:
    def change(call: Any) -> None:
        call["headers"]["Range"] = sent

    refused = pytest.raises(UnexpectedResponseError, match="was asked for bytes 9-11/20 and answered")
    with misbehaving(services.s3, "before-call.s3.GetObject", change), refused:
        services.store.open(source, 9, 12).__enter__()


def test_another_object_than_the_job_began_with_is_gone(services: Services, source: Source) -> None:
    def change(answer: Any) -> None:
        answer["ETag"] = '"of another"'

    refused = pytest.raises(ObjectGoneError, match="no longer exists")
    with misbehaving(services.s3, "after-call.s3.GetObject", change), refused:
        services.store.open(source, 0).__enter__()


def read_whole(store: S3Store, source: Source) -> None:
    with store.open(source, 9) as stream:
        stream.read()


def read_in_blocks(store: S3Store, source: Source) -> None:
    with store.open(source, 9) as stream:
        while stream.read(4):
            pass


@pytest.mark.parametrize(
    "read",
    [
        lambda store, _: store.read("short"),
        lambda store, _: store.read_at(f"s3://{OUTPUT}/short"),
        lambda store, _: store.join("joined", b"", ["short"], CSV),
        read_whole,
        read_in_blocks,
    ],
    ids=["read", "read_at", "join", "open", "open in blocks"],
)
def test_a_body_that_ends_before_its_length_is_refused(
    services: Services, source: Source, read: Callable[[S3Store, Source], object]
) -> None:
    services.store.write("short", CONTENT, CSV)
    with misbehaving(services.s3, "after-call.s3.GetObject", cut_short), pytest.raises(IncompleteReadError):
        read(services.store, source)


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_an_upload_is_not_completed_without_a_part_that_a_list_leaves_out(services: Services, left_out: int) -> None:
    upload = services.store.begin_upload("listed", CSV)
    for part in range(3):
        services.store.upload_part("listed", upload, part, BytesIO(b"x" * LEAST_PART))
    with (
        misbehaving(services.s3, "after-call.s3.ListParts", lambda answer: answer["Parts"].pop(left_out)),
        pytest.raises(UnexpectedResponseError, match="a list of 3 parts and answered with 2 of them"),
    ):
        services.store.complete_upload("listed", upload, range(3))
    services.store.complete_upload("listed", upload, range(3))
    assert services.store.read("listed") == b"x" * LEAST_PART * 3


def test_the_client_reads_a_block_again_that_is_not_the_one_it_asked_for(services: Services, stack: Stack) -> None:
    services.store.write("results", CONTENT, CSV)
    with misbehaving(services.s3, "before-call.s3.GetObject", without_range, times=3) as calls:
        assert b"".join(read_object(stack, "results", block_bytes=8)) == CONTENT
    assert len(calls) == 3 + 3
    with (
        misbehaving(services.s3, "before-call.s3.GetObject", without_range),
        pytest.raises(UnexpectedResponseError, match="asked for bytes 0-7/20"),
    ):
        list(read_object(stack, "results", block_bytes=8))


def test_the_client_reads_a_block_again_that_stops_coming(services: Services, stack: Stack) -> None:
    services.store.write("results", CONTENT, CSV)
    with misbehaving(services.s3, "after-call.s3.GetObject", stalled, times=3) as calls:
        assert b"".join(read_object(stack, "results")) == CONTENT
    assert len(calls) == 3 + 1
    with misbehaving(services.s3, "after-call.s3.GetObject", stalled), pytest.raises(ReadTimeoutError):
        list(read_object(stack, "results"))


def test_an_object_of_the_users_own_is_read_from_where_it_was_asked_for(services: Services, stack: Stack) -> None:
    services.store.write("theirs", CONTENT, CSV)
    theirs = sources.Source.of_object(stack.client("s3"), f"s3://{OUTPUT}/theirs")
    with theirs.open(9) as stream:
        assert stream.read() == CONTENT[9:]
    refused = pytest.raises(UnexpectedResponseError, match="asked for bytes 9-19/20")
    with misbehaving(services.s3, "before-call.s3.GetObject", without_range), refused, theirs.open(9):
        pass


def test_the_client_keeps_no_file_that_is_longer_than_its_object(
    services: Services, stack: Stack, tmp_path: Path
) -> None:
    content = b"0123456789abcdef" * 1024 * 1024  # boto3 asks for ranges of files above 8 MiB
    for name in ("results.csv", "errors.csv", "summary.json", "report.html"):
        services.store.write(f"results/tweets-1f/{name}", content[:9], CSV)
    services.store.write("results/tweets-1f/results.csv", content, CSV)
    folder = HeldFolder(tmp_path)
    with (
        misbehaving(services.s3, "before-call.s3.GetObject", lambda call: call["headers"].pop("Range", None)),
        pytest.raises(DownloadError, match=r"results.csv has 16,777,216 bytes, and S3 sent 25,165,824: try again"),
    ):
        folder.receive(stack, "tweets-1f")
    assert list(tmp_path.iterdir()) == []
    folder.receive(stack, "tweets-1f")
    assert (tmp_path / "results.csv").read_bytes() == content


def test_a_completion_that_is_answered_with_200_and_an_error_is_asked_for_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 sends the head of this answer before it knows how it ends; here, it has ended well."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    upload = services.store.begin_upload("late", CSV)
    services.store.upload_part("late", upload, 0, BytesIO(b"x"))
    late = b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"
    sent: list[str] = []

    def fail_late(request: Any, **_: Any) -> AWSResponse | None:
        sent.append(request.url)
        raw: Any = MockRawResponse(late)
        return AWSResponse(request.url, 200, HTTPHeaders(), raw) if len(sent) == 1 else None

    events: Any = services.s3.meta.events
    events.register_first("before-send.s3.CompleteMultipartUpload", fail_late)
    try:
        services.store.complete_upload("late", upload, range(1))
    finally:
        events.unregister("before-send.s3.CompleteMultipartUpload", fail_late)
    assert len(sent) == 2
    assert services.store.read("late") == b"x"

"""What the store promises, each write delivered twice."""

from io import BytesIO

import pytest
from botocore.exceptions import ClientError
from tests.contracts.clouds import Cloud
from tests.contracts.conftest import LEAST_PART
from tests.fakes.errors import RefusedError
from tests.fakes.values import INPUT, KEY, OUTPUT

from fanfold_core.app.ports import Store
from fanfold_core.aws.store import UnexpectedResponseError
from fanfold_core.domain.errors import ObjectGoneError
from fanfold_core.domain.job import Source

CONTENT = b"id,text\r\n1,so good\r\n"
CSV = "text/csv"
Refused = (RefusedError, ClientError)


@pytest.fixture
def store(cloud: Cloud) -> Store:
    return cloud.store


def test_an_uploaded_object_is_pinned_with_its_metadata(cloud: Cloud, store: Store) -> None:
    version = cloud.upload(KEY, CONTENT, {"input-column": "text"})
    source, metadata = store.head(INPUT, KEY, None)
    assert (source.bucket, source.key, source.version, source.size) == (INPUT, KEY, version, len(CONTENT))
    assert metadata == {"input-column": "text"}
    assert store.head(INPUT, KEY, version) == (source, metadata)


def test_an_earlier_version_stays_readable(cloud: Cloud, store: Store) -> None:
    first = cloud.upload(KEY, CONTENT, {})
    source, _ = store.head(INPUT, KEY, first)
    cloud.upload(KEY, b"other", {})
    with store.open(source, 0) as stream:
        assert stream.read() == CONTENT
    assert store.head(INPUT, KEY, first)[0] == source
    assert store.head(INPUT, KEY, None)[0].size == 5


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 7), (9, None), (9, 12), (19, 20), (5, 500)])
def test_bytes_are_read_from_start_to_end(cloud: Cloud, store: Store, start: int, end: int | None) -> None:
    source, _ = store.head(INPUT, KEY, cloud.upload(KEY, CONTENT, {}))
    with store.open(source, start, end) as stream:
        assert stream.read(3) + stream.read() == CONTENT[start:end]


def test_a_range_of_which_there_is_no_byte_is_refused(cloud: Cloud, store: Store) -> None:
    source, _ = store.head(INPUT, KEY, cloud.upload(KEY, CONTENT, {}))
    with pytest.raises(Refused, match="not satisfiable"), store.open(source, len(CONTENT)):
        pass


def test_an_object_that_is_gone_is_named(store: Store) -> None:
    gone, missing = Source(INPUT, "gone.csv", "version-0", "", 1), r"s3://\w+/gone.csv no longer exists"
    with pytest.raises(ObjectGoneError, match=missing):
        store.head(INPUT, "gone.csv", None)
    with pytest.raises(ObjectGoneError, match=missing), store.open(gone, 0):
        pass
    with pytest.raises(ObjectGoneError, match=missing):
        store.read("gone.csv")
    with pytest.raises(ObjectGoneError, match=missing):
        store.read_at(f"s3://{OUTPUT}/gone.csv")
    with pytest.raises(ObjectGoneError, match=missing):
        store.join("joined.csv", b"header", ["gone.csv"], CSV)


def test_an_object_deleted_while_its_job_runs_is_gone(cloud: Cloud, store: Store) -> None:
    cloud.upload("deleted.csv", CONTENT, {})
    cloud.delete("deleted.csv")
    with pytest.raises(ObjectGoneError):
        store.head(INPUT, "deleted.csv", None)


def test_what_was_written_is_opened_as_uploads_are(store: Store) -> None:
    with pytest.raises(ObjectGoneError, match=r"s3://\w+/results/a/results.jsonl no longer exists"):
        store.source("results/a/results.jsonl")
    store.write("results/a/results.jsonl", CONTENT, CSV)
    source = store.source("results/a/results.jsonl")
    assert (source.bucket, source.key, source.size) == (OUTPUT, "results/a/results.jsonl", len(CONTENT))
    with store.open(source, 3, 7) as stream:
        assert stream.read() == CONTENT[3:7]


@pytest.mark.parametrize("key", ["results/a/results.csv", "async/space plus+é.json"])
def test_what_is_written_is_read_at_its_key_and_its_location(store: Store, key: str) -> None:
    for content in (b"first", BytesIO(b"second"), BytesIO(b"second"), b""):
        store.write(key, content, CSV)
        expected = content if isinstance(content, bytes) else content.getvalue()
        assert store.read(key) == store.read_at(store.location(key)) == expected
    assert store.location(key) == f"s3://{OUTPUT}/{key}"


def test_objects_are_joined_behind_a_header(store: Store) -> None:
    store.write("parts/1", b"one,", CSV)
    store.write("parts/2", b"two", CSV)
    for _ in range(2):
        store.join("joined", b"header,", iter(["parts/1", "parts/2"]), CSV)
        assert store.read("joined") == b"header,one,two"
    store.join("joined", b"header", [], CSV)
    assert store.read("joined") == b"header"


def test_keys_are_listed_by_their_beginning(store: Store) -> None:
    for key in ("listed/b", "listed/a", "listed/a", "listless"):
        store.write(key, b"", CSV)
    assert list(store.keys("listed/")) == ["listed/a", "listed/b"]
    assert list(store.keys("nothing/")) == []


def test_parts_come_in_any_order_and_twice_and_make_one_object(store: Store) -> None:
    upload = store.begin_upload("whole", CSV)
    for part, content in ((2, b"end"), (0, b"0" * LEAST_PART), (1, b"1" * LEAST_PART), (0, b"0" * LEAST_PART)):
        store.upload_part("whole", upload, part, BytesIO(content))
    for _ in range(2):
        store.complete_upload("whole", upload, range(3))
        assert store.read("whole") == b"0" * LEAST_PART + b"1" * LEAST_PART + b"end"


def test_the_numbers_of_parts_may_have_gaps(store: Store) -> None:
    upload = store.begin_upload("gaps", CSV)
    for part, content in ((70, b"end"), (7, b"7" * LEAST_PART), (9_999, b"")):
        store.upload_part("gaps", upload, part, BytesIO(content))
    with pytest.raises((*Refused, UnexpectedResponseError)):
        store.complete_upload("gaps", upload, range(3))
    with pytest.raises((*Refused, UnexpectedResponseError)):
        store.complete_upload("gaps", upload, [7, 70])
    upload = store.begin_upload("gaps", CSV)
    for part, content in ((70, b"end"), (7, b"7" * LEAST_PART)):
        store.upload_part("gaps", upload, part, BytesIO(content))
    store.complete_upload("gaps", upload, [7, 70])
    assert store.read("gaps") == b"7" * LEAST_PART + b"end"


def test_a_part_that_comes_after_completion_changes_nothing(store: Store) -> None:
    upload = store.begin_upload("completed", CSV)
    store.upload_part("completed", upload, 0, BytesIO(b"first"))
    store.complete_upload("completed", upload, range(1))
    store.upload_part("completed", upload, 0, BytesIO(b"later"))
    assert store.read("completed") == b"first"


def test_a_part_that_is_too_small_and_not_the_last_is_refused(store: Store) -> None:
    upload = store.begin_upload("small", CSV)
    for part in (0, 1):
        store.upload_part("small", upload, part, BytesIO(b"x" * (LEAST_PART - 1)))
    with pytest.raises(Refused, match="smaller than the minimum"):
        store.complete_upload("small", upload, range(2))


def test_an_upload_that_is_thrown_away_leaves_no_object(store: Store) -> None:
    upload = store.begin_upload("aborted", CSV)
    store.upload_part("aborted", upload, 0, BytesIO(b"x"))
    store.abort_upload("aborted", upload)
    with pytest.raises(ObjectGoneError):
        store.upload_part("aborted", upload, 0, BytesIO(b"x"))
    with pytest.raises(ObjectGoneError):
        store.complete_upload("aborted", upload, range(1))
    with pytest.raises(Refused, match="does not exist"):
        store.abort_upload("aborted", upload)

"""Names that can be computed."""

import re

import pytest
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from fanfold_core.domain.keys import (
    RequestId,
    is_job_id,
    job_id,
    name_of,
    next_round,
    output_folder,
    output_prefix,
    read_principal,
    request_of_output,
)
from fanfold_core.domain.spans import Span

HOSTILE_KEYS = [
    "space plus+file (1).csv",
    "2026/11/tweets.csv.gz",
    "日本語.csv",
    "%41%.csv",
    ".csv",
    "a" * 1000 + ".csv",
    "folder/",
]


def nth_round(job: str, rounds: int) -> str:
    for _ in range(rounds):
        job = next_round(job)
    return job


jobs = st.builds(
    nth_round, st.builds(job_id, st.text(), st.sampled_from(HOSTILE_KEYS) | st.text(), st.text()), st.integers(0, 30)
)
requests = st.builds(
    RequestId,
    jobs | st.just(f"{job_id('in', 'a' * 16, 'v')}.9999"),
    st.integers(0, 9_999_999),
    st.builds(Span, st.integers(0, 9_999_999), st.integers(1, 9_999)),
    st.integers(1, 9_999),
)


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_a_job_id_is_short_plain_and_the_same_for_the_same_upload(key: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{17,32}", job_id("bucket", key, "version"))
    assert job_id("bucket", key, "version") == job_id("bucket", key, "version")


def test_another_bucket_key_or_version_is_another_job() -> None:
    uploads = [("a", "b", "c"), ("x", "b", "c"), ("a", "x", "c"), ("a", "b", "x"), ("a\nb", "", "c"), ("a", "b\nc", "")]
    assert len({job_id(*upload) for upload in uploads}) == len(uploads)


@given(jobs)
def test_every_id_that_a_job_or_a_round_of_it_gets_is_an_id(job: str) -> None:
    assert is_job_id(job)


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_a_job_has_ids_for_9999_rounds(key: str) -> None:
    job = job_id("in", key, "v")
    rounds = [job, *(f"{job}.{number}" for number in range(2, 10_000))]
    assert list(map(next_round, rounds[:-1])) == rounds[1:]
    assert all(map(is_job_id, rounds))


@given(requests)
def test_a_request_is_known_by_its_inference_id_and_by_its_output(request: RequestId) -> None:
    assert RequestId.parse(str(request)) == request
    output = f"{output_prefix(request.job, '0123456789abcdef', request.chunk)}{request.filename}"
    assert request_of_output(request.job, request.chunk, output) == request


@given(requests)
def test_every_name_of_a_request_is_one_that_the_api_takes(request: RequestId) -> None:
    shape = get_session().get_service_model("sagemaker-runtime").operation_model("InvokeEndpointAsync").input_shape
    assert shape is not None
    folder = output_folder(request.job, "0123456789abcdef", request.chunk)
    names = {"InferenceId": str(request), "S3OutputPathExtension": folder, "Filename": request.filename}
    for parameter, name in names.items():
        limits = shape.members[parameter].metadata
        assert limits["min"] <= len(name) <= limits["max"]
    assert re.fullmatch(shape.members["S3OutputPathExtension"].metadata["pattern"], folder)
    assert re.fullmatch(shape.members["Filename"].metadata["pattern"], request.filename)


@pytest.mark.parametrize(
    "foreign", ["", "6f2d1c9e-0b1a-4c55-9a3f-1f5f0c2f8f3a", "job/1/0000000-0001", "job/x/0000000-0001/1", "j" * 60]
)
def test_other_peoples_inference_ids_are_nobodys_request(foreign: str) -> None:
    assert RequestId.parse(foreign) is None


@pytest.mark.parametrize(
    ("principal", "name"),
    [
        ("AWS:AROAEXAMPLE:ada@example.com", "ada@example.com"),
        ("AROAEXAMPLE:ada", "ada"),
        ("AWS:AROAEXAMPLE:i-0123456789abcdef0", "i-0123456789abcdef0"),
        ("AWS:AROAEXAMPLE:ada.9f6d@s-0123456789abcdef0", "ada.9f6d@s-0123456789abcdef0"),  # AWS Transfer Family
        ("AWS:AROAEXAMPLE", "AWS:AROAEXAMPLE"),
        ("AWS:AIDAEXAMPLE", "AWS:AIDAEXAMPLE"),
        ("AWS:123456789012:ada", "AWS:123456789012:ada"),
        ("A3NL1KOZZKEXAMPLE", "A3NL1KOZZKEXAMPLE"),
        # A spreadsheet would take the name for a formula.
        ("AWS:AROAEXAMPLE:=1+1", "AWS:AROAEXAMPLE:=1+1"),
        ("AWS:AROAEXAMPLE:@SUM", "AWS:AROAEXAMPLE:@SUM"),
    ],
)
def test_a_principal_is_kept_whole_and_known_by_the_name_of_its_session(principal: str, name: str) -> None:
    assert (read_principal(principal), name_of(principal)) == (principal, name)


@pytest.mark.parametrize(
    "told",
    ["", "=1+1", "+1", "-1", "@SUM", "AWS:AROAEXAMPLE:a b", "AWS:AROAEXAMPLE:ada\n", "\x1b[2J", "<b>ada</b>", "ädä",
     "a" * 257, "ada\u202e", None, 7, ["ada"], {"principalId": "ada"}],
)  # fmt: skip
def test_what_is_no_principal_is_nobody(told: object) -> None:
    assert read_principal(told) is None
    assert name_of(None) is None

"""What a file will take is reckoned from its first bytes, and said to be unknown where it is."""

import gzip

import pytest

from fanfold.console.outlook import Outlook, look_ahead, speed_of
from fanfold.console.preview import preview_file
from fanfold.project import find_root
from localaws import template

PARAMETERS = template.defaults(find_root())
CONTENT = b"text\n" + b"so good, really\n".replace(b",", b"") * 1_000


def ahead(
    content: bytes = CONTENT,
    size: int = len(CONTENT),
    speed: float | None = None,
    name: str = "a.csv",
    *,
    is_local: bool = False,
    **stack: str,
) -> Outlook | None:
    parameters = PARAMETERS | stack
    seen = preview_file(name, content, complete=size <= len(content), parameters=parameters, options={})
    return look_ahead(seen, size, parameters, {}, speed, is_local=is_local)


def test_a_whole_file_is_counted_and_of_a_larger_one_the_beginning_tells() -> None:
    whole, larger = ahead(), ahead(size=len(CONTENT) * 500)
    assert whole
    assert larger
    assert (whole.rows, whole.requests, whole.is_exact) == (1_000, 33, True)
    assert not larger.is_exact
    assert larger.rows == pytest.approx(500_000, rel=0.01)
    assert whole.services
    assert larger.services
    assert larger.services > 100 * whole.services


def test_prompts_of_the_beginning_tell_how_many_tokens_all_have() -> None:
    chosen, parameters = {"prompt": "Good? {text}"}, PARAMETERS | {"CostlierOptions": "allow"}
    seen = preview_file("a.csv", CONTENT, complete=False, parameters=parameters, options=chosen)
    found = look_ahead(seen, len(CONTENT) * 500, parameters, chosen, None, is_local=False)
    assert found
    # "Good? so good really" has 20 bytes.
    assert found.prompt_tokens == pytest.approx(500_000 * 5, rel=0.01)
    without = ahead()
    assert without
    assert without.prompt_tokens == 0


def test_without_a_speed_the_hour_is_known_and_with_one_the_time_and_the_endpoint() -> None:
    slow, fast = ahead(speed=10.0), ahead(speed=1_000.0)
    assert slow
    assert fast
    assert slow.seconds
    assert fast.seconds
    assert slow.endpoint
    assert fast.endpoint
    assert slow.seconds > fast.seconds
    assert slow.endpoint > fast.endpoint
    unknown = ahead()
    assert unknown
    assert (unknown.endpoint, unknown.seconds, unknown.hour) == (None, None, 0.736)


def test_on_a_local_cloud_a_file_costs_nothing_and_takes_as_long_as_its_endpoint() -> None:
    first, later = ahead(is_local=True), ahead(speed=100.0, is_local=True)
    assert first
    assert later
    assert (first.rows, first.requests, first.seconds) == (1_000, 33, None)
    assert later.seconds == 10
    for one in (first, later):
        assert (one.services, one.endpoint, one.hour) == (None, None, None)


def test_a_huge_file_is_reckoned_in_a_moment() -> None:
    huge = ahead(size=10**11, speed=100_000.0)
    assert huge
    assert huge.rows > 10**9
    assert huge.seconds


def test_what_an_endpoint_of_ones_own_costs_is_not_known() -> None:
    own = ahead(speed=100.0, EndpointName="mine")
    assert own
    assert (own.endpoint, own.hour, own.instance_type) == (None, None, "")
    assert own.seconds


def test_a_compressed_file_or_one_without_an_input_tells_nothing() -> None:
    packed = gzip.compress(CONTENT)
    assert ahead(packed, len(packed), name="a.csv.gz") is None
    assert ahead(b"id,words\n1,so good\n", 18) is None


@pytest.mark.parametrize(
    ("summary", "speed"),
    [
        ({"predicted": 2_000, "endpoint_seconds": 10}, 200.0),
        ({"predicted": 10, "endpoint_seconds": 10}, None),
        ({"predicted": 2_000, "endpoint_seconds": 0}, None),
        ({}, None),
    ],
)
def test_a_speed_is_read_of_jobs_that_are_large_enough(summary: dict[str, int], speed: float | None) -> None:
    assert speed_of(summary) == speed

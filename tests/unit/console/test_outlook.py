"""What a file will take is reckoned from its first bytes, and said to be unknown where it is."""

import gzip
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.console.conftest import Ask

from fanfold.console.preview import Forecast, forecast, preview_file
from fanfold.costs.outlook import speed_of
from fanfold.project import find_root
from localaws import template

PARAMETERS = template.defaults(find_root())
CONTENT = b"text\n" + b"so good, really\n".replace(b",", b"") * 1_000


def ahead(  # noqa: PLR0913 - each has a default
    content: bytes = CONTENT,
    size: int = len(CONTENT),
    speed: float | None = None,
    name: str = "a.csv",
    *,
    is_local: bool = False,
    options: dict[str, str] | None = None,
    **given: str,
) -> Forecast | None:
    parameters = PARAMETERS | given
    stack: Any = SimpleNamespace(parameters=parameters, is_local=is_local)
    seen = preview_file(name, content, complete=size <= len(content), parameters=parameters, options={})
    return forecast(seen, size, stack, options or {}, speed)


def dollars(of: Forecast) -> float:
    """What it costs at least."""
    return float(of.cost.removeprefix("at least $").partition(" ")[0])


def test_a_whole_file_is_counted_and_of_a_larger_one_the_beginning_tells() -> None:
    whole, larger = ahead(), ahead(size=len(CONTENT) * 500)
    assert whole
    assert larger
    assert (whole.rows, whole.requests, whole.is_exact) == (1_000, 33, True)
    assert not larger.is_exact
    assert larger.rows == pytest.approx(500_000, rel=0.01)
    assert dollars(larger) == pytest.approx(500 * 0.00024, rel=0.1)


def test_prompts_of_the_beginning_tell_how_many_tokens_all_have() -> None:
    chosen, parameters = {"prompt": "Good? {text}"}, PARAMETERS | {"CostlierOptions": "allow"}
    seen = preview_file("a.csv", CONTENT, complete=False, parameters=parameters, options=chosen)
    stack: Any = SimpleNamespace(parameters=parameters, is_local=False)
    found = forecast(seen, len(CONTENT) * 500, stack, chosen, None)
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
    assert slow.seconds > fast.seconds
    assert dollars(slow) > dollars(fast) > 0
    assert "($0.0003 for services, $0.0204 for 100 s of an ml.g4dn.xlarge); $0.2083 if the endpoint wakes" in slow.cost
    assert slow.wakes
    assert slow.basis == "At 10 rows per second, as in the latest job."
    unknown = ahead()
    assert unknown
    assert unknown.seconds is None
    assert "the endpoint's instances come on top" in unknown.cost
    assert unknown.basis == (
        "How long the endpoint takes is known after the first job of 1,000 rows or more; an hour of an ml.g4dn.xlarge "
        "is $0.7360."
    )


def test_a_limit_below_the_cost_is_told_beside_it() -> None:
    small, enough = (
        ahead(speed=10.0, options={"max-dollars": limit}, CostlierOptions="allow") for limit in ("0.2", "1")
    )
    assert small
    assert enough
    assert small.basis == (
        f"{enough.basis} max-dollars=0.2 is below the estimate of about $0.2083: when it is reached, the job ends as "
        "CANCELLED with the rows that are done."
    )
    local = ahead(speed=10.0, options={"max-dollars": "0.2"}, is_local=True)
    assert local
    assert local.basis == enough.basis
    unknown = ahead(size=len(CONTENT) * 500, options={"max-dollars": "0.05"}, CostlierOptions="allow")
    assert unknown
    assert " max-dollars=0.05 is below the estimate of at least $0.1" in unknown.basis


def test_on_a_local_cloud_a_file_costs_nothing_and_takes_as_long_as_its_endpoint() -> None:
    local = ahead(speed=10.0, is_local=True)
    assert local
    assert (local.cost, local.seconds, local.wakes) == ("a local cloud costs nothing", 100.0, False)
    unknown = ahead(is_local=True)
    assert unknown
    assert "$" not in unknown.basis


def test_a_huge_file_is_reckoned_in_a_moment() -> None:
    huge = ahead(size=10**11, speed=100_000.0)
    assert huge
    assert huge.rows > 10**9
    assert huge.seconds


def test_what_an_endpoint_of_ones_own_costs_is_not_known() -> None:
    own = ahead(speed=100.0, EndpointName="mine")
    assert own
    assert own.cost.endswith("the endpoint's instances come on top")
    assert own.seconds
    unknown = ahead(EndpointName="mine")
    assert unknown
    assert unknown.basis.endswith("1,000 rows or more.")


def test_a_compressed_file_or_one_without_an_input_tells_nothing() -> None:
    packed = gzip.compress(CONTENT)
    assert ahead(packed, len(packed), name="a.csv.gz") is None
    assert ahead(b"id,words\n1,so good\n", 18) is None


@pytest.mark.parametrize(
    ("summary", "speed"),
    [
        ({"predicted": 2_000, "endpoint_seconds": 10}, 200.0),
        ({"predicted": 10, "endpoint_seconds": 10}, None),
        ({"predicted": 9_000, "reused": 7_000, "endpoint_seconds": 10}, 200.0),
        ({"predicted": 9_000, "reused": 8_500, "endpoint_seconds": 10}, None),
        ({"predicted": 9_000, "reused": 0, "retry_of": "a-1", "endpoint_seconds": 10}, None),
        ({"predicted": 2_000, "endpoint_seconds": 0}, None),
        ({}, None),
    ],
)
def test_a_speed_is_read_of_jobs_that_are_large_enough(summary: dict[str, Any], speed: float | None) -> None:
    assert speed_of(summary) == speed


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("Real.parquet", b"text\nso good\n", 415),
        ("Real.parquet", b"PAR1 and so on", 415),
        ("a.csv.gz", b"text\nso good\n", 415),
        ("a.csv", b"PK\x03\x04 and so on", 415),
        ("a.xlsx", b"text\nso good\n", 415),
        ("a.csv", b"text\nso g\xf3od\n", 400),
        ("a.csv", b"text\nso good\n", 200),
    ],
)
def test_a_form_is_offered_where_an_option_may_help(ask: Ask, name: str, content: bytes, status: int) -> None:
    assert ask(f"/api/preview?name={name}", "POST", content).status_code == status


def test_the_forms_help_is_in_its_own_words(ask: Ask) -> None:
    page = ask("/").get_data(as_text=True)
    assert '<p id="about-input-column" class="quiet">The column with the texts.</p>' in page
    assert "is a header. Auto-detect: decided by its names and the cells below it.</p>" in page
    assert " auto: " not in page
    assert "CSV, JSON Lines or Parquet, of any size; " in page

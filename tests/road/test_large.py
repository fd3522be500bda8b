"""Requests that are too large for a call's body."""

from tests.road.conftest import Road


def test_a_request_too_large_for_a_call_goes_through_s3(road: Road) -> None:
    texts = [f"good{'x' * 40_000}{number}" for number in range(8)]
    finished = road.run("large.csv", "\n".join(["text", *texts]).encode(), rows_per_request=8)
    assert finished.summary["state"] == "SUCCEEDED"
    assert finished.summary["requests"] == 1
    assert [line[0] for line in finished.results] == texts

"""What a job has cost, by its summary and its stack's parameters."""

from typing import Any

import pytest

from fanfold.costs.estimate import Cost

SUMMARY: dict[str, Any] = {
    "endpoint_seconds": 1800,
    "dollars": {"S3": 0.25, "Lambda": 0.5},
    "prices": "us-east-1, 2026-11-23",
}


def test_a_cost_is_that_of_the_services_and_of_an_instance_of_the_stacks_type() -> None:
    cost = Cost.of(SUMMARY, {"EndpointName": "", "InstanceType": "ml.g4dn.xlarge"})
    assert cost is not None
    assert (cost.services, cost.instance) == (0.75, 0.368)
    assert str(cost) == (
        "at least $1.1180 ($0.7500 for services, $0.3680 for 1,800 s of an ml.g4dn.xlarge); $1.30 if the endpoint woke "
        "for this job (us-east-1, 2026-11-23, without free tiers)"
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"EndpointName": "somebody-elses", "InstanceType": "ml.g4dn.xlarge"},
        {"EndpointName": "", "InstanceType": "ml.unheard.of"},
    ],
)
def test_an_instance_whose_type_or_price_nobody_knows_is_left_out(parameters: dict[str, str]) -> None:
    cost = Cost.of(SUMMARY, parameters)
    assert cost is not None
    assert cost.instance is None
    assert str(cost) == (
        "at least $0.7500 for services (us-east-1, 2026-11-23, without free tiers); "
        "the endpoint's instances come on top"
    )


def test_a_job_for_which_the_endpoint_woke_costs_what_was_estimated() -> None:
    summary = {"endpoint_seconds": 0, "dollars": {}, "prices": ""}
    cost = Cost.of(summary, {"EndpointName": "", "InstanceType": "ml.g4dn.xlarge"})
    assert cost is not None
    assert cost.woken == pytest.approx(0.184)


def test_a_job_that_an_earlier_version_ended_has_no_cost() -> None:
    assert Cost.of({"endpoint_seconds": 1}, {}) is None

"""What a job has cost, by its summary and its stack's parameters."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from fanfold.costs.cost import Cost
from fanfold.costs.hours import TOO_EARLY, VARIANT, count_hours
from fanfold.jobs import Job
from fanfold.project import find_root
from fanfold.stacks import OUTPUTS, Stack
from localaws import template

SUMMARY: dict[str, Any] = {
    "endpoint_seconds": 1800,
    "dollars": {"S3": 0.25, "Lambda": 0.5},
    "prices": "us-east-1, 2026-11-23",
}


OWN = {"EndpointName": "", "InstanceType": "ml.g4dn.xlarge"}


def test_a_cost_is_that_of_the_services_and_of_an_instance_of_the_stacks_type() -> None:
    cost = Cost.of(SUMMARY, OWN)
    assert cost is not None
    assert (cost.services, cost.instance) == (0.75, 0.368)
    assert str(cost) == (
        "at least $1.12 ($0.7500 for services, $0.3680 for 1,800 s of an ml.g4dn.xlarge); $1.30 if the endpoint woke "
        "for this job (us-east-1, 2026-11-23, without free tiers)"
    )


@pytest.mark.parametrize(
    ("parameters", "unknown"),
    [
        ({"EndpointName": "somebody-elses", "InstanceType": "ml.g4dn.xlarge"}, ""),
        ({"EndpointName": "", "InstanceType": "ml.unheard.of"}, "the price of ml.unheard.of is not known, and "),
    ],
)
def test_an_instance_whose_type_or_price_nobody_knows_is_left_out(parameters: dict[str, str], unknown: str) -> None:
    cost = Cost.of(SUMMARY, parameters)
    assert cost is not None
    assert cost.instance is None
    assert str(cost) == (
        "at least $0.7500 for services (us-east-1, 2026-11-23, without free tiers); "
        f"{unknown}the endpoint's instances come on top"
    )


def test_a_job_on_a_local_cloud_costs_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {"created": "2026-11-23T10:00:00+00:00", "ended": "2026-11-23T10:10:00+00:00"}
    monkeypatch.setattr(Job, "summary", lambda _job: SUMMARY | ended)
    # Nobody is asked for instances: it has no client.
    stack: Any = SimpleNamespace(parameters=OWN, is_local=True, ledger=None)
    cost = Job(stack, "tweets-1f").cost()
    assert cost is not None
    assert (cost.instance, cost.instance_hours, cost.hours_unknown) == (None, None, "")
    assert str(cost) == (
        "nothing on a local cloud; on AWS at least $0.7500 for services (us-east-1, 2026-11-23, without free tiers); "
        "the endpoint's instances come on top"
    )


@pytest.mark.parametrize(
    ("address", "found"), [(None, False), ("http://127.0.0.1:4566", True), ("http://localhost:4566", True)]
)
def test_a_stack_is_local_by_where_it_is_asked_for(
    address: str | None, found: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = SESSION.client("cloudformation", endpoint_url=address)
    outputs = [{"OutputKey": name, "OutputValue": name} for name in OUTPUTS]
    stack = {"StackName": "mine", "CreationTime": BEGAN, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}
    monkeypatch.setattr("fanfold.stacks.make_client", lambda *_given: client)
    with Stubber(client) as stub:
        stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "mine"})
        assert Stack.find(SESSION, "mine").is_local is found


def test_a_job_for_which_the_endpoint_woke_costs_what_was_estimated() -> None:
    summary = {"endpoint_seconds": 0, "dollars": {}, "prices": ""}
    cost = Cost.of(summary, OWN)
    assert cost is not None
    assert cost.woken == pytest.approx(0.184)


def test_a_job_that_an_earlier_version_ended_has_no_cost() -> None:
    assert Cost.of({"endpoint_seconds": 1}, {}) is None


def test_a_cost_with_counted_hours_is_that_of_all_instances() -> None:
    cost = Cost.of(SUMMARY, OWN)
    assert cost is not None
    assert str(replace(cost, instance_hours=2.5)) == (
        "$2.59 ($0.7500 for services, $1.84 for the 2.50 instance-hours of ml.g4dn.xlarge that the endpoint ran "
        "during the job); its time until it sleeps comes on top (us-east-1, 2026-11-23, without free tiers)"
    )
    unknown = str(replace(cost, hours_unknown="nobody may look"))
    assert unknown == f"{cost}; nobody may look"


# It reads what there is of the service once.
SESSION = boto3.Session("key", "secret", region_name="us-east-1")
BEGAN = datetime(2026, 11, 23, 10, 0, 30, tzinfo=UTC)
ENDED = datetime(2026, 11, 23, 10, 3, 10, tzinfo=UTC)


ASKED: dict[str, Any] = {
    "MetricDataQueries": [
        {
            "Id": "instances",
            "MetricStat": {
                "Metric": {
                    "Namespace": "/aws/sagemaker/Endpoints",
                    "MetricName": "CPUUtilization",
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": "tweets"},
                        {"Name": "VariantName", "Value": "AllTraffic"},
                    ],
                },
                "Period": 60,
                "Stat": "SampleCount",
            },
        }
    ],
    "StartTime": datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
    "EndTime": datetime(2026, 11, 23, 10, 4, tzinfo=UTC),
}


class CloudWatch:
    """A stack whose CloudWatch answers as it is told."""

    def __init__(self) -> None:
        self._client = SESSION.client("cloudwatch")
        self._stub = Stubber(self._client)
        self._stub.activate()

    def answers(self, *pages: list[float], status: str = "Complete") -> None:
        for number, values in enumerate(pages, 1):
            last = {} if number == len(pages) else {"NextToken": "more"}
            results = [{"Id": "instances", "Values": values, "Timestamps": [BEGAN] * len(values)}]
            results[0]["StatusCode"] = status
            asked = ASKED | ({} if number == 1 else {"NextToken": "more"})
            self._stub.add_response("get_metric_data", {"MetricDataResults": results, **last}, asked)

    def refuses(self, code: str) -> None:
        self._stub.add_client_error("get_metric_data", code, "no")

    def count(self, *, after: timedelta = timedelta(hours=1)) -> tuple[float | None, str]:
        stack: Any = SimpleNamespace(client=lambda _name: self._client, endpoint="tweets")
        counted = count_hours(stack, BEGAN, ENDED, ENDED + after)
        self._stub.assert_no_pending_responses()
        return counted


def test_samples_of_whole_minutes_are_the_hours_of_all_instances() -> None:
    cloudwatch = CloudWatch()
    cloudwatch.answers([1.0, 1.0], [2.0, 2.0])
    assert cloudwatch.count() == (0.1, "")


def test_what_cloudwatch_has_not_counted_completely_is_not_told() -> None:
    cloudwatch = CloudWatch()
    cloudwatch.answers([1.0], status="PartialData")
    assert cloudwatch.count() == (
        None,
        "CloudWatch has not counted the endpoint's instance-hours completely; try again",
    )


def test_the_variant_whose_instances_are_counted_is_the_templates() -> None:
    config = template.read(find_root())["Resources"]["EndpointConfig"]["Properties"]
    assert [variant["VariantName"] for variant in config["ProductionVariants"]] == [VARIANT]
    # Each instance publishes once a minute unless this says otherwise.
    assert "MetricsConfig" not in config


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDenied", "the endpoint's instance-hours are not known without the permission cloudwatch:GetMetricData"),
        ("InternalServiceFault", "the endpoint's instance-hours are not known: An error occurred"),
    ],
)
def test_who_cannot_count_is_told_why(code: str, words: str) -> None:
    cloudwatch = CloudWatch()
    cloudwatch.refuses(code)
    hours, why = cloudwatch.count()
    assert hours is None
    assert why.startswith(words)


def test_a_job_without_a_sample_has_no_hours() -> None:
    cloudwatch = CloudWatch()
    cloudwatch.answers([])
    assert cloudwatch.count() == (None, "CloudWatch saw no instance of the endpoint during the job")


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (timedelta(minutes=4), TOO_EARLY),
        (timedelta(days=15), "CloudWatch keeps the minutes of instances for 15 days"),
    ],
)
def test_cloudwatch_is_not_asked_for_what_it_does_not_have(after: timedelta, why: str) -> None:
    assert CloudWatch().count(after=after) == (None, why)

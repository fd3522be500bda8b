"""RetentionDays is how long a text is there at all, wherever it is; and the security guide has the table of where."""

from itertools import chain
from typing import Any

import pytest

from fanfold.project import find_root
from localaws.template import load

ROOT = find_root()
DAY = 86_400
body = load(ROOT).body
resources: dict[str, dict[str, Any]] = dict(body["Resources"])
choices: list[int] = body["Parameters"]["RetentionDays"]["AllowedValues"]
LAST_DAY = "then up to 1 day of point-in-time recovery"


def of_type(resource_type: str) -> dict[str, dict[str, Any]]:
    return {name: it.get("Properties", {}) for name, it in resources.items() if it["Type"] == resource_type}


def days(value: Any, retention: int) -> int:
    """What a number of the template comes to."""
    match value:
        case int():
            return value
        case {"Ref": "RetentionDays"}:
            return retention
        case {"Fn::FindInMap": ["Retention", {"Ref": "RetentionDays"}, key]}:
            return int(body["Mappings"]["Retention"][str(retention)][key])
    raise AssertionError(f"{value} is no number of days")


def rule(bucket: dict[str, Any], member: str) -> Any:
    rules = bucket["LifecycleConfiguration"]["Rules"]
    (found,) = (it[member] for it in rules if member in it and it["Status"] == "Enabled")
    return found


def longest(bucket: dict[str, Any], retention: int) -> int:
    """The days after which an object is gone, in each of its versions."""
    current = days(rule(bucket, "ExpirationInDays"), retention)
    if "VersioningConfiguration" not in bucket:
        return current
    return current + days(rule(bucket, "NoncurrentVersionExpiration")["NoncurrentDays"], retention)


@pytest.mark.parametrize("retention", choices)
@pytest.mark.parametrize("bucket", of_type("AWS::S3::Bucket"))
def test_an_object_is_gone_after_the_days_of_the_parameter(bucket: str, retention: int) -> None:
    found = of_type("AWS::S3::Bucket")[bucket]
    assert longest(found, retention) == retention
    assert rule(found, "AbortIncompleteMultipartUpload")["DaysAfterInitiation"] <= min(choices)


@pytest.mark.parametrize("retention", choices)
def test_a_file_that_is_replaced_stays_for_its_job(retention: int) -> None:
    replaced = days(
        rule(of_type("AWS::S3::Bucket")["InputBucket"], "NoncurrentVersionExpiration")["NoncurrentDays"], retention
    )
    assert replaced == min(14, retention // 2)
    assert rule(of_type("AWS::S3::Bucket")["InputBucket"], "ExpiredObjectDeleteMarker") is True


@pytest.mark.parametrize("retention", choices)
@pytest.mark.parametrize("queue", of_type("AWS::SQS::Queue"))
def test_a_message_is_gone_by_then_too(queue: str, retention: int) -> None:
    seconds = days(of_type("AWS::SQS::Queue")[queue]["MessageRetentionPeriod"], retention)
    assert seconds == min(retention, 14) * DAY


def test_the_ledger_ends_by_the_parameter_and_can_be_restored_for_a_day() -> None:
    (ledger,) = of_type("AWS::DynamoDB::Table").values()
    assert ledger["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert ledger["PointInTimeRecoverySpecification"]["RecoveryPeriodInDays"] == 1
    variables = resources["SplitterFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["RETENTION_DAYS"] == {"Ref": "RetentionDays"}


def test_a_log_that_is_written_has_a_group_of_the_stack() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    functions = of_type("AWS::Lambda::Function").values()
    assert {it["LoggingConfig"]["LogGroup"]["Ref"] for it in functions} | {"EndpointLogs"} == set(groups)
    name = resources["Endpoint"]["Properties"]["EndpointName"]
    assert groups["EndpointLogs"]["LogGroupName"] == {
        "Fn::Sub": ["/aws/sagemaker/Endpoints/${Prefix}", {"Prefix": name}]
    }
    # Who comes second finds the group that the other one has made.
    assert "EndpointLogs" in resources["Endpoint"]["DependsOn"]


def kept() -> dict[str, str]:
    """How long each resource that keeps something keeps it, in the guide's words."""
    words = {"AWS::SQS::Queue": "`RetentionDays`, 14 days at most", "AWS::Logs::LogGroup": "`LogRetentionDays`"}
    words |= {"AWS::S3::Bucket": "`RetentionDays`", "AWS::DynamoDB::Table": f"`RetentionDays`, {LAST_DAY}"}
    return {name: words[it["Type"]] for name, it in resources.items() if it["Type"] in words}


def test_the_guide_says_of_everything_that_keeps_something_how_long() -> None:
    guide = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    table = guide.partition("| what | where | how long |\n|---|---|---|\n")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()]
    told = chain.from_iterable([(name.strip("` "), long) for name in where.split(", ")] for _, where, long in rows)
    assert dict(told) == kept()

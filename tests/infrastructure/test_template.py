"""What template.yaml says, against what the code and the promises need."""

from dataclasses import fields
from typing import Any

import pytest

from fanfold.local.project import find_root
from fanfold.local.template import load
from fanfold_core.aws.settings import (
    AssemblerSettings,
    CollectorSettings,
    DispatcherSettings,
    Settings,
    SplitterSettings,
    SweeperSettings,
)
from fanfold_core.domain.options import Options

SETTINGS = {
    "SplitterFunction": SplitterSettings,
    "DispatcherFunction": DispatcherSettings,
    "CollectorFunction": CollectorSettings,
    "AssemblerFunction": AssemblerSettings,
    "SweeperFunction": SweeperSettings,
}
SQS_LARGEST_RECEIVE_LAG = 6
RETENTION_SECONDS = 14 * 24 * 3600

resources: dict[str, dict[str, Any]] = dict(load(find_root()).body["Resources"])
parameters: dict[str, dict[str, Any]] = dict(load(find_root()).body["Parameters"])


def of_type(resource_type: str) -> dict[str, dict[str, Any]]:
    return {name: found["Properties"] for name, found in resources.items() if found["Type"] == resource_type}


def test_settings_classes_and_functions_are_the_same() -> None:
    assert set(SETTINGS) == set(of_type("AWS::Lambda::Function"))


@pytest.mark.parametrize(("function", "settings"), SETTINGS.items())
def test_a_functions_environment_is_its_settings_class(function: str, settings: type[Settings]) -> None:
    declared = set(resources[function]["Properties"]["Environment"]["Variables"])
    of_powertools = {name for name in declared if name.startswith("POWERTOOLS_")}
    assert declared - of_powertools == {field.name.upper() for field in fields(settings)}


def test_the_parameters_defaults_are_options_that_a_job_may_have() -> None:
    defaults = {name: str(found["Default"]) for name, found in parameters.items()}
    Options(
        input_column=defaults["InputColumn"],
        header=defaults["Header"],
        delimiter=defaults["Delimiter"],
        encoding=defaults["Encoding"],
        rows_per_request=int(defaults["RowsPerRequest"]),
        max_attempts=int(defaults["MaxAttempts"]),
        request_ttl_seconds=int(defaults["RequestTtlSeconds"]),
        deadline_hours=int(defaults["DeadlineHours"]),
        tolerated_failure_percentage=int(defaults["ToleratedFailurePercentage"]),
        parameters=defaults["ModelParameters"],
    ).checked()


@pytest.mark.parametrize("mapping", of_type("AWS::Lambda::EventSourceMapping").values())
def test_every_arrow_into_a_function_is_a_queue_that_keeps_what_fails(mapping: dict[str, Any]) -> None:
    queue = resources[mapping["EventSourceArn"]["Fn::GetAtt"][0]]
    function = resources[mapping["FunctionName"]["Ref"]]
    assert queue["Type"] == "AWS::SQS::Queue"
    assert "deadLetterTargetArn" in queue["Properties"]["RedrivePolicy"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2
    assert queue["Properties"]["VisibilityTimeout"] >= SQS_LARGEST_RECEIVE_LAG * function["Properties"]["Timeout"]


@pytest.mark.parametrize("queue", of_type("AWS::SQS::Queue").values())
def test_every_queue_is_encrypted_and_keeps_messages_for_14_days(queue: dict[str, Any]) -> None:
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == RETENTION_SECONDS


@pytest.mark.parametrize("bucket", of_type("AWS::S3::Bucket").values())
def test_every_bucket_is_closed_and_encrypted(bucket: dict[str, Any]) -> None:
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]


@pytest.mark.parametrize("name", ["InputBucket", "OutputBucket", "Ledger"])
def test_what_holds_data_outlives_its_stack(name: str) -> None:
    assert (resources[name]["DeletionPolicy"], resources[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_notifications_include_the_response_and_reach_the_collector_raw() -> None:
    output = resources["EndpointConfig"]["Properties"]["AsyncInferenceConfig"]["OutputConfig"]
    assert "SUCCESS_NOTIFICATION_TOPIC" in output["NotificationConfig"]["IncludeInferenceResponseIn"]
    subscriptions = of_type("AWS::SNS::Subscription").values()
    assert {subscription["TopicArn"]["Ref"] for subscription in subscriptions} == {"SuccessTopic", "ErrorTopic"}
    assert all(subscription["RawMessageDelivery"] is True for subscription in subscriptions)


@pytest.mark.parametrize("function", SETTINGS)
def test_every_function_has_a_role_of_its_own_without_wildcard_actions(function: str) -> None:
    role = resources[resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not any("*" in action for action in actions)
            assert statement["Resource"] != "*"

"""What template.yaml says, against what the code and the promises need."""

import json
import re
from dataclasses import fields
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from fanfold.project import find_root
from fanfold_core.aws.wiring import (
    AssemblerSettings,
    CollectorSettings,
    DispatcherSettings,
    Settings,
    SplitterSettings,
    SweeperSettings,
)
from fanfold_core.domain.options import Options
from fanfold_core.domain.options.row import ALLOW, COSTLIER_OPTIONS, JOB_DEFAULTS, REFUSE
from localaws.cloud import LocalCloud
from localaws.errors import TemplateError
from localaws.template import load, read

SETTINGS = {
    "SplitterFunction": SplitterSettings,
    "DispatcherFunction": DispatcherSettings,
    "CollectorFunction": CollectorSettings,
    "AssemblerFunction": AssemblerSettings,
    "SweeperFunction": SweeperSettings,
}
SQS_LARGEST_RECEIVE_LAG = 6

OWN_KEY = {"Fn::If": ["OwnKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}
ROOT = find_root()

resources: dict[str, dict[str, Any]] = dict(load(ROOT).body["Resources"])
parameters: dict[str, dict[str, Any]] = dict(load(ROOT).body["Parameters"])


def test_the_template_is_read_as_sam_reads_it(tmp_path: Path) -> None:
    others = "A: !GetAtt [B, Arn]\nC: !If [D, !Ref E, !Sub ['${F}', {F: !GetAtt G.H.I}]]\nJ: !Transform {Name: K}\n"
    for text in ((ROOT / "template.yaml").read_text(encoding="utf-8"), others):
        (tmp_path / "template.yaml").write_text(text, encoding="utf-8")
        assert read(tmp_path) == yaml_parse(text)


def of_type(resource_type: str) -> dict[str, dict[str, Any]]:
    return {name: found["Properties"] for name, found in resources.items() if found["Type"] == resource_type}


def test_settings_classes_and_functions_are_the_same() -> None:
    assert set(SETTINGS) == set(of_type("AWS::Lambda::Function"))


@pytest.mark.parametrize(("function", "settings"), SETTINGS.items())
def test_a_functions_environment_is_its_settings_class(function: str, settings: type[Settings]) -> None:
    declared = set(resources[function]["Properties"]["Environment"]["Variables"])
    of_powertools = {name for name in declared if name.startswith("POWERTOOLS_")}
    assert declared - of_powertools == {field.name.upper() for field in fields(settings)}


def test_the_defaults_of_a_stack_are_those_of_the_table_unless_it_has_others() -> None:
    declared = parameters[JOB_DEFAULTS]
    assert Options.defaults(declared["Default"]) == Options()
    variables = resources["SplitterFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["JOB_DEFAULTS"] == {"Ref": JOB_DEFAULTS}


@pytest.mark.parametrize(("parameter", "default"), [("MaxRows", 10**8), ("MaxBytes", 2**40)])
def test_a_files_budget_is_the_stacks_to_choose(parameter: str, default: int) -> None:
    declared, variable = parameters[parameter], f"{parameter[:3]}_{parameter[3:]}".upper()
    assert (declared["Type"], declared["MinValue"], declared["Default"]) == ("Number", 1, default)
    assert resources["SplitterFunction"]["Properties"]["Environment"]["Variables"][variable] == {"Ref": parameter}


def test_options_that_cost_more_are_refused_unless_the_stack_says_otherwise() -> None:
    declared = parameters[COSTLIER_OPTIONS]
    assert (declared["AllowedValues"], declared["Default"]) == ([REFUSE, ALLOW], REFUSE)
    variables = resources["SplitterFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["COSTLIER_OPTIONS"] == {"Ref": COSTLIER_OPTIONS}


@pytest.mark.parametrize("mapping", of_type("AWS::Lambda::EventSourceMapping").values())
def test_every_arrow_into_a_function_is_a_queue_that_keeps_what_fails(mapping: dict[str, Any]) -> None:
    queue = resources[mapping["EventSourceArn"]["Fn::GetAtt"][0]]
    function = resources[mapping["FunctionName"]["Ref"]]
    assert queue["Type"] == "AWS::SQS::Queue"
    assert "deadLetterTargetArn" in queue["Properties"]["RedrivePolicy"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    divided, chosen, _ = mapping["ScalingConfig"]["MaximumConcurrency"]["Fn::FindInMap"]
    assert (divided, chosen) == ("Concurrency", {"Ref": "FunctionConcurrency"})
    assert queue["Properties"]["VisibilityTimeout"] >= SQS_LARGEST_RECEIVE_LAG * function["Properties"]["Timeout"]


@pytest.mark.parametrize("queue", of_type("AWS::SQS::Queue").values())
def test_every_queue_is_encrypted(queue: dict[str, Any]) -> None:
    assert queue["SqsManagedSseEnabled"] == {"Fn::If": ["OwnKey", {"Ref": "AWS::NoValue"}, True]}
    assert queue["KmsMasterKeyId"] == OWN_KEY


@pytest.mark.parametrize("bucket", of_type("AWS::S3::Bucket").values())
def test_every_bucket_is_closed_and_encrypted(bucket: dict[str, Any]) -> None:
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == {"Fn::If": ["OwnKey", "aws:kms", "AES256"]}
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == OWN_KEY


@pytest.mark.parametrize(
    ("resource_type", "policy_type", "named"),
    [
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
    ],
)
def test_every_bucket_queue_and_topic_refuses_plain_http(resource_type: str, policy_type: str, named: str) -> None:
    closed = set()
    for policy in of_type(policy_type).values():
        statements = policy["PolicyDocument"]["Statement"]
        if any(
            (statement.get("Effect"), statement.get("Principal")) == ("Deny", "*")
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}
            for statement in statements
        ):
            references = policy[named] if isinstance(policy[named], list) else [policy[named]]
            closed |= {reference["Ref"] for reference in references}
    assert closed == set(of_type(resource_type))


@pytest.mark.parametrize(
    "policy", [*of_type("AWS::SQS::QueuePolicy").values(), *of_type("AWS::SNS::TopicPolicy").values()]
)
def test_a_service_is_let_in_only_on_behalf_of_a_source_of_this_stack(policy: dict[str, Any]) -> None:
    for said in policy["PolicyDocument"]["Statement"]:
        statement = said.get("Fn::If", [None, said])[1]
        if statement["Effect"] == "Allow":
            assert set(statement["Principal"]) == {"Service"}
            assert statement["Condition"]["ArnEquals"]["aws:SourceArn"]


def test_eventbridge_is_let_into_no_topic_since_it_meets_no_condition_there() -> None:
    topics = {name for name, found in resources.items() if found["Type"] == "AWS::SNS::Topic"}
    for rule in of_type("AWS::Events::Rule").values():
        assert not [target for target in rule["Targets"] if target["Arn"].get("Ref") in topics]
    for policy in of_type("AWS::SNS::TopicPolicy").values():
        services = [it["Principal"] for it in policy["PolicyDocument"]["Statement"] if it["Effect"] == "Allow"]
        assert {"Service": "events.amazonaws.com"} not in services


def test_the_key_policy_lets_eventbridge_in_as_its_guide_does_and_others_for_this_account_only() -> None:
    guide = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    for statement in json.loads(block):
        if "events.amazonaws.com" in statement["Principal"]["Service"]:
            assert statement["Principal"] == {"Service": "events.amazonaws.com"}
            assert "Condition" not in statement
        else:
            assert "123456789012" in str(statement["Condition"])


@pytest.mark.parametrize("log_group", of_type("AWS::Logs::LogGroup").values())
def test_logs_end_by_parameter(log_group: dict[str, Any]) -> None:
    assert log_group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert log_group["KmsKeyId"] == OWN_KEY


# The webhook's only calls it: nothing that the key encrypts is read or written in that role.
@pytest.mark.parametrize("role", sorted(of_type("AWS::IAM::Role").keys() - {"WebhookRole"}))
def test_every_role_may_use_a_key_of_ones_own(role: str) -> None:
    (policy,) = of_type("AWS::IAM::Role")[role]["Policies"]
    (statement,) = (
        it["Fn::If"][1] for it in policy["PolicyDocument"]["Statement"] if it.get("Fn::If", "?")[0] == "OwnKey"
    )
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}


def test_the_containers_are_those_that_the_script_found() -> None:
    script = ROOT / "scripts/huggingface_images.py"
    images = json.loads(script.with_suffix(".json").read_text(encoding="utf-8"))
    (written,) = run_path(str(script))["BLOCK"].findall((ROOT / "template.yaml").read_text(encoding="utf-8"))
    assert written == run_path(str(script))["render"](images)


def test_a_revision_of_the_model_reaches_its_container_and_its_jobs() -> None:
    container = resources["Model"]["Properties"]["PrimaryContainer"]["Environment"]
    # An empty one would be a revision, too, that no model has.
    given = {"Fn::If": ["HubRevision", {"Ref": "HfRevision"}, {"Ref": "AWS::NoValue"}]}
    assert container["HF_MODEL_REVISION"] == given
    variables = resources["SplitterFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["MODEL_REVISION"] == {"Ref": "HfRevision"}


COMMIT = "4b7f2c1a9d0e8f6b5c3d2a1908f7e6d5c4b3a291"
EVERYTHING_OF_AN_OWN_ENDPOINT = {
    "HfRevision": COMMIT,
    "HfTokenSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:hub-token-a1B2c3",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "SecurityGroupIds": "sg-0123456789abcdef0",
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
}


@pytest.mark.parametrize(
    ("chosen", "created"),
    [
        ({"EndpointName": "theirs"}, False),
        ({}, True),
        (EVERYTHING_OF_AN_OWN_ENDPOINT, True),
        ({"ModelDataUrl": "s3://models/mine/model.tar.gz"}, True),
    ],
)
def test_sagemaker_is_touched_only_without_an_endpoint_that_exists(chosen: dict[str, str], *, created: bool) -> None:
    with LocalCloud(find_root(), parameters=chosen) as cloud:
        listed = cloud.session().client("cloudformation").describe_stack_resources(StackName="fanfold")
        found = {resource["LogicalResourceId"] for resource in listed["StackResources"] if "ResourceType" in resource}
    assert {"Ledger", "OutcomesQueue"} <= found
    assert {name in found for name in ("Model", "EndpointConfig", "Endpoint", "EndpointRole")} == {created}


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"EndpointName": "theirs", "HfModelId": "owner/model"}, "leave HfModelId at its default"),
        ({"EndpointName": "theirs", "HfRevision": COMMIT}, "leave HfRevision empty"),
        ({"ModelDataUrl": "s3://models/model.tar.gz", "HfRevision": COMMIT}, "leave HfRevision empty"),
        ({"HfRevision": "refs/pr/1"}, "must be a commit, a branch or a tag"),
        ({"EndpointName": "theirs", "ModelDataUrl": "s3://models/model.tar.gz"}, "leave ModelDataUrl empty"),
        ({"HfModelId": "owner/model", "ModelDataUrl": "s3://models/model.tar.gz"}, "replaces the model on the Hub"),
        ({"SubnetIds": "subnet-0123456789abcdef0"}, "set both or neither"),
        ({"NetworkIsolation": "off"}, "leave it on, or set ModelDataUrl"),
        ({"FunctionConcurrency": "50"}, "must be one of 10, 20, 42, 100"),
        ({"WebhookSecretArn": "https://hooks.example.com/T0"}, "must be the ARN of a secret"),
        ({"KmsKeyArn": "alias/mine"}, "must be the ARN of a KMS key"),
        ({"MaxRows": "0"}, "MaxRows is '0'; it must be a whole number of 1 or more"),
        ({"ContainerTimeoutSeconds": "3601"}, "it must be a whole number from 1 to 3600"),
        # Whatever else is a number to Python, and what the functions cannot read as one.
        *(
            ({"MaxRows": number}, "must be a whole number")
            for number in ("inf", "nan", "1_000", " 5", "1e3", "5.5", "\u0663")
        ),
        ({"JobDefaults": "{"}, "JobDefaults is '{'; it must be a JSON object"),
        (
            {"JobDefaults": json.dumps({"input-column": "x" * 2_000})},
            "JobDefaults has 2020 characters; it may have 2000",
        ),
        ({"SweepSchedule": "rate(0 minutes)"}, "SweepSchedule is 'rate\\(0 minutes\\)'; it must be rate"),
        ({"SweepSchedule": "rate(1 minutes)"}, "it must be rate"),
        ({"SweepSchedule": "rate(2 hours)"}, "it must be rate"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused_with_words(chosen: dict[str, str], words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        load(ROOT, chosen)


@pytest.mark.parametrize("schedule", ["rate(1 minute)", "rate(2 minutes)", "rate(60 minutes)", "rate(1 hour)"])
def test_schedules_of_eventbridge_are_accepted(schedule: str) -> None:
    assert load(ROOT, {"SweepSchedule": schedule}).parameters["SweepSchedule"] == schedule


def test_notifications_include_the_response_and_reach_the_collector_raw() -> None:
    output = resources["EndpointConfig"]["Properties"]["AsyncInferenceConfig"]["OutputConfig"]
    assert "SUCCESS_NOTIFICATION_TOPIC" in output["NotificationConfig"]["IncludeInferenceResponseIn"]
    subscriptions = [found for found in of_type("AWS::SNS::Subscription").values() if found["Protocol"] == "sqs"]
    assert {subscription["TopicArn"]["Ref"] for subscription in subscriptions} == {"SuccessTopic", "ErrorTopic"}
    assert all(subscription["RawMessageDelivery"] is True for subscription in subscriptions)


def test_the_endpoint_scales_from_zero_to_five_by_its_backlog() -> None:
    defaults = {name: found["Default"] for name, found in parameters.items() if "Default" in found}
    assert (defaults["MinInstances"], defaults["MaxInstances"]) == (0, 5)
    tracking = resources["BacklogPolicy"]["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["CustomizedMetricSpecification"]["MetricName"] == "ApproximateBacklogSizePerInstance"
    assert (tracking["TargetValue"], defaults["BacklogPerInstance"]) == ({"Ref": "BacklogPerInstance"}, 5)
    assert (tracking["ScaleInCooldown"], tracking["ScaleOutCooldown"]) == (600, 300)


def test_an_endpoint_without_instance_wakes_for_its_first_request() -> None:
    alarm = resources["WakeUpAlarm"]["Properties"]
    assert alarm["MetricName"] == "HasBacklogWithoutCapacity"
    minutes = {"Ref": "WakeAfterMinutes"}
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (minutes, minutes)
    assert (alarm["Period"], alarm["Threshold"], parameters["WakeAfterMinutes"]["Default"]) == (60, 1, 2)
    assert alarm["AlarmActions"] == [{"Ref": "WakeUpPolicy"}]

"""What CloudFormation says of a stack and its change, in its own answers, which moto doesn't give all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from fanfold.deploying.changes import Change, ChangeSet, Event, failure
from fanfold.deploying.existing import Existing, find_defaults, find_existing
from fanfold.deploying.parameters import to_decide
from fanfold.errors import DeployError, StackError
from fanfold.project import find_root
from fanfold.stacks import OUTPUTS
from localaws import template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_cloudformation import CloudFormationClient

ID = "arn:aws:cloudformation:eu-central-1:123456789012:stack/fanfold/1c2fa620"
CHANGE_SET = "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/fanfold-1/2"
AT = datetime(2026, 1, 1, tzinfo=UTC)
READY = {"Status": "CREATE_COMPLETE"}


class Cloud(boto3.Session):
    """A session of one client, whose answers are given, and checked with what CloudFormation may answer."""

    def __init__(self) -> None:
        super().__init__("key", "secret", region_name="eu-central-1")
        self.formation: CloudFormationClient = super().client("cloudformation")
        self.answers = Stubber(self.formation)

    def client(self, *_: Any, **__: Any) -> Any:
        return self.formation

    def says(self, operation: str, **answer: Any) -> None:
        self.answers.add_response(operation, answer)

    def describes(self, status: str, description: str = "Fanfold: drop a CSV", outputs: tuple[str, ...] = ()) -> None:
        stack = {"StackName": "fanfold", "StackId": ID, "CreationTime": AT, "StackStatus": status}
        values = [{"ParameterKey": "MaxInstances", "ParameterValue": "2"}]
        told = [{"OutputKey": name, "OutputValue": "x"} for name in outputs]
        more = {
            "Parameters": values,
            "Tags": [{"Key": "team", "Value": "nlp"}],
            "Outputs": told,
            **({"Description": description} if description else {}),
        }
        self.says("describe_stacks", Stacks=[{**stack, **more}])

    def change_set(self, *, is_new: bool = False) -> ChangeSet | None:
        return ChangeSet.create(self, "fanfold", "https://x/t", [], [], is_new=is_new, sleep=lambda _: None)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    with cloud.answers:
        yield cloud
    cloud.answers.assert_no_pending_responses()


def event(number: int, status: str, name: str = "Chunks", reason: str = "") -> dict[str, Any]:
    """As DescribeStackEvents has it."""
    of_stack = {"LogicalResourceId": "fanfold", "PhysicalResourceId": ID, "ResourceType": "AWS::CloudFormation::Stack"}
    of_resource = {"LogicalResourceId": name, "PhysicalResourceId": "", "ResourceType": "AWS::SQS::Queue"}
    own = of_stack if name == "fanfold" else of_resource
    told = {"StackId": ID, "EventId": str(number), "StackName": "fanfold", "Timestamp": AT, "ResourceStatus": status}
    return {**told, **own, "ResourceStatusReason": reason}


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_at_rest_is_updated_from_the_values_that_it_has(status: str, cloud: Cloud) -> None:
    cloud.describes(status)
    assert find_existing(cloud, "fanfold") == Existing({"MaxInstances": "2"}, {"team": "nlp"})


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("UPDATE_IN_PROGRESS", "is at work"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "is at work"),
        ("ROLLBACK_FAILED", "delete it, and deploy again"),
        ("DELETE_FAILED", "delete it, and deploy again"),
        ("UPDATE_ROLLBACK_FAILED", "and so did the way back"),
    ],
)
def test_a_stack_that_cannot_be_updated_is_not_tried(status: str, words: str, cloud: Cloud) -> None:
    cloud.describes(status)
    with pytest.raises(DeployError, match=words):
        find_existing(cloud, "fanfold")


def test_what_a_failed_first_deploy_has_left_is_deleted_and_the_stack_created(cloud: Cloud) -> None:
    cloud.describes("ROLLBACK_COMPLETE")
    cloud.answers.add_response("delete_stack", {}, {"StackName": ID})
    cloud.describes("DELETE_COMPLETE")
    assert find_existing(cloud, "fanfold") is None


def test_what_a_failed_first_deploy_has_left_may_resist(cloud: Cloud) -> None:
    cloud.describes("ROLLBACK_COMPLETE")
    cloud.says("delete_stack")
    cloud.describes("DELETE_FAILED")
    with pytest.raises(DeployError, match=r"could not be deleted: .*DELETE_FAILED.*When a deploy fails"):
        find_existing(cloud, "fanfold")


@pytest.mark.parametrize("description", ["Fanfold: drop a CSV", ""])
def test_a_stack_that_is_empty_yet_is_created(description: str, cloud: Cloud) -> None:
    cloud.describes("REVIEW_IN_PROGRESS", description)
    assert find_existing(cloud, "fanfold") is None


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_what_is_not_fanfolds_is_neither_changed_nor_deleted(status: str, cloud: Cloud) -> None:
    cloud.describes(status, description="Shop")
    with pytest.raises(DeployError, match="is not a Fanfold stack"):
        find_existing(cloud, "fanfold")


def test_a_stack_that_somebody_describes_otherwise_is_known_by_its_outputs(cloud: Cloud) -> None:
    cloud.describes("UPDATE_COMPLETE", "Tweets of all stations", OUTPUTS)
    assert find_existing(cloud, "fanfold")
    cloud.describes("UPDATE_COMPLETE", "Tweets of all stations", OUTPUTS[1:])
    with pytest.raises(DeployError, match="is not a Fanfold stack"):
        find_existing(cloud, "fanfold")


def test_who_may_not_look_is_told_so_and_gets_no_second_stack(cloud: Cloud) -> None:
    cloud.answers.add_client_error("describe_stacks", "AccessDenied", "You may not.")
    with pytest.raises(StackError, match="You may not"):
        find_existing(cloud, "fanfold")


def test_the_defaults_of_a_stack_are_its_own_templates(cloud: Cloud) -> None:
    declared = [{"ParameterKey": "AlarmEmail", "DefaultValue": ""}, {"ParameterKey": "VpcId"}]
    cloud.answers.add_response("get_template_summary", {"Parameters": declared}, {"StackName": "fanfold"})
    assert find_defaults(cloud, "fanfold") == {"AlarmEmail": ""}


def test_who_may_not_read_a_template_knows_no_defaults(cloud: Cloud) -> None:
    cloud.answers.add_client_error("get_template_summary", "AccessDenied", "You may not.")
    assert find_defaults(cloud, "fanfold") == {}
    cloud.answers.add_client_error("get_template_summary", "InternalFailure", "Ask again.")
    with pytest.raises(StackError, match="Ask again"):
        find_defaults(cloud, "fanfold")


def test_the_template_describes_itself_as_fanfolds() -> None:
    assert template.read(find_root())["Description"].startswith("Fanfold:")


def test_what_is_asked_for_is_what_the_template_puts_first() -> None:
    assert list(to_decide(template.read(find_root())))[:2] == ["InstanceType", "HfModelId"]


def test_changes_come_by_pages_and_what_takes_most_away_stands_first(cloud: Cloud) -> None:
    def change(name: str, action: str, **more: str) -> dict[str, Any]:
        described = {"Action": action, "LogicalResourceId": name, "ResourceType": "AWS::SQS::Queue", **more}
        return {"Type": "Resource", "ResourceChange": described}

    cloud.says("create_change_set", Id=CHANGE_SET, StackId=ID)
    cloud.says("describe_change_set", Status="CREATE_IN_PROGRESS", Changes=[])
    first = [change("New", "Add"), change("Other", "Modify", Replacement="False")]
    cloud.says("describe_change_set", **READY, Changes=first, NextToken="more")
    second = [
        change("Perhaps", "Modify", Replacement="Conditional"),
        change("Kept", "Remove", PolicyAction="Retain"),
        change("Gone", "Remove", PolicyAction="Delete"),
        change("Another", "Modify", Replacement="True"),
    ]
    cloud.says("describe_change_set", **READY, Changes=second)
    found = cloud.change_set()
    assert found is not None
    assert [(it.what, it.name) for it in found.changes] == [
        ("remove", "Gone"),
        ("leave", "Kept"),
        ("replace", "Another"),
        ("may replace", "Perhaps"),
        ("modify", "Other"),
        ("add", "New"),
    ]
    assert found.changes[0] == Change("remove", "AWS::SQS::Queue", "Gone")


@pytest.mark.parametrize("is_new", [True, False])
def test_a_refused_change_set_leaves_nothing_behind(*, is_new: bool, cloud: Cloud) -> None:
    cloud.says("create_change_set", Id=CHANGE_SET, StackId=ID)
    cloud.says("describe_change_set", Status="FAILED", StatusReason="Transform failed with: no such thing", Changes=[])
    cloud.says("delete_change_set")
    if is_new:
        cloud.describes("REVIEW_IN_PROGRESS")
        # What is being deleted may still be listed.
        cloud.says("list_change_sets", Summaries=[{"ChangeSetId": CHANGE_SET}])
        cloud.answers.add_response("delete_stack", {}, {"StackName": ID})
    with pytest.raises(DeployError, match="nothing was changed: Transform failed with: no such thing"):
        cloud.change_set(is_new=is_new)


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "CREATE_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_that_somebody_else_fills_meanwhile_is_not_deleted(status: str, cloud: Cloud) -> None:
    cloud.says("create_change_set", Id=CHANGE_SET, StackId=ID)
    cloud.says("describe_change_set", **READY, Changes=[])
    found = cloud.change_set(is_new=True)
    assert found is not None
    cloud.says("delete_change_set")
    cloud.describes(status)
    if status == "REVIEW_IN_PROGRESS":
        cloud.says("list_change_sets", Summaries=[], NextToken="more")
        cloud.says("list_change_sets", Summaries=[{"ChangeSetId": CHANGE_SET.replace("fanfold-1", "fanfold-2")}])
    # The cloud has no answer to a deletion.
    found.discard()


@pytest.mark.parametrize(
    "reason", ["The submitted information didn't contain changes.", "No updates are to be performed."]
)
def test_no_changes_are_no_failure(reason: str, cloud: Cloud) -> None:
    cloud.says("create_change_set", Id=CHANGE_SET, StackId=ID)
    cloud.says("describe_change_set", Status="FAILED", StatusReason=reason, Changes=[])
    cloud.says("delete_change_set")
    assert cloud.change_set() is None


def test_events_are_those_since_the_change_began_the_oldest_first_and_each_once(cloud: Cloud) -> None:
    cloud.says("create_change_set", Id=CHANGE_SET, StackId=ID)
    cloud.says("describe_change_set", **READY, Changes=[])
    found = cloud.change_set()
    assert found is not None
    cloud.says("describe_stack_events", StackEvents=[event(1, "UPDATE_COMPLETE", "fanfold")])
    cloud.says("execute_change_set")
    found.execute()
    cloud.says(
        "describe_stack_events", StackEvents=[event(2, "UPDATE_IN_PROGRESS"), event(1, "UPDATE_COMPLETE", "fanfold")]
    )
    cloud.says(
        "describe_stack_events", StackEvents=[event(2, "UPDATE_IN_PROGRESS"), event(1, "UPDATE_COMPLETE", "fanfold")]
    )
    # Of one moment, and so in any order.
    newest = [event(3, "UPDATE_COMPLETE"), event(4, "UPDATE_COMPLETE", "fanfold")]
    cloud.says("describe_stack_events", StackEvents=newest, NextToken="older")
    cloud.says(
        "describe_stack_events", StackEvents=[event(2, "UPDATE_IN_PROGRESS"), event(1, "UPDATE_COMPLETE", "fanfold")]
    )
    told = list(found.events())
    assert [(it.status, it.name) for it in told] == [
        ("UPDATE_IN_PROGRESS", "Chunks"),
        ("UPDATE_COMPLETE", "fanfold"),
        ("UPDATE_COMPLETE", "Chunks"),
    ]
    assert failure("fanfold", told) is None


def test_a_failure_names_its_causes_and_not_what_they_have_stopped() -> None:
    def of(status: str, name: str, reason: str = "", *, is_of_stack: bool = False) -> Event:
        return Event(status, "AWS::X::Y", name, reason, is_of_stack)

    told = [
        of("CREATE_FAILED", "Endpoint", "ResourceLimitExceeded: the quota is 0"),
        of("CREATE_FAILED", "Chunks", "Resource creation cancelled"),
        of("ROLLBACK_IN_PROGRESS", "fanfold", "The following resource(s) failed", is_of_stack=True),
        of("DELETE_COMPLETE", "Chunks"),
        of("ROLLBACK_COMPLETE", "fanfold", is_of_stack=True),
    ]
    words = str(failure("fanfold", told))
    assert words.splitlines()[1] == "  Endpoint (AWS::X::Y): ResourceLimitExceeded: the quota is 0"
    assert "Chunks" not in words
    assert "All that was created is removed again; see docs/operations.md, “When a deploy fails”" in words
    assert "## When a deploy fails\n" in (find_root() / "docs/operations.md").read_text(encoding="utf-8")
    assert "The following resource(s) failed" not in words
    assert "  fanfold (AWS::X::Y): The following resource(s) failed" in str(failure("fanfold", told[1:]))
    told[-1] = of("UPDATE_ROLLBACK_COMPLETE", "fanfold", is_of_stack=True)
    assert "The stack is as it was before" in str(failure("fanfold", told))

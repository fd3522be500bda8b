"""Deploying: what is created waits for the permissions that it needs, and a deploy that fails can be repeated."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from fanfold.project import find_root
from localaws.template import load

ROOT = find_root()
LONGEST_BUCKET_NAME = 63
body = load(ROOT).body
resources: dict[str, dict[str, Any]] = dict(body["Resources"])
# Where a resource names the queue or topic that a service sends to on its behalf.
SENDERS = {
    "AWS::CloudWatch::Alarm": ("AlarmActions", "OKActions"),
    "AWS::Events::Rule": ("Targets",),
    "AWS::S3::Bucket": ("NotificationConfiguration",),
    "AWS::SNS::Subscription": ("Endpoint", "RedrivePolicy"),
}


def named(value: Any) -> set[str]:
    """The resources that a value refers to."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [name, _]}:
            return {name} & set(resources)
        case {"Fn::Sub": [text, values]}:
            return set(re.findall(r"\$\{(\w+)", text)) & set(resources) | named(values)
        case {"Fn::Sub": text}:
            return set(re.findall(r"\$\{(\w+)", text)) & set(resources)
        case dict():
            return named(list(value.values()))
        case list():
            return {name for inner in value for name in named(inner)}
    return set()


def waits(name: str) -> set[str]:
    """All that CloudFormation creates before this resource."""
    found: set[str] = set()
    left = [name]
    while left:
        resource = resources[left.pop()]
        listed = resource.get("DependsOn", [])
        needed = named(resource.get("Properties", {})) | set(listed if isinstance(listed, list) else [listed])
        left += needed - found
        found |= needed
    return found


def with_roles() -> Iterator[tuple[str, str]]:
    """Each role, and a resource that acts in it: they name its ARN."""
    for role, resource in resources.items():
        if resource["Type"] == "AWS::IAM::Role":
            users = (name for name, it in resources.items() if [role, "Arn"] in _arns(it.get("Properties", {})))
            yield from ((role, user) for user in users)


def _arns(value: Any) -> list[Any]:
    if isinstance(value, dict):
        own = [value["Fn::GetAtt"]] if "Fn::GetAtt" in value else []
        return own + [found for inner in value.values() for found in _arns(inner)]
    return [found for inner in value for found in _arns(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize(("role", "user"), list(with_roles()))
def test_who_acts_in_a_role_waits_for_all_that_the_role_may_do(role: str, user: str) -> None:
    apart = {
        name
        for name, it in resources.items()
        if it["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}
        and {"Ref": role} in it["Properties"].get("Roles", [])
    }
    assert apart <= waits(user)
    assert apart or resources[role]["Properties"]["Policies"]


def sent_by_services() -> Iterator[tuple[str, str]]:
    """Each policy that lets a service in, and a resource on whose behalf the service sends."""
    for policy, resource in resources.items():
        if resource["Type"] in {"AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"}:
            allows = [it for it in resource["Properties"]["PolicyDocument"]["Statement"] if it["Effect"] == "Allow"]
            places = named(resource["Properties"].get("Queues", resource["Properties"].get("Topics")))
            for name, it in resources.items():
                parts = [it.get("Properties", {}).get(part) for part in SENDERS.get(it["Type"], ())]
                if allows and places & named(parts):
                    yield policy, name


@pytest.mark.parametrize(("policy", "sender"), list(sent_by_services()))
def test_a_service_sends_only_when_the_policy_that_lets_it_in_is_there(policy: str, sender: str) -> None:
    # One that the policy names cannot wait for it; its schedule begins later.
    assert policy in waits(sender) or sender in named(resources[policy]["Properties"]["PolicyDocument"])


def test_both_tests_have_something_to_look_at() -> None:
    assert {"Model", "SplitterFunction"} <= {user for _, user in with_roles()}
    assert {"InputBucket", "SuccessSubscription", "DeadLettersAlarm"} <= {sender for _, sender in sent_by_services()}


@pytest.mark.parametrize("name", ["InputBucket", "OutputBucket", "Ledger"])
def test_what_holds_data_outlives_its_stack(name: str) -> None:
    policies = (resources[name]["DeletionPolicy"], resources[name]["UpdateReplacePolicy"])
    # What a first deploy that fails has created is empty, and in the way of the next one.
    assert policies == ("RetainExceptOnCreate", "Retain")


def test_the_guide_says_how_long_a_stacks_name_may_be() -> None:
    # Rules cannot look at it: they see parameters only.
    regions = body["Mappings"]["HuggingFaceRegistry"]
    buckets = [it["Properties"] for it in resources.values() if it["Type"] == "AWS::S3::Bucket"]
    names = [bucket["BucketName"]["Fn::Sub"] for bucket in buckets]
    pseudo = {"${AWS::StackName}": "", "${AWS::AccountId}": "1" * 12, "${AWS::Region}": max(regions, key=len)}
    for parameter, value in pseudo.items():
        names = [name.replace(parameter, value) for name in names]
    longest = LONGEST_BUCKET_NAME - max(map(len, names))
    for page in ("docs/operations.md", "docs/tutorial.md"):
        text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
        assert f"at most {longest} lower-case letters, digits and hyphens" in text

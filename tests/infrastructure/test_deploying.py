"""Deploying: what is created waits for the permissions that it needs, and a deploy that fails can be repeated."""

import json
import re
from collections.abc import Iterator
from runpy import run_path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped] # its types are not published
from moto.cloudformation.parsing import ResourceMap, clean_json

from fanfold.project import find_root
from localaws.errors import TemplateError
from localaws.template import load

ROOT = find_root()
LONGEST_BUCKET_NAME = 63
SQS_LEAST_CONCURRENCY = 2
OWN_IMAGE = "123456789012.dkr.ecr.mx-central-1.amazonaws.com/mine:1"
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
            said = resource["Properties"]["PolicyDocument"]["Statement"]
            # What a condition may leave out is looked at all the same.
            statements = [it.get("Fn::If", [None, it])[1] for it in said]
            allows = [it for it in statements if it["Effect"] == "Allow"]
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


def test_the_longest_name_prefix_fits_the_buckets_of_every_region() -> None:
    longest = "a" * 27
    load(ROOT, {"NamePrefix": longest})
    regions = body["Mappings"]["HuggingFaceRegistry"]
    pseudo = {"${Prefix}": longest, "${AWS::AccountId}": "1" * 12, "${AWS::Region}": max(regions, key=len)}
    buckets = [it["Properties"] for it in resources.values() if it["Type"] == "AWS::S3::Bucket"]
    for bucket in buckets:
        name, _ = bucket["BucketName"]["Fn::Sub"]
        for parameter, value in pseudo.items():
            name = name.replace(parameter, value)
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert len(name) <= LONGEST_BUCKET_NAME


@pytest.mark.parametrize("prefix", ["Tweets", "tweets-", "-tweets", "my_tweets", "tweets.of.mine", "a" * 28])
def test_a_name_prefix_that_fits_no_bucket_is_refused_before_anything_is_created(prefix: str) -> None:
    with pytest.raises(TemplateError, match="at most 27 lower-case letters, digits and hyphens"):
        load(ROOT, {"NamePrefix": prefix})


def test_what_a_stack_is_called_is_in_no_name_that_must_be_in_lower_case_or_short() -> None:
    named = {"AWS::S3::Bucket": "BucketName", "AWS::SageMaker::Endpoint": "EndpointName"}
    names = [it["Properties"][named[it["Type"]]] for it in resources.values() if it["Type"] in named]
    assert len(names) == 3
    assert "AWS::StackName" not in str(names)


@pytest.mark.parametrize("name", ["Theirs", "their--Endpoint"])
def test_an_endpoint_whose_arn_is_spelt_otherwise_than_its_name_is_refused(name: str) -> None:
    with pytest.raises(TemplateError, match="the name of an endpoint, without capitals"):
        load(ROOT, {"EndpointName": name})


def named_in(stack: str, id_: str) -> set[tuple[str, str, str]]:
    """The names that a stack gives of itself, by type and property; CloudFormation makes all others."""
    arn = f"arn:aws:cloudformation:eu-west-1:123456789012:stack/{stack}/{id_}-f0e1-11ef-8c3a-0a1b2c3d4e5f"
    known = ResourceMap(arn, stack, {}, {}, "eu-west-1", "123456789012", dict(body), None)
    known.load()
    found = set()
    for resource in resources.values():
        for key, value in resource["Properties"].items():
            # Not of another resource, nor of something of AWS's.
            if key.endswith("Name") and not named(value) and key != "MetricName":
                found.add((resource["Type"], key, clean_json(value, known)))
        # By these, metrics and events are told apart.
        variables = resource["Properties"].get("Environment", {}).get("Variables", {})
        for key in {"POWERTOOLS_METRICS_NAMESPACE", "EVENT_SOURCE"} & variables.keys():
            found.add((resource["Type"], key, clean_json(variables[key], known)))
    return found


@pytest.mark.parametrize("allowed", body["Parameters"]["FunctionConcurrency"]["AllowedValues"])
def test_functions_together_run_no_more_than_their_parameter_says(allowed: int) -> None:
    shares = body["Mappings"]["Concurrency"][str(allowed)]
    mappings = [it["Properties"] for it in resources.values() if it["Type"] == "AWS::Lambda::EventSourceMapping"]
    used = [shares[mapping["ScalingConfig"]["MaximumConcurrency"]["Fn::FindInMap"][2]] for mapping in mappings]
    assert len(used) == len(shares) == 5
    assert sum(used) <= allowed
    assert min(used) >= SQS_LEAST_CONCURRENCY


def test_a_stack_deploys_with_the_least_concurrency_that_an_account_has() -> None:
    assert body["Parameters"]["FunctionConcurrency"]["Default"] == 10


def test_every_region_of_sagemaker_is_found_and_one_without_a_container_needs_another() -> None:
    # CloudFormation looks up what a branch says that isn't taken, too.
    images = json.loads((ROOT / "scripts/huggingface_images.json").read_text(encoding="utf-8"))
    script = run_path(str(ROOT / "scripts/huggingface_images.py"))
    accounts = {region: found["Account"] for region, found in body["Mappings"]["HuggingFaceRegistry"].items()}
    without = [region for region, account in accounts.items() if account == "none"]
    assert script["sagemaker_regions"]() <= accounts.keys()
    assert without == images["without"]
    rule = body["Rules"]["ARegionWithoutContainersOfHuggingFaceNeedsAnother"]
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Contains": [without, {"Ref": "AWS::Region"}]}]}


def test_a_region_without_a_container_takes_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localaws.template.REGION", "mx-central-1")
    with pytest.raises(TemplateError, match="no container in this region"):
        load(ROOT)
    load(ROOT, {"ContainerImage": OWN_IMAGE})
    load(ROOT, {"EndpointName": "theirs"})


def test_a_model_in_s3_is_isolated_unless_its_requirements_must_be_installed() -> None:
    assert resources["Model"]["Properties"]["EnableNetworkIsolation"] == {"Fn::If": ["Isolated", True, False]}
    conditions = body["Conditions"]
    on = {"Fn::Equals": [{"Ref": "NetworkIsolation"}, "on"]}
    assert conditions["Isolated"] == {"Fn::And": [{"Condition": "ModelFromS3"}, on]}
    assert body["Parameters"]["NetworkIsolation"]["Default"] == "on"


def test_consoles_ask_first_for_what_the_readme_says_to_decide() -> None:
    first, *others = body["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    listed = [name for group in (first, *others) for name in group["Parameters"]]
    assert sorted(listed) == sorted(body["Parameters"])
    deploy = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Deploy")[2].partition("\n## ")[0]
    rows = "".join(re.findall(r"^\| (`.*?) \|", deploy, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", rows)) <= set(first["Parameters"])
    assert all(f"`{name}`" in deploy for name in first["Parameters"])
    assert all("Default" in found for found in body["Parameters"].values())


def test_what_holds_data_is_kept_and_all_else_goes_with_its_stack() -> None:
    kept = {resource["Type"] for resource in resources.values() if "Retain" in resource.get("DeletionPolicy", "")}
    assert kept == {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}


@pytest.mark.parametrize("other", ["fanfold-2", "Fanfold-test"])
def test_two_stacks_have_no_name_in_common(other: str) -> None:
    one, two = named_in("fanfold", "1c2fa620"), named_in(other, "5d9e1b07")
    assert {type_.rpartition("::")[2] for type_, _, _ in one} >= {
        *("Bucket", "LogGroup", "Endpoint", "Alarm", "Dashboard", "QueryDefinition", "LayerVersion", "Function"),
    }
    assert len(one) == len(two) > 20
    assert {name.lower() for _, _, name in one} & {name.lower() for _, _, name in two} == set()
    # A stack that was deleted has left its buckets, which the next one of its name must not meet.
    again = named_in("fanfold", "77777777")
    assert {type_ for type_, _, _ in one & again}.isdisjoint({"AWS::S3::Bucket", "AWS::SageMaker::Endpoint"})


def test_the_permissions_to_tag_are_those_of_the_types_that_are_tagged() -> None:
    # The first two are for the stack itself, which has no type here.
    needed = {"cloudformation:TagResource", "cloudformation:UntagResource"}
    for type_ in {resource["Type"] for resource in resources.values()}:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema
        needed |= set(schema.get("tagging", {}).get("permissions", ()))
    listed = (ROOT / "docs/install.md").read_text(encoding="utf-8").partition("### Permissions to tag")[2]
    named = re.findall(r"`(\w[\w-]*:\w+)`", listed.partition("\n### ")[0])
    assert sorted(named) == sorted(action for action in needed if not re.search(":(List|Get)", action))


def test_the_bill_tells_stacks_apart_by_what_costs_most() -> None:
    tagged = {
        resource["Type"]
        for resource in resources.values()
        if {"Key": "fanfold", "Value": {"Ref": "AWS::StackName"}} in resource["Properties"].get("Tags", [])
    }
    assert tagged >= {"AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Endpoint"}

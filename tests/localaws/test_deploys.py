"""A stack's whole life, deploy by deploy, as its operators have it."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from fanfold.project import find_root
from localaws.credentials import LocalSession
from localaws.server.process import ServerProcess
from localaws.template import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from types_boto3_sagemaker.type_defs import DesiredWeightAndCapacityTypeDef

ROOT = find_root()
# No bucket could begin with it.
NAME = "Tweets-Of-All-Stations-Of-The-Country"


class Account:
    """An AWS account, and what deploying and deleting a stack do in it."""

    def __init__(self, server: ServerProcess) -> None:
        session = LocalSession({"": server.url}, server.admin)
        self.server = server
        self._template = load(ROOT).text
        self._cloudformation = session.client("cloudformation")
        self.s3 = session.client("s3")
        self.dynamodb = session.client("dynamodb")
        self.logs = session.client("logs")
        self.sagemaker = session.client("sagemaker")
        self.scaling = session.client("application-autoscaling")
        self._chosen: dict[str, str] = {}

    def deploy(self, **chosen: str) -> None:
        """Create the stack, or update it; parameters that are not given keep their values."""
        self._chosen |= chosen
        (self._cloudformation.update_stack if self.status else self._cloudformation.create_stack)(
            StackName=NAME,
            TemplateBody=self._template,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in self._chosen.items()],
            Capabilities=["CAPABILITY_IAM"],
        )

    def fails(self, words: str, **chosen: str) -> None:
        """Deploy, which fails and says so; what was chosen for it is forgotten."""
        before = self._chosen.copy()
        with pytest.raises(ClientError, match=words):
            self.deploy(**chosen)
        self._chosen = before

    def delete(self) -> None:
        self._cloudformation.delete_stack(StackName=NAME)
        self._chosen = {}

    @property
    def status(self) -> str | None:
        stacks = self._cloudformation.list_stacks()["StackSummaries"]
        return next((it["StackStatus"] for it in stacks if it["StackStatus"] != "DELETE_COMPLETE"), None)

    @property
    def outputs(self) -> dict[str, str]:
        (stack,) = self._cloudformation.describe_stacks(StackName=NAME)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @property
    def buckets(self) -> set[str]:
        return {bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]}

    @property
    def variant(self) -> Mapping[str, Any]:
        """The instances that the endpoint has, and of which type."""
        described = self.sagemaker.describe_endpoint(EndpointName=self.outputs["EndpointName"])
        config = self.sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        status = {"EndpointStatus": described["EndpointStatus"]}
        return {**config["ProductionVariants"][0], **described["ProductionVariants"][0], **status}

    def scale(self, count: int) -> tuple[str, int, int]:
        """Ask for so many instances; how the endpoint is then."""
        desired: DesiredWeightAndCapacityTypeDef = {"VariantName": "AllTraffic", "DesiredInstanceCount": count}
        self.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=self.outputs["EndpointName"], DesiredWeightsAndCapacities=[desired]
        )
        return self.counted

    @property
    def counted(self) -> tuple[str, int, int]:
        """The endpoint's status, its instances, and those that it is to have."""
        found = self.variant
        return found["EndpointStatus"], found["CurrentInstanceCount"], found["DesiredInstanceCount"]

    @property
    def policies(self) -> int:
        """The policies by which endpoints scale, of targets that are registered."""
        targets = self.scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        policies = self.scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
        assert {it["ResourceId"] for it in policies} <= {it["ResourceId"] for it in targets}
        return len(policies)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with (tmp_path / "server.log").open("w", encoding="utf-8") as log:
        server = ServerProcess(0, log)
        try:
            server.wait_ready()
            yield Account(server)
        finally:
            server.stop()


def deploys_of_the_page() -> list[dict[str, str]]:
    """The parameters of each deploy that docs/operations.md has for another instance type."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    section = page.partition("## Change the instance type\n")[2].partition("\n#")[0]
    commands = re.findall(r"^fanfold deploy (.+)$", section, re.MULTILINE)
    return [dict(pair.split("=", 1) for pair in shlex.split(command)[1::2]) for command in commands]


def test_a_stack_is_deployed_fails_is_deployed_again_upgraded_deleted_and_deployed_again(account: Account) -> None:
    # A first deploy fails at its last third, and leaves nothing.
    account.logs.create_log_group(logGroupName="/aws/sagemaker/Endpoints/tweets")
    account.fails("log group already exists", NamePrefix="tweets")
    assert account.status == "ROLLBACK_COMPLETE"
    assert (account.buckets, account.dynamodb.list_tables()["TableNames"]) == (set(), [])
    account.fails("can not be updated")
    account.delete()

    # The same name, with its cause gone.
    account.logs.delete_log_group(logGroupName="/aws/sagemaker/Endpoints/tweets")
    account.deploy(NamePrefix="tweets")
    assert account.outputs["InputBucket"] == "tweets-input-123456789012-us-east-1"
    assert account.policies == 2

    # Another type, refused for as long as the endpoint scales; the page's way.
    weight: DesiredWeightAndCapacityTypeDef = {"VariantName": "AllTraffic", "DesiredWeight": 2}
    account.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="tweets", DesiredWeightsAndCapacities=[weight]
    )
    assert account.counted == ("InService", 1, 1)
    assert account.scale(3) == ("InService", 3, 3)
    account.fails("must be deregistered as scalable targets", InstanceType="ml.m5.xlarge")
    assert (account.variant["InstanceType"], account.policies) == ("ml.g4dn.xlarge", 2)
    account.fails("must be deregistered as scalable targets", InstanceType="ml.m5.xlarge", Scaling="off")
    for chosen in deploys_of_the_page():
        account.deploy(**chosen)
        assert account.policies == (0 if chosen["Scaling"] == "off" else 2)
    assert (account.variant["InstanceType"], account.variant["DesiredInstanceCount"]) == ("ml.m5.xlarge", 3)

    # Where instances take their time, a change is under way until they are there.
    account.server.set_instances("tweets", "AllTraffic", 3)
    assert account.counted == ("InService", 3, 3)
    assert account.scale(1) == ("Updating", 3, 1)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        account.scale(2)
    account.server.set_instances("tweets", "AllTraffic", 1)
    assert account.counted == ("InService", 1, 1)
    assert account.variant["CurrentWeight"] == 2

    # Not the page's way: who deregisters by hand loses the policies, and no deploy sees it.
    target = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    account.scaling.deregister_scalable_target(ResourceId="endpoint/tweets/variant/AllTraffic", **target)
    account.deploy(MaxInstances="4")
    assert account.policies == 0
    account.deploy(Scaling="off")
    account.deploy(Scaling="on")
    assert account.policies == 2

    # What holds data stays, and is in nobody's way.
    kept = {account.outputs["InputBucket"], account.outputs["OutputBucket"]}
    account.delete()
    assert account.buckets == kept
    account.fails("BucketAlready", NamePrefix="tweets")
    account.delete()
    account.deploy()
    assert re.fullmatch(r"fanfold-[0-9a-f]{8}-input-123456789012-us-east-1", account.outputs["InputBucket"])
    assert account.buckets == {*kept, account.outputs["InputBucket"], account.outputs["OutputBucket"]}

"""`fanfold deploy` in an account: what is there before, what it asks, and what there is afterwards."""

import errno
import json
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from click.testing import _NamedTextIOWrapper
from tests.unit.deploying.conftest import BUCKET, REGION, Deploy, parameters, stacks

from fanfold.cli.conclusion import ExitCode
from fanfold.deploying.artifacts import Artifacts
from fanfold.deploying.changes import ChangeSet
from fanfold.errors import DeployError, UserError


def test_a_stack_is_created_and_its_code_comes_from_the_bucket(deploy: Deploy, session: boto3.Session) -> None:
    run = deploy("--parameter", "MaxInstances=2")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert (stacks(session), parameters(session)["MaxInstances"]) == (["CREATE_COMPLETE"], "2")
    # Moto looks into the archives for it.
    (function,) = session.client("lambda").list_functions()["Functions"]
    assert function["Handler"] == "handler.handler"
    assert len(session.client("lambda").list_layers()["Layers"]) == 1
    assert "0 to 2 instances of type ml.g4dn.xlarge, about $0.7360 an hour" in run.stderr
    assert "add          AWS::Lambda::Function" in run.stderr
    assert "CREATE_COMPLETE" in run.stderr
    assert "fanfold doctor --stack fanfold" in run.stderr
    assert run.stdout.startswith("Queue  https://")


def test_the_bucket_is_private_encrypted_and_for_tls_only(deploy: Deploy, session: boto3.Session) -> None:
    deploy()
    s3 = session.client("s3")
    assert s3.head_bucket(Bucket=BUCKET)["BucketRegion"] == REGION
    closed = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert list(closed.values()) == [True] * 4
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (lifecycle,) = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert lifecycle["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 3}
    # The code of an earlier version is what a failed update returns to.
    assert "Expiration" not in lifecycle
    owned = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert owned == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_a_bucket_that_an_earlier_deploy_left_open_is_closed(deploy: Deploy, session: boto3.Session) -> None:
    s3 = session.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    assert deploy().exit_code == ExitCode.OK
    closed = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert list(closed.values()) == [True] * 4
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=BUCKET)["Policy"]


def test_a_bucket_is_created_in_the_first_region_too(deploy: Deploy, session: boto3.Session) -> None:
    assert deploy("--region", "us-east-1").exit_code == ExitCode.OK
    buckets = session.client("s3", region_name="us-east-1").list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in buckets] == ["fanfold-artifacts-123456789012-us-east-1"]


def test_a_deploy_that_changes_nothing_says_so(deploy: Deploy, session: boto3.Session) -> None:
    deploy()
    run = deploy()
    assert (run.exit_code, run.stdout) == (ExitCode.OK, "")
    assert "Stack fanfold is up to date" in run.stderr
    assert stacks(session) == ["CREATE_COMPLETE"]


@pytest.mark.parametrize(
    "broken",
    [
        ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "DescribeStackEvents"),
        EndpointConnectionError(endpoint_url="https://x"),
        KeyboardInterrupt(),
    ],
)
def test_who_loses_sight_of_a_deploy_hears_that_it_goes_on(
    broken: BaseException, deploy: Deploy, session: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def events(_: ChangeSet) -> NoReturn:
        raise broken

    monkeypatch.setattr(ChangeSet, "events", events)
    run = deploy()
    assert run.exit_code != ExitCode.OK
    assert "The deploy goes on in AWS" in run.stderr
    assert stacks(session) == ["CREATE_COMPLETE"]


@pytest.mark.parametrize("answers", ["\n\nn\n", "\n\n"])
def test_who_does_not_agree_leaves_nothing_behind(answers: str, deploy: Deploy, session: boto3.Session) -> None:
    run = deploy(stdin=answers)
    assert run.exit_code != ExitCode.OK
    assert "add          AWS::Lambda::Function" in run.stderr
    assert stacks(session) == []
    assert session.client("lambda").list_functions()["Functions"] == []


def test_without_a_terminal_or_yes_nothing_begins(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_NamedTextIOWrapper, "isatty", lambda _: False)
    run = deploy(stdin="")
    assert run.exit_code == ExitCode.WRONG_USAGE
    assert "add --yes" in run.stderr
    assert boto3.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stack", "2nd"], "cannot be a stack's name"),
        (["--stack", "my_stack"], "cannot be a stack's name"),
        (["--stack", "a" * 129], "cannot be a stack's name"),
        (["--parameter", "MaxInstances"], "expected KEY=VALUE"),
        (["--parameter", "Instances=1"], "has no parameter Instances"),
        (["--parameter", "InstanceType=ml.p5.huge"], "must be one of"),
        (["--parameter", 'JobDefaults={"rows": 1}'], "the stack's parameter JobDefaults"),
        (["--parameter", f'JobDefaults={{"input-column": "{"é" * 1000}"}}'], "JobDefaults: it has 2,020 bytes"),
        (["--region", "mx-central-1"], "one instance in this region"),
        (["--artifacts-bucket", "not-there"], "there is no bucket not-there"),
    ],
)
def test_what_cannot_be_deployed_is_refused_before_anything_is_created(
    arguments: list[str], words: str, deploy: Deploy, session: boto3.Session
) -> None:
    run = deploy(*arguments)
    assert run.exit_code != ExitCode.OK
    assert words in f"{run.stderr}{run.exception}"
    assert (stacks(session), session.client("s3").list_buckets()["Buckets"]) == ([], [])


def test_a_bucket_of_ones_own_is_used_as_it_is(deploy: Deploy, session: boto3.Session) -> None:
    s3 = session.client("s3")
    s3.create_bucket(Bucket="ours", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert deploy("--artifacts-bucket", "ours").exit_code == ExitCode.OK
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["ours"]
    assert len(s3.list_objects_v2(Bucket="ours")["Contents"]) == 3
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="ours")


def test_a_bucket_of_another_region_is_refused(deploy: Deploy, session: boto3.Session) -> None:
    elsewhere = session.client("s3", region_name="eu-west-1")
    elsewhere.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    run = deploy("--artifacts-bucket", "far")
    assert isinstance(run.exception, UserError)
    assert "bucket far is in eu-west-1" in str(run.exception)


def test_a_bucket_of_somebody_else_is_refused(session: boto3.Session) -> None:
    # Whoever is first may have the name that the command would choose.
    s3 = session.client("s3")
    with Stubber(s3) as stubbed:
        asked = {"Bucket": BUCKET, "ExpectedBucketOwner": "123456789012"}
        for code in (301, 400, 403):
            stubbed.add_client_error("head_bucket", str(code), http_status_code=code, expected_params=asked)
            with pytest.raises(DeployError, match=f"bucket {BUCKET} is not account 123456789012's"):
                Artifacts(s3, "123456789012", BUCKET).exists()


def test_a_failure_of_s3_is_not_taken_for_a_refusal(session: boto3.Session) -> None:
    s3 = session.client("s3")
    with Stubber(s3) as stubbed:
        stubbed.add_client_error("head_bucket", "503", http_status_code=503)
        with pytest.raises(ClientError, match="503"):
            Artifacts(s3, "123456789012", BUCKET).exists()


def test_nothing_is_sent_to_a_bucket_without_asking_whose_it_is(session: boto3.Session, tmp_path: Path) -> None:
    calls: dict[str, str | None] = {}
    s3 = session.client("s3")
    s3.meta.events.register(
        "provide-client-params.s3",
        lambda params, model, **_: calls.update({model.name: params.get("ExpectedBucketOwner")}),
    )
    artifacts = Artifacts(s3, "123456789012", BUCKET)
    artifacts.create()
    artifacts.protect()
    (tmp_path / "code.zip").write_bytes(b"code")
    artifacts.send(tmp_path / "code.zip", "fanfold/code.zip", lambda _: None)
    assert artifacts.put("{}", "fanfold/text") == f"https://s3.{REGION}.amazonaws.com/{BUCKET}/fanfold/text"
    assert (artifacts.holds("fanfold/code.zip"), artifacts.holds("fanfold/other.zip")) == (True, False)
    # No name that somebody else has can be created.
    assert calls.pop("CreateBucket") is None
    assert len(calls) == 6
    assert set(calls.values()) == {"123456789012"}


def test_a_stack_of_another_program_is_left_alone(deploy: Deploy, session: boto3.Session) -> None:
    theirs = {"Description": "Shop", "Resources": {"Orders": {"Type": "AWS::SQS::Queue"}}}
    session.client("cloudformation").create_stack(StackName="fanfold", TemplateBody=json.dumps(theirs))
    run = deploy()
    assert "stack fanfold is not a Fanfold stack" in str(run.exception)
    assert session.client("s3").list_buckets()["Buckets"] == []


def test_a_dry_run_calls_nothing_and_says_what_would_be_sent(deploy: Deploy, session: boto3.Session) -> None:
    calls: list[str] = []
    session.events.register("before-send.*", lambda request, **_: calls.append(request.url))
    boto3.setup_default_session()
    run = deploy("--dry-run", "--parameter", "MaxInstances=2", "--tag", "team=nlp")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert [line.split()[0] for line in run.stdout.splitlines()] == ["Core", "Echo", "template", "parameter", "tag"]
    assert "0 to 2 instances" in run.stderr
    assert (stacks(session), session.client("s3").list_buckets()["Buckets"]) == ([], [])


def test_a_package_is_code_in_the_bucket_and_a_template_and_no_stack(
    deploy: Deploy, session: boto3.Session, tmp_path: Path
) -> None:
    file = tmp_path / "fanfold.json"
    run = deploy("--package", str(file), stdin="")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert stacks(session) == []
    _, bucket, key = urlsplit(run.stdout.strip()).path.split("/", 2)
    s3 = session.client("s3")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == file.read_bytes()
    echo = json.loads(file.read_text(encoding="utf-8"))["Resources"]["Echo"]["Properties"]["CodeUri"]
    place, _, code = echo.removeprefix("s3://").partition("/")
    assert s3.head_object(Bucket=place, Key=code)["ContentLength"] > 0


def test_what_a_deploy_cannot_write_is_said_with_what_to_do(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def package(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = tmp_path / "no" / "fanfold.json"
    words = f"cannot write {file} (No such file or directory): free some space, or choose another file"
    assert str(deploy("--package", str(file)).exception) == words
    monkeypatch.setattr(sys.modules["fanfold.cli.deploy"], "package", package)
    run = deploy("--dry-run")
    assert "cannot copy the functions' code to a temporary file (No space left on device)" in str(run.exception)


@pytest.mark.parametrize("more", [["--dry-run"], ["--parameter", "MaxInstances=2"], ["--tag", "team=nlp"]])
def test_a_package_is_not_combined_with_what_only_a_deploy_has(deploy: Deploy, more: list[str]) -> None:
    run = deploy("--package", "fanfold.json", *more)
    assert (run.exit_code, "--package deploys nothing" in run.stderr) == (ExitCode.WRONG_USAGE, True)

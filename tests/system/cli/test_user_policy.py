"""Who has the policy for people, and nothing else, can do all that the client, the console and the doctor do."""

from __future__ import annotations

import io
import lzma
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from fanfold import DownloadError, Fanfold, JobState, NothingToRetryError
from fanfold.cli.logs import log_lines
from fanfold.console.rows import Place, Wanted
from fanfold.console.service import ConsoleService
from fanfold.costs.hours import VARIANT, count_hours
from fanfold.doctor.findings import Verdict
from fanfold.doctor.stack import examine
from localaws.credentials import Keys, LocalSession

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localaws.cloud import LocalCloud

MIXED = b"id,text\n1,so good\n2,\n3,so bad\n"
SLOW = b"text\n" + b"".join(b"slowly %d\n" % row for row in range(600))


@pytest.fixture(scope="module")
def user(cloud: LocalCloud) -> LocalSession:
    """Somebody with this policy."""
    # Where tests of other modules come in between, this is made anew in a cloud that has had one.
    iam, name = cloud.session().client("iam"), f"somebody-{uuid4().hex}"
    iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn=cloud.outputs["UserPolicy"])
    made = iam.create_access_key(UserName=name)["AccessKey"]
    address = {"": cloud.environment["AWS_ENDPOINT_URL"]}
    return LocalSession(address, Keys(made["AccessKeyId"], made["SecretAccessKey"]))


@pytest.fixture
def client(cloud: LocalCloud, user: LocalSession) -> Fanfold:
    return Fanfold(cloud.stack_name, session=user)


def test_a_user_submits_a_file_reads_its_results_and_retries_it(
    client: Fanfold, user: LocalSession, tmp_path: Path
) -> None:
    file = tmp_path / "policy.csv"
    file.write_bytes(MIXED)
    job = client.submit(file)
    assert job.wait(timeout=60).failed == 1
    assert [row["label"] for row in job.results()] == ["LABEL_2", "", "LABEL_0"]
    assert [failed.error for failed in job.errors()] == ["input is empty"]
    assert job.row(2)["label"] == "LABEL_0"
    assert job.summary()["failed"] == 1
    assert len(job.download(tmp_path / "out")) == 4
    assert job.id in [other.id for other in client.jobs()]
    then = datetime.now(UTC) - timedelta(hours=1)
    assert "saw no instance" in count_hours(client.stack, then, then, datetime.now(UTC))[1]
    assert list(log_lines(client.stack, job))
    with pytest.raises(NothingToRetryError):
        job.retry()  # of an empty row
    assert client.wake().instances == 1
    as_it_is = [{"VariantName": VARIANT, "DesiredInstanceCount": 1}]
    user.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=client.stack.endpoint, DesiredWeightsAndCapacities=as_it_is
    )
    *findings, model = examine(client.stack)
    assert {finding.verdict for finding in findings} == {Verdict.OK}
    # Its environment may hold a token for the Hub.
    assert (model.verdict, "sagemaker:DescribeModel" in model.words) == (Verdict.RISKY, True)


def test_a_user_submits_objects_below_a_prefix_that_the_user_may_list(client: Fanfold, cloud: LocalCloud) -> None:
    prefix = "results/parts/"  # which stands for a bucket of the user's own
    for name in ("a.csv", "b.csv"):
        cloud.session().client("s3").put_object(
            Bucket=client.stack.output_bucket, Key=prefix + name, Body=b"text\nso good"
        )
    assert client.submit(f"s3://{client.stack.output_bucket}/{prefix}").wait(timeout=60).predicted == 2


@pytest.mark.parametrize("name", ["at-work.csv", "at-work.csv.xz"])
def test_a_user_reads_a_job_at_work_and_cancels_it(client: Fanfold, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(lzma.compress(SLOW) if name.endswith(".xz") else SLOW)
    job = client.submit(file, rows_per_request=1)
    next(status for status in job.follow() if status.done)
    assert list(job.results(partial=True))
    job.cancel()
    assert job.wait(timeout=60).state is JobState.CANCELLED
    again = job.retry()
    again.cancel()
    assert again.wait(timeout=60).retry_of == job.id


def test_a_user_has_the_console(cloud: LocalCloud, user: LocalSession) -> None:
    service = ConsoleService(Fanfold(cloud.stack_name, session=user))
    job = service.submit("console.csv", io.BytesIO(MIXED), {}).id
    service._job(job).wait(timeout=60)  # noqa: SLF001 # the page asks again and again
    assert service.status(job).state is JobState.COMPLETED_WITH_ERRORS
    listed, _ = service.jobs(30, "")
    assert job in [status.id for status in listed]
    assert len(service.rows(job, Wanted(Place())).rows) == len(MIXED.splitlines()) - 1
    assert service.conclusions(listed)[job] == service.conclusion(service.status(job))
    size, blocks = service.read(job, "results.csv", for_spreadsheets=False)
    assert len(b"".join(blocks)) == size
    with pytest.raises(DownloadError):
        service.read(job, "nothing.html", for_spreadsheets=False)
    with pytest.raises(NothingToRetryError):
        service.retry(job)


REFUSED: dict[str, Callable[[Any, dict[str, str]], Any]] = {
    "receive messages": lambda user, stack: user.client("sqs").receive_message(QueueUrl=stack["UploadsQueue"]),
    "purge a queue": lambda user, stack: user.client("sqs").purge_queue(QueueUrl=stack["AssemblyQueue"]),
    "write results": lambda user, stack: user.client("s3").put_object(
        Bucket=stack["OutputBucket"], Key="results/forged/results.csv", Body=b""
    ),
    "delete an upload": lambda user, stack: user.client("s3").delete_object(Bucket=stack["InputBucket"], Key="x.csv"),
    "list requests": lambda user, stack: user.client("s3").list_objects_v2(
        Bucket=stack["OutputBucket"], Prefix="requests/"
    ),
    "list everything": lambda user, stack: user.client("s3").list_objects_v2(Bucket=stack["OutputBucket"]),
    "list uploads": lambda user, stack: user.client("s3").list_objects_v2(Bucket=stack["InputBucket"]),
    "scan the ledger": lambda user, stack: user.client("dynamodb").scan(TableName=stack["LedgerTable"]),
    "forget a job": lambda user, stack: user.client("dynamodb").delete_item(
        TableName=stack["LedgerTable"], Key={"pk": {"S": "JOB#x"}, "sk": {"S": "JOB"}}
    ),
    "tell of an answer": lambda user, stack: user.client("sns").publish(TopicArn=stack["SuccessTopic"], Message="{}"),
    "wake another endpoint": lambda user, _: user.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName="another", DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": 1}]
    ),
    "change the stack": lambda user, _: user.client("cloudformation").delete_stack(StackName="fanfold"),
    "read another stack": lambda user, _: user.client("cloudformation").describe_stacks(StackName="another"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_user_may_do_nothing_else(cloud: LocalCloud, user: LocalSession, what: str) -> None:
    with pytest.raises(ClientError) as refused:
        REFUSED[what](user, cloud.outputs)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}
    assert "AccessDenied" in refused.value.response["Error"]["Code"]

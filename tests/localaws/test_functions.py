import json
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws import credentials
from localaws.cloud import LocalCloud
from localaws.conditions import Conditions
from localaws.credentials import Keys, LocalSession
from localaws.errors import StackCreationError
from localaws.functions.log_groups import LogShipper
from localaws.functions.mappings import Poller
from localaws.functions.problems import Problems
from localaws.functions.workers import WorkerLostError


def eventually(find: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (found := find()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@cache
def sqs(cloud: LocalCloud) -> Any:
    return cloud.session().client("sqs")


def send(cloud: LocalCloud, *bodies: str, queue: str = "Queue") -> None:
    sqs(cloud).send_message_batch(
        QueueUrl=cloud.outputs[queue],
        Entries=[{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)],
    )


@cache
def table(cloud: LocalCloud) -> Any:
    return cloud.session().resource("dynamodb").Table(cloud.outputs["Table"])


def seen(cloud: LocalCloud, body: str, receives: int = 1) -> dict[str, Any] | None:
    item = table(cloud).get_item(Key={"pk": body}).get("Item")
    return dict(item) if item and item["receives"] >= receives else None


def user_of(cloud: LocalCloud, *allowed: dict[str, Any]) -> LocalSession:
    """A session of a user who may do just this."""
    iam, name = cloud.session().client("iam"), uuid.uuid4().hex
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement} for statement in allowed]}
    iam.put_user_policy(UserName=name, PolicyName="allowed", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
    return LocalSession({"": cloud.environment["AWS_ENDPOINT_URL"]}, keys)


@pytest.fixture
def token() -> str:
    return uuid.uuid4().hex


def test_a_message_reaches_the_handler_with_its_environment_and_layer(cloud: LocalCloud, token: str) -> None:
    send(cloud, token)
    item = eventually(lambda: seen(cloud, token))
    assert (item["greeting"], item["colour"], item["receives"]) == ("hello", "blue", 1)


def test_messages_within_the_window_come_in_one_batch_beyond_ten(cloud: LocalCloud) -> None:
    def together() -> bool:
        bodies = [f"{uuid.uuid4().hex}-{number}" for number in range(40)]
        for start in range(0, 40, 10):
            send(cloud, *bodies[start : start + 10], queue="Many")
        items = [eventually(partial(seen, cloud, body)) for body in bodies]
        return bool(max(item["together"] for item in items) > 10)

    # On a busy machine a window may be over before the next ten are sent.
    assert eventually(together)


def test_a_window_ends_early_when_nothing_more_comes(cloud: LocalCloud, token: str) -> None:
    send(cloud, token, queue="Many")
    assert eventually(lambda: seen(cloud, token))


def test_only_the_message_reported_as_failed_returns_and_ends_as_a_dead_letter(cloud: LocalCloud, token: str) -> None:
    send(cloud, token, f"poison-{token}")
    assert eventually(lambda: seen(cloud, f"poison-{token}", receives=3))
    assert seen(cloud, token)
    assert not seen(cloud, token, receives=2)

    def dead() -> list[Any]:
        answer = sqs(cloud).receive_message(QueueUrl=cloud.outputs["DeadLetters"], WaitTimeSeconds=1)
        return [message for message in answer.get("Messages", []) if message["Body"] == f"poison-{token}"]

    assert eventually(dead)


@pytest.mark.parametrize("fate", ["crash", "sleep"])
def test_a_batch_returns_at_once_when_its_worker_dies_or_times_out(cloud: LocalCloud, token: str, fate: str) -> None:
    send(cloud, f"{fate}-{token}", queue="Many")  # of which what merely fails comes again after five minutes
    first = eventually(lambda: seen(cloud, f"{fate}-{token}"))
    again = eventually(lambda: seen(cloud, f"{fate}-{token}", receives=2))
    assert again["worker"] != first["worker"]


def test_what_a_function_raises_is_one_line_on_the_terminal(
    cloud: LocalCloud, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    send(cloud, f"raise-{token}", queue="Many")
    (line,) = eventually(lambda: [message for message in caplog.messages if token in message])
    assert line == rf"Recorder: RuntimeError: raise-{token}\x1b[31m\nred (messages that return: 1)"


def test_an_uploaded_object_reaches_the_handler_as_one_complete_event(cloud: LocalCloud, token: str) -> None:
    s3 = cloud.session().client("s3")
    key = f"space plus+{token}.csv"
    upload = s3.create_multipart_upload(Bucket=cloud.outputs["Bucket"], Key=key)["UploadId"]
    where = {"Bucket": cloud.outputs["Bucket"], "Key": key, "UploadId": upload}
    part = s3.upload_part(**where, PartNumber=1, Body=b"text\n")
    version = s3.complete_multipart_upload(
        **where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )["VersionId"]

    def events() -> list[str]:
        return [item["pk"] for item in table(cloud).scan()["Items"] if token in item["pk"]]

    assert eventually(events)
    (event,) = events()
    assert version in event
    assert "space+plus%2B" in event
    assert "ObjectCreated:CompleteMultipartUpload" in event
    assert "sequencer" in event


def test_a_published_message_arrives_raw(cloud: LocalCloud, token: str) -> None:
    cloud.session().client("sns").publish(TopicArn=cloud.outputs["Topic"], Message=token)
    assert eventually(lambda: seen(cloud, token))


def test_a_call_beyond_the_functions_role_is_access_denied(cloud: LocalCloud) -> None:
    assert cloud.invoke("Forbidden", {}) == "AccessDeniedException"


def test_a_mapping_is_refused_if_its_functions_role_may_not_read_the_queue(cloud: LocalCloud) -> None:
    functions = cloud._functions  # noqa: SLF001 # a mapping that the template wouldn't give the function
    pool, role = functions.pools["Forbidden"], functions._roles["Forbidden"]  # noqa: SLF001 # likewise
    mapping = functions._stack.mappings()[0]  # noqa: SLF001 # likewise
    queue = cloud.outputs["Queue"]
    poller = Poller(mapping, pool, role.session(), cloud.session(), queue, Conditions(), Problems())
    with pytest.raises(StackCreationError, match=r"Forbidden: its role cannot read .*not authorized to perform"):
        poller.check()


def test_a_function_logs_with_the_rights_of_its_role(
    cloud: LocalCloud, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    logs = cloud.session().client("logs")
    groups = [f"{token}-{name}" for name in ("allowed", "denied")]
    for group in groups:
        logs.create_log_group(logGroupName=group)
    streams = f"arn:aws:logs:us-east-1:123456789012:log-group:{groups[0]}:*"
    session = user_of(cloud, {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": streams})
    shipper = LogShipper(cloud.session())
    for group in groups:
        shipper.listener(group, session)(token)
    shipper.start()
    assert eventually(lambda: any(f"lines of {groups[1]} are lost" in message for message in caplog.messages))
    shipper.stop()
    found = [logs.filter_log_events(logGroupName=group)["events"] for group in groups]
    assert [[event["message"] for event in events] for events in found] == [[token], []]


def test_a_missing_object_is_forbidden_to_who_may_not_list_the_bucket(cloud: LocalCloud) -> None:
    objects = f"arn:aws:s3:::{cloud.outputs['Bucket']}/*"
    reader = user_of(cloud, {"Action": "s3:GetObject", "Resource": objects}).client("s3")
    for read in (reader.get_object, reader.head_object):
        with pytest.raises(ClientError) as refused:
            read(Bucket=cloud.outputs["Bucket"], Key="missing")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_worker_whose_keys_run_out_is_replaced(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.invoke("Forbidden", {})
    before = cloud._functions.pools["Forbidden"]._all.copy()  # noqa: SLF001 # nobody else sees processes
    monkeypatch.setattr(credentials, "MARGIN", timedelta(hours=2))
    assert cloud.invoke("Forbidden", {}) == "AccessDeniedException"
    monkeypatch.undo()
    assert cloud.invoke("Forbidden", {}) == "AccessDeniedException"
    assert before.isdisjoint(cloud._functions.pools["Forbidden"]._all)  # noqa: SLF001 # likewise


def test_workers_without_work_end_but_for_one(cloud: LocalCloud) -> None:
    pool = cloud._functions.pools["Forbidden"]  # noqa: SLF001 # nobody else sees processes
    workers = [pool._take() for _ in range(3)]  # noqa: SLF001 # three invocations at once
    for worker in workers[:2]:
        pool._give_back(worker)  # noqa: SLF001 # likewise
    pool.trim()
    assert pool._all == {workers[1], workers[2]}, "one has nothing to do, and one is at work"  # noqa: SLF001
    with pytest.raises(WorkerLostError):
        workers[0].invoke({})
    assert workers[2].invoke({}) == cloud.invoke("Forbidden", {}) == "AccessDeniedException"
    pool._give_back(workers[2])  # noqa: SLF001 # likewise


def test_what_a_function_prints_is_in_its_log(cloud: LocalCloud, token: str) -> None:
    send(cloud, token)
    assert eventually(lambda: seen(cloud, token))
    log = cloud._log_dir / "Recorder.log"  # type: ignore[operator] # noqa: SLF001 # the fixture gave one
    assert eventually(lambda: f"recorded {token}" in log.read_text(encoding="utf-8"))


def test_the_template_is_what_the_control_planes_say(cloud: LocalCloud) -> None:
    session = cloud.session()
    s3, dynamodb = session.client("s3"), session.client("dynamodb")
    bucket, name = cloud.outputs["Bucket"], cloud.outputs["Table"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    assert dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["AttributeName"] == "expires"
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert dynamodb.describe_table(TableName=name)["Table"]["SSEDescription"]["Status"] == "ENABLED"
    assert cloud.function_environments()["Recorder"]["TABLE_NAME"] == name

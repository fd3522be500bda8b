"""Who gets in at the ports of a local cloud: nobody without its keys, no web page, nobody from elsewhere."""

import os
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.localaws.signed import signed
from tests.localaws.test_start_and_stop import children

from fanfold.console.server import listening
from localaws.cloud import LocalCloud
from localaws.credentials import Keys, LocalSession

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")
PORTS = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"]


@pytest.fixture(scope="module")
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager() as pool:
        yield pool


def admin(cloud: LocalCloud) -> Keys:
    return Keys(cloud.environment["AWS_ACCESS_KEY_ID"], cloud.environment["AWS_SECRET_ACCESS_KEY"])


def refused(client: Any, operation: str, **parameters: object) -> tuple[str, int]:
    """The code and the status with which a call is refused."""
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**parameters)
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    "path", ["reset-auth", "reset", "seed?a=1", "recorder/start-recording", "recorder/download-recording", "data.json"]
)
def test_what_moto_has_beside_aws_s_services_is_closed(cloud: LocalCloud, http: urllib3.PoolManager, path: str) -> None:
    url = f"{cloud.environment['AWS_ENDPOINT_URL']}/moto-api/{path}"
    assert http.request("POST", url, body=b"inf").status == 403
    # Not even for the administrator, nor for who says that it is a service of AWS.
    for region, service in (("us-east-1", "s3"), ("us-east-1", "sts"), ("amazonaws.com", "motoapi")):
        headers = signed("POST", url, b"inf", admin(cloud), service, region)
        answer = http.request("POST", url, body=b"inf", headers=headers)
        assert answer.status >= 400, answer.data
    assert cloud.invoke("Forbidden", {}) == "AccessDeniedException"


@pytest.mark.parametrize("path", ["/latest/meta-data/iam/security-credentials/default", "/favicon.ico"])
def test_moto_s_machine_metadata_are_closed(cloud: LocalCloud, http: urllib3.PoolManager, path: str) -> None:
    url = cloud.environment["AWS_ENDPOINT_URL"] + path
    assert http.request("GET", url).status == 403
    answer = http.request("GET", url, headers=signed("GET", url, b"", admin(cloud), "s3"))
    assert (answer.status, b"NoSuchBucket" in answer.data) == (404, True)


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://page.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:4566"},
        {"Host": "my.example"},
    ],
)
def test_a_web_page_gets_no_answer_even_with_keys(
    cloud: LocalCloud, http: urllib3.PoolManager, port: str, headers: dict[str, str]
) -> None:
    url = f"{cloud.environment[port]}/endpoints/none/invocations"
    for keys in (admin(cloud), None):
        sent = signed("POST", url, b"{}", keys, headers=headers) if keys else headers
        answer = http.request("POST", url, body=b"{}", headers=sent)
        assert answer.status == 403
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        assert b"local cloud answers" in answer.data


def test_no_page_is_told_that_it_may_ask(cloud: LocalCloud, http: urllib3.PoolManager) -> None:
    for port in PORTS:
        asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "PUT"}
        answer = http.request("OPTIONS", cloud.environment[port], headers=asked)
        assert answer.status in {403, 501}
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_localhost_is_a_name_of_the_local_cloud(cloud: LocalCloud) -> None:
    url = cloud.environment["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost")
    assert LocalSession({"": url}, admin(cloud)).client("sts").get_caller_identity()["Account"]


@pytest.mark.parametrize(
    ("service", "operation", "unknown", "wrong"),
    [
        ("s3", "list_buckets", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
        ("sts", "get_caller_identity", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("sqs", "list_queues", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("dynamodb", "list_tables", "UnrecognizedClientException", "InvalidSignatureException"),
        ("lambda", "list_functions", "UnrecognizedClientException", "InvalidSignatureException"),
        ("sagemaker-runtime", "invoke_endpoint", "UnrecognizedClientException", "InvalidSignatureException"),
    ],
)
def test_other_keys_are_refused_as_aws_refuses_them(
    cloud: LocalCloud, service: str, operation: str, unknown: str, wrong: str
) -> None:
    endpoints = {"": cloud.environment[PORTS[0]], "sagemaker-runtime": cloud.environment[PORTS[1]]}
    parameters = {"EndpointName": "none", "Body": b"{}"} if service == "sagemaker-runtime" else {}
    for keys, code in ((Keys("AKIANOBODY", "x"), unknown), (Keys(admin(cloud).access_key_id, "x"), wrong)):
        client = LocalSession(endpoints, keys).client(service)
        assert refused(client, operation, **parameters) == (code, 403)


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({}, b"", b"<Code>AccessDenied</Code>"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"Action=ListTopics", b">MissingAuthenticationToken<"),
        ({"Content-Type": "application/x-amz-json-1.0"}, b"{}", b'"MissingAuthenticationTokenException"'),
    ],
)
def test_a_request_without_a_signature_is_refused(
    cloud: LocalCloud, http: urllib3.PoolManager, headers: dict[str, str], body: bytes, code: bytes
) -> None:
    for port in PORTS:
        url = f"{cloud.environment[port]}/{cloud.outputs['Bucket']}"
        answer = http.request("POST", url, body=body, headers=headers)
        assert answer.status == 403
        assert port != "AWS_ENDPOINT_URL" or code in answer.data


def test_keys_that_were_deleted_are_refused_at_both_ports(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localaws.server.process._REMEMBER_SECONDS", 0)
    iam = cloud.session().client("iam")
    iam.create_user(UserName="leaver")
    iam.put_user_policy(
        UserName="leaver",
        PolicyName="all",
        PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}',
    )
    made = iam.create_access_key(UserName="leaver")["AccessKey"]
    keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
    session = LocalSession({"": cloud.environment[PORTS[0]], "sagemaker-runtime": cloud.environment[PORTS[1]]}, keys)
    s3, runtime = session.client("s3"), session.client("sagemaker-runtime")
    call = {"EndpointName": "none", "Body": b"{}"}
    assert s3.list_buckets()["Buckets"]
    assert refused(runtime, "invoke_endpoint", **call)[0] == "ValidationError"
    iam.update_access_key(UserName="leaver", AccessKeyId=keys.access_key_id, Status="Inactive")
    assert refused(s3, "list_buckets")[0] == "InvalidAccessKeyId"
    iam.delete_access_key(UserName="leaver", AccessKeyId=keys.access_key_id)
    assert refused(s3, "list_buckets")[0] == "InvalidAccessKeyId"
    assert refused(runtime, "invoke_endpoint", **call)[0] == "UnrecognizedClientException"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_urls_put_and_get_an_object(cloud: LocalCloud, http: urllib3.PoolManager, version: str) -> None:
    s3 = cloud.session().client("s3", config=Config(signature_version=version))
    named = {"Bucket": cloud.outputs["Bucket"], "Key": f"a b+é {version}"}
    put, get = (s3.generate_presigned_url(operation, Params=named) for operation in ("put_object", "get_object"))
    assert http.request("PUT", put, body=b"content").status == 200
    assert http.request("GET", get).data == b"content"
    assert http.request("GET", put).status == 403


def test_an_upload_in_chunks_is_stored_without_their_sizes(cloud: LocalCloud, http: urllib3.PoolManager) -> None:
    url = f"{cloud.environment['AWS_ENDPOINT_URL']}/{cloud.outputs['Bucket']}/chunked"
    checksum = b64encode(crc32(b"content").to_bytes(4))
    body = b"7\r\ncontent\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % checksum
    said = {
        "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "X-Amz-Decoded-Content-Length": "7",
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        "Content-Encoding": "aws-chunked",
    }
    headers = signed("PUT", url, b"", admin(cloud), "s3", headers=said)
    assert http.request("PUT", url, body=body, headers=headers).status == 200
    s3 = cloud.session().client("s3")
    assert s3.get_object(Bucket=cloud.outputs["Bucket"], Key="chunked")["Body"].read() == b"content"


@ON_LINUX
def test_every_port_is_open_to_this_machine_only(cloud: LocalCloud) -> None:
    with listening(0) as console:
        found = listeners({os.getpid(), *children()})
        at = {urlsplit(cloud.environment[port]).port for port in PORTS} | {console.getsockname()[1]}
    assert at <= {port for _, port in found}
    assert {address for address, _ in found} == {"0100007F"}


def listeners(processes: set[int]) -> set[tuple[str, int]]:
    """Address, in hexadecimal, and port of each socket on which one of these processes listens."""
    sockets = set()
    for process in processes:
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            try:
                sockets |= set(re.findall(r"socket:\[(\d+)\]", str(descriptor.readlink())))
            except FileNotFoundError:
                continue  # it was the one that lists this folder
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="utf-8").splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and inode in sockets:
                address, _, port = local.partition(":")
                found.add((address, int(port, 16)))
    return found


@ON_LINUX
def test_no_command_line_shows_a_secret(cloud: LocalCloud) -> None:
    cloud.invoke("Forbidden", {})
    lines = [Path(f"/proc/{process}/cmdline").read_bytes() for process in {os.getpid(), *children()}]
    secrets = {admin(cloud).secret_access_key}
    for environment in cloud.function_environments().values():
        secrets |= {environment["AWS_SECRET_ACCESS_KEY"], environment["AWS_SESSION_TOKEN"]}
    assert len(secrets) == 5
    assert not [line for line in lines for secret in secrets if secret.encode() in line]


def test_logs_are_their_user_s_alone(cloud: LocalCloud) -> None:
    cloud.invoke("Forbidden", {})
    assert cloud._log_dir is not None  # noqa: SLF001 # the fixture gave one
    logs = list(cloud._log_dir.iterdir())  # noqa: SLF001 # likewise
    assert {"server.log", "Forbidden.log"} <= {log.name for log in logs}
    assert {oct(log.stat().st_mode & 0o777) for log in logs} == {"0o600"}

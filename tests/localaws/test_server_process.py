"""What this process has the server do, by the pipe between them."""

from __future__ import annotations

import json
import tempfile
import uuid
from typing import TYPE_CHECKING, Any

from localaws.endpoint.calls import Caller, NewObject

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from localaws.cloud import LocalCloud

MEBIBYTE = 1_048_576


def role_of_all_rights(cloud: LocalCloud) -> Caller:
    session, name = cloud.session(), f"all-{uuid.uuid4().hex}"
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = session.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    session.client("iam").put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(rights))
    keys = session.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return Caller("us-east-1", keys["AccessKeyId"], keys["SessionToken"])


def test_bodies_of_any_bytes_and_size_are_stored_and_keep_the_pipe_free_for_others(
    cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, server = cloud.session().client("s3"), cloud._services._server  # noqa: SLF001 # the pipe has no other end
    bucket = f"bodies-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket)
    sent: list[int] = []
    ask = server._ask  # noqa: SLF001 # likewise

    def counted(*call: object) -> Any:  # as the original
        sent.append(len(json.dumps(call)))
        return ask(*call)

    monkeypatch.setattr(server, "_ask", counted)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    caller = role_of_all_rights(cloud)
    every_byte = bytes(range(256)) * (MEBIBYTE // 256)
    bodies = {"empty": b"", "binary": every_byte, "large": every_byte * 8 + b"\x80"}
    objects = [NewObject(bucket, key, body, "text/plain", None) for key, body in bodies.items()]
    refused = NewObject(f"no-{bucket}", "key", bodies["large"], "text/plain", None)

    *stored, why = server.put_objects(caller, [*objects, refused])

    assert stored == [None, None, None]
    assert why is not None
    assert why.startswith("NoSuchBucket")
    assert {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in bodies} == bodies
    assert max(sent) < 1.4 * MEBIBYTE
    assert list(tmp_path.iterdir()) == []

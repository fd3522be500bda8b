"""`python -m localaws.server --port 0`: serves until its standard input ends.

One line of JSON on standard output says how to reach it:
`{"url": …, "admin": [key id, secret], "services": {"lambda.amazonaws.com": [key id, secret], …}}`,
or `{"taken": "why"}` when the port is another program's. After that, each line of standard input is one of these calls,
and is answered by a line:

    ["find_keys", key id]                 [key id, secret, session token, when they expire], or null
    ["put_objects", caller, [object, …]]  [why it is refused, or null, …]
    ["publish", caller, [message, …]]     likewise; see `localaws.endpoint.calls`
    ["set_instances", region, endpoint, variant, number]    null; a variant has so many instances by now

An object is [bucket, key, body, content type, id of a key or null]; its body is {"base64": …} or {"file": its path}.
"""

import argparse
import gc
import json
import os
import signal
import sys
import threading
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

from localaws.access.guard import Guard
from localaws.access.profiles import LightLoader
from localaws.endpoint.calls import Caller, NewObject, Notification
from localaws.errors import PortInUseError

# Read by moto, some of it on import. Function code is not kept in S3 here.
os.environ |= {
    "VALIDATE_LAMBDA_S3": "false",
    "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true",
    "MOTO_DISABLE_GLOBAL_CORS": "true",
}

from moto import settings
from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.core.common_models import BaseModel
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.kms import models as kms

from localaws.server import calls, changes, completion, hosting, iam, messaging, put, replace, resources, storage
from localaws.server.http import HOST, bind

# What services may do beside what their roles say. Lambda removes old log streams and gives back the messages of a
# worker that is lost, SageMaker reads what it runs.
SERVICES = {
    "lambda.amazonaws.com": (
        "sts:AssumeRole",
        "logs:DeleteLogStream",
        "sqs:ChangeMessageVisibility",
    ),
    "sagemaker.amazonaws.com": ("sts:AssumeRole", "sagemaker:Describe*"),
}


def main() -> int:
    """Serve; see the module's docstring."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    # Ctrl-C reaches the whole process group; when to end is for the process that started this one to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        server = bind(parser.parse_args().port, Guard(iam.find_keys))
    except PortInUseError as error:
        _say({"taken": str(error)})
        return 1
    url = f"http://{HOST}:{server.port}"
    # Moto keeps every object it ever made, for its dashboard: each message and each item.
    put(Loader, "FILE_LOADER_CLASS", LightLoader)
    put(BaseModel, "__new__", staticmethod(lambda cls, *_args, **_options: object.__new__(cls)))
    replace(AccountSpecificBackend, "_generate_regions", _those_of_sts)
    replace(BackendDict, "__getitem__", _found_first)
    replace(kms, "generate_private_key", _if_it_has_one)
    for service in (changes, completion, hosting, iam, messaging, storage):
        service.patch()
    resources.patch(url)
    admin = _user("admin", "*")
    services = {name: _user(name, *actions) for name, actions in SERVICES.items()}
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    # All that is loaded stays: looking for what doesn't would take its time in every full collection.
    gc.freeze()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _say({"url": url, "admin": admin, "services": services})
    for line in sys.stdin:
        _say(_answer(json.loads(line)))
    return 0


def _those_of_sts(regions: Callable[[Any, str], list[str]]) -> Callable[[Any, str], list[str]]:
    """All regions have STS. To know those of a service, botocore reads the whole description of it."""
    return lambda account, _service: regions(account, "sts")


def _found_first(get: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Find a service's backends by account; moto looks first whether they have to be made and are in a list of all."""

    def __getitem__(self: Any, account: str) -> Any:  # noqa: N807 # as Python calls it
        found = dict.get(self, account)
        return get(self, account) if found is None else found

    return __getitem__


def _if_it_has_one(generate: Callable[[str], Any]) -> Callable[[str], Any]:
    """Generate the private key of an asymmetric key; moto gives each key one, which takes a while."""
    return lambda key_spec: None if key_spec == "SYMMETRIC_DEFAULT" else generate(key_spec)


def _answer(call: list[Any]) -> object:
    """Do a call; see the module's docstring."""
    match call:
        case ["find_keys", key_id]:
            keys = iam.find_keys(key_id)
            return keys and [keys.access_key_id, keys.secret_access_key, keys.token, keys.expires and str(keys.expires)]
        case ["put_objects", caller, several]:
            objects = [NewObject(bucket, key, _body(sent), *rest) for bucket, key, sent, *rest in several]
            return calls.put_objects(Caller(*caller), objects)
        case ["publish", caller, several]:
            return calls.publish(Caller(*caller), [Notification(*one) for one in several])
        case ["set_instances", region, endpoint, variant, count]:
            hosting.set_instances(region, endpoint, variant, count)
            return None
    raise ValueError(f"no such call: {call[0]}")


def _body(sent: dict[str, str]) -> bytes:
    return Path(sent["file"]).read_bytes() if "file" in sent else b64decode(sent["base64"])


def _user(name: str, *actions: str) -> tuple[str, str]:
    """Create an IAM user who may do `actions`; its access key id and secret."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    backend = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    backend.create_user("us-east-1", name)
    backend.put_user_policy(name, "local-cloud", policy)
    key = backend.create_access_key(name)
    return key.access_key_id, key.secret_access_key


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

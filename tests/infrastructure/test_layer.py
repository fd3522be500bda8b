"""What the layer keeps of botocore's descriptions says the same as what botocore ships, and it is never uncompiled."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.loaders import Loader

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from botocore.client import BaseClient
    from botocore.model import Shape

ROOT = Path(__file__).parents[2]
BUILD = (ROOT / "layers/core/build.py").read_text(encoding="utf-8")
SERVICES = sorted(ast.literal_eval(re.findall(r"^SERVICES = (.+)$", BUILD, re.MULTILINE)[0]))
# One of each partition, and one that is to come.
REGIONS = [
    *(f"{name}-1" for name in ["us-east", "us-gov-west", "cn-north", "us-iso-east", "us-isob-east", "eusc-de-east"]),
    "ap-new-9",
]
VARIANTS = [Config(), Config(use_fips_endpoint=True), Config(use_dualstack_endpoint=True)]


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layer") / "data"
    shutil.copytree(Loader.BUILTIN_DATA_PATH, folder)
    subprocess.run([sys.executable, ROOT / "layers/core/trim.py", folder, *SERVICES], check=True)
    return folder


@lru_cache
def session(data: Path | None) -> boto3.Session:
    """One for all tests: most of their time would go into reading the same descriptions again."""
    found = botocore.session.Session()
    if data:
        found.register_component("data_loader", Loader([str(data)], include_default_search_paths=False))
    return boto3.Session("k", "s", region_name="us-east-1", botocore_session=found)


def client(service: str, region: str, data: Path | None, config: Config = VARIANTS[0]) -> BaseClient:
    return session(data).client(service, region_name=region, config=config)  # type: ignore[call-overload, no-any-return]


def described(shape: Shape) -> tuple[object, ...]:
    """A shape, but for its words."""
    return (shape.type_name, shape.metadata, shape.serialization, sorted(getattr(shape, "members", ())))


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_found_where_it_was(service: str, region: str, trimmed: Path) -> None:
    for variant in VARIANTS:
        ours, whole = (client(service, region, data, variant).meta for data in (trimmed, None))
        assert ours.endpoint_url == whole.endpoint_url
        assert ours.partition == whole.partition
        assert ours.config.signature_version == whole.config.signature_version  # type: ignore[attr-defined]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_does_what_it_did(service: str, trimmed: Path) -> None:
    ours, whole = (client(service, "us-east-1", data).meta.service_model for data in (trimmed, None))
    assert ours.metadata == whole.metadata
    assert ours.operation_names == whole.operation_names
    assert ours.shape_names == whole.shape_names
    for name in whole.shape_names:
        assert described(ours.shape_for(name)) == described(whole.shape_for(name))


CALLS: dict[str, tuple[str, dict[str, object]]] = {
    "dynamodb": ("list_tables", {}),
    "events": ("put_events", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]}),
    "s3": ("list_objects_v2", {"Bucket": "bucket", "Prefix": "a b"}),
    "sagemaker": ("describe_endpoint", {"EndpointName": "e"}),
    "sagemaker-runtime": ("invoke_endpoint_async", {"EndpointName": "e", "InputLocation": "s3://bucket/input"}),
    "sns": ("publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:topic", "Message": "m"}),
    "sqs": ("list_queues", {"QueueNamePrefix": "q"}),
}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_called_as_it_was(service: str, trimmed: Path) -> None:
    operation, parameters = CALLS[service]
    ours, whole = (called(client(service, "us-east-1", data), operation, parameters) for data in (trimmed, None))
    assert ours == whole


OF_ITS_SECOND = {"Authorization", "X-Amz-Date", "amz-sdk-invocation-id"}


class SentError(Exception):
    """In the place of a reply: nothing leaves the machine."""


def called(client: BaseClient, operation: str, parameters: dict[str, object]) -> tuple[object, ...]:
    """What a call would send."""
    sent: list[AWSPreparedRequest] = []

    def keep(request: AWSPreparedRequest, **_: object) -> None:
        sent.append(request)
        raise SentError

    client.meta.events.register("before-send", keep)
    with pytest.raises(SentError):
        getattr(client, operation)(**parameters)
    (request,) = sent
    # Who signs where and for what stands before the signature, which has its second in it.
    scope = str(request.headers["Authorization"]).partition(", Signature")[0]
    rest = {name: value for name, value in request.headers.items() if name not in OF_ITS_SECOND}
    return request.method, request.url, request.body, scope, rest


def test_a_service_that_botocore_does_not_know_stops_the_build(tmp_path: Path) -> None:
    shutil.copytree(Path(Loader.BUILTIN_DATA_PATH) / "sqs", tmp_path / "sqs")
    ended = subprocess.run(
        [sys.executable, ROOT / "layers/core/trim.py", tmp_path, "sqs", "dinamodb"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "describes no dinamodb" in ended.stderr


def test_the_layer_keeps_the_description_of_every_service_that_is_called() -> None:
    modules = [ast.parse(path.read_text()) for path in (ROOT / "layers/core/src").glob("fanfold_core/**/*.py")]
    called = {
        call.args[0].value
        for module in modules
        for call in ast.walk(module)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"client", "resource"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    assert called <= set(SERVICES)


def test_what_no_function_reads_is_gone(trimmed: Path) -> None:
    assert {folder.name for folder in trimmed.iterdir() if folder.is_dir()} == set(SERVICES)
    assert not list(trimmed.rglob("*.gz"))
    for partition in json.loads((trimmed / "endpoints.json").read_bytes())["partitions"]:
        known = {"api.sagemaker", "dynamodb", "events", "runtime.sagemaker", "s3", "sns", "sqs"}
        assert set(partition["services"]) <= known
    for file in trimmed.rglob("service-2.json"):
        assert not re.search(r'"documentation":"[^"]', file.read_text())


# What a script of build.py's folder prints: as `make build` calls it, on a machine whose own Python is another version.
COMPILER = "import sys, build; sys.executable = sys.argv[1]; print(build.find_compiler())"
BUILD_IT = "import sys, build; sys.executable = sys.argv[1]; build.main('CoreLayer', {!r}, is_bytecode_optional=False)"
ONLY_IF_ASKED_FOR = '[ "$PYENV_VERSION" = 3.13 ] && echo cpython-313'


def build_script(script: str, shim: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script beside build.py, with a shell script as python3.13 and as little else as possible."""
    for name, text in {"python3.13": shim, "python3.14": "echo cpython-314"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    environment = {**os.environ, "PATH": str(folder), "PYTHONPATH": str(ROOT / "layers/core")}
    command = [sys.executable, "-c", script, str(folder / "python3.14")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("shim", "found"), [("exit 127", None), ("echo cpython-312", None), (ONLY_IF_ASKED_FOR, ["python3.13"])]
)
def test_a_layer_is_compiled_by_lambdas_python_alone(shim: str, found: list[str] | None, tmp_path: Path) -> None:
    assert build_script(COMPILER, shim, tmp_path).stdout == f"{found}\n"


def test_without_lambdas_python_a_layer_is_not_built(tmp_path: Path) -> None:
    ended = build_script(BUILD_IT.format(str(tmp_path / "built")), "exit 127", tmp_path)
    assert (ended.returncode, (tmp_path / "built").exists()) == (1, False)
    assert "The layers need Python 3.13" in ended.stderr

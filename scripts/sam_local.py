"""Run a whole job in Lambda's own containers: each function, as `sam build` made it, by `sam local invoke`.

A local cloud runs without its functions, and this script carries the messages instead: the splitter gets
events/upload.json, the sweeper events/schedule.json, and each function after them what the one before has put into
its queue. The job has to end with a prediction for every row.

Two things about `sam local invoke` shape this script (seen in 1.170):

* it hands a function only the variables that its template declares, so a copy of the built template declares what the
  local cloud wants the function to see: endpoints, names, and credentials of the function's own role;
* `--docker-network host` changes nothing, a container reaches this machine under the bridge's address only. The local
  cloud listens on 127.0.0.1 alone, so its ports are forwarded from that address while this script runs. Nobody but
  this machine's containers can reach it.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import yaml

from fanfold.client import LOCAL_PARAMETERS
from fanfold.project import find_root
from localaws.cloud import LocalCloud
from localaws.functions import sqs_event

SAM = ".venv-sam/bin/sam"
BUILT = Path(".aws-sam/build/template.yaml")
LOCAL = BUILT.with_name("local.yaml")  # beside the built one: its paths are relative
UPLOAD, SCHEDULE = Path("events/upload.json"), Path("events/schedule.json")
# Large enough for the splitter to scan it with NumPy, which no smaller file makes it import.
ROWS = 30
CONTENT = b"text,source\r\n" + b'"so good, ""really""",%b\r\n' % (b"shop " * 4_000) * ROWS
PATIENCE_SECONDS = 20
# What each function after the splitter reads. The endpoint, between dispatcher and collector, is the local cloud's.
STEPS = (
    ("DispatcherFunction", "ChunksQueue"),
    ("CollectorFunction", "OutcomesQueue"),
    ("AssemblerFunction", "AssemblyQueue"),
)


def main() -> int:
    """Print one line per invocation; the exit code is 1 if one failed or the job did not succeed."""
    address = bridge_address()
    if address is None:
        say("skipped: no Docker engine is running here")
        return 0
    say("starting a local cloud without functions")
    with (
        LocalCloud(find_root(), parameters=LOCAL_PARAMETERS, run_functions=False) as cloud,
        forwarded(cloud, address) as environments,
    ):
        declare(environments)
        upload(cloud)
        passed = (
            invoke("SplitterFunction", UPLOAD)
            and invoke("SweeperFunction", SCHEDULE)
            and all(carry(cloud, *step) for step in STEPS)
        )
        return report(cloud) if passed else 1


def say(text: str) -> None:
    """Print one line of progress, at once."""
    print(f"sam-local: {text}", flush=True)


def bridge_address() -> str | None:
    """This machine as its containers see it: "172.17.0.1", or None without a Docker engine.

    Docker Desktop runs containers in a machine of its own: there DOCKER_HOST_ADDRESS has to say it.
    """
    docker = shutil.which("docker")
    if docker is None:
        return None
    bridge = "{{with index .IPAM.Config 0}}{{or .Gateway .Subnet}}{{end}}"
    found = subprocess.run(
        [docker, "network", "inspect", "bridge", "--format", bridge], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        return None
    if address := os.environ.get("DOCKER_HOST_ADDRESS"):
        return address
    gateway, _, is_subnet = found.stdout.strip().partition("/")
    return str(ip_address(gateway) + 1) if is_subnet else gateway  # unless configured, a subnet's first address


@contextmanager
def forwarded(cloud: LocalCloud, address: str) -> Iterator[dict[str, dict[str, str]]]:
    """Forward the cloud's ports from this address; yields each function's environment as its container needs it."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    environments = json.dumps(cloud.function_environments())
    for url in {value for name, value in cloud.environment.items() if name.startswith("AWS_ENDPOINT_URL")}:
        port = urlsplit(url).port
        listening = asyncio.start_server(lambda *ends, port=port: forward(port, *ends), address, port)
        asyncio.run_coroutine_threadsafe(listening, loop).result()
        environments = environments.replace(url, f"http://{address}:{port}")
    try:
        yield json.loads(environments)
    finally:
        loop.call_soon_threadsafe(loop.stop)


async def forward(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one connection to this port of 127.0.0.1, both ways."""
    there, back = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(pour(reader, back), pour(there, writer))


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one direction until it ends."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def declare(environments: dict[str, dict[str, str]]) -> None:
    """Write the built template once more, with these environments declared in it."""
    template = yaml.safe_load(BUILT.read_text())
    for function, variables in environments.items():
        template["Resources"][function]["Properties"]["Environment"] = {"Variables": variables}
    LOCAL.write_text(yaml.safe_dump(template, sort_keys=False))


def upload(cloud: LocalCloud) -> None:
    """Put the object that the upload event tells of. Its name has spaces, a plus and brackets."""
    event = json.loads(json.loads(UPLOAD.read_text())["Records"][0]["body"])["Records"][0]["s3"]
    key = unquote_plus(event["object"]["key"])
    cloud.session().client("s3").put_object(Bucket=event["bucket"]["name"], Key=key, Body=CONTENT)


def carry(cloud: LocalCloud, function: str, queue: str) -> bool:
    """Invoke a function with what waits in its queue; whether it took all of it."""
    sqs = cloud.session().client("sqs")
    resource = (
        cloud.session()
        .client("cloudformation")
        .describe_stack_resource(StackName=cloud.stack_name, LogicalResourceId=queue)
    )
    url = resource["StackResourceDetail"]["PhysicalResourceId"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    messages = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=PATIENCE_SECONDS, AttributeNames=["All"]
    ).get("Messages", [])
    if not messages:
        say(f"FAILED  {function}: nothing came into {queue} in {PATIENCE_SECONDS} s")
        return False
    event = LOCAL.with_name(f"{function}.json")
    event.write_text(json.dumps(sqs_event.build(messages, arn)))
    return invoke(function, event)


def invoke(function: str, event: Path) -> bool:
    """One `sam local invoke`; says what went wrong, if it did."""
    began = time.monotonic()
    sam = subprocess.run(
        [SAM, "local", "invoke", function, "--template", LOCAL, "--event", event, "--skip-pull-image"],
        capture_output=True,
        text=True,
        check=False,
    )
    passed = sam.returncode == 0 and is_success(sam.stdout)
    say(f"{'passed' if passed else 'FAILED'}  {function} with {event}, {time.monotonic() - began:.1f} s")
    if not passed:
        print(sam.stderr, sam.stdout, sep="\n", file=sys.stderr)
    return passed


def is_success(stdout: str) -> bool:
    """Whether the function's answer, the last line, tells of neither an error nor a failed message."""
    try:
        answer: Any = json.loads(stdout.strip().rpartition("\n")[2])
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("batchItemFailures") == []


def report(cloud: LocalCloud) -> int:
    """Print what the job came to; the exit code is 1 if it did not predict every row."""
    s3 = cloud.session().client("s3")
    bucket = cloud.outputs["OutputBucket"]
    found = s3.list_objects_v2(Bucket=bucket, Prefix="results/").get("Contents", [])
    keys = [entry["Key"] for entry in found if entry["Key"].endswith("/summary.json")]
    summaries = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    say(", ".join(f"job {summary['job']} {summary['state']}: {summary['predicted']} rows" for summary in summaries))
    return 0 if [(summary["state"], summary["predicted"]) for summary in summaries] == [("SUCCEEDED", ROWS)] else 1


if __name__ == "__main__":
    sys.exit(main())

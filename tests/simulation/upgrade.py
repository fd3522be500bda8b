"""An upgrade while a job runs: what an earlier version has left in the ledger, the queues and the bucket is finished.

`versions/` has that, of several moments of one run, as the version named there has left it.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
from tests.simulation.cloud import Cloud, Sent
from tests.simulation.deliveries import Delivery
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.simulation import simulation
from tests.simulation.world import World

VERSIONS = Path(__file__).with_name("versions")
_EVERY_STEPS = 25


@dataclass(frozen=True, slots=True)
class Moment:
    """What lay where after `steps` of the run: items as DynamoDB spells them, objects in base 64, messages."""

    steps: int
    items: Sequence[dict[str, Any]]
    objects: dict[str, str]
    messages: Sequence[dict[str, Any]]


def record() -> Iterator[Moment]:
    """Moments of the undisturbed run, as this version leaves them, when no function is at work."""
    world = simulation("moto").calm()
    world.begin()
    last = 0
    with world.scenario.at_scale():
        while world.step():
            if world.steps >= last + _EVERY_STEPS and not world.at_work and not world.watch.has_ended:
                # What the endpoint has taken is answered while the new version is deployed.
                for request in list(world.endpoint.waiting):
                    for notification in world.endpoint.work_off(request):
                        world.cloud.notify(notification)
                world.receive()
                last = world.steps
                yield _moment(world)


def finish(moment: Moment) -> str:
    """Go on from that moment with today's code; which promise is broken, in words."""
    world = simulation("moto").calm()
    world.begin()
    _put(world.cloud, moment)
    world.inbox = [Delivery(_sent(world.cloud, message), world.clock.time) for message in moment.messages]
    try:
        world.go_on()
    except BrokenPromiseError as broken:
        return str(broken)
    return ""


def write(path: Path, moments: Sequence[Moment]) -> None:
    """Keep moments in a file."""
    path.write_text(json.dumps([asdict(moment) for moment in moments], indent=1, sort_keys=True) + "\n")


def read(path: Path) -> list[Moment]:
    """The moments in a file."""
    return [Moment(**moment) for moment in json.loads(path.read_text())]


def _moment(world: World) -> Moment:
    table, bucket = world.cloud.outputs["LedgerTable"], world.cloud.outputs["OutputBucket"]
    s3 = boto3.client("s3")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    objects = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    return Moment(
        steps=world.steps,
        items=boto3.client("dynamodb").scan(TableName=table)["Items"],
        objects={key: base64.b64encode(content).decode() for key, content in objects.items()},
        messages=[
            {**asdict(message), "queue": _logical_id(message.queue)}
            for message in (delivery.message for delivery in world.inbox)
        ],
    )


def _logical_id(queue: str) -> str:
    """What the template calls a queue: its name ends otherwise in every stack."""
    return queue.split("-")[-2]


def _sent(cloud: Cloud, message: Mapping[str, Any]) -> Sent:
    return Sent(**{**message, "queue": next(arn for arn in cloud.mappings if _logical_id(arn) == message["queue"])})


def _put(cloud: Cloud, moment: Moment) -> None:
    for item in moment.items:
        boto3.client("dynamodb").put_item(TableName=cloud.outputs["LedgerTable"], Item=item)
    for key, content in moment.objects.items():
        boto3.client("s3").put_object(Bucket=cloud.outputs["OutputBucket"], Key=key, Body=base64.b64decode(content))

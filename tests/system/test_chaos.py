"""Everything goes wrong at once, for real: the results are those of a calm day, byte by byte."""

from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from tests.functions.conftest import event
from tests.system.conftest import Pipeline
from tests.written_files import BARE

from fanfold.client import LOCAL_PARAMETERS
from fanfold.project import find_root
from localaws.chaos import Chaos
from localaws.cloud import LocalCloud

MANY_SMALL = {"rows_per_request": 2, "request_ttl_seconds": 60}
SWEEP_EVERY_SECONDS = 3


@pytest.mark.slow
def test_a_file_comes_through_chaos_as_on_a_calm_day(pipeline: Pipeline, tmp_path: Path) -> None:
    calm = pipeline.run("tweets.csv", BARE, **MANY_SMALL)
    chaos = Chaos(seed=7)
    with (
        LocalCloud(find_root(), parameters=LOCAL_PARAMETERS, conditions=chaos) as stormy,
        ThreadPoolExecutor(1) as aside,
    ):
        running = aside.submit(Pipeline(stormy, tmp_path).run, "tweets.csv", BARE, **MANY_SMALL)
        while not running.done():
            sweep(stormy)
            wait([running], SWEEP_EVERY_SECONDS)
    finished = running.result()
    assert finished.errors == calm.errors
    assert finished.content == calm.content
    assert (finished.summary["state"], finished.errors) == ("SUCCEEDED", [])
    assert all(chaos.faults.values()), chaos.faults
    assert len(chaos.faults) == 6, chaos.faults


def sweep(cloud: LocalCloud) -> None:
    """Send what the schedule sends, which keeps whole minutes."""
    stack = cloud.session().client("cloudformation")
    found = stack.describe_stack_resource(StackName=cloud.stack_name, LogicalResourceId="SweepsQueue")
    url = found["StackResourceDetail"]["PhysicalResourceId"]
    cloud.session().client("sqs").send_message(QueueUrl=url, MessageBody=event("schedule")["Records"][0]["body"])

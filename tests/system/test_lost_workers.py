"""Workers that are killed in the middle of a batch."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.system.conftest import Pipeline

from fanfold.client import LOCAL_PARAMETERS
from fanfold.project import find_root
from localaws.cloud import LocalCloud
from localaws.conditions import Conditions
from localaws.functions.workers import Worker


class KillsTheFirst(Conditions):
    """The first worker of each function is killed in its first batch, whose messages nobody has told to come again."""

    def __init__(self) -> None:
        super().__init__()
        self.killed: set[str] = set()

    @contextmanager
    def invoking(self, worker: Worker) -> Iterator[None]:
        function = worker._function.logical_id  # noqa: SLF001 # nobody else knows whose it is
        killer = threading.Timer(0.01, worker.interrupt)
        if function not in self.killed:
            self.killed.add(function)
            killer.start()
        try:
            yield
        finally:
            killer.cancel()


@pytest.mark.slow
def test_a_job_whose_workers_are_killed_ends_long_before_their_messages_would_return(tmp_path: Path) -> None:
    conditions = KillsTheFirst()
    with LocalCloud(find_root(), parameters=LOCAL_PARAMETERS, conditions=conditions) as cloud:
        pipeline = Pipeline(cloud, tmp_path)
        file = tmp_path / "killed.csv"
        file.write_text("text\n" + "so good\n" * 100, encoding="utf-8")
        job = pipeline.client.submit(file, rows_per_request=1)
        job.wait(timeout=120)  # their queues' visibility time-out is 540 seconds
        assert len(pipeline.finish(job).results) == 100
    assert {"SplitterFunction", "DispatcherFunction", "CollectorFunction", "AssemblerFunction"} <= conditions.killed

"""How the endpoint scales: what its policies decide, and a job that wakes it."""

import threading
from collections.abc import Iterator

import pytest

from fanfold import Fanfold
from fanfold.client import LOCAL_PARAMETERS
from fanfold.project import find_root
from localaws.cloud import LocalCloud
from localaws.scaling import Minute, Policies, Step, Tracking

TRACKING = Tracking(target=5, in_cooldown=10, out_cooldown=5)
WAKE_UP = Step(minutes=2, threshold=1, adjustment=1, cooldown=5)


def policies() -> Policies:
    return Policies(least=0, most=5, tracking=TRACKING, step=WAKE_UP)


def test_one_waiting_request_wakes_a_sleeping_endpoint_after_two_minutes() -> None:
    assert policies().desired(1, [Minute(1, 0)]) == 0
    assert policies().desired(2, [Minute(1, 0)] * 2) == 1


def test_without_a_policy_for_it_an_endpoint_wakes_when_the_backlog_passes_the_target() -> None:
    tracking_only = Policies(least=0, most=5, tracking=TRACKING)
    assert tracking_only.desired(3, [Minute(5, 0)] * 3) == 0
    assert tracking_only.desired(3, [Minute(6, 0)] * 3) == 2


def test_an_instance_that_has_just_started_stays_for_a_while() -> None:
    assert policies().desired(15, [*[Minute(1, 0)] * 14, Minute(0, 1)]) == 1


def test_three_minutes_of_backlog_start_as_many_instances_as_it_needs() -> None:
    assert policies().desired(2, [Minute(12, 1)] * 2) == 1
    assert policies().desired(3, [Minute(12, 1)] * 3) == 3
    assert policies().desired(3, [Minute(1000, 1)] * 3) == 5


def test_a_quarter_of_an_hour_without_backlog_puts_it_to_sleep() -> None:
    assert policies().desired(14, [Minute(0, 3)] * 14) == 3
    assert policies().desired(15, [Minute(0, 3)] * 15) == 0


def test_cooldowns_separate_one_change_from_the_next() -> None:
    scaling = policies()
    assert scaling.desired(3, [Minute(10, 1)] * 3) == 2
    assert scaling.desired(7, [Minute(20, 2)] * 3) == 2
    assert scaling.desired(8, [Minute(20, 2)] * 3) == 4


def test_an_endpoint_that_may_not_sleep_keeps_its_instance() -> None:
    assert Policies(1, 5, TRACKING, WAKE_UP).desired(15, [Minute(0, 1)] * 15) == 1


class Scaling:
    """A cloud whose minutes last a twentieth of a second, and what its endpoint has done."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self.cloud = LocalCloud(find_root(), parameters=LOCAL_PARAMETERS, scaling_speed=1200, on_scaling=self._tell)

    def _tell(self, line: str) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def wait_for(self, words: str, after: int = 0) -> None:
        """Wait until the last line says so, and is none of the first."""
        with self._changed:
            has_come = self._changed.wait_for(
                lambda: any(words in line for line in self.lines[after:][-1:]), timeout=60
            )
            assert has_come, self.lines


@pytest.fixture
def scaling() -> Iterator[Scaling]:
    scaling = Scaling()
    with scaling.cloud:
        yield scaling


def test_a_job_or_a_command_wakes_a_sleeping_endpoint_which_goes_back_to_zero(
    scaling: Scaling, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scaling.wait_for("from 1 to 0 instances")
    folder = tmp_path_factory.mktemp("scaling")
    file = folder / "texts.csv"
    file.write_text("text\nso good\n", encoding="utf-8")

    client = Fanfold(scaling.cloud.stack_name, session=scaling.cloud.session())
    last = client.submit(file).wait()
    scaling.wait_for("from 1 to 0 instances")

    assert last.state == "SUCCEEDED"
    changes = [line.partition(": ")[2] for line in scaling.lines]
    assert changes == [
        "fanfold has gone from 1 to 0 instances",
        "fanfold has a backlog of 1 and starts an instance",
        "fanfold has gone from 0 to 1 instances",
        "fanfold has gone from 1 to 0 instances",
    ]
    described = client.stack.session.client("sagemaker").describe_endpoint(EndpointName="fanfold")
    assert (described["EndpointStatus"], described["ProductionVariants"][0]["CurrentInstanceCount"]) == ("InService", 0)

    # Before a file comes.
    client.wake()
    scaling.wait_for("from 1 to 0 instances", after=len(changes))
    assert [line.partition(": ")[2] for line in scaling.lines[len(changes) :]] == [
        "fanfold is woken and starts an instance",
        "fanfold has gone from 0 to 1 instances",
        "fanfold has gone from 1 to 0 instances",
    ]
    metrics = scaling.cloud.session().client("cloudwatch").list_metrics(Namespace="AWS/SageMaker")["Metrics"]
    assert {metric["MetricName"] for metric in metrics} == {
        "ApproximateBacklogSize",
        "ApproximateBacklogSizePerInstance",
        "ApproximateAgeOfOldestRequest",
        "HasBacklogWithoutCapacity",
    }

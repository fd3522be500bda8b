"""A run: the scheduler that owns time, every delivery and every interleaving."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from tests.simulation.cloud import Cloud, Sent
from tests.simulation.deliveries import Clock, Delivery, event
from tests.simulation.endpoint import SimulatedEndpoint
from tests.simulation.executions import Execution, Fault
from tests.simulation.functions import Functions, with_parts
from tests.simulation.promises import BrokenPromiseError, Watch
from tests.simulation.scenario import Scenario
from tests.simulation.schedule import Faults, Schedule

from fanfold.project import find_root
from fanfold_core.app.rounds import start_retry
from fanfold_core.app.sweep import Sweeper
from fanfold_core.aws.wiring import wire_sweeper
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import job_id, next_round
from fanfold_core.domain.requests import Request
from fanfold_core.domain.window import Window
from fanfold_core.input.cutting import Limits
from localaws.functions import sqs_event

# Of each round, and so are the sweeps below.
_MOST_STEPS = 60_000
_STEPS_OF_HOPE = 1_000
# A message that is received more often goes to the dead letters.
_MOST_RECEIVES = 5
_STEP, _VISIBILITY = timedelta(seconds=1), timedelta(seconds=540)
# Longer than a request may be under way, so that a sweep after it misses what is lost.
_SILENCE = timedelta(hours=2)
_MOST_SWEEPS = 400
# The schedule leaves time for a sweep before the next one.
_MOST_WAITING_SWEEPS = 3
# Half of the longest deadline, so that silence alone makes no job late: of one round.
_MOST_SILENCES = 84
# So many dispatches in a row, of which none has sent anything, wait for room that only the sweeper makes.
_MOST_ASKED = 12


@dataclass(slots=True)
class AtWork:
    """An execution, and the messages that it was given."""

    execution: Execution
    deliveries: list[Delivery]

    def may_fail(self, most_receives: int) -> bool:
        """Not its last chance before the dead letters; and who cancels, without a message, tries until it is done."""
        return bool(self.deliveries) and all(delivery.receives < most_receives for delivery in self.deliveries)


@dataclass
class World:
    """One file's way through the system. `play` it once."""

    cloud: Cloud
    functions: Functions
    scenario: Scenario
    faults: Faults
    schedule: Schedule
    clock: Clock
    steps: int = 0
    sweeps: int = 0
    silences: int = 0
    asked: int = 0
    done: int = 0
    inbox: list[Delivery] = field(default_factory=list)
    at_work: list[AtWork] = field(default_factory=list)
    earlier: list[Watch] = field(default_factory=list)

    def play(self) -> None:
        """Upload the file and do what there is to do until nothing is left; `BrokenPromiseError` if a promise is."""
        self.begin()
        self.go_on()

    def begin(self) -> None:
        """Upload the file."""
        self.clock.start()
        self.endpoint = SimulatedEndpoint(self.cloud, self.scenario, self.schedule, self.faults, self.clock)
        self.watch = Watch(self.cloud, self.scenario, self._upload(self.scenario, {}))

    def go_on(self) -> None:
        """Do what there is to do until nothing is left, and check what is promised."""
        with self.scenario.at_scale():
            while self.step():
                if self.steps > _MOST_STEPS * (1 + len(self.earlier)):
                    raise BrokenPromiseError("the run does not end")
        for watch in self.rounds:
            watch.check(self.faults)

    @property
    def rounds(self) -> list[Watch]:
        """Watches of all rounds so far."""
        return [*self.earlier, self.watch]

    def step(self) -> bool:
        """Do one thing, and see what comes of it; False if nothing is left to be done."""
        if not self._do_something():
            return False
        self.steps += 1
        self.clock.time += _STEP
        self.receive()
        self.watch.look()
        self._look_for_progress()
        return True

    def _look_for_progress(self) -> None:
        """A dispatch that ends a chunk, of which all was predicted before, doesn't ask for room in vain."""
        job = self.cloud.job(self.watch.job)
        if job and job.done != self.done:
            self.asked, self.done = 0, job.done

    def receive(self) -> None:
        """Take what has been sent."""
        self.inbox += [Delivery(sent, self.clock.time + timedelta(seconds=sent.delay)) for sent in self.cloud.sent()]

    def _upload(self, scenario: Scenario, options: Mapping[str, str]) -> str:
        version = self.cloud.upload(scenario.key, scenario.content, {**scenario.metadata, **options})
        self.receive()
        return job_id(self.cloud.outputs["InputBucket"], scenario.key, version)

    def _do_something(self) -> bool:
        self._interfere()
        due = [delivery for delivery in self.inbox if delivery.due <= self.clock.time]
        possible = [
            *(partial(self._let_work, at_work) for at_work in self.at_work),
            *(partial(self._deliver, delivery, due) for delivery in due),
            *(partial(self._infer, request) for request in self.endpoint.waiting),
        ]
        # Deaths leave several dispatches to wait for the same room, one of which is always due.
        most_asked = _MOST_ASKED * min(len(due) + 1, _MOST_ASKED)
        waits = self.asked >= most_asked and not (self.endpoint.waiting or self.at_work)
        others = [delivery for delivery in self.inbox if not delivery.is_for("ChunksQueue") or not waits]
        if possible and (not waits or any(delivery in others for delivery in due)):
            self.schedule.choose(possible)()
        elif others:
            self.clock.time = max(self.clock.time, min(delivery.due for delivery in others))
        elif self.watch.has_ended:
            return self._retry() or self._upload_sequel()
        else:
            self._rescue()
        return True

    def _interfere(self) -> None:
        if self.steps == self.faults.cancel_at and self.watch.state:
            cancel = partial(self._user().follow_up.close, self.watch.job, State.CANCELLED, "cancelled")
            self.at_work.append(AtWork(Execution(cancel), []))
        if self.steps == self.faults.gone_at:
            self.endpoint.is_gone = True
        # That the model will never predict anything, only the sweeper finds after a while.
        is_hopeless = self.watch.scenario.may_be_given_up and self.steps % _STEPS_OF_HOPE == _STEPS_OF_HOPE - 1
        waiting = sum(delivery.is_for("SweepsQueue") for delivery in self.inbox)
        if (is_hopeless or self.schedule.happens(self.faults.sweeps)) and waiting < _MOST_WAITING_SWEEPS:
            if self.schedule.choose([False, True]) and self.silences < _MOST_SILENCES:
                self.silences += 1
                self.clock.time += _SILENCE
            self._sweep()

    def _upload_sequel(self) -> bool:
        """Upload the file of another day, if there is one, since the latest round."""
        if self.scenario.sequel is None or self.watch.scenario is not self.scenario:
            return False
        sequel = self.scenario.following()
        self._turn_to(sequel, self._upload(sequel, {"since": self.watch.job}))
        return True

    def _retry(self) -> bool:
        """Begin the next round, if there is to be one; the files of those before stay as they are."""
        if len(self.earlier) >= self.faults.retries:
            return False
        user = self._user()
        begin = partial(start_retry, self.watch.job, user.ledger, user.queues, self.clock())
        self.at_work.append(AtWork(Execution(begin), []))
        self._turn_to(self.scenario, next_round(self.watch.job))
        return True

    def _turn_to(self, scenario: Scenario, job: str) -> None:
        self.earlier.append(self.watch)
        self.watch = Watch(self.cloud, scenario, job)
        self.silences = 0

    def _user(self) -> Sweeper:
        """Who cancels and retries; the sweeper's function knows all that it takes."""
        sweeper: Sweeper = with_parts(wire_sweeper(self.cloud.function("Sweeper").variables), self.cloud.parts)
        return sweeper

    def _rescue(self) -> None:
        """Nothing is under way, and the job is open: what is lost now, only the sweeper finds."""
        # A job that fails, or is given up, is closed first and then sent to the assembler.
        may_be_stuck = self.faults.may_lose or (self.faults.dies > 0 and self.watch.state is State.CLOSING)
        may_be_stuck = may_be_stuck or self.watch.scenario.may_be_given_up
        if not may_be_stuck or self.sweeps >= _MOST_SWEEPS * (1 + len(self.earlier)):
            raise BrokenPromiseError(f"the job never ends: {self.watch.state}")
        self.clock.time += _SILENCE
        self.asked = 0
        self._sweep()

    def _sweep(self) -> None:
        self.sweeps += 1
        event = json.loads((find_root() / "events" / "schedule.json").read_text())
        body = event["Records"][0]["body"]
        queue = next(arn for arn, mapping in self.cloud.mappings.items() if "SweepsQueue" in arn)
        self.inbox.append(Delivery(Sent(queue, f"sweep-{self.sweeps}", body, 0), self.clock.time))

    def _infer(self, request: Request) -> None:
        self.asked = 0
        for notification in self.endpoint.work_off(request):
            self.cloud.notify(notification)
        if self.schedule.happens(self.faults.forged):
            self.cloud.notify(self.endpoint.forge(request))

    def _deliver(self, first: Delivery, due: list[Delivery]) -> None:
        mapping = self.cloud.mappings[first.message.queue]
        if not first.is_for("ChunksQueue"):
            self.asked = 0
        others = [other for other in due if other is not first and other.message.queue == first.message.queue]
        most = min(mapping.batch_size - 1, len(others))
        batch = [first, *self.schedule.shuffled(others)[: self.schedule.choose(range(most, -1, -1))]]
        for delivery in batch:
            self.inbox.remove(delivery)
            delivery.receives += 1
            if self.schedule.happens(self.faults.twice):
                self.inbox.append(replace(delivery, due=self.clock.time))
        work = partial(
            self.functions.invoke,
            self.cloud.functions[mapping.function_arn],
            event(batch),
            lambda: self.schedule.happens(self.faults.out_of_time),
            {
                **self.cloud.parts,
                "limits": lambda _: Limits(rows=self.scenario.rows_per_chunk),
                "allows_costlier": lambda _: True,
                "window": lambda _: self._window(),
                "endpoint": lambda _: self.endpoint,
            },
        )
        self.at_work.append(AtWork(Execution(work), batch))

    def _window(self) -> Callable[[JobRecord], Window]:
        chunks = self.schedule.choose(range(self.faults.most_windows, 0, -1))
        rows = self.schedule.choose(range(self.scenario.rows_per_chunk, 0, -1))
        return lambda _: Window(chunks, rows)

    def _let_work(self, at_work: AtWork) -> None:
        execution = at_work.execution
        if not execution.has_ended:
            may_fail = at_work.may_fail(_MOST_RECEIVES)
            execution.go_on(self.schedule.fault(execution.call or "", self.faults) if may_fail else Fault.NONE)
        if execution.has_ended:
            self.at_work.remove(at_work)
            self._return(at_work)

    def _return(self, at_work: AtWork) -> None:
        """Messages whose execution has died or raised come again, and those that it reports."""
        if at_work.execution.error and not at_work.deliveries:
            raise at_work.execution.error
        messages = {delivery.message.id: delivery for delivery in at_work.deliveries}
        failed = set(messages)
        if at_work.execution.error is None:
            self.asked += any(delivery.is_for("ChunksQueue") for delivery in at_work.deliveries)
            failed = sqs_event.returned(at_work.execution.answer, messages)
        for message_id in failed:
            delivery = messages[message_id]
            if delivery.receives >= _MOST_RECEIVES:
                raise BrokenPromiseError(f"among the dead letters: {delivery.message.body}")
            delivery.due = self.clock.time + _VISIBILITY
            self.inbox.append(delivery)

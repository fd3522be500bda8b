"""Trials: requests of a sample that a model answers against the clock."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice, product
from math import isclose
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from fanfold.errors import TuneError
from fanfold.hub import on_this_machine
from fanfold.project import find_root
from fanfold.terminal import spinner
from fanfold.tuning import SettingFailedError, Turn, parameters_with
from fanfold.tuning.sample import BLOCK_ROWS, middle_first, turn_spans
from fanfold_core.domain.answers import LARGEST_ANSWER_BYTES, read_answer
from fanfold_core.domain.errors import AnswerTooLargeError
from fanfold_core.domain.requests import body
from fanfold_core.input.errors import FanfoldError, counted, shortened
from fanfold_core.input.json.text import read_json
from localaws import template
from localaws.access.private import temporary_folder
from localaws.endpoint.models import ModelError, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fanfold.tuning import Setting
    from fanfold_core.domain.options import Options
    from localaws.endpoint.models import Model

# Rows of a request that only asks for answers to compare with, and how long such are sent.
_FEW_ROWS, _ANSWERS_SECONDS = 8, 10
# So many refused rows and not one answer: the model, or what it is asked, is wrong.
_MOST_REFUSED = 16
# Workers take requests in turns, more or less.
_REQUESTS_TO_WAKE = 4
# A turn is long enough to be measured.
_LEAST_SECONDS = 0.3
# What batches may change: numbers by so much, and so many of the rows by more, where two labels are equally likely.
_NUMBERS, _OTHER_ROWS = 0.01, 0.02
_MOST_AT_ONCE = 8
# Characters of what a model says of a failure.
_MOST_WORDS = 200
_JSON = "application/json"


@contextmanager
def served(model: str, task: str | None, container: str | None) -> Iterator[tuple[Model, str]]:
    """A model as a local cloud would have it, and the folder that it is in if it is in one."""
    folder = on_this_machine(model)
    environment = template.load(find_root(), {"HfTask": task} if task else {}).container_environment()
    with temporary_folder() as logs, ExitStack() as running:
        with spinner("loading the model"):
            loaded = running.enter_context(
                serving(folder, logs, task=task, container=container, environment=environment)
            )
        yield loaded, folder


def requests_at_once() -> int:
    """As many as the container starts workers for this machine's processors, and a stack gives an instance at most."""
    return min(_MOST_AT_ONCE, os.cpu_count() or 1)


class Trials:
    """Requests to a model as a job with these options would send them; called with a setting, it tries that.

    `rows` that the model answers are all that are used of a sample; `refused` others are left out, the last one for a
    `reason`. All in all, `sent` rows were sent.
    """

    def __init__(
        self, model: Model, options: Options, *, at_once: int, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._model, self._options = model, options
        self.at_once, self._clock = at_once, clock
        self._inputs: list[Any] = []
        self._answers: list[Any] = []
        self._has_answered = False
        self.refused, self.reason, self.sent = 0, "", 0

    @property
    def rows(self) -> int:
        """How many there are to try settings with."""
        return len(self._inputs)

    def prepare(self, blocks: Sequence[Sequence[Any]]) -> None:
        """See which rows the model answers, and how, in requests of few rows; of a slow model, only of some blocks.

        These are whole, unless not even one is: a batch of texts from several would be padded as none of a job is.
        `TuneError` if it answers none.
        """
        kept: list[list[tuple[Any, Any]]] = [[] for _ in blocks]
        until: float | None = None
        for block, start in product(middle_first(len(blocks)), range(0, BLOCK_ROWS, _FEW_ROWS)):
            if until is not None and self._clock() > until:
                if 0 < start < len(blocks[block]) and sum(map(bool, kept)) > 1:
                    kept[block].clear()
                break
            kept[block] += self._answered(blocks[block][start : start + _FEW_ROWS])
            # Not before: a container loads the model when the first request comes.
            until = until or self._clock() + _ANSWERS_SECONDS
        for one, answer in (pair for pairs in kept for pair in pairs):
            self._inputs.append(one)
            self._answers.append(answer)
        if not self._inputs:
            raise self._all_refused()
        self._wake_workers()

    def _wake_workers(self) -> None:
        """Have each worker of a container load the model, which it does at its first request."""
        some = [self._body([one], None) for one in islice(cycle(self._inputs), _REQUESTS_TO_WAKE * self.at_once)]
        with ThreadPoolExecutor(self.at_once) as pool:
            self.sent += len(list(pool.map(self._ask, some)))

    def __call__(self, setting: Setting) -> Turn:
        """Send requests until they can be measured; `SettingFailedError` if one fails."""
        spans = turn_spans(self.rows, setting.rows, self.at_once)
        bodies = [self._body([self._inputs[row] for row in span], setting.batch_size) for span in spans]
        answered: list[tuple[bytes, float]] = []
        with ThreadPoolExecutor(self.at_once) as pool:
            began = self._clock()
            while (seconds := self._clock() - began) < _LEAST_SECONDS:
                answered += pool.map(self._ask, bodies)
        self.sent += len(answered) * setting.rows
        self._check(spans, [answer for answer, _ in answered], is_other=setting.batch_size is not None)
        return Turn(len(answered) * setting.rows, seconds, median(each for _, each in answered))

    def _check(self, spans: list[list[int]], answers: list[bytes], *, is_other: bool) -> None:
        """See that there is a result for each row; with other parameters, the same as without them."""
        different: set[int] = set()
        for number, answer in enumerate(answers):
            span = spans[number % len(spans)]
            results = self._results(answer, len(span))
            if is_other and number < len(spans):
                different |= {
                    row for row, result in zip(span, results, strict=True) if not _alike(result, self._answers[row])
                }
        if len(different) > _OTHER_ROWS * self.rows:
            raise SettingFailedError(
                f"{len(different):,} of {counted(self.rows, 'row')} get other results than without batch_size"
            )

    def _answered(self, some: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Inputs with their results, without those that the model refuses, as a job would find them."""
        if not some:
            return []
        self.sent += len(some)
        try:
            answer, _ = self._ask(self._body(some, None))
            results = self._results(answer, len(some))
        except SettingFailedError as error:
            if len(some) == 1:
                self.refused, self.reason = self.refused + 1, str(error)
                if self.refused >= _MOST_REFUSED and not self._has_answered:
                    raise self._all_refused() from error
                return []
            half = len(some) // 2
            return self._answered(some[:half]) + self._answered(some[half:])
        self._has_answered = True
        return list(zip(some, results, strict=True))

    def _all_refused(self) -> TuneError:
        if not self.refused:
            return TuneError("no row of the sample can be sent: `fanfold run FILE --dry-run` says why")
        return TuneError(
            f"the model refuses all that it was sent, {counted(self.refused, 'row')} alone ({self.reason}): run some "
            "with `fanfold run FILE --limit 10`, and mend the file, the options or the model"
        )

    def _ask(self, request: bytes) -> tuple[bytes, float]:
        """An answer, and the seconds that it took."""
        began = self._clock()
        try:
            answer = self._model.predict(request, _JSON, _JSON)
        except ModelError as error:
            raise SettingFailedError(_words(error)) from error
        seconds, most = self._clock() - began, self._options.invocation_timeout_seconds
        if seconds > most:
            raise SettingFailedError(f"a request took {seconds:,.0f} s, and invocation-timeout-seconds is {most:,}")
        return answer, seconds

    def _results(self, answer: bytes, rows: int) -> list[Any]:
        try:
            if len(answer) > LARGEST_ANSWER_BYTES:
                raise AnswerTooLargeError(len(answer), LARGEST_ANSWER_BYTES)
            found: list[Any] = read_json(read_answer(answer, rows, self._options.result).results)
        except FanfoldError as error:
            raise SettingFailedError(str(error)) from error
        return found

    def _body(self, some: Sequence[Any], batch_size: int | None) -> bytes:
        try:
            return body(some, parameters_with(self._options.parameters, batch_size), self._options.payload)
        except FanfoldError as error:
            raise SettingFailedError(str(error)) from error


def _words(error: ModelError) -> str:
    """What the model says, as multi-model-server or in its own way."""
    try:
        said = str(json.loads(error.message)["message"])
    except (ValueError, TypeError, KeyError):
        said = error.message
    status = f"the model answers {error.status}" if error.status else ""
    return shortened(": ".join(filter(None, (status, said))), _MOST_WORDS)


def _alike(one: Any, other: Any) -> bool:
    """Whether two results are the same but for what computing in another order makes of numbers."""
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=_NUMBERS, abs_tol=_NUMBERS)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other)

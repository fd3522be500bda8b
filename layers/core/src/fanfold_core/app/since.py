"""Since: what an earlier job has predicted isn't sent again.

A row is the same if its input is; the results of the earlier job are copied into this one's ledger. Nothing depends on
the earlier job afterwards, and what can't be found in it any more is sent.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from fanfold_core.app.ports import MOST_RESULTS
from fanfold_core.app.rounds import final_answers
from fanfold_core.app.rows import input_file, read_rows
from fanfold_core.app.spill import read_result, text_of_result
from fanfold_core.domain.answers import Predictions, bounded, field_names
from fanfold_core.domain.errors import ObjectGoneError, UnknownChunkError, UnknownJobError
from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.order import identity
from fanfold_core.domain.outcomes import Prediction
from fanfold_core.domain.requests import inputs
from fanfold_core.domain.results import effective
from fanfold_core.domain.spans import Span
from fanfold_core.input.errors import SinceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fanfold_core.app.ports import Ledger, Store
    from fanfold_core.domain.job import Chunk, JobRecord
    from fanfold_core.domain.options import Options
    from fanfold_core.domain.order import Identity

_GONE = (UnknownJobError, UnknownChunkError, ObjectGoneError)
# Options on which it depends what the model answers to an input, and what is taken from its answer.
_OF_ANSWERS = ("parameters", "payload_expression", "result_expression", "response_schema", "is_chat")
# Of a chunk's inputs that are found by their row's number, a share with which the others count as new.
_MOSTLY = 0.9
# The attempt that a request would have which isn't sent.
_NOT_SENT = 0


def check_since(ledger: Ledger, options: Options) -> None:
    """`SinceError` unless the job that the option `since` names has ended; one that it doesn't name is none."""
    if not options.since:
        return
    try:
        earlier = ledger.job(options.since)
    except UnknownJobError as error:
        raise SinceError(
            options.since, "is not known, or no longer: see `fanfold jobs`, or leave the option out"
        ) from error
    if not earlier.state.is_terminal:
        raise SinceError(options.since, "is still running: upload the file again when it has ended")


def difference(ledger: Ledger, job: JobRecord) -> str:
    """Why nothing may be taken from the job that `since` names, as the end of a sentence; empty if it may."""
    try:
        return _difference(job, ledger.job(job.options.since))
    except UnknownJobError:
        return "it is no longer known"


def _difference(job: JobRecord, earlier: JobRecord) -> str:
    if earlier.model != job.model:
        before, now = str(earlier.model), str(job.model)
        return f"its rows were predicted by {before}, those of this job by {now if now != before else 'another deploy'}"
    others = [name for name in _OF_ANSWERS if getattr(earlier.options, name) != getattr(job.options, name)]
    names = " and ".join({"is_chat": "prompt"}.get(name, name.replace("_", "-")) for name in others)
    return f"it had another value of {names}" if others else ""


@dataclass(frozen=True, slots=True)
class Since:
    """Takes over what the job that the option `since` names has predicted."""

    ledger: Ledger
    store: Store

    def find(self, job: JobRecord, chunk: Chunk, found: Sequence[Any]) -> Mapping[Identity, Any]:
        """The results of these inputs of a chunk in the earlier job, as far as it has any near the chunk's place."""
        wanted = {one for one in map(identity, found) if one}
        results: dict[Identity, Any] = {}
        try:
            earlier = self.ledger.job(job.options.since)
            if _difference(job, earlier):
                return {}
            for number in self._by_row(earlier, chunk):
                results |= self._results(earlier, number, wanted)
            # Where many are new, so may be those that come before all others, which have moved the rest.
            if len(results) < _MOSTLY * len(wanted):
                for number in self._from_end(job, earlier, chunk):
                    results |= self._results(earlier, number, wanted)
        except _GONE:
            return results
        return results

    def take_over(self, job: JobRecord, chunk: Chunk, found: Sequence[Any], results: Mapping[Identity, Any]) -> Chunk:
        """Cover the places whose inputs, in the order in which they are sent, have results.

        Whoever dies in between does it again, and likewise, for the order is fixed.
        """
        known = [results.get(one) if (one := identity(of)) else None for of in found]
        predictions = list(_predictions(job, chunk, known))
        self.ledger.put_predictions(job, chunk.number, predictions)
        spans = [prediction.id.span for prediction in predictions]
        fields = bounded(chunk.fields, frozenset[str]().union(*(one.predictions.fields for one in predictions)))
        return self.ledger.cover(job.id, chunk.number, spans, (), fields, inherited=spans)

    def _by_row(self, earlier: JobRecord, chunk: Chunk) -> Sequence[int]:
        """The chunks of the earlier job around the same row."""
        return self._around(earlier, "first_row", chunk.first_row)

    def _from_end(self, job: JobRecord, earlier: JobRecord, chunk: Chunk) -> Sequence[int]:
        """The chunks of the earlier job as many bytes from its end; what is compressed has no such place."""
        if any(input_file(self.store, one).is_copied for one in (job, earlier)):
            return ()
        return self._around(earlier, "start", chunk.start + earlier.source.size - job.source.size)

    def _around(self, earlier: JobRecord, name: str, value: int) -> Sequence[int]:
        """The chunk in which this value lies, and its neighbours."""
        known = attrgetter(name)
        at = bisect_right(range(earlier.stored), value, key=lambda number: known(self.ledger.chunk(earlier.id, number)))
        return range(max(0, at - 2), min(earlier.stored, at + 1))

    def _results(self, earlier: JobRecord, number: int, wanted: set[Identity]) -> Mapping[Identity, Any]:
        chunk = self.ledger.chunk(earlier.id, number)
        found = inputs(read_rows(self.store, earlier, chunk), earlier.known_layout, earlier.options.input)
        counted = effective(self.ledger.outcomes(earlier.id, number), chunk)
        final = final_answers(self.ledger, self.store, earlier, chunk, counted)
        known = zip(map(identity, found), final, strict=True)
        return {one: result for one, (result, error) in known if one in wanted and not error}


def _predictions(job: JobRecord, chunk: Chunk, results: Sequence[Any]) -> Iterator[Prediction]:
    """The results at places that have one, in runs of which each fits into an item of the ledger."""
    texts: list[str] = []
    size = 0
    for place, result in enumerate([*results, None]):
        text = "" if result is None else text_of_result(result)
        more = len(text.encode()) + len(",")
        if texts and (not text or size + more > MOST_RESULTS):
            first = place - len(texts)
            request = RequestId(job.id, chunk.number, Span(first, len(texts)), _NOT_SENT)
            yield Prediction(
                request, Predictions(f"[{','.join(texts)}]", field_names(map(read_result, results[first:place])))
            )
            texts, size = [], 0
        if text and more <= MOST_RESULTS:
            texts.append(text)
            size += more

"""Assembler: writes the files of a job that is CLOSING.

A part of the results is a run of chunks that the input alone has fixed: part n is always the same rows. What stands in
them is fixed, too: a chunk is frozen before it is read here. So parts are built by anyone, twice, and at once, and
whoever sees that all of them are there completes the job.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fanfold_core.app.assemble.pieces import PieceWriter, most_pieces
from fanfold_core.app.rounds import NOT_ANSWERED, changes_of_model
from fanfold_core.app.rows import input_file, results_writer, written_header
from fanfold_core.app.since import difference
from fanfold_core.app.table import fix_columns, table_numbers, write_table
from fanfold_core.domain.errors import ObjectGoneError
from fanfold_core.domain.job import JobRecord, State
from fanfold_core.domain.keys import RESULT_FILES, errors_key, result_key
from fanfold_core.domain.parts import Part, Totals
from fanfold_core.input.errors import InputError, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from fanfold_core.app.ports import Announcements, Ledger, Queues, Store

# Chunks are released before that is recorded, at most a window of them: the template's largest.
_MOST_UNRECORDED = 1000


@dataclass(frozen=True, slots=True)
class Assembler:
    """Writes the results, errors.csv, summary.json and report.html. `version` is that of this code."""

    ledger: Ledger
    store: Store
    queues: Queues
    announcements: Announcements
    version: str
    now: Callable[[], datetime]

    def assemble(self, job_id: str) -> JobRecord:
        """Have every part built that isn't there, and the job completed."""
        job = self.ledger.job(job_id)
        if job.state is not State.CLOSING:
            return job
        parts = self.parts(job)
        if job.upload_id is None:
            job = self._begin(job, parts)
        missing = [part for part in parts if part.number not in job.parts]
        if not missing:
            return self._complete(job)
        # Of those that are built in pieces, only what is left.
        last = {built.piece.part: built for built in self.ledger.built(job.id)}
        missing = [part.resumed(last.get(part.number)) for part in missing]
        if len(parts) == 1:
            return self.build(job_id, missing[0])
        self.queues.assemble_parts(job_id, missing)
        return job

    def build(self, job_id: str, part: Part) -> JobRecord:
        """Build one part, or its next piece, and complete the job if it was the last."""
        job = self.ledger.job(job_id)
        if job.state is not State.CLOSING:
            return job
        if part.number not in job.parts:
            if rest := PieceWriter(self.ledger, self.store, job, part).write():
                self.queues.assemble_parts(job_id, [rest])
                return job
            job = self.ledger.add_part(job_id, part.number)
        parts = self.parts(job)
        return self._complete(job) if len(job.parts) == len(parts) else job

    def build_table(self, job_id: str, number: int) -> JobRecord:
        """Write one file of the job's table, and complete the job if it was the last."""
        job = self.ledger.job(job_id)
        numbers = table_numbers(self.store, job) if job.state is State.CLOSING else ()
        if number not in numbers:
            return job
        if number not in job.tables:
            write_table(self.store, job, number)
            job = self.ledger.add_table(job.id, number)
        return self.assemble(job.id) if job.tables.issuperset(numbers) else job

    def abandon(self, job_id: str) -> JobRecord:
        """End a job that cannot be assembled, as FAILED and with a summary. A retry finds all that is predicted.

        Whatever fails of it, the rest is done: a job that nobody can describe ends, too.
        """
        job = self.ledger.job(job_id)
        if job.state is not State.CLOSING:
            return job
        before = job.reason.removesuffix(job.retry_advice)
        failed = f"its results cannot be written{job.last_error}{job.retry_advice}"
        reason = f"{before}; {failed}" if before else failed
        with ExitStack() as last:
            last.callback(self.ledger.finish, job.id, State.FAILED, reason)
            job = replace(self.ledger.set_ended(job.id, self.now()), reason=reason)
            whole = sum((built.totals for built in self.ledger.built(job.id)), Totals())
            ended = self._summarize(job, State.FAILED, whole)
            last.callback(self.announcements.job_ended, ended)
            self._describe(job, ended, whole)
        return self.ledger.job(job.id)

    def parts(self, job: JobRecord) -> list[Part]:
        """All parts of the job: those that the splitter has ended, and the one it was at. At least one, maybe empty."""
        if not job.stored:
            return [Part(0, 0, 0)]
        last = self.ledger.chunk(job.id, job.stored - 1)
        ended = [part for part in self.ledger.parts(job.id) if part.number < last.part]
        return [*ended, Part(last.part, last.part_first, job.stored)]

    def _begin(self, job: JobRecord, parts: list[Part]) -> JobRecord:
        """Fix the header and, for several chunks, the multipart upload. Whoever comes second takes what is fixed.

        Chunks that are done were frozen when they were; of the others the job doesn't know the fields yet.
        """
        sent = min(job.stored, job.released + _MOST_UNRECORDED)
        undone = set(range(job.low, sent)) - job.covered
        found = [job.fields, *(self.ledger.freeze(job.id, number).fields for number in undone)]
        key = result_key(job.id, job.results_file)
        upload_id = self.store.begin_upload(key, RESULT_FILES[job.results_file]) if job.stored > 1 else ""
        pieces = most_pieces(len(parts)) if upload_id else 1
        fixed = self.ledger.set_upload(job.id, upload_id, pieces, frozenset[str]().union(*found))
        if upload_id and fixed.upload_id != upload_id:
            self.store.abort_upload(key, upload_id)
        return fixed

    def _complete(self, job: JobRecord) -> JobRecord:
        built = list(self.ledger.built(job.id))
        if job.upload_id:
            numbers = [one.piece.upload_number(job.pieces) for one in built]
            self.store.complete_upload(result_key(job.id, job.results_file), job.upload_id, numbers)
        whole = sum((one.totals for one in built), Totals())
        self._join_errors(job, [errors_key(job.id, one.piece) for one in built if one.totals.failed])
        if missing := [number for number in table_numbers(self.store, job) if number not in job.tables]:
            fix_columns(self.store, job, whole.statistics.kinds)
            if len(missing) > 1:
                self.queues.assemble(job.id, tables=missing)
                return job
            write_table(self.store, job, missing[0])
            job = self.ledger.add_table(job.id, missing[0])
        job = self.ledger.set_ended(job.id, self.now())
        job, state = _judged(job, whole)
        ended = self._summarize(job, state, whole)
        self._describe(job, ended, whole)
        # Before the job is terminal: dying in between repeats the announcement and never loses one.
        self.announcements.job_ended(ended)
        return self.ledger.finish(job.id, state, job.reason)

    def _summarize(self, job: JobRecord, state: State, whole: Totals) -> dict[str, Any]:
        # What reckons and draws is loaded when a job completes: no cold start waits for it.
        from fanfold_core.app.report.summary import summarize  # noqa: PLC0415

        summary = summarize(job, state, whole, self.store.location, self.version)
        summary["warnings"] += changes_of_model(self.ledger, job)
        # Of a file that was read: a job that it doesn't know has ended the new one, with that as its reason.
        if job.options.since and job.stored and (why := difference(self.ledger, job)):
            summary["warnings"].append(f"Nothing was taken over from {job.options.since}: {why}.")
        return summary

    def _describe(self, job: JobRecord, ended: Mapping[str, Any], whole: Totals) -> None:
        """Write summary.json and report.html."""
        from fanfold_core.app.report import render_report  # noqa: PLC0415 - likewise
        from fanfold_core.app.report.summary import with_departure  # noqa: PLC0415 - likewise

        # What quotes the file or the model stays with the results: an event, and mail, go to more people.
        shown = {
            **ended,
            "labels": dict(sorted(whole.statistics.labels.rows.items())),
            "evaluation": self._evaluation(job, whole),
            "details": self._details(job, whole) if ended["state"] == State.FAILED else "",
        }
        shown = with_departure(shown, job, self.ledger, self.store)
        described, report = f"{json.dumps(shown, indent=2)}\n", render_report(shown, whole)
        for name, text in (("summary.json", described), ("report.html", report)):
            self.store.write(result_key(job.id, name), text.encode(), RESULT_FILES[name])

    @staticmethod
    def _evaluation(job: JobRecord, whole: Totals) -> dict[str, Any] | None:
        """How the predictions agree with the true labels, None if the file has none."""
        if job.layout is None or job.layout.label_index is None:
            return None
        return whole.statistics.agreement.as_summary(job.layout.columns[job.layout.label_index])

    def _details(self, job: JobRecord, whole: Totals) -> str:
        """What a failed job's reason leaves out, since it quotes the file or the model: this stays with the results."""
        if job.layout is None:
            try:
                input_file(self.store, job).layout()
            except InputError as error:
                return error.quoted if job.reason.startswith(str(error)) else ""
            except ObjectGoneError:
                return ""
        groups = [
            group
            for group in whole.statistics.errors.groups.values()
            if not group.samples[0].reason.startswith(NOT_ANSWERED)
        ]
        if not groups:
            return ""
        first = max(groups, key=lambda group: (group.rows, -group.samples[0].row))
        return f"most frequent error of a row: {first.samples[0].reason}"

    def _join_errors(self, job: JobRecord, keys: list[str]) -> None:
        header = written_header(job, results_writer(job, job.fields).shown.errors_header)
        self.store.join(result_key(job.id, "errors.csv"), header, keys, RESULT_FILES["errors.csv"])


def _judged(job: JobRecord, totals: Totals) -> tuple[JobRecord, State]:
    """The job with its final reason, and its final state."""
    if job.outcome is not State.SUCCEEDED:
        return job, job.outcome or State.FAILED
    tolerated = job.options.tolerated_failure_percentage
    if totals.failed * 100 > tolerated * totals.rows:
        reason = f"{totals.failed:,} of {counted(totals.rows, 'row')} failed, more than the {tolerated}% tolerated"
        return replace(job, reason=reason), State.FAILED
    return job, State.COMPLETED_WITH_ERRORS if totals.failed else State.SUCCEEDED

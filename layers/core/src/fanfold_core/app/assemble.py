"""Assembler: writes the files of a job that is CLOSING.

A part of the results is a run of chunks that the input alone has fixed: part n is always the same rows. What stands in
them is fixed, too: a chunk is frozen before it is read here. So parts are built by anyone, twice, and at once, and
whoever sees that all of them are there completes the job.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from fanfold_core.app.rounds import NOT_ANSWERED, changes_of_model, final_answers, final_runs
from fanfold_core.app.rows import input_file, read_texts, results_writer, written, written_header
from fanfold_core.app.since import difference
from fanfold_core.app.table import fix_columns, table_numbers, write_table
from fanfold_core.domain.answers import NOT_FLAT
from fanfold_core.domain.chat import TOKENS
from fanfold_core.domain.counting import (
    of_irregular,
    of_requests,
    of_rows,
    of_tokens,
    of_true_labels,
    of_unpredicted,
)
from fanfold_core.domain.errors import JobError, ObjectGoneError
from fanfold_core.domain.job import JobRecord, Part, State, Totals
from fanfold_core.domain.json_results import kinds_of
from fanfold_core.domain.keys import RESULT_FILES, part_errors_key, result_key
from fanfold_core.domain.results import effective, error_line, requests
from fanfold_core.input.errors import InputError, counted
from fanfold_core.input.records import Records
from fanfold_core.input.regularity import find_irregular

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import IO, Any

    from fanfold_core.app.ports import Announcements, Queues, Store
    from fanfold_core.app.report.summary import ListingLedger
    from fanfold_core.domain.job import Chunk

# A part larger than this waits on disk, not in memory, for its upload.
_IN_MEMORY = 16 * 1024 * 1024
# Chunks are released before that is recorded, at most a window of them: the template's largest.
_MOST_UNRECORDED = 1000


@dataclass(frozen=True, slots=True)
class Assembler:
    """Writes the results, errors.csv, summary.json and report.html. `version` is that of this code."""

    ledger: ListingLedger
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
        if len(parts) == 1 and missing:
            return self.build(job_id, parts[0])
        self.queues.assemble_parts(job_id, missing)
        return job if missing else self._complete(job)

    def build(self, job_id: str, part: Part) -> JobRecord:
        """Build one part, and complete the job if it was the last."""
        job = self.ledger.job(job_id)
        if job.state is not State.CLOSING:
            return job
        totals = self._write(job, part)
        job = self.ledger.add_part(job, part.number, totals)
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
            whole = sum((totals for _, totals in self.ledger.totals(job.id)), Totals())
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
        """Fix the header and, for several parts, the multipart upload. Whoever comes second takes what is fixed.

        Chunks that are done were frozen when they were; of the others the job doesn't know the fields yet.
        """
        sent = min(job.stored, job.released + _MOST_UNRECORDED)
        undone = set(range(job.low, sent)) - job.covered
        found = [job.fields, *(self.ledger.freeze(job.id, number).fields for number in undone)]
        key = result_key(job.id, job.results_file)
        upload_id = self.store.begin_upload(key, RESULT_FILES[job.results_file]) if len(parts) > 1 else ""
        fixed = self.ledger.set_upload(job.id, upload_id, frozenset[str]().union(*found))
        if upload_id and fixed.upload_id != upload_id:
            self.store.abort_upload(key, upload_id)
        return fixed

    def _write(self, job: JobRecord, part: Part) -> Totals:
        with SpooledTemporaryFile(_IN_MEMORY) as results, SpooledTemporaryFile(_IN_MEMORY) as errors:
            totals = self._write_lines(job, part, results, errors)
            results.seek(0)
            errors.seek(0)
            if job.upload_id:
                self.store.upload_part(result_key(job.id, job.results_file), job.upload_id, part.number, results)
            else:
                self.store.write(result_key(job.id, job.results_file), results, RESULT_FILES[job.results_file])
            if totals.failed:
                self.store.write(part_errors_key(job.id, part.number), errors, RESULT_FILES["errors.csv"])
        return totals

    def _write_lines(self, job: JobRecord, part: Part, results: IO[bytes], errors: IO[bytes]) -> Totals:
        writer = results_writer(job, job.fields)
        shown = writer.shown
        # Of several columns that an expression asks for, none is the input.
        input_index = job.layout.input_index if job.layout and not job.options.input else None
        # Those of a whole response are in no field of their own. Most models count none.
        has_tokens = not job.fields.isdisjoint({NOT_FLAT, *TOKENS})
        totals = Totals()
        if part.number == 0:
            results.write(writer.header)
        weighed = 0
        for chunk in (self.ledger.chunk(job.id, number) for number in range(part.first, part.end)):
            outcomes = list(self.ledger.outcomes(job.id, chunk.number))
            rows = self._rows(job, chunk, chunk.part_weight - weighed)
            weighed = chunk.part_weight
            counted = list(effective(outcomes, chunk))
            final = final_answers(self.ledger, self.store, job, chunk, counted)
            statistics = of_requests(job.created, chunk, counted, outcomes) + of_unpredicted(chunk, counted, final)
            for numbers, answered in final_runs(job, final):
                run, first_row = rows[numbers], chunk.first_row + numbers.start
                irregular = find_irregular(run, len(shown.original))
                results.write(writer.lines(run, answered, irregular))
                failed = (
                    error_line(first_row + number, run[number], answered[number], shown) for number in answered.failed
                )
                errors.write(written(job, failed))
                statistics += of_rows(first_row, run, input_index, answered)
                if has_tokens:
                    statistics += of_tokens(chunk, numbers, answered)
                if job.layout and job.layout.label_index is not None:
                    statistics += of_true_labels(first_row, run, input_index, job.layout.label_index, answered)
                if job.options.has_table:
                    statistics += kinds_of(run, answered, shown)
                statistics += of_irregular(first_row, writer.noted(irregular), shown.original, answered)
            failures, sent = len(final.failed), sum(requests(outcomes).values())
            totals += Totals(len(rows), len(rows) - failures, failures, sent, statistics)
        return totals

    def _rows(self, job: JobRecord, chunk: Chunk, weight: int) -> Records:
        """The chunk's rows; empty ones, and the job a failure, if the file is gone: what is predicted is kept.

        Of several parts, each has to be as large for S3 as it was weighed: there, inputs are blanks.
        """
        try:
            return read_texts(self.store, job, chunk)
        except JobError as error:
            self.ledger.fail_closing(job.id, str(error))
            dialect = job.dialect
            columns, index = job.known_layout.columns, job.known_layout.input_index
            blank = " " * (weight // chunk.rows + 1) if job.upload_id else ""
            empty = dialect.delimiter * index + blank + dialect.delimiter * (len(columns) - 1 - index)
            return Records([empty] * chunk.rows, dialect, [{columns[index]: blank} if blank else {}] * chunk.rows)

    def _complete(self, job: JobRecord) -> JobRecord:
        if job.upload_id:
            self.store.complete_upload(result_key(job.id, job.results_file), job.upload_id, len(job.parts))
        whole, with_errors = Totals(), []
        for number, totals in self.ledger.totals(job.id):
            whole += totals
            with_errors += [number] if totals.failed else []
        self._join_errors(job, with_errors)
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

    def _join_errors(self, job: JobRecord, parts: list[int]) -> None:
        header = written_header(job, results_writer(job, job.fields).shown.errors_header)
        keys = [part_errors_key(job.id, part) for part in parts]
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

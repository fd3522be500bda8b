"""`fanfold tune`: with which settings a model is fastest, measured on this machine."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fanfold.cli import options
from fanfold.cli.inputs import opened, parameters_of
from fanfold.cli.local import check_task
from fanfold.cli.output import show_json, show_table
from fanfold.errors import TuneError, extra
from fanfold.input.sources import is_in_s3
from fanfold.input.uploads import encoded, metadata
from fanfold.terminal import bytes_bar, spinner, stderr
from fanfold.tuning import BATCH_SIZES, Search, Setting, batch_size_of, parameters_with
from fanfold.tuning.sample import take_sample
from fanfold_core.domain.options import Options
from fanfold_core.domain.options.row import spell
from fanfold_core.input.errors import counted
from fanfold_core.input.json.text import read_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fanfold.tuning import Trial, Turn
    from fanfold.tuning.sample import Sample
    from fanfold.tuning.trials import Trials

_DIGITS = 3
_COLUMNS = ("rows per request", "batch_size", "rows/s", "s per request", "share of best", "failure")


def _refuse_stack(_context: click.Context, _option: click.Parameter, stack: str | None) -> None:
    if stack is not None:
        raise click.UsageError(
            "`fanfold tune` tries a model on this machine, not on a stack, where each trial would be a job that you "
            "pay for: leave out --stack, and run it on a machine like the stack's instances"
        )


@click.command(short_help="Find the settings with which a model is fastest.")
@options.of_a_file
@options.model
@options.task
@options.container
@click.option("--stack", metavar="NAME", hidden=True, expose_value=False, callback=_refuse_stack)
@options.as_json
def tune(file: Path | str, model: str, task: str | None, container: str | None, as_json: bool, **reading: Any) -> None:
    """Find the rows per request and the batch_size with which a model is fastest, on this machine.

    Rows from all over FILE (256, or 2 % of a longer file and at most 512) are sent with one setting after the other, in
    up to three rounds. Speeds are compared within a round, since other work slows all of it down. Nothing is sent to a
    stack. Which settings are best depends on the processor: use a machine like the stack's instances.

    The best setting is the first line of the table. The options of FILE are kept unless another setting is at least
    3 % faster, or 10 % if it has fewer rows per request. A setting is never chosen if requests fail with it, take
    longer than invocation-timeout-seconds, or give other results. If FILE has fewer rows than rows-per-request, its
    options are tried with all of its rows in one request, which says little about larger files.

    \b
    fanfold tune tweets.csv
    fanfold tune reviews.csv --model models/sentiment --container container/bin/python
    fanfold tune tweets.csv --json | jq .options
    """
    if is_in_s3(file):
        raise click.UsageError(f"{file} is not on this machine: download it first (aws s3 cp {file} .)")
    check_task(model, task)
    with extra("local", "to try settings"):
        from fanfold.tuning import trials as trying  # noqa: PLC0415 - an extra, and takes a second

    parameters = parameters_of(None, model, task)
    with opened(file, None, parameters, metadata(**reading)) as found:
        source = found.source
        if found.assumed or found.options.is_chat:
            raise click.UsageError(f"each row of {source.shown} is a request of its own: there is nothing to tune")
        with bytes_bar("reading", None if found.content.is_copied else source.size) as seen:
            sample = take_sample(found, seen)
    chosen = found.options
    default = Options.of_stack(parameters, {}).parameters
    present = Setting(chosen.rows_per_request, batch_size_of(chosen.parameters))
    with trying.served(model, task, container) as (answering, folder), spinner("trying the model") as say:
        trials = trying.Trials(answering, chosen, at_once=trying.requests_at_once())
        trials.prepare(sample.blocks)

        def take_turn(setting: Setting) -> Turn:
            say(f"trying {_in_words(setting)}; {counted(trials.sent, 'row')} sent by now")
            return trials(setting)

        sizes = _batch_sizes(folder, chosen, present)
        search = Search(take_turn, present=present, most_rows=trials.rows, batch_sizes=sizes)
        best = search.run()
    _say_what_was_tried(f"{found.source.shown} with {model}", trials, sample)
    # Requests of all rows that there are have as many as the file's own options let them.
    to_use = best._replace(rows=present.rows) if best and best.rows == search.present.rows else best
    tried = sorted(search.trials, key=lambda trial: (trial.setting != best, -trial.rows_per_second))
    if as_json:
        of_sample = {"rows": trials.rows, "of_rows": sample.of_rows, "refused": trials.refused, "sent": trials.sent}
        show_json(
            {
                "best": best and _as_dict(tried[0], tried),
                "present": {"rows_per_request": present.rows, "batch_size": present.batch_size},
                "options": to_use and _options(to_use, chosen, default),
                "settings": [_as_dict(trial, tried) for trial in tried],
                "model": model,
                "sample": of_sample,
                "requests_at_once": trials.at_once,
                "processors": os.cpu_count(),
            }
        )
    else:
        show_table([_row(trial, tried) for trial in tried], _COLUMNS, right=_COLUMNS[:-1])
    if best is None or to_use is None:
        raise TuneError("every setting fails: see why in the table")
    speeds = {trial.setting: trial.rows_per_second for trial in search.trials if not trial.failure}
    gain = f"{speeds[best] / speeds[search.present]:.1f} times as fast as" if search.present in speeds else "instead of"
    _say_how_to_use(to_use, present, gain, _options(to_use, chosen, default))
    if trials.rows < (few := max(present.rows, BATCH_SIZES[-1])):
        advice = "a file with more rows" if sample.rows - trials.refused < few else "a faster machine"
        stderr.print(
            f"Tried with {counted(trials.rows, 'row')}, no request has had {few}: that tells little. Use {advice}.",
            style="yellow",
            soft_wrap=True,
        )


def _batch_sizes(model: str, chosen: Options, present: Setting) -> list[int | None]:
    """Batch sizes to try: none where nobody would see the parameter, or the model's own code makes the batches."""
    has_own_code = Path(model, "code/inference.py").is_file()
    if model == "vader" or has_own_code or chosen.payload:
        return [present.batch_size]
    return [None, *sorted({*BATCH_SIZES, present.batch_size or BATCH_SIZES[0]})]


def _in_words(setting: Setting) -> str:
    batches = "no batch_size" if setting.batch_size is None else f"batch_size {setting.batch_size}"
    return f"{counted(setting.rows, 'row')} per request, {batches}"


def _as_dict(trial: Trial, tried: Sequence[Trial]) -> dict[str, Any]:
    setting, fastest = trial.setting, max(one.rows_per_second for one in tried)
    measured = not trial.failure
    return {
        "rows_per_request": setting.rows,
        "batch_size": setting.batch_size,
        "rows_per_second": _rounded(trial.rows_per_second) if measured else None,
        "seconds_per_request": _rounded(trial.request_seconds) if measured else None,
        "share_of_best": round(trial.rows_per_second / fastest, 2) if measured else None,
        "failure": trial.failure or None,
    }


def _rounded(figure: float) -> float:
    """To as many digits as it has meaning."""
    found = float(f"{figure:.{_DIGITS}g}")
    return int(found) if found >= 10**_DIGITS / 10 else found


def _row(trial: Trial, tried: Sequence[Trial]) -> dict[str, Any]:
    return dict(zip(_COLUMNS, _as_dict(trial, tried).values(), strict=True))


def _options(best: Setting, chosen: Options, default: str) -> dict[str, Any]:
    """The options of a job with this setting: rows per request, and parameters that aren't the model's default."""
    parameters = parameters_with(chosen.parameters, best.batch_size)
    by_name: dict[str, Any] = {"rows-per-request": best.rows}
    return by_name if parameters == default else {**by_name, "parameters": read_json(parameters)}


def _say_what_was_tried(subject: str, trials: Trials, sample: Sample) -> None:
    stderr.print(
        f"{subject}: tried with {trials.rows:,} of its {counted(sample.of_rows, 'row')}, {trials.sent:,} sent in all, "
        f"{counted(trials.at_once, 'request')} at once, on {counted(os.cpu_count() or 1, 'processor')}.",
        soft_wrap=True,
    )
    if trials.refused:
        stderr.print(
            f"{counted(trials.refused, 'row')} left out, which the model refuses: {trials.reason}",
            style="yellow",
            soft_wrap=True,
        )


def _say_how_to_use(best: Setting, present: Setting, gain: str, by_name: dict[str, Any]) -> None:
    if best == present:
        stderr.print(f"Best: {_in_words(best)}, as the file has it now.")
        return
    spelt = {name: spell(value) for name, value in by_name.items()}
    flags = " ".join(f"--{name} {shlex.quote(value)}" for name, value in spelt.items())
    lines = [
        f"Best: {_in_words(best)}; {gain} {_in_words(present)}. To use it, add one of these:",
        f"  fanfold run, submit   {flags}",
        f"  aws s3 cp             --metadata {shlex.quote(json.dumps(encoded(spelt)))}",
        f"  the template          JobDefaults={json.dumps(by_name)}",
    ]
    if best.rows < Options().rows_per_request:
        lines.append("A stack with CostlierOptions=refuse takes fewer rows per request only from its own JobDefaults.")
    for line in lines:
        stderr.print(line, soft_wrap=True)

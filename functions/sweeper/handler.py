"""Sweeper: open jobs are looked over, and what was lost on the way is sent again."""

import os
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from fanfold_core.aws import events, messages
from fanfold_core.aws.logs import function_logger
from fanfold_core.aws.wiring import out_of_time, wire_sweeper

logger = function_logger("sweeper")
metrics = Metrics(service="sweeper")
sweeper = wire_sweeper(os.environ)


def sweep(body: str, context: LambdaContext) -> None:
    """Do what one message of the sweeps queue asks for."""
    message = messages.Sweep.read(body)
    if message.job is None:
        jobs = sweeper.sweep_all()
        metrics.add_metric("OpenJobs", MetricUnit.Count, jobs)
        logger.info("sweeping", extra={"jobs": jobs})
        end_jobs_of_dead_letters(out_of_time(context))
        return
    logger.append_keys(job=message.job)
    swept = sweeper.sweep(message.job, message.start, out_of_time(context))
    metrics.add_metric("OutputsFound", MetricUnit.Count, swept.found)
    metrics.add_metric("RequestsLost", MetricUnit.Count, swept.resent)
    logger.info("swept", extra={"found": swept.found, "resent": swept.resent})


def end_jobs_of_dead_letters(is_out_of_time: Callable[[], bool]) -> None:
    """End each job of which a message cannot be processed; one that cannot be ended costs no other."""
    for letter in sweeper.dead_letters.read():
        if is_out_of_time():
            return
        try:
            job = sweeper.end_job_of(letter)
        except Exception:
            logger.exception("the job of a dead letter cannot be ended", extra={"job": letter.job})
            continue
        if job:
            facts = {"job": job.id, "state": job.state, "failed_in": letter.function}
            logger.warning("a message cannot be processed: its job ends", extra=facts)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> events.BatchResponse:
    """Answer with the messages that return to the queue."""
    return events.process_each(event, lambda body: sweep(body, context), sweeper.ledger, logger)

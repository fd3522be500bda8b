"""Sweeper: open jobs are looked over, and what was lost on the way is sent again."""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from fanfold_core.aws import events, wiring
from fanfold_core.aws.batch import SqsBatch

logger = Logger(service="sweeper")
tracer = Tracer(service="sweeper")
metrics = Metrics(service="sweeper")
batch = SqsBatch(logger)
sweeper = wiring.sweeper(os.environ)


def sweep(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Do what one message of the sweeps queue asks for."""
    message = events.sweep(record.body)
    if message.job is None:
        jobs = sweeper.sweep_all()
        metrics.add_metric("OpenJobs", MetricUnit.Count, jobs)
        logger.info("sweeping", extra={"jobs": jobs})
        return
    logger.append_keys(job=message.job)
    swept = sweeper.sweep(message.job, message.start, wiring.out_of_time(lambda_context))
    metrics.add_metric("OutputsFound", MetricUnit.Count, swept.found)
    metrics.add_metric("RequestsLost", MetricUnit.Count, swept.resent)
    logger.info("swept", extra={"found": swept.found, "resent": swept.resent})


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Answer with the messages that are to come again."""
    return process_partial_response(event, sweep, batch, context)

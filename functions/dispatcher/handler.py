"""Dispatcher: the rows of a chunk become requests to the asynchronous endpoint."""

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

logger = Logger(service="dispatcher")
tracer = Tracer(service="dispatcher")
metrics = Metrics(service="dispatcher")
batch = SqsBatch(logger)
dispatcher = wiring.dispatcher(os.environ)


def dispatch(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Do what one message of the chunks queue asks for."""
    message = events.dispatch(record.body)
    logger.append_keys(job=message.job, chunk=message.chunk)
    if message.attempts:
        sent = dispatcher.resend(message.job, message.chunk, message.attempts)
    else:
        sent = dispatcher.dispatch(message.job, message.chunk, wiring.out_of_time(lambda_context))
    metrics.add_metric("RequestsSent", MetricUnit.Count, sent.requests)
    metrics.add_metric("DispatchesPostponed", MetricUnit.Count, bool(sent.postponed))
    logger.info("dispatched", extra={"requests": sent.requests, "postponed": sorted(sent.postponed)})


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Answer with the messages that are to come again."""
    return process_partial_response(event, dispatch, batch, context)

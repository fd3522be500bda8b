"""Dispatcher: the rows of a chunk become requests to the asynchronous endpoint."""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from fanfold_core.aws import batch, events
from fanfold_core.aws.wiring import adapters
from fanfold_core.aws.wiring.dispatcher import wire

logger = Logger(service="dispatcher")
metrics = Metrics(service="dispatcher")
dispatcher = wire(os.environ)


def dispatch(body: str, context: LambdaContext) -> None:
    """Do what one message of the chunks queue asks for."""
    message = events.dispatch(body)
    logger.append_keys(job=message.job, chunk=message.chunk)
    if message.attempts:
        sent = dispatcher.resend(message.job, message.chunk, message.attempts)
    else:
        sent = dispatcher.dispatch(message.job, message.chunk, adapters.out_of_time(context))
    metrics.add_metric("RequestsSent", MetricUnit.Count, sent.requests)
    metrics.add_metric("DispatchesPostponed", MetricUnit.Count, bool(sent.postponed))
    logger.info("dispatched", extra={"requests": sent.requests, "postponed": sorted(sent.postponed)})


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> batch.Answer:
    """Answer with the messages that are to come again."""
    return batch.each(event, lambda body: dispatch(body, context), logger)

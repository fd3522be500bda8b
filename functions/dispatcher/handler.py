"""Dispatcher: the rows of a chunk become requests to the asynchronous endpoint."""

import os
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from fanfold_core.aws import events, messages
from fanfold_core.aws.logs import function_logger
from fanfold_core.aws.wiring import out_of_time, wire_dispatcher

logger = function_logger("dispatcher")
metrics = Metrics(service="dispatcher")
dispatcher = wire_dispatcher(os.environ)


def dispatch(body: str, context: LambdaContext) -> None:
    """Do what one message of the chunks queue asks for."""
    message = messages.Dispatch.read(body)
    logger.append_keys(job=message.job, chunk=message.chunk)
    if message.probe is not None:
        sent = dispatcher.probe(message.job, message.chunk, message.probe)
    elif message.attempts:
        sent = dispatcher.resend(message.job, message.chunk, message.attempts)
    elif message.witness:
        sent = dispatcher.send_witness(message.job, message.chunk, message.witness)
    else:
        sent = dispatcher.dispatch(message.job, message.chunk, out_of_time(context))
    metrics.add_metric("RequestsSent", MetricUnit.Count, sent.requests)
    metrics.add_metric("DispatchesPostponed", MetricUnit.Count, bool(sent.postponed))
    logger.info("dispatched", extra={"requests": sent.requests, "postponed": sorted(sent.postponed)})


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> events.BatchResponse:
    """Answer with the messages that return to the queue."""
    return events.process_each(event, lambda body: dispatch(body, context), dispatcher.ledger, logger)

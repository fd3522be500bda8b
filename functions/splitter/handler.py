"""Splitter: an uploaded CSV becomes chunks in the ledger, and the first of them go to the dispatcher."""

import os
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from fanfold_core.aws import events
from fanfold_core.aws.logs import function_logger
from fanfold_core.aws.messages import Resume
from fanfold_core.aws.wiring import out_of_time, wire_splitter

logger = function_logger("splitter")
metrics = Metrics(service="splitter")
splitter = wire_splitter(os.environ)


def split(body: str, context: LambdaContext) -> None:
    """Do what one message of the uploads queue asks for."""
    is_out_of_time = out_of_time(context)
    for message in events.uploads(body):
        match message:
            case events.Ignored(what):
                logger.info("ignored", extra={"what": what})
                continue
            case events.Upload(bucket, key, version, submitted_by):
                job = splitter.begin(bucket, key, version, is_out_of_time, submitted_by)
            case Resume(job_id):
                job = splitter.resume(job_id, is_out_of_time)
        metrics.add_metric("RowsRead", MetricUnit.Count, job.rows or 0)
        logger.info("split", extra={"job": job.id, "state": job.state, "reason": job.reason, "chunks": job.stored})


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> events.BatchResponse:
    """Answer with the messages that return to the queue."""
    return events.process_each(event, lambda body: split(body, context), splitter.ledger, logger)

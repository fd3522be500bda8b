"""Splitter: an uploaded CSV becomes chunks in the ledger, and the first of them go to the dispatcher."""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from fanfold_core.aws import batch, events
from fanfold_core.aws.wiring import adapters
from fanfold_core.aws.wiring.splitter import wire

logger = Logger(service="splitter")
metrics = Metrics(service="splitter")
splitter = wire(os.environ)


def split(body: str, context: LambdaContext) -> None:
    """Do what one message of the uploads queue asks for."""
    out_of_time = adapters.out_of_time(context)
    for message in events.uploads(body):
        match message:
            case events.Ignored(what):
                logger.info("ignored", extra={"what": what})
                metrics.add_metric("UploadsIgnored", MetricUnit.Count, 1)
                continue
            case events.Upload(bucket, key, version):
                job = splitter.begin(bucket, key, version, out_of_time)
            case events.GoOn(job_id):
                job = splitter.go_on(job_id, out_of_time)
        metrics.add_metric("RowsRead", MetricUnit.Count, job.rows or 0)
        logger.info("split", extra={"job": job.id, "state": job.state, "reason": job.reason, "chunks": job.stored})


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> batch.Answer:
    """Answer with the messages that are to come again."""
    return batch.each(event, lambda body: split(body, context), logger)

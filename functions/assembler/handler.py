"""Assembler: a job whose rows all have their final answer becomes results.csv, errors.csv, a summary and a report."""

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
from fanfold_core.domain.job import State

logger = Logger(service="assembler")
tracer = Tracer(service="assembler")
metrics = Metrics(service="assembler")
batch = SqsBatch(logger)
assembler = wiring.assembler(os.environ)


def assemble(record: SQSRecord) -> None:
    """Do what one message of the assembly queue asks for."""
    message = events.assemble(record.body)
    logger.append_keys(job=message.job)
    job = assembler.build(message.job, message.part) if message.part else assembler.assemble(message.job)
    metrics.add_metric("JobsEnded", MetricUnit.Count, job.state.is_terminal)
    metrics.add_metric("JobsFailed", MetricUnit.Count, job.state is State.FAILED)
    logger.info("assembled", extra={"state": job.state, "parts": len(job.parts)})


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Answer with the messages that are to come again."""
    return process_partial_response(event, assemble, batch, context)

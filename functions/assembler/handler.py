"""Assembler: a job whose rows all have their final answer becomes results.csv, errors.csv, a summary and a report."""

import os
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from fanfold_core.aws import events, messages
from fanfold_core.aws.logs import function_logger
from fanfold_core.aws.wiring import wire_assembler
from fanfold_core.domain.job import State

logger = function_logger("assembler")
metrics = Metrics(service="assembler")
assembler = wire_assembler(os.environ)


def assemble(body: str) -> None:
    """Do what one message of the assembly queue asks for."""
    message = messages.Assemble.read(body)
    logger.append_keys(job=message.job)
    if message.is_abandoned:
        job = assembler.abandon(message.job)
    elif message.table is not None:
        job = assembler.build_table(message.job, message.table)
    else:
        job = assembler.build(message.job, message.part) if message.part else assembler.assemble(message.job)
    metrics.add_metric("JobsEnded", MetricUnit.Count, job.state.is_terminal)
    metrics.add_metric("JobsFailed", MetricUnit.Count, job.state is State.FAILED)
    logger.info("assembled", extra={"state": job.state, "parts": len(job.parts), "tables": len(job.tables)})


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> events.BatchResponse:  # noqa: ARG001 - Lambda's
    """Answer with the messages that return to the queue."""
    return events.process_each(event, assemble, assembler.ledger, logger)

"""Collector: what came back from the endpoint is written to the ledger, chunk by chunk."""

import os
from collections import defaultdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes import SQSEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from fanfold_core.aws import events, wiring
from fanfold_core.domain.outcomes import Outcome, chunk_of

logger = Logger(service="collector")
tracer = Tracer(service="collector")
metrics = Metrics(service="collector")
collector = wiring.collector(os.environ)


def collect(event: SQSEvent) -> list[str]:
    """Settle a batch of outcomes, those of a chunk together; answers with the ids of messages that failed."""
    chunks: defaultdict[tuple[str, int], dict[str, Outcome]] = defaultdict(dict)
    failed: list[str] = []
    for record in event.records:
        try:
            outcome = events.outcome(record.body)
        except Exception:
            logger.exception("not understood: the message comes again", extra={"message_id": record.message_id})
            failed.append(record.message_id)
            continue
        if isinstance(outcome, events.Ignored):
            logger.info("ignored", extra={"what": outcome.what})
            metrics.add_metric("NotificationsIgnored", MetricUnit.Count, 1)
        else:
            chunks[chunk_of(outcome)][record.message_id] = outcome
    for (job, chunk), outcomes in chunks.items():
        failed += settle(job, chunk, outcomes)
    return failed


def settle(job: str, chunk: int, outcomes: dict[str, Outcome]) -> list[str]:
    """Settle the outcomes of one chunk; whatever goes wrong with it is no other chunk's loss."""
    logger.append_keys(job=job, chunk=chunk)
    try:
        settlement = collector.settle(job, chunk, list(outcomes.values()))
    except Exception:
        logger.exception("not settled: the messages come again")
        return list(outcomes)
    predicted = sum(prediction.id.span.rows for prediction in settlement.predictions)
    metrics.add_metric("RowsPredicted", MetricUnit.Count, predicted)
    metrics.add_metric("RowsFailed", MetricUnit.Count, sum(failure.span.rows for failure in settlement.failures))
    metrics.add_metric("RequestsAgain", MetricUnit.Count, len(settlement.again))
    logger.info(
        "settled",
        extra={
            "predictions": len(settlement.predictions),
            "failures": len(settlement.failures),
            "again": len(settlement.again),
        },
    )
    return []


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:  # noqa: ARG001 - Lambda's
    """Answer with the messages that are to come again."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in collect(SQSEvent(event))]}

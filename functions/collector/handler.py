"""Collector: what came back from the endpoint is written to the ledger, chunk by chunk."""

import os
from collections import defaultdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from fanfold_core.aws import batch, events
from fanfold_core.aws.wiring.collector import wire
from fanfold_core.domain.outcomes import Outcome, chunk_of

logger = Logger(service="collector")
metrics = Metrics(service="collector")
collector = wire(os.environ)


def collect(event: dict[str, Any]) -> list[str]:
    """Settle a batch of outcomes, those of a chunk together; answers with the ids of messages that failed."""
    chunks: defaultdict[tuple[str, int], dict[str, Outcome]] = defaultdict(dict)
    failed: list[str] = []
    for message in batch.messages(event):
        try:
            outcome = events.outcome(message.body)
        except Exception:
            logger.exception("not understood: the message comes again", extra={"message_id": message.id})
            failed.append(message.id)
            continue
        if isinstance(outcome, events.Ignored):
            logger.info("ignored", extra={"what": outcome.what})
            metrics.add_metric("NotificationsIgnored", MetricUnit.Count, 1)
        else:
            chunks[chunk_of(outcome)][message.id] = outcome
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
    if failed := settlement.broken or settlement.again:
        # One line a batch, however many there are: what the platform has failed waits for somebody to mend it.
        logger.warning("requests failed", extra={"requests": len(failed), "reason": failed[-1].reason})
    return []


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> batch.Answer:  # noqa: ARG001 - Lambda's
    """Answer with the messages that are to come again."""
    return batch.come_again(collect(event))

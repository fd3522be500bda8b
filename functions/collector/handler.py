"""Collector: what came back from the endpoint is written to the ledger, chunk by chunk."""

import os
from collections import defaultdict
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from fanfold_core.aws import events
from fanfold_core.aws.logs import function_logger
from fanfold_core.aws.wiring import wire_collector
from fanfold_core.domain.outcomes import Outcome, chunk_of

logger = function_logger("collector")
metrics = Metrics(service="collector")
collector = wire_collector(os.environ)


def collect(event: dict[str, Any]) -> list[str]:
    """Collect a batch of outcomes, those of a chunk together; the ids of messages that failed."""
    chunks: defaultdict[tuple[str, int], dict[str, Outcome]] = defaultdict(dict)
    failed: list[str] = []
    for message in events.messages(event):
        try:
            outcome = events.outcome(message.body)
        except Exception:
            logger.exception("cannot be read: the message returns to its queue", extra={"message_id": message.id})
            failed.append(message.id)
            continue
        if isinstance(outcome, events.Ignored):
            logger.info("ignored", extra={"what": outcome.what})
            metrics.add_metric("NotificationsIgnored", MetricUnit.Count, 1)
        else:
            chunks[chunk_of(outcome)][message.id] = outcome
    for (job, chunk), outcomes in chunks.items():
        failed += collect_chunk(job, chunk, outcomes)
    return failed


def collect_chunk(job: str, chunk: int, outcomes: dict[str, Outcome]) -> list[str]:
    """Collect the outcomes of one chunk; whatever goes wrong with it costs no other chunk."""
    logger.append_keys(job=job, chunk=chunk)
    try:
        collected = collector.collect(job, chunk, list(outcomes.values()))
    except Exception as error:
        logger.exception("the messages return to their queue")
        events.note_trouble(collector.ledger, logger, job, error)
        return list(outcomes)
    metrics.add_metric("RowsPredicted", MetricUnit.Count, collected.rows_predicted)
    metrics.add_metric("RowsFailed", MetricUnit.Count, collected.rows_failed)
    metrics.add_metric("RequestsAgain", MetricUnit.Count, len(collected.again))
    metrics.add_metric("NotificationsIgnored", MetricUnit.Count, collected.foreign)
    logger.info(
        "collected",
        extra={
            "predictions": len(collected.predictions),
            "failures": len(collected.failures),
            "again": len(collected.again),
        },
    )
    if failed := collected.broken or collected.again:
        # One line a batch, however many there are: what the platform has failed waits for somebody to mend it.
        logger.warning("requests failed", extra={"requests": len(failed), "reason": failed[-1].reason})
    return []


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> events.BatchResponse:  # noqa: ARG001 - Lambda's
    """Answer with the messages that return to the queue."""
    return events.batch_response(collect(event))

"""Batches of SQS messages of which each is done, or comes again, by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.utilities.batch.base import FailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord


class SqsBatch(BatchProcessor):
    """Powertools' batch, except that it says why a message comes again, which powertools keeps to itself."""

    def __init__(self, logger: Logger) -> None:
        super().__init__(EventType.SQS, raise_on_entire_batch_failure=False)
        self._logger = logger

    def failure_handler(self, record: SQSRecord, exception: Any) -> FailureResponse:
        """Log the reason and remember the message as failed."""
        self._logger.error("the message comes again", exc_info=exception, extra={"message_id": record.message_id})
        return super().failure_handler(record, exception)

"""Messages in SQS: `app.ports.Queues`. `events` reads what is written here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fanfold_core.aws.bodies import VERSION
from fanfold_core.domain.errors import QueueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from types_boto3_sqs import SQSClient

    from fanfold_core.domain.job import Part
    from fanfold_core.domain.keys import RequestId
    from fanfold_core.domain.requests import Unsendable
    from fanfold_core.domain.spans import Span

_MESSAGES_PER_CALL = 10


class SqsQueues:
    """The queues between the steps. A function is given those that it sends to."""

    def __init__(  # noqa: PLR0913 - one for each queue
        self,
        client: SQSClient,
        *,
        uploads: str = "",
        chunks: str = "",
        outcomes: str = "",
        assembly: str = "",
        sweeps: str = "",
    ) -> None:
        self._client = client
        self._uploads, self._chunks, self._outcomes = uploads, chunks, outcomes
        self._assembly, self._sweeps = assembly, sweeps

    def split(self, job_id: str) -> None:
        self._send(self._uploads, [{"job": job_id}])

    def dispatch(self, job_id: str, chunks: Iterable[int], delay: int = 0) -> None:
        self._send(self._chunks, [{"job": job_id, "chunk": chunk} for chunk in chunks], delay)

    def resend(self, job_id: str, chunk: int, attempts: Mapping[Span, int], delay: int) -> None:
        spans = {str(span): attempt for span, attempt in attempts.items()}
        self._send(self._chunks, [{"job": job_id, "chunk": chunk, "spans": spans}], delay)

    def report(self, job_id: str, chunk: int, unsendable: Sequence[Unsendable]) -> None:
        runs = {str(run.span): run.reason for run in unsendable}
        self._send(self._outcomes, [{"job": job_id, "chunk": chunk, "unsendable": runs}] if runs else [])

    def found(self, outputs: Mapping[RequestId, str]) -> None:
        self._send(self._outcomes, [{"found": str(request), "at": location} for request, location in outputs.items()])

    def sweep(self, job_id: str, start: int = 0) -> None:
        self._send(self._sweeps, [{"job": job_id, "start": start}])

    def assemble(self, job_id: str) -> None:
        self._send(self._assembly, [{"job": job_id}])

    def assemble_parts(self, job_id: str, parts: Iterable[Part]) -> None:
        self._send(self._assembly, [{"job": job_id, "part": [part.number, part.first, part.end]} for part in parts])

    def _send(self, url: str, messages: Sequence[dict[str, Any]], delay: int = 0) -> None:
        for start in range(0, len(messages), _MESSAGES_PER_CALL):
            answer = self._client.send_message_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(number), "MessageBody": json.dumps({"v": VERSION, **message}), "DelaySeconds": delay}
                    for number, message in enumerate(messages[start : start + _MESSAGES_PER_CALL])
                ],
            )
            if answer.get("Failed"):
                raise QueueError(url, answer["Failed"][0].get("Message", ""))

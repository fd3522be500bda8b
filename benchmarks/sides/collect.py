"""Processor time per row of collecting a chunk by the collector, or of one `put_item` per row, on the local cloud."""

import base64
import json
import os
import sys
import time
from uuid import uuid4

import boto3

from fanfold_core.aws import events
from fanfold_core.aws.wiring import wire_collector

ROWS_PER_REQUEST = 32
# As template.yaml has it: messages that the collector is handed at once.
OUTCOMES_PER_BATCH = 100


def collect(job: str, rows: int) -> float:
    """Settle all outcomes of the first chunk of a job."""
    collector = wire_collector(os.environ)
    results = json.dumps([{"label": "LABEL_2", "score": 0.98765}] * ROWS_PER_REQUEST).encode()
    bodies = [
        json.dumps(
            {
                "invocationStatus": "Completed",
                "inferenceId": f"{job}/0/{start:07d}-{ROWS_PER_REQUEST:04d}/1",
                "responseParameters": {
                    "outputLocation": f"s3://output/async/{job}/0000000/{start:07d}-{ROWS_PER_REQUEST:04d}-1.json"
                },
                "responseBody": {"content": base64.b64encode(results).decode(), "encoding": "BASE64"},
            }
        )
        for start in range(0, rows, ROWS_PER_REQUEST)
    ]
    before = time.process_time()
    for first in range(0, len(bodies), OUTCOMES_PER_BATCH):
        outcomes = [events.outcome(body) for body in bodies[first : first + OUTCOMES_PER_BATCH]]
        collector.collect(job, 0, outcomes)  # type: ignore[arg-type] # every one is an outcome of ours
    return time.process_time() - before


def put(rows: int) -> float:
    """Write each row's result by itself."""
    table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
    name = uuid4().hex
    result = json.dumps({"label": "LABEL_2", "score": 0.98765})
    before = time.process_time()
    for row in range(rows):
        table.put_item(Item={"pk": f"ROW#{name}", "sk": str(row), "results": result, "expires": 1_893_456_000})
    return time.process_time() - before


if __name__ == "__main__":
    kind, argument, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seconds = collect(argument, count) if kind == "collect" else put(count)
    print(json.dumps({"cpu_us": seconds / count * 1e6}))

"""Resident memory of splitter and assembler for a short file and for one a hundred times as long.

    .venv/bin/python benchmarks/memory.py            10 thousand and a million rows
    .venv/bin/python benchmarks/memory.py 10000 5000000

Each step runs in a process of its own, with the environment of its function and against the local cloud, and reports
the most memory it ever held. In between, this script answers for the model: a prediction for every row.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fanfold.local.cloud import LocalCloud
from fanfold_core.app.ports import Prediction
from fanfold_core.aws import wiring
from fanfold_core.aws.ledger import DynamoLedger
from fanfold_core.domain.answers import read_answer
from fanfold_core.domain.job import State
from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.spans import Span

ROWS_PER_REQUEST = 1000


def main(sizes: list[int]) -> None:
    """Print a line per size."""
    with LocalCloud(run_functions=False) as cloud:
        for rows in sizes:
            began = time.monotonic()
            split = step(cloud, "SplitterFunction", "split", upload(cloud, rows))
            predict(cloud, split["job"])
            assembled = step(cloud, "AssemblerFunction", "assemble", split["job"])
            print(
                f"{rows:>10,} rows  {assembled['state']}  {assembled['parts']} parts  "
                f"splitter {split['MiB']:.0f} MiB  assembler {assembled['MiB']:.0f} MiB  "
                f"{time.monotonic() - began:.0f} s",
                flush=True,
            )


def upload(cloud: LocalCloud, rows: int) -> str:
    """Upload a file of short rows; answers with its key."""
    key = f"{rows}.csv"
    with TemporaryDirectory() as folder:
        file = Path(folder) / key
        with file.open("w", newline="") as stream:
            stream.write("id,text\r\n")
            stream.writelines(f'{row},"so good, no. {row}"\r\n' for row in range(rows))
        metadata = {"Metadata": {"rows-per-request": str(ROWS_PER_REQUEST)}}
        cloud.session().client("s3").upload_file(str(file), cloud.outputs["InputBucket"], key, ExtraArgs=metadata)
    return key


def step(cloud: LocalCloud, function: str, name: str, argument: str) -> dict[str, Any]:
    """Run a step in a process of its own; answers with what it printed."""
    environment = {**os.environ, **cloud.environment, **cloud.function_environments()[function]}
    command = [sys.executable, __file__, name, argument, cloud.outputs["InputBucket"]]
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def split(key: str, bucket: str) -> dict[str, Any]:
    """Split a file, slice by slice."""
    splitter = wiring.splitter(os.environ)
    job = splitter.begin(bucket, key, None, lambda: False)
    return {"job": job.id}


def predict(cloud: LocalCloud, job_id: str) -> None:
    """Cover every chunk with predictions, and close the job, as dispatcher and collector would."""
    ledger = DynamoLedger(cloud.session().resource("dynamodb").Table(cloud.outputs["LedgerTable"]), wiring.now)
    job = ledger.job(job_id)
    for chunk in ledger.chunks(job_id, range(job.stored)):
        spans = list(spans_of(chunk.rows))
        predictions = [
            Prediction(RequestId(job_id, chunk.number, span, 1), answer(span.rows), location="") for span in spans
        ]
        ledger.put_predictions(job, chunk.number, predictions)
        ledger.cover(job_id, chunk.number, spans, {"label", "score"})
        ledger.cover_chunk(job_id, chunk.number, {"label", "score"})
    ledger.close(job_id, State.SUCCEEDED, "")


def spans_of(rows: int) -> Iterator[Span]:
    """The spans of a chunk."""
    for start in range(0, rows, ROWS_PER_REQUEST):
        yield Span(start, min(ROWS_PER_REQUEST, rows - start))


def answer(rows: int) -> Any:
    """What a model says to so many rows."""
    return read_answer(json.dumps([{"label": "LABEL_2", "score": 0.98765}] * rows).encode(), rows)


def assemble(job_id: str, _bucket: str) -> dict[str, Any]:
    """Assemble a job and all of its parts, one after the other."""
    assembler = wiring.assembler(os.environ)
    job = assembler.assemble(job_id)
    for part in assembler.parts(job):
        job = assembler.build(job_id, part)
    return {"state": job.state.value, "parts": len(job.parts)}


if __name__ == "__main__":
    if sys.argv[1:2] in (["split"], ["assemble"]):
        done = {"split": split, "assemble": assemble}[sys.argv[1]](*sys.argv[2:4])
        print(json.dumps({**done, "MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
    else:
        main([int(size) for size in sys.argv[1:]] or [10_000, 1_000_000])

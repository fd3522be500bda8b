"""Fanfold's side: rows of a CSV text become requests and are sent. Prints processor time and rows per second."""

import json
import resource
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING, cast

import boto3

from fanfold_core.app.dispatch import WAVE
from fanfold_core.aws.sagemaker import SageMakerEndpoint
from fanfold_core.domain.keys import RequestId
from fanfold_core.domain.options import Options
from fanfold_core.domain.requests import Request, body, inputs, plan
from fanfold_core.domain.spans import Span
from fanfold_core.input.layout import Layout
from fanfold_core.input.records import Dialect, read_records

if TYPE_CHECKING:
    from botocore.credentials import Credentials

LAYOUT = Layout(columns=("id", "text"), has_header=True, input_index=1, first_byte=0, blank_is_row=False)


def main(port: int, rows: int, rows_per_request: int) -> None:
    """Send so many rows to the stub server."""
    session = boto3.Session("AKIDEXAMPLE", "s" * 40, "t" * 400, region_name="us-east-1")
    client = session.client("sagemaker-runtime", endpoint_url=f"http://127.0.0.1:{port}")
    endpoint = SageMakerEndpoint(client, cast("Credentials", session.get_credentials()), "")
    text = "".join(f"{row},{row:x>100}\r\n" for row in range(rows))
    send(endpoint, "".join(f"{row},{row:x>100}\r\n" for row in range(256)), 1)
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    send(endpoint, text, rows_per_request)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    json.dump({"cpu_us": cpu / rows * 1e6, "rows_per_second": rows / seconds}, sys.stdout)


def send(endpoint: SageMakerEndpoint, text: str, rows_per_request: int) -> None:
    """As the dispatcher does it, without its calls to the ledger: one per chunk and two per wave."""
    in_file = list(read_records(text, Dialect()))
    found_in_file = inputs(in_file, LAYOUT, None)
    sent = [sharing[0] for sharing in Options(rows_per_request=rows_per_request).order(found_in_file).rows]
    cells, found = [in_file[row] for row in sent], [found_in_file[row] for row in sent]
    runs = plan(cells, found, Span(0, len(cells)), LAYOUT, rows_per_request)
    spans = (run for run in runs if isinstance(run, Span))
    while wave := list(islice(spans, WAVE)):
        requests = [
            Request(
                RequestId("tweets-1f", 7, span, 1), body(found[span.start : span.end], "{}", None), "tweets-1f/0000007"
            )
            for span in wave
        ]
        if endpoint.send("tweets", requests, 3600):
            sys.exit("the stub server refused a request")


main(*map(int, sys.argv[1:]))

"""What people use today: the SageMaker SDK's `predict_async`, row by row. Prints processor time and rows per second."""

import json
import resource
import sys
import time

import boto3
import sagemaker
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor
from sagemaker.serializers import JSONSerializer


def main(port: int, rows: int) -> None:
    """Send so many rows to the stub server."""
    url = f"http://127.0.0.1:{port}"
    clients = boto3.Session("AKIDEXAMPLE", "s" * 40, "t" * 400, region_name="us-east-1")
    session = sagemaker.Session(
        clients,
        sagemaker_client=clients.client("sagemaker", endpoint_url=url),
        sagemaker_runtime_client=clients.client("sagemaker-runtime", endpoint_url=url),
        default_bucket="input",
    )
    predictor = AsyncPredictor(Predictor("tweets", session, serializer=JSONSerializer()))
    predictor.s3_client = clients.client("s3", endpoint_url=url)
    text = "x" * 100
    predictor.predict_async({"inputs": text}, input_path="s3://input/first.json")
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    for row in range(rows):
        predictor.predict_async({"inputs": text}, input_path=f"s3://input/{row}.json")
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    json.dump({"cpu_us": cpu / rows * 1e6, "rows_per_second": rows / seconds}, sys.stdout)


main(*map(int, sys.argv[1:]))

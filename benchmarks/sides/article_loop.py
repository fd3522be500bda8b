"""What articles show: `predict_async` for each row, then `get_result` for each. Prints seconds."""

import json
import sys
import time

import boto3
import sagemaker
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor
from sagemaker.serializers import JSONSerializer


def main(endpoint: str, bucket: str, rows: int) -> None:
    """Have so many rows predicted by an endpoint that answers into an S3 bucket."""
    session = sagemaker.Session(boto3.Session(), default_bucket=bucket)
    predictor = AsyncPredictor(Predictor(endpoint, session, serializer=JSONSerializer()))
    began = time.perf_counter()
    answers = [
        predictor.predict_async(
            {"inputs": f"so good, no. {row}, and then some more of it"},
            # Where the endpoint's role may read.
            input_path=f"s3://{bucket}/requests/loop/{row}.json",
        )
        for row in range(rows)
    ]
    results = [answer.get_result() for answer in answers]
    seconds = time.perf_counter() - began
    json.dump({"seconds": seconds, "results": len(results)}, sys.stdout)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

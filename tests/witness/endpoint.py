"""A SageMaker asynchronous endpoint in as little as will do: it takes, answers, writes and notifies."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from tests.witness.witness import DisagreementError

NAME, POISON = "witness", "poison"
_HEADER = "X-Amzn-SageMaker-"


def label(text: str) -> dict[str, Any]:
    """What the model says of a text."""
    return {"label": f"LABEL_{len(text) % 3}", "score": round(len(text) / 10_000, 4)}


class Endpoint:
    """Runs the model; `connect` tells it where to write and whom to notify. Refuses texts with `poison` in them."""

    def __init__(self) -> None:
        self.requests: list[int] = []
        self.poison = POISON
        self.hold = threading.Event()
        self.hold.set()
        self._numbers, self._hands = count(), ThreadPoolExecutor(8)
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                status, answer, location = endpoint.take(self.path, dict(self.headers.items()), body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                if location:
                    self.send_header(f"{_HEADER}OutputLocation", location)
                else:
                    self.send_header("x-amzn-ErrorType", "ThrottlingException")
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def connect(self, s3: Any, sns: Any, outputs: dict[str, str]) -> None:
        """Say where outputs go and who is notified."""
        self._s3, self._sns, self._outputs = s3, sns, outputs

    def close(self) -> None:
        """Take no more requests."""
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._hands.shutdown(cancel_futures=True)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        """Take a request: status, answer, and where the output will be. Every 40th comes too soon."""
        if path != f"/endpoints/{NAME}/async-invocations":
            raise DisagreementError(f"a request to {path}")
        if next(self._numbers) % 40 == 39:
            return 400, b'{"message":null}', ""
        told = {name.lower().removeprefix(_HEADER.lower()): value for name, value in headers.items()}
        if place := told.get("inputlocation"):
            bucket, _, key = urlsplit(place).netloc, "", urlsplit(place).path[1:]
            body = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        key = f"async/{told['s3outputpathextension']}/{told['filename']}"
        self._hands.submit(self._answer, told, json.loads(body)["inputs"], key)
        location = f"s3://{self._outputs['OutputBucket']}/{key}"
        return 202, json.dumps({"InferenceId": told["inference-id"]}).encode(), location

    def _answer(self, told: dict[str, str], texts: list[str], key: str) -> None:
        self.hold.wait()
        self.requests.append(len(texts))
        head = {"awsRegion": "us-east-1", "eventSource": "aws:sagemaker", "endpointName": NAME}
        asked = {"endpointName": NAME, "customAttributes": told.get("custom-attributes")}
        times = {"receivedTime": "2026-01-01T00:00:00.000Z", "eventTime": "2026-01-01T00:00:01.000Z"}
        said = {**head, **times, "inferenceId": told["inference-id"], "requestParameters": asked}
        if any(self.poison in text for text in texts):
            reason = 'Received client error (400) from primary with message "{"error": "poison"}".'
            said |= {"invocationStatus": "Failed", "failureReason": reason, "responseParameters": {}}
            self._sns.publish(TopicArn=self._outputs["ErrorTopic"], Message=json.dumps(said))
            return
        answer = json.dumps(list(map(label, texts))).encode()
        bucket = self._outputs["OutputBucket"]
        self._s3.put_object(Bucket=bucket, Key=key, Body=answer)
        said["responseParameters"] = {"contentType": "application/json", "outputLocation": f"s3://{bucket}/{key}"}
        if len(self.requests) % 2:
            # The others are read from S3, as one would be that is too large for a notification.
            said["responseBody"] = {"content": base64.b64encode(answer).decode(), "encoding": "BASE64"}
        said["invocationStatus"] = "Completed"
        self._sns.publish(TopicArn=self._outputs["SuccessTopic"], Message=json.dumps(said))

"""A cold start: a function's module is imported and its first event handled, or what it is compared with.

Prints the processor time since this process began. `-` is `import boto3` and one client.
"""

from __future__ import annotations

import json
import resource
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parents[2]


def main(handler: str) -> None:
    """Start cold. A message that nobody understands takes a handler's whole way but for calls to AWS."""
    if handler == "-":
        import boto3  # noqa: PLC0415

        boto3.client("s3")
    else:
        spec = spec_from_file_location("handler", handler)
        assert spec and spec.loader  # noqa: S101, PT018 - a file of this project
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        context = SimpleNamespace(
            function_name="fanfold",
            memory_limit_in_mb=512,
            invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:fanfold",
            aws_request_id="1",
            get_remaining_time_in_millis=lambda: 90_000,
        )
        event = json.loads((ROOT / "events" / "schedule.json").read_text())
        event["Records"][0]["body"] = "{}"
        module.handler(event, context)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime}))


main(sys.argv[1])

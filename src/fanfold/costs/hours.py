"""How many hours the instances of a stack's endpoint ran, as CloudWatch has counted them.

Each instance publishes its CPUUtilization once a minute, so the number of samples in a minute is that of the instances.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from fanfold.stacks import DENIED

if TYPE_CHECKING:
    from datetime import datetime

    from fanfold.stacks import Stack

# As template.yaml has it; a test compares.
VARIANT = "AllTraffic"
# Samples arrive some minutes late, and CloudWatch forgets single minutes after so many days.
_LATE, _KEPT = timedelta(minutes=5), timedelta(days=15)
TOO_EARLY = "CloudWatch counts the endpoint's instance-hours a few minutes after the job: see `fanfold status` then"
_MINUTE = timedelta(minutes=1)


def may_be_counted(ended: datetime, now: datetime) -> bool:
    """Whether CloudWatch has by now the samples of what ended then."""
    return now - ended >= _LATE


def count_hours(stack: Stack, began: datetime, ended: datetime, now: datetime) -> tuple[float | None, str]:
    """Hours of all instances together from the minute of `began` to that of `ended`; or None, and why.

    Example:
        >>> count_hours(stack, job.created, job.ended, datetime.now(UTC))
        (2.6, '')
    """
    if not may_be_counted(ended, now):
        return None, TOO_EARLY
    if now - began >= _KEPT:
        return None, f"CloudWatch keeps the minutes of instances for {_KEPT.days} days"
    dimensions = {"EndpointName": stack.endpoint, "VariantName": VARIANT}
    query = {
        "Id": "instances",
        "MetricStat": {
            "Metric": {
                "Namespace": "/aws/sagemaker/Endpoints",
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            },
            "Period": _MINUTE.seconds,
            "Stat": "SampleCount",
        },
    }
    start, end = began.replace(second=0, microsecond=0), ended.replace(second=0, microsecond=0) + _MINUTE
    try:
        pages = stack.client("cloudwatch").get_paginator("get_metric_data")
        results = [
            result
            for page in pages.paginate(MetricDataQueries=[query], StartTime=start, EndTime=end)
            for result in page["MetricDataResults"]
        ]
    except (ClientError, BotoCoreError) as error:
        return None, f"the endpoint's instance-hours are not known{_reason(error)}"
    if results and results[-1].get("StatusCode", "Complete") != "Complete":
        return None, "CloudWatch has not counted the endpoint's instance-hours completely; try again"
    found = [value for result in results for value in result["Values"]]
    if not found:
        return None, "CloudWatch saw no instance of the endpoint during the job"
    return sum(found) * (_MINUTE / timedelta(hours=1)), ""


def _reason(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in DENIED:
        return " without the permission cloudwatch:GetMetricData"
    return f": {error}"

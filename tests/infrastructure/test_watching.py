"""What is measured is what is watched, every alarm has its page, and who wants to is told of jobs that have ended."""

import json
import re
from itertools import chain
from typing import Any

import pytest

from fanfold.project import find_root
from fanfold_core.aws.events import DETAIL_TYPE
from fanfold_core.aws.logs import function_logger
from fanfold_core.input.errors import FanfoldError
from localaws.cloud import LocalCloud
from localaws.template import load

ROOT = find_root()
RESOURCES: dict[str, dict[str, Any]] = dict(load(ROOT).body["Resources"])
alarms = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
}
NAMESPACE = {"Fn::Sub": "Fanfold/${AWS::StackName}"}
added = {
    (path.parent.name, metric)
    for path in ROOT.glob("functions/*/handler.py")
    for metric in re.findall(r'add_metric\("(\w+)"', path.read_text(encoding="utf-8"))
}


def watched_by_alarms() -> set[tuple[str, str]]:
    queries = chain.from_iterable(alarm["Metrics"] for alarm in alarms.values())
    metrics = [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]
    own = [metric for metric in metrics if metric["Namespace"] == NAMESPACE]
    return {(metric["Dimensions"][0]["Value"], metric["MetricName"]) for metric in own}


def shown_on_the_dashboard() -> set[tuple[str, str]]:
    text, _values = load(ROOT).body["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = chain.from_iterable(widget["properties"]["metrics"] for widget in json.loads(text)["widgets"])
    return {(metric[3], metric[1]) for metric in shown if metric[0] == "${Metrics}"}


def test_alarms_and_dashboard_watch_what_the_functions_measure() -> None:
    assert watched_by_alarms() <= added
    assert shown_on_the_dashboard() <= added


def test_every_metric_is_described_in_the_operations_guide() -> None:
    guide = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    assert {metric for _, metric in added} <= set(re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE))


@pytest.mark.parametrize("name", alarms)
def test_every_alarm_names_a_section_of_the_operations_guide(name: str) -> None:
    guide = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    suffix = alarms[name]["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
    assert alarms[name]["AlarmDescription"].endswith(f"See docs/operations.md, {suffix}.")
    assert f"### {suffix}\n" in guide
    assert alarms[name]["AlarmActions"] == [{"Ref": "AlarmsTopic"}]


@pytest.mark.parametrize("kind", ["DeadLetters", "Queue"])
def test_dead_letters_and_age_are_watched_at_every_queue(kind: str) -> None:
    alarm = alarms["DeadLettersAlarm" if kind == "DeadLetters" else "OldestMessageAlarm"]
    queries = [query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query]
    watched = {query["Dimensions"][0]["Value"]["Fn::GetAtt"][0] for query in queries}
    resources = load(ROOT).body["Resources"].items()
    assert watched == {name for name, it in resources if it["Type"] == "AWS::SQS::Queue" and name.endswith(kind)}


def test_a_sweeper_that_says_nothing_raises_an_alarm() -> None:
    alarm = alarms["SilentSweeperAlarm"]
    (query,) = alarm["Metrics"]
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert (query["MetricStat"]["Metric"]["MetricName"], query["MetricStat"]["Stat"]) == ("OpenJobs", "SampleCount")
    # The longest schedule that the template takes is an hour.
    assert query["MetricStat"]["Period"] * alarm["EvaluationPeriods"] > 3600


# What an expression of an alarm is made of, for one period; a metric without data in it is missing from the values.
MATH = {"IF": lambda condition, yes, no: yes if condition else no, "SUM": sum}


@pytest.mark.parametrize(
    ("measured", "least", "breaches"),
    [
        ({"open": [0], "sent": [], "samples": 60}, 0, True),  # awake for an hour, and nobody has asked
        ({"open": [0], "sent": [], "samples": 25}, 0, False),  # on its way to sleep
        ({"open": [2], "sent": [], "samples": 60}, 0, False),  # answers are waited for
        ({"open": [0], "sent": [9], "samples": 60}, 0, False),  # a job between two sweeps
        ({"open": [0], "sent": [], "samples": 61}, 1, False),  # the instance that always is
        ({"open": [0], "sent": [], "samples": 120}, 1, True),  # and another one
    ],
)
def test_an_endpoint_that_is_awake_without_work_raises_an_alarm(
    measured: dict[str, Any], least: int, *, breaches: bool
) -> None:
    alarm = alarms["EndpointAwakeAlarm"]
    value, *queries = alarm["Metrics"]
    assert {query["Id"] for query in queries} == set(measured)
    assert {query["MetricStat"]["Period"] for query in queries} == {3600}
    expression = value["Expression"]["Fn::Sub"].replace("${MinInstances}", str(least)).replace("[open, sent]", "work")
    work = [*measured["open"], *measured["sent"]]
    found = eval(expression, MATH, {"work": work, "samples": measured["samples"]})  # noqa: S307 # our own template's
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert (found > alarm["Threshold"]) is breaches


def test_saved_queries_find_what_the_functions_and_lambda_log() -> None:
    resources = load(ROOT).body["Resources"]
    found = {name: it["Properties"] for name, it in resources.items() if it["Type"] == "AWS::Logs::QueryDefinition"}
    logs = [{"Ref": name} for name in resources if name.endswith("Logs") and name != "EndpointLogs"]
    guide = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    for query in found.values():
        assert sorted(query["LogGroupNames"], key=str) == sorted(logs, key=str)
        name = query["Name"]["Fn::Sub"].removeprefix("${AWS::StackName}/")
        assert f"| `{name}` |" in guide
    lines: list[dict[str, Any]] = []
    logger = function_logger("of-saved-queries")
    logger.setLevel("INFO")
    (handler,) = logger.handlers
    handler.emit = lambda record: lines.append(json.loads(handler.format(record)))  # type: ignore[method-assign]
    logger.append_keys(job="tweets-6a5e", chunk=0)
    logger.error("failed", exc_info=FanfoldError("why"), extra={"reason": "why"})
    (line,) = lines
    fields = re.findall(r"fields (.*)", found["JobQuery"]["QueryString"])[0].split(", ")
    assert {*fields, "job"} - {"@timestamp"} <= set(line)
    assert line["level"] in found["ErrorsQuery"]["QueryString"]
    report = (
        "REPORT RequestId: 3604209a-e9a3-11e6-939a-754dd98c7be3\tDuration: 12.34 ms\tBilled Duration: 100 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 18 MB\tInit Duration: 500.10 ms"
    )
    parsed: dict[str, str] = {}
    for pattern in re.findall(r"parse @message /(.*)/", found["SlowestQuery"]["QueryString"]):
        match = re.search(pattern.replace("(?<", "(?P<"), report)
        assert match
        parsed |= match.groupdict()
    assert parsed == {
        "request": "3604209a-e9a3-11e6-939a-754dd98c7be3",
        "milliseconds": "12.34",
        "megabytes": "18",
    }


def test_functions_measure_in_the_embedded_metric_format() -> None:
    lines: list[str] = []
    with LocalCloud(find_root(), run_functions=False, on_log=lambda _function, line: lines.append(line)) as cloud:
        event = json.loads((ROOT / "events/schedule.json").read_text(encoding="utf-8"))
        cloud.invoke("SweeperFunction", event)
    (measured,) = [json.loads(line) for line in lines if '"_aws"' in line]
    (metrics,) = measured["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("Fanfold/fanfold", [["service"]])
    assert (measured["service"], measured["OpenJobs"]) == ("sweeper", [0.0])


def test_a_webhooks_address_is_a_secret_and_its_resources_are_there_only_with_one() -> None:
    secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:webhook-a1B2c3"
    of_a_webhook = {name: it for name, it in RESOURCES.items() if name.startswith("Webhook")}
    assert len(of_a_webhook) == 4
    for found in of_a_webhook.values():
        wanted = {"Fn::If": [found["Condition"], True, False]}
        assert [load(ROOT, {"WebhookSecretArn": arn}).value(wanted) for arn in ("", secret)] == [False, True]
    given = load(ROOT, {"WebhookSecretArn": secret})
    endpoint = given.value(of_a_webhook["WebhookDestination"]["Properties"]["InvocationEndpoint"])
    assert endpoint == f"{{{{resolve:secretsmanager:{secret}}}}}"


def test_a_webhook_is_told_of_this_stacks_jobs_only() -> None:
    rule = RESOURCES["WebhookRule"]["Properties"]
    source = RESOURCES["AssemblerFunction"]["Properties"]["Environment"]["Variables"]["EVENT_SOURCE"]
    assert rule["EventPattern"] == {"source": [source], "detail-type": [DETAIL_TYPE]}

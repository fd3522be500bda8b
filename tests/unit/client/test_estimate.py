"""What an estimate stands on: counts against the file, calls against the pipeline, prices against the docs."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks.costs import priced
from click.testing import CliRunner

from fanfold import project
from fanfold.cli import cli
from fanfold.costs.estimate import EndpointPlan, Workload, count, make_estimate, read_prices, taken
from fanfold.input.files import LocalFile
from fanfold.input.sources import Source
from fanfold_core.app.costs import FUNCTION_MEGABYTES
from fanfold_core.domain.chat import prompt_bytes
from localaws import template
from localaws.errors import ParameterError

ROOT = Path(__file__).parents[3]
MILLION = Workload(rows=1_000_000, unsendable=0, requests=31_250, chunks=100, request_bytes=0)


@pytest.mark.parametrize("rows", [3_200, 12_000])
def test_calls_are_those_that_the_pipeline_takes(rows: int) -> None:
    work = Workload(rows, 0, -(-rows // 32), -(-rows // 10_000), 0)
    found = priced(rows)
    for what in ("calls", "requests", "sqs", "dynamodb_write"):
        assert taken(work, what) == pytest.approx(found[what], rel=0.1, abs=3), what


def test_a_workload_is_what_would_be_sent(tmp_path: Path) -> None:
    file = tmp_path / "tweets.csv"
    file.write_text(
        "id,text\n" + "".join(f"{row},so good {row}\n" for row in range(70)) + "2,\n" + "3,so bad\n" * 5,
        encoding="utf-8",
    )
    read: list[int] = []
    work = count(LocalFile.read(Source.of_file(file), {}, {"rows-per-request": "32"}), read.append)
    assert (work.rows, work.unsendable, work.requests, work.chunks) == (76, 1, 5, 1), (
        "the last five rows are sent as one"
    )
    assert sum(read) == file.stat().st_size


SYSTEM = '{"model": "m", "messages": [{"role": "system", "content": "Be kind."}]}'
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def test_prompts_are_counted_with_all_that_the_model_reads(tmp_path: Path) -> None:
    file = tmp_path / "tweets.csv"
    file.write_text("text\ngood\n\nça va\n", encoding="utf-8")
    chosen = {"prompt": "Is it good? {text}", "parameters": SYSTEM, "input-column": "text", "header": "present"}
    work = count(LocalFile.read(Source.of_file(file), {}, chosen))
    whole = ["Be kind.", "Is it good? good", "Be kind.", "Is it good? ça va"]
    assert (work.prompt_bytes, work.prompt_tokens) == (len("".join(whole).encode()), 12)


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "So"}, IMAGE]}]}, "So"),
        ({"prompt": "So good"}, "So good"),
        ({"prompt": [[1, 2], "So"]}, "So"),
        ({"input": ["So", "good"]}, "Sogood"),
        ({"inputs": ["So", "good"], "parameters": {}}, ""),
        ({"messages": None}, ""),
        (["So good"], ""),
    ],
)
def test_texts_for_a_language_model_are_found_in_each_of_its_formats(body: object, texts: str) -> None:
    assert prompt_bytes(body) == len(texts)


def test_a_file_without_prompts_has_no_tokens_in_them(tmp_path: Path) -> None:
    file = tmp_path / "tweets.csv"
    file.write_text("text\nso good\n", encoding="utf-8")
    for chosen in ({}, {"payload-expression": "{instances: inputs}"}):
        assert count(LocalFile.read(Source.of_file(file), {}, chosen)).prompt_tokens == 0


def test_the_command_says_that_tokens_are_a_guess(tmp_path: Path) -> None:
    file = tmp_path / "tweets.csv"
    file.write_text("text\n" + "so good so far\n" * 100, encoding="utf-8")
    command = ["estimate", str(file), "--prompt", "Good? {text}"]
    said = CliRunner().invoke(cli, command).stdout
    assert "about 500 (4 bytes each)" in said
    assert json.loads(CliRunner().invoke(cli, [*command, "--json"]).stdout)["prompt_tokens"] == 500
    assert "tokens" not in CliRunner().invoke(cli, command[:2]).stdout


def test_time_is_what_the_instances_take() -> None:
    came = make_estimate(MILLION, 32, EndpointPlan("ml.g4dn.xlarge", rows_per_second=200, instances=2))
    assert came.seconds is not None
    assert came.seconds == pytest.approx(1_000_000 / 400, rel=0.05)
    assert came.dollars["instances"] == pytest.approx(2 * came.seconds / 3600 * 0.736, rel=0.01)


def test_a_sleeping_endpoint_is_paid_for_until_it_sleeps_again() -> None:
    plan = EndpointPlan.of_stack(template.defaults(project.find_root()), 200, 3600)
    small = make_estimate(Workload(32, 0, 1, 1, 100), 32, plan)
    assert small.seconds is not None
    assert small.seconds > 240
    assert small.instance_seconds == pytest.approx(900, rel=0.1)


def test_an_estimate_says_what_it_is_at_least_and_what_if_the_endpoint_wakes() -> None:
    prices = f"us-east-1, {read_prices()['date']}, without free tiers"
    parameters = template.defaults(project.find_root())
    work = Workload(2_000, 0, 64, 1, 100)
    unknown = make_estimate(work, 32, None)
    assert str(unknown) == (
        f"at least ${unknown.total:.4f} for services ({prices}); the endpoint's instances come on top"
    )
    woken = make_estimate(work, 32, EndpointPlan.of_stack(parameters, 100, 3600))
    assert woken.at_least == pytest.approx(unknown.total + 20 / 3600 * 0.736)
    assert str(woken) == (
        f"at least ${woken.at_least:.4f} (${unknown.total:.4f} for services, $0.0041 for 20 s of an ml.g4dn.xlarge); "
        f"${woken.total:.4f} if the endpoint wakes for this job ({prices})"
    )
    assert woken.total > woken.at_least + 0.18
    awake = make_estimate(work, 32, EndpointPlan.of_stack(parameters, 100, 3600, instances=2))
    assert awake.total == pytest.approx(unknown.total + 2 * (awake.seconds or 0) / 3600 * 0.736, rel=0.01)
    assert f"; ${awake.total:.4f} with all instances until its last row (" in str(awake)
    few = make_estimate(replace(work, rows=200), 32, EndpointPlan.of_stack(parameters, 100, 3600, instances=2))
    least, total = (float(amount) for amount in re.findall(r"(?:at least|;) \$(\S+)", str(few)))
    assert 0 < least <= total < 0.01


def test_the_command_says_small_amounts_in_one_line_and_the_cost_in_words(tmp_path: Path) -> None:
    file = tmp_path / "five.csv"
    file.write_text("text\n" + "".join(f"so good {row}\n" for row in range(5)), encoding="utf-8")

    def facts(*arguments: str) -> dict[str, str]:
        said = CliRunner().invoke(cli, ["estimate", str(file), *arguments]).stdout
        return {name: fact for line in said.splitlines() for name, fact in [re.split(r"\s{2,}", line)]}

    alone = facts()
    assert list(alone) == ["rows", "requests", "AWS API calls", "Lambda, DynamoDB, SQS, SNS, S3, EventBridge", "cost"]
    assert alone["Lambda, DynamoDB, SQS, SNS, S3, EventBridge"] == "$0.0001"
    assert alone["cost"].startswith("at least $0.0001 for services (us-east-1, ")
    said = CliRunner().invoke(cli, ["estimate", str(file), "--since", "five-1f"])
    assert "All rows are counted; those that can be taken over from five-1f are not sent." in said.stderr
    assert facts("--since", "five-1f") == alone
    woken = facts("--rows-per-second", "100")
    assert woken["instances"] == "$0.1847"
    assert "; $0.1848 if the endpoint wakes for this job" in woken["cost"]


@pytest.mark.parametrize(("limit", "exceeds"), [("0.15", True), ("0.00", False), ("0.30", False)])
def test_the_command_says_that_a_job_may_not_cost_what_is_estimated(
    tmp_path: Path, limit: str, *, exceeds: bool
) -> None:
    file = tmp_path / "five.csv"
    file.write_text("text\n" + "".join(f"so good {row}\n" for row in range(5)), encoding="utf-8")
    command = ["estimate", str(file), "--rows-per-second", "100", "--max-dollars", limit]
    said = CliRunner().invoke(cli, command).stdout
    words = f"max-dollars={limit} is below the estimate of about $0.1848: when it is reached, the job ends as CANCELLED"
    assert (words in said, "limit" in said) == (exceeds, exceeds)
    found = json.loads(CliRunner().invoke(cli, [*command, "--json"]).stdout)
    assert (found["max_dollars"], found["exceeds_max_dollars"]) == (float(limit) or None, exceeds)


def test_of_many_requests_only_the_first_need_be_simulated() -> None:
    plan = EndpointPlan.of_stack(template.defaults(project.find_root()), 200, 3600)
    whole, in_part = make_estimate(MILLION, 32, plan), make_estimate(MILLION, 32, plan, most_simulated=15_625)
    assert in_part.total == pytest.approx(whole.total, rel=0.2)
    assert in_part.at_least == pytest.approx(whole.at_least)


def test_functions_have_the_memory_that_is_paid_for() -> None:
    declared = template.read(ROOT)["Globals"]["Function"]["MemorySize"]
    assert declared == FUNCTION_MEGABYTES


def test_a_type_without_a_price_takes_time_and_services(tmp_path: Path) -> None:
    file = tmp_path / "tweets.csv"
    file.write_text("text\nso good\n", encoding="utf-8")
    asked = ["estimate", str(file), "--rows-per-second", "200", "--instances", "1", "--instance-type"]
    run = CliRunner().invoke(cli, [*asked, "ml.p9.48xlarge", "--json"])
    assert run.exit_code == 0, run.stderr
    assert "The price of ml.p9.48xlarge is not known: only services are counted." in run.stderr
    told = json.loads(run.stdout)
    assert ("instances" in told["dollars"], told["instance_seconds"] > 0) == (False, True)
    run = CliRunner().invoke(cli, [*asked, "ml.m5.xlarge", "--json"])
    assert ("instances" in json.loads(run.stdout)["dollars"], "not known" in run.stderr) == (True, False)
    assert isinstance(CliRunner().invoke(cli, [*asked, "m5.xlarge"]).exception, ParameterError)


def test_the_type_says_how_many_requests_an_instance_gets_at_once() -> None:
    parameters = template.defaults(ROOT)
    plans = [EndpointPlan.of_stack(parameters, 200, 3600, instance_type=name) for name in (None, "ml.c5.2xlarge")]
    assert [plan.concurrency for plan in plans] == [4, 8]


def test_prices_say_when_they_held() -> None:
    assert read_prices()["date"] <= datetime.now(UTC).date()
    assert read_prices()["region"] == "us-east-1"


def test_the_operations_guide_says_what_a_stack_costs_without_a_job() -> None:
    guide = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    prices = read_prices()
    figures = {
        "the metric `OpenJobs`": prices["cloudwatch"]["metric_month"],
        "half an hour of an instance, here ml.g4dn.xlarge": prices["sagemaker"]["hour"]["ml.g4dn.xlarge"] / 2,
        "CloudWatch: the other eleven metrics": 11 * prices["cloudwatch"]["metric_month"] / 30 / 24 * 2,
    }
    for what, dollars in figures.items():
        (said,) = re.findall(rf"^\| {re.escape(what)}[^|]*\| \$([0-9.]+) \|$", guide, re.MULTILINE)
        assert said == f"{dollars:.2f}"
    table = guide.partition("## Metrics")[2].partition("The dashboard")[0]
    assert len(re.findall(r"^\| `\w+` \|", table, re.MULTILINE)) == 1 + 11


def test_the_operations_guide_has_these_very_figures() -> None:
    guide = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    dollars = make_estimate(MILLION, 32, EndpointPlan("ml.g4dn.xlarge", 200, policies=None, instances=1)).dollars
    for name in ("DynamoDB", "S3", "Lambda", "SQS", "SNS"):
        (said,) = re.findall(rf"^\| {name}[^|]*\| \$([0-9.]+) \|$", guide, re.MULTILINE)
        assert math.isclose(float(said), dollars[name], abs_tol=0.005), (name, dollars[name])

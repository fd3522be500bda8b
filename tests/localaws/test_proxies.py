"""The local cloud is reached without a proxy, whatever the environment names for other addresses."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ProxyConnectionError

from localaws.cloud import LocalCloud
from localaws.endpoint.cloud import Cloud
from localaws.functions import workers

ONCE = Config(retries={"total_max_attempts": 1})
NAMES = ("http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(autouse=True, params=["lower", "upper"])
def proxies(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for everything, of which nobody is there."""
    for name in (*NAMES, "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in NAMES:
        monkeypatch.setenv(name.upper() if request.param == "upper" else name, "http://127.0.0.1:1")


def test_the_clients_of_the_local_cloud_use_no_proxy(cloud: LocalCloud) -> None:
    role = cloud._functions._roles["Forbidden"].session()  # noqa: SLF001 # nobody else has one
    for session in (cloud.session(), role):
        assert session.client("sts", config=ONCE).get_caller_identity()["Arn"]
    assert list(cloud.session().resource("s3").buckets.all())


def test_the_endpoint_uses_no_proxy(cloud: LocalCloud) -> None:
    given = cloud.environment
    keys = given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"]
    client = Cloud(given["AWS_ENDPOINT_URL"], given["AWS_REGION"], *keys).client("sts")
    assert client.get_caller_identity()["Arn"]


def test_tools_reach_the_local_cloud_past_the_proxy_and_other_addresses_through_it(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    assert boto3.Session().client("sts", config=ONCE).get_caller_identity()["Arn"]
    elsewhere = boto3.Session().client("sts", endpoint_url="http://sts.invalid", config=ONCE)
    with pytest.raises(ProxyConnectionError):
        elsewhere.get_caller_identity()


def test_what_needed_no_proxy_before_needs_none_after(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "intranet, .example.org")
    assert cloud.environment["NO_PROXY"] == cloud.environment["no_proxy"] == "intranet,.example.org,127.0.0.1"
    monkeypatch.setenv("no_proxy", "*")
    assert not {"no_proxy", "NO_PROXY"} & cloud.environment.keys()


def test_without_a_proxy_nothing_is_said_of_one(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("no_proxy", "intranet")
    assert not {"no_proxy", "NO_PROXY"} & cloud.environment.keys()


def test_workers_use_no_proxy(cloud: LocalCloud) -> None:
    pool = cloud._functions.pools["Forbidden"]  # noqa: SLF001 # nobody else knows what a worker gets
    given = workers._environment(pool.function, cloud._functions._roles["Forbidden"].keys())  # noqa: SLF001 # likewise
    assert {name: value for name, value in given.items() if "proxy" in name.lower()} == {"NO_PROXY": "*"}

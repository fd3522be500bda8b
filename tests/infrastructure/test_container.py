"""What the template gives the endpoint's container: its variables, and how many requests at once."""

import json

import pytest

from fanfold.project import find_root
from fanfold_core.domain.options import Options, computes_batches
from localaws.template import load

ROOT = find_root()


def test_an_instance_gets_as_many_requests_at_once_as_its_container_has_workers_at_least() -> None:
    vcpus = {"xlarge": 4, "2xlarge": 8}
    for name, found in load(ROOT).body["Mappings"]["InstanceProcessor"].items():
        # The types with a GPU have one.
        workers = 1 if found["Processor"] == "gpu" else vcpus[name.rpartition(".")[2]]
        assert int(found["Concurrency"]) == max(4, workers)


@pytest.mark.parametrize(("given", "gets"), [({}, 8), ({"ConcurrencyPerInstance": "3"}, 3)])
def test_concurrency_follows_from_the_instance_unless_it_is_said(given: dict[str, str], gets: int) -> None:
    checked = load(ROOT, {"InstanceType": "ml.c5.2xlarge", **given})
    config = checked.body["Resources"]["EndpointConfig"]["Properties"]["AsyncInferenceConfig"]
    assert int(checked.value(config["ClientConfig"]["MaxConcurrentInvocationsPerInstance"])) == gets


@pytest.mark.parametrize(
    ("given", "batch_size"),
    [
        ({}, 16),
        ({"HfTask": "feature-extraction"}, None),
        ({"ModelDataUrl": "s3://models/own.tar.gz"}, None),
        ({"ContainerImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/own:1"}, None),
        ({"EndpointName": "own"}, None),
    ],
)
def test_the_splitter_computes_in_batches_what_its_users_are_told(
    given: dict[str, str], batch_size: int | None
) -> None:
    checked = load(ROOT, given)
    variables = checked.body["Resources"]["SplitterFunction"]["Properties"]["Environment"]["Variables"]
    model, task = (checked.value(variables[name]) for name in ("MODEL", "TASK"))
    parameters = {name: str(declared["Default"]) for name, declared in checked.body["Parameters"].items()}
    of_users = Options.of_stack({**parameters, **given}, {})
    assert Options.defaults("{}", in_batches=computes_batches(model, task)) == of_users
    assert json.loads(of_users.parameters).get("batch_size") == batch_size


def test_the_container_s_limits_are_sagemaker_s() -> None:
    container = load(ROOT, {"HfTask": "fill-mask"}).container_environment()
    assert container == {
        "HF_MODEL_ID": "cardiffnlp/twitter-roberta-base-sentiment",
        "HF_TASK": "fill-mask",
        "MMS_MAX_REQUEST_SIZE": str(1024**3),
        "MMS_MAX_RESPONSE_SIZE": str(1024**3),
        # InvokeEndpointAsync's default of InvocationTimeoutSeconds.
        "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "900",
    }
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hub"
    private = load(ROOT, {"HfTokenSecretArn": secret, "HfRevision": "v1"}).container_environment()
    assert private["HF_MODEL_REVISION"] == "v1"
    assert private["HF_API_TOKEN"] == f"{{{{resolve:secretsmanager:{secret}}}}}"

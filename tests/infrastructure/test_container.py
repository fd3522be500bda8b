"""What the template gives the endpoint's container: its variables, and how many requests at once."""

from contextlib import nullcontext

import pytest

from fanfold.costs.estimate import EndpointPlan
from fanfold.deploying.parameters import checked
from fanfold.project import find_root
from fanfold_core.domain.options import Options, model_parameters
from localaws.errors import ParameterError
from localaws.template import check, defaults_of, evaluate, load, read

ROOT = find_root()


SOURCE = read(ROOT)
MODEL = SOURCE["Resources"]["Model"]["Properties"]
CONFIG = SOURCE["Resources"]["EndpointConfig"]["Properties"]["AsyncInferenceConfig"]


@pytest.mark.parametrize(
    ("instance_type", "gets"),
    [
        ("ml.t2.medium", 4),
        ("ml.m5.large", 4),
        ("ml.m5.xlarge", 4),
        ("ml.c6i.2xlarge", 8),
        ("ml.trn2.3xlarge", 12),
        ("ml.c6i.4xlarge", 16),
        ("ml.inf1.6xlarge", 24),
        ("ml.c6i.8xlarge", 32),
        ("ml.c5.9xlarge", 36),
        ("ml.m4.10xlarge", 40),
        ("ml.m5.12xlarge", 48),
        ("ml.c6i.16xlarge", 64),
        ("ml.c5.18xlarge", 72),
        ("ml.m5.24xlarge", 96),
        ("ml.c6i.32xlarge", 128),
        ("ml.m7i.48xlarge", 192),
        ("ml.g4dn.xlarge", 4),
        # 16 vCPUs, and one GPU.
        ("ml.g5.4xlarge", 4),
        ("ml.g5.16xlarge", 4),
        ("ml.g5.12xlarge", 4),
        ("ml.p3.16xlarge", 8),
        ("ml.p4d.24xlarge", 8),
        ("ml.p5.48xlarge", 8),
    ],
)
def test_an_instance_gets_as_many_requests_at_once_as_its_container_has_workers(instance_type: str, gets: int) -> None:
    concurrency = CONFIG["ClientConfig"]["MaxConcurrentInvocationsPerInstance"]
    assert evaluate(SOURCE, {"InstanceType": instance_type}, concurrency) == gets
    said = {"InstanceType": instance_type, "ConcurrencyPerInstance": "3"}
    assert evaluate(SOURCE, said, concurrency) == "3"


def test_an_estimate_counts_with_as_many_requests_at_once() -> None:
    large = {**defaults_of(SOURCE), "InstanceType": "ml.m5.12xlarge"}
    assert EndpointPlan.of_stack(large, 100, 3600).concurrency == 48


@pytest.mark.parametrize(
    ("instance_type", "tag"),
    [
        *((f"ml.{family}.xlarge", "-gpu-") for family in ("g4dn", "g5", "g6", "g6e", "gr6", "p3dn", "p4de", "p5en")),
        ("ml.p6-b200.48xlarge", "-gpu-"),
        *((f"ml.{family}.xlarge", "-cpu-") for family in ("c4", "c5", "c5n", "c6i", "c6id", "m5", "m7i", "r5", "t2")),
        *((f"ml.{family}.xlarge", "none-") for family in ("inf1", "inf2", "trn1", "trn1n")),
        *((f"ml.{family}.xlarge", "none-") for family in ("c6g", "c6gd", "c6gn", "c7g", "m6gd", "r8g")),
    ],
)
def test_an_instance_of_any_type_has_the_container_for_its_processor_if_there_is_one(
    instance_type: str, tag: str
) -> None:
    _, values = MODEL["PrimaryContainer"]["Image"]["Fn::If"][1]["Fn::Sub"]
    assert tag in evaluate(SOURCE, {"InstanceType": instance_type}, values["Tag"])
    check(SOURCE, {"InstanceType": instance_type})
    refusal = pytest.raises(ParameterError, match="no container for InstanceType") if tag == "none-" else nullcontext()
    with refusal:
        checked(SOURCE, {"InstanceType": instance_type}, {}, "us-east-1")
    # Another container may be for it.
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
    checked(SOURCE, {"InstanceType": instance_type, "ContainerImage": image}, {}, "us-east-1")


@pytest.mark.parametrize(
    "wrong", ["m5.xlarge", "ml.m5", "ml.M5.xlarge", "ml.m5.xlarge.more", "ml.m5.xlarge,ml.c5.xlarge", "ml..xlarge"]
)
def test_what_is_no_instance_type_is_refused(wrong: str) -> None:
    with pytest.raises(ParameterError, match="must be an instance type of SageMaker"):
        check(SOURCE, {"InstanceType": wrong})


REGISTRY = "763104351884.dkr.ecr.eu-west-1.amazonaws.com"
OF_HUGGING_FACE = [
    "huggingface-pytorch-inference:2.6.0-transformers4.51.3-cpu-py312-ubuntu22.04-v2.0",
    f"huggingface-pytorch-inference@sha256:{64 * 'a'}",
]
OTHERS = ["tei:2.0.1-tei1.8.2-gpu-py310-cu122-ubuntu22.04", "huggingface-pytorch-inference-neuronx:2.1.2-transformers4"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"HfTask": "token-classification"},
        {"HfTask": "summarization", "ModelDataUrl": "s3://models/own.tar.gz"},
        {"ModelDataUrl": "s3://models/own.tar.gz"},
        {"HfTask": "fill-mask", "ContainerImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/own:1"},
        {"HfTask": "fill-mask", "EndpointName": "own"},
        {"EndpointName": "own"},
        *({"ContainerImage": f"{REGISTRY}/{image}"} for image in OF_HUGGING_FACE),
        *({"ContainerImage": f"{REGISTRY}/{image}", "HfTask": "summarization"} for image in OTHERS),
    ],
)
def test_the_splitter_gives_the_parameters_that_users_are_told(given: dict[str, str]) -> None:
    checked = load(ROOT, given)
    variables = checked.body["Resources"]["SplitterFunction"]["Properties"]["Environment"]["Variables"]
    model, task = (checked.value(variables[name]) for name in ("MODEL", "TASK"))
    parameters = {name: str(declared["Default"]) for name, declared in checked.body["Parameters"].items()}
    of_users = Options.of_stack({**parameters, **given}, {})
    assert Options.defaults("{}", model_parameters(model, task)) == of_users
    if any(image in given.get("ContainerImage", "") for image in OTHERS):
        assert of_users.parameters == "{}"


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
    slow = load(ROOT, {"ContainerTimeoutSeconds": "3600"}).container_environment()
    assert slow["SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS"] == "3600"
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hub"
    private = load(ROOT, {"HfTokenSecretArn": secret, "HfRevision": "v1"}).container_environment()
    assert private["HF_MODEL_REVISION"] == "v1"
    assert private["HF_API_TOKEN"] == private["HF_TOKEN"] == f"{{{{resolve:secretsmanager:{secret}}}}}"

from pathlib import Path

import pytest

from fanfold.project import find_root
from localaws.errors import UnknownPropertyError
from localaws.properties import check
from localaws.template import load


def of(tmp_path: Path, resource: str) -> Path:
    (tmp_path / "template.yaml").write_text(f"Resources:\n  It: {resource}\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ("{ Type: AWS::EC2::Instance }", "It: type AWS::EC2::Instance"),
        ("{ Type: AWS::SQS::Queue, Properties: { FifoQueue: true } }", "It: AWS::SQS::Queue FifoQueue"),
        ("{ Type: AWS::SQS::Queue, CreationPolicy: {} }", "It: CreationPolicy"),
        (
            "{ Type: AWS::S3::Bucket, Properties: { NotificationConfiguration: { LambdaConfigurations: [] } } }",
            "It: AWS::S3::Bucket NotificationConfiguration.LambdaConfigurations",
        ),
        (
            "{ Type: AWS::S3::Bucket, Properties: { LifecycleConfiguration: { Rules: [{ Transitions: [] }] } } }",
            "It: AWS::S3::Bucket LifecycleConfiguration.Rules.Transitions",
        ),
        (
            "{ Type: AWS::SQS::Queue, Properties: { Fn::If: [Yes, { FifoQueue: true }, { QueueName: a }] } }",
            "It: AWS::SQS::Queue FifoQueue",
        ),
        (
            "{ Type: AWS::Lambda::Function, Properties: { Environment: { Variables: { LOG: 1, PYTHONPATH: x } } } }",
            r"^[^\n]*\n  It: AWS::Lambda::Function Environment.Variables.PYTHONPATH$",
        ),
    ],
)
def test_what_the_local_cloud_does_not_know_is_named(tmp_path: Path, resource: str, named: str) -> None:
    with pytest.raises(UnknownPropertyError, match=named):
        check(load(of(tmp_path, resource)))


def test_the_local_cloud_knows_all_of_the_real_template() -> None:
    check(load(find_root()))


def test_each_function_of_the_real_template_has_its_code_and_layer() -> None:
    functions = load(find_root()).functions
    assert functions
    for function in functions.values():
        module = function.handler.partition(".")[0]
        assert (function.folder / f"{module}.py").is_file()
        assert all((layer / "fanfold_core").is_dir() for layer in function.layers)

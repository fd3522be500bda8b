"""A witness that disagrees, or cannot be heard, is told from one that agrees; and each sees what it is there to see."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
import pytest
from tests.witness import __main__ as hearing
from tests.witness import deploying, services
from tests.witness.calls import unfit
from tests.witness.policies import documents
from tests.witness.witness import AbsentError, DisagreementError, agree

from fanfold.deploying.changes import CAPABILITIES
from fanfold.project import find_root
from localaws import template


def agreeing() -> str:
    return "all is well"


def disagreeing() -> str:
    agree("the answer", 41, 42)
    return "never said"


def absent() -> str:
    raise AbsentError("not installed")


def failing() -> str:
    raise OSError("no such port")


@pytest.mark.parametrize(
    ("witnesses", "code", "said"),
    [
        ([agreeing, agreeing], 0, "0 agrees (0 s): all is well"),
        ([absent, agreeing], 3, "0 SKIPPED (0 s): not installed"),
        ([absent, disagreeing, agreeing], 1, "1 DISAGREES (0 s): the answer: 41, where 42 was expected"),
        ([failing], 1, "0 FAILED (0 s): Traceback"),
    ],
)
def test_what_a_witness_says_decides_the_exit_code(
    witnesses: list[Callable[[], str]],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(hearing, "WITNESSES", {str(number): witness for number, witness in enumerate(witnesses)})
    assert hearing.hear([str(number) for number in range(len(witnesses))]) == code
    lines = capsys.readouterr().out
    assert said in lines
    assert sum(line[0].isdigit() for line in lines.splitlines() if line) == len(witnesses)


@pytest.mark.parametrize(("arguments", "heard"), [([], "01"), (["1"], "1")])
def test_all_are_heard_unless_some_are_named(
    arguments: list[str], heard: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hearing, "WITNESSES", {"0": agreeing, "1": agreeing})
    assert hearing.main(arguments) == 0
    assert "".join(line[0] for line in capsys.readouterr().out.splitlines()) == heard


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"Bucket": "b", "Key": "k", "StorageClass": "STANDARD"}, []),
        ({"Bucket": "b", "Key": "k", "StorageClass": "WARM"}, ["is 'WARM', none of"]),
    ],
)
def test_a_word_that_a_service_doesnt_know_is_unfit(call: Mapping[str, Any], words: list[str]) -> None:
    found = _unfit("s3", "PutObject", call)
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))


def test_a_value_that_is_too_long_or_has_the_wrong_form_is_unfit() -> None:
    call = {"EndpointName": "-", "InputLocation": "s3://b/k", "InferenceId": "x" * 65}
    found = _unfit("sagemaker-runtime", "InvokeEndpointAsync", call)
    assert [line.partition(" ")[0].rpartition(".")[2] for line in sorted(found)] == ["EndpointName", "InferenceId"]


def test_no_function_of_cloudformation_is_left_in_what_is_judged() -> None:
    judged = dict(documents(template.load(find_root()).body))
    assert len(judged) > 10
    assert "Fn::" not in str(judged)
    assert "${" not in str(judged)


def test_what_other_tools_choose_are_parameters_of_the_template() -> None:
    source = template.read(find_root())
    for chosen in (deploying.chosen_by_cdk(), deploying.chosen_by_terraform()):
        assert len(chosen) == 3
        template.check(source, {**template.defaults(find_root()), **chosen}, "us-east-1")
    configuration = deploying.CONFIGURATION.read_text(encoding="utf-8")
    (output,) = re.findall(r'outputs\["(\w+)"\]', configuration)
    assert output in source["Outputs"]
    (capabilities,) = re.findall(r"capabilities = (\[.*\])", configuration)
    assert json.loads(capabilities) == list(CAPABILITIES)


def test_a_service_that_is_not_installed_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(services, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(services, "MODULES", tmp_path)
    with pytest.raises(AbsentError, match="ministack is not installed: make"):
        services.ministack({}).__enter__()
    with pytest.raises(AbsentError, match="dynalite"):
        services.dynalite().__enter__()


def test_a_disagreement_tells_both() -> None:
    with pytest.raises(DisagreementError, match=r"rows: \[1\], where \[2\] was expected"):
        agree("rows", [1], [2])


def _unfit(service: str, operation: str, call: Mapping[str, Any]) -> list[str]:
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    assert model.input_shape is not None
    return unfit(model.input_shape, call, operation)

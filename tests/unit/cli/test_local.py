"""`fanfold local up`: what it prints for another terminal, without a local cloud."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from fanfold.client import local_cloud
from fanfold.errors import LocalStartError
from fanfold.hub import HubModel
from fanfold.stacks import Stack
from fanfold.terminal import stderr

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Said, Shell

ENVIRONMENT = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "it's"}


@pytest.fixture
def up(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Said:
    """What `fanfold local up` says, in front of a cloud that isn't there."""
    outputs = {"InputBucket": "in", "OutputBucket": "out"}
    cloud = SimpleNamespace(environment=ENVIRONMENT, stack_name="mine", outputs=outputs, session=lambda: None)
    # `fanfold.cli` has a command of the module's name.
    module = sys.modules["fanfold.cli.local"]
    monkeypatch.setattr(module, "running", lambda *_given, **_more: nullcontext(cloud))
    monkeypatch.setattr("fanfold.console.server.serving", lambda *_given: nullcontext("http://127.0.0.1:2"))
    monkeypatch.setattr(module, "wait_for_the_end", lambda: None)
    return shell("local up --port 0 --endpoint-port 0 --console-port 0")


def test_a_run_in_a_terminal_with_the_exports_is_on_their_cloud(
    up: Said, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports = dict(line.removeprefix("export ").split("=", 1) for line in up.stdout.splitlines() if "=" in line)
    asked: list[str] = []

    def find(_session: object, name: str, _config: object) -> SimpleNamespace:
        asked.append(name)
        return SimpleNamespace(parameters={})

    monkeypatch.setattr(Stack, "find", find)
    assert shell("run tweets.csv --dry-run", exports).code == 0
    assert asked == ["mine"]


def test_what_a_shell_has_set_for_aws_does_not_come_between_the_exports_and_their_cloud(
    up: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_SESSION_TOKEN": "another's",
        "AWS_SECURITY_TOKEN": "another's",
        "AWS_PROFILE": "missing",
        "AWS_DEFAULT_PROFILE": "missing",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
    }.items():
        monkeypatch.setenv(name, value)
    seen = subprocess.check_output(["/bin/sh", "-c", f"{up.stdout}env"], text=True)
    pasted = dict(line.split("=", 1) for line in seen.splitlines() if line.startswith(("AWS_", "FANFOLD_")))
    assert pasted == {**ENVIRONMENT, "AWS_EC2_METADATA_DISABLED": "true", "FANFOLD_STACK": "mine"}


@pytest.mark.parametrize(("model", "is_said"), [("vader", True), ("http://127.0.0.1:1", False)])
def test_that_the_model_is_a_lexicon_is_said_by_the_command_line_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: str, is_said: object
) -> None:
    for is_library in (True, False):
        monkeypatch.setattr(stderr, "quiet", is_library)
        local_cloud(model)
        said = capsys.readouterr().err.startswith("the model is VADER, a word lexicon")
        assert said is (is_said and not is_library)


@pytest.mark.parametrize(("given", "task"), [({}, "feature-extraction"), ({"HfTask": "fill-mask"}, "fill-mask")])
def test_a_model_of_the_hub_has_the_task_that_it_was_saved_for_unless_it_is_named(
    given: dict[str, str], task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HubModel, "fetch", lambda _model: tmp_path)
    monkeypatch.setattr("localaws.cloud.LocalCloud", lambda _root, **given: given)
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["BertModel"]}), encoding="utf-8")
    cloud: dict[str, dict[str, str]] = local_cloud("owner/name", given)  # type: ignore[assignment] # what it was given
    assert (cloud["parameters"]["HfTask"], cloud["parameters"]["HfModelId"]) == (task, "owner/name")


def test_a_model_of_the_hub_that_transformers_has_not_saved_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HubModel, "fetch", lambda _model: tmp_path)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(LocalStartError, match="or name its task by --task"):
        local_cloud("owner/name")

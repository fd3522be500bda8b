"""Commands of the documentation that its tests don't run, each with the reason, and how they are checked instead."""

import re
import shlex
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click
from tests.docs.pages import ROOT

from fanfold.cli import cli

_TESTS = "test browser ecosystem test-docs test-supply test-wheel recipes container"
_TARGETS = f"setup {_TESTS} check sbom audit build sam-local witness crash-sweep soak soak-events"
_MAKE = rf"make ({'|'.join(_TARGETS.split())})\b"


@dataclass(frozen=True)
class Exemption:
    """Commands that match are not run, for this reason."""

    pattern: str
    reason: str


EXEMPTIONS = (
    Exemption(_MAKE, "makes what this test runs in, or takes minutes and is run by .ci/run itself"),
    Exemption(r"\.venv-sam/bin/sam deploy\b", "needs an AWS account"),
    Exemption(r"(\.venv/bin/)?fanfold deploy\b", "needs an AWS account; tests/unit/deploying has one of moto's"),
    Exemption(r"aws cloudformation delete-stack\b", "would delete the stack that the pages use"),
    Exemption(r"aws sqs start-message-move-task\b", "moto doesn't have it"),
    Exemption(r"aws (cloudformation continue-update-rollback|lambda get-account-settings)\b", "moto doesn't have it"),
    Exemption(r"aws application-autoscaling describe-scaling-activities\b", "moto doesn't have it"),
    Exemption(r"aws service-quotas\b", "the local cloud has no quotas"),
    Exemption(
        r"(\.venv/bin/)?fanfold local (up|endpoint) --model",
        "needs a model's folder, and a gigabyte of libraries to run it",
    ),
    Exemption(
        r"fanfold (run \S+ --model|doctor --model|model pack) cardiffnlp/",
        "downloads half a gigabyte from the Hugging Face Hub; `make recipes` has a small Hub of its own",
    ),
    Exemption(
        r"fanfold (run|tune) \S+ --model \S+ --container\b",
        "needs an environment of the container's packages; `make container` makes and uses one",
    ),
    Exemption(
        r"(container/bin/)?pip install\b", "would change what this test runs in; `make test-wheel` installs the wheel"
    ),
    Exemption(r"(\.venv/bin/)?fanfold console\b", "keeps running; `make browser` uses it"),
    Exemption(r"fanfold (run|submit) s3://", "names a bucket of the reader's"),
    Exemption(r"(\.venv/bin/)?fanfold completion zsh\b", "names a variable that only zsh has"),
)


def exemption(command: str) -> Exemption | None:
    """Why a command isn't run, if it isn't."""
    return next((found for found in EXEMPTIONS if re.match(found.pattern, command)), None)


def check(command: str) -> None:
    """The command is spelt as its program wants it."""
    program, *words = shlex.split(command, comments=True)
    checks = {"make": _check_make, "sam": _check_sam, "aws": _check_aws, "fanfold": _check_fanfold, "pip": _check_pip}
    checks[Path(program).name](words)


def _check_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        variable, equals, _ = word.partition("=")
        known = f"$({variable})" in makefile or f"$(or $({variable})" in makefile
        is_target = re.search(rf"^{re.escape(word)}:", makefile, re.MULTILINE)
        assert known if equals else is_target, f"the Makefile has no {word}"


def _check_sam(words: list[str]) -> None:
    _check_options(words[1:], _said(ROOT / ".venv-sam/bin/sam", words[0], "--help"))


def _check_aws(words: list[str]) -> None:
    """What the command line refuses by itself it refuses before it finds nobody at this address."""
    aws = ROOT / ".venv-sdk2/bin/aws"
    keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "us-east-1"}
    nobody = ["--endpoint-url", "http://127.0.0.1:1", "--cli-connect-timeout", "1"]
    run = subprocess.run(
        [aws, *words, *nobody], env={**keys, "AWS_MAX_ATTEMPTS": "1"}, capture_output=True, text=True, check=False
    )
    assert "Could not connect to the endpoint" in run.stderr, run.stderr


def _check_fanfold(words: list[str]) -> None:
    command: click.Command = cli
    while isinstance(command, click.Group) and words and words[0] != "COMMAND":
        found = command.commands.get(words[0])
        assert found, f"fanfold has no {words[0]!r}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "--version"}
    _check_options(words, " ".join(known))


def _check_pip(words: list[str]) -> None:
    """It installs Fanfold, with extras that there are, or the container's packages, in the versions that are tested."""
    if "multi-model-server==" in " ".join(words):
        pinned = (ROOT / "requirements/container.in").read_text(encoding="utf-8").splitlines()
        assert {*words} == {"install", "torch", *(line.split()[0] for line in pinned if not line.startswith("#"))}
        return
    requirement = re.fullmatch(r"install (?:--upgrade )?(?:fanfold|\.)(?:\[([a-z,]+)\])?", " ".join(words))
    assert requirement, f"pip {' '.join(words)} is no installation of Fanfold"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(filter(None, (requirement[1] or "").split(","))) <= extras.keys()


def _check_options(words: list[str], known: str) -> None:
    for word in words:
        option = word.partition("=")[0]
        assert not word.startswith("--") or re.search(rf"{option}(?![\w-])", known), f"there is no option {option}"


def _said(*command: Path | str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

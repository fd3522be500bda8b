"""Models that are run by their names on the Hub: what is downloaded, and what is said when they can't be had."""

import csv
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.recipes import hub as a_hub
from tests.recipes.conftest import BIN, Kitchen
from tests.recipes.hub import COMMIT, TOKEN, Hub
from tests.terminals import Terminal

pytestmark = pytest.mark.recipes

LOADED = ["config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]
# The same weights for others, in another format, of a training, and in another precision; what is for readers.
NOT_LOADED = [
    *("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "model.onnx", "model.fp16.safetensors", "optimizer.pt"),
    *(
        "README.md",
        "modeling_own.py",
        ".gitattributes",
        "onnx/model.onnx",
        "onnx/config.json",
        "checkpoint-5/model.safetensors",
    ),
]


Run = Callable[..., subprocess.CompletedProcess[str]]
NOBODY = "http://127.0.0.1:1"
# As the command line does before it starts anything.
_FETCH = """
import sys
from fanfold.hub import HubModel
from fanfold.terminal import guard_terminals

guard_terminals()
print(HubModel.parse(sys.argv[1]).fetch())
"""
FETCH = ("python", "-c", _FETCH)


@pytest.fixture(scope="module")
def hub(kitchen: Kitchen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    repository = tmp_path_factory.mktemp("hub") / "sentiment"
    shutil.copytree(kitchen.folder / "models/sentiment", repository)
    for name in NOT_LOADED:
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_bytes(b"not for transformers")
    with_code = repository.with_name("own-code")
    shutil.copytree(repository, with_code)
    (with_code / "code").mkdir()
    (with_code / "code/inference.py").write_text("raise SystemExit")
    large = repository.with_name("large")
    large.mkdir()
    for name in ("merges.txt", "vocab.txt"):
        (large / name).write_text(name.ljust(300_000))
    names = ("sentiment", "private", "gated", "broken")
    with a_hub.serving(
        {**{f"acme/{name}": repository for name in names}, "acme/own-code": with_code, "acme/large": large}
    ) as serving:
        yield serving


@pytest.fixture
def run(kitchen: Kitchen, hub: Hub, tmp_path: Path) -> Run:
    """Runs a program of the recipes' environment, with a cache of its own, as somebody with these variables."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}

    def run(
        *command: str | Path, terminal: int | None = None, typed: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / command[0], *command[1:]],
            cwd=kitchen.folder,
            env={**own, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), **variables},
            input=typed,
            stdout=subprocess.PIPE,
            stderr=terminal or subprocess.PIPE,
            text=True,
            check=False,
            timeout=300,
        )

    return run


def test_a_model_of_the_hub_is_packed(run: Run, tmp_path: Path) -> None:
    packed = tmp_path / "model.tar.gz"
    done = run("fanfold", "model", "pack", "acme/sentiment@v1", "--out", packed)
    assert done.returncode == 0, done.stderr
    with tarfile.open(packed) as archive:
        assert sorted(archive.getnames()) == sorted([*LOADED, "code/embedding.json", "code/inference.py"])


def test_a_model_of_the_hub_is_downloaded_once_without_what_is_for_others_and_named_with_its_commit(
    kitchen: Kitchen, hub: Hub, run: Run, tmp_path: Path
) -> None:
    hub.sent.clear()
    command = ("fanfold", "run", "reviews.csv", "--out", tmp_path / "out", "--model")
    first = run(*command, "acme/sentiment@v1")
    assert first.returncode == 0, first.stderr
    summary = json.loads(first.stdout)
    assert (summary["model"], summary["revision"]) == ("acme/sentiment", COMMIT)
    with (tmp_path / "out/results.csv").open(encoding="utf-8", newline="") as stream:
        labels = [row["label"] for row in csv.DictReader(stream)]
    assert labels == [answer[0]["label"] for answer in kitchen.answers["sentiment"]]
    assert sorted(hub.sent) == LOADED
    # As any other tool finds it.
    snapshot = tmp_path / f"hub/models--acme--sentiment/snapshots/{COMMIT}"
    assert sorted(file.name for file in snapshot.iterdir()) == LOADED
    assert [run(*FETCH, "acme/sentiment@v1", HF_ENDPOINT=at).stdout for at in (hub.url, NOBODY)] == [
        f"{snapshot}\n"
    ] * 2
    assert sorted(hub.sent) == LOADED


def test_a_private_model_is_downloaded_with_a_token(run: Run) -> None:
    assert run(*FETCH, "acme/private", HF_TOKEN=TOKEN).stdout.endswith(f"/{COMMIT}\n")


def test_a_terminal_shows_how_far_a_download_is(run: Run) -> None:
    terminal = Terminal()
    try:
        run(*FETCH, "acme/large", terminal=terminal.slave, TERM="xterm", COLUMNS="200")
    finally:
        os.close(terminal.slave)
    shown = terminal.shown()
    assert re.search(r"downloading acme/large +\S+ +300\.0/600\.0 kB", shown), shown


@pytest.mark.parametrize(
    ("model", "variables", "words"),
    [
        ("acme/absent", {}, "acme/absent is no folder here, and no model on the Hub that you may read: check the name"),
        ("acme/private", {}, "if the model is private, set HF_TOKEN to a token that may read it"),
        ("acme/private", {"HF_TOKEN": "hf_expired"}, "the Hub refuses your token: set HF_TOKEN to a valid one"),
        ("acme/gated", {}, "acme/gated is gated: accept its terms at http://127.0.0.1:"),
        ("acme/sentiment@v2", {}, "acme/sentiment has no revision v2 on the Hub: name a commit, a tag or a branch"),
        ("acme/senti--ment", {}, "acme/senti--ment is no folder here, and no name of a model on the Hub"),
        ("acme/broken", {}, "acme/broken could not be downloaded, the Hub answers 503: try again later"),
        ("acme/own-code", {}, "acme/own-code has code of its own in code/inference.py, which is not run from the Hub"),
        (
            "acme/sentiment@v1",
            {"HF_HUB_OFFLINE": "1"},
            "and HF_HUB_OFFLINE forbids to download it: unset HF_HUB_OFFLINE, or name a folder with the model",
        ),
        (
            "acme/sentiment",
            {"HF_ENDPOINT": NOBODY},
            "the Hub at http://127.0.0.1:1 cannot be reached (ConnectionError): connect to it, or name a folder",
        ),
        (
            "acme/sentiment",
            {"HF_HOME": "/dev/null"},
            "could not be written to /dev/null/hub, Not a directory: name another folder in HF_HOME",
        ),
    ],
)
def test_a_model_that_cannot_be_had_is_said_with_what_to_do(
    run: Run, model: str, variables: dict[str, str], words: str
) -> None:
    tried = run("fanfold", "run", "reviews.csv", "--out", "none", "--model", model, **variables)
    assert tried.returncode == 1
    assert words in tried.stderr.splitlines()[-1], tried.stderr


def test_code_that_a_model_names_is_not_run_whatever_stands_in_standard_input(
    kitchen: Kitchen, run: Run, tmp_path: Path
) -> None:
    folder, ran = tmp_path / "model", tmp_path / "ran"
    shutil.copytree(kitchen.folder / "models/sentiment", folder)
    config = json.loads((folder / "config.json").read_text())
    own = {**config, "model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (folder / "config.json").write_text(json.dumps(own))
    (folder / "own.py").write_text(f"open({str(ran)!r}, 'w')\nclass Config: pass\n")
    tried = run("fanfold", "run", "reviews.csv", "--out", tmp_path / "out", "--model", folder, typed="y\n")
    assert (tried.returncode, ran.exists()) == (1, False)
    assert "contains custom code" in tried.stderr, tried.stderr

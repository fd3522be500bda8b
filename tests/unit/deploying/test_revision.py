"""The model's commit, for which a deploy asks the Hub: here one on this machine."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from tests.recipes.hub import COMMIT, TOKEN, serving
from tests.unit.deploying.conftest import REGION, Deploy, parameters

from fanfold.cli.conclusion import ExitCode
from fanfold.errors import DeployError
from fanfold.hub import find_commit


@pytest.fixture
def hub(session: boto3.Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    assert session.region_name == REGION
    names = ("sentiment", "topics", "private", "broken")
    with serving({f"acme/{name}": tmp_path / "none" for name in names}) as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        yield


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(("given", "said"), [("", "the latest commit"), ("main", "main"), ("v1", "v1")])
def test_a_model_of_the_hub_is_pinned_to_its_commit(
    given: str, said: str, deploy: Deploy, session: boto3.Session
) -> None:
    run = deploy("--parameter", f"HfRevision={given}")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert f"HfRevision is {COMMIT}, {said} of acme/sentiment now." in run.stderr
    assert parameters(session)["HfRevision"] == COMMIT
    # A commit is what it is: later deploys keep it, and ask nobody.
    assert "HfRevision" not in deploy("--parameter", "MaxInstances=2").stderr
    assert parameters(session)["HfRevision"] == COMMIT


def test_a_deploy_goes_on_with_what_is_given_if_the_hub_cannot_be_asked(deploy: Deploy, session: boto3.Session) -> None:
    run = deploy()
    assert run.exit_code == ExitCode.OK, run.stderr
    assert "HfRevision stays empty, so each new instance loads the latest commit" in run.stderr
    assert "the Hub at http://127.0.0.1:1 gives no answer" in run.stderr
    run = deploy("--parameter", "HfRevision=v1")
    assert run.exit_code == ExitCode.OK, run.stderr
    assert "HfRevision stays v1, so each new instance loads what v1 is by then" in run.stderr
    assert parameters(session)["HfRevision"] == "v1"


@pytest.mark.usefixtures("hub")
def test_the_commit_of_one_model_is_none_of_another(deploy: Deploy, session: boto3.Session) -> None:
    deploy()
    run = deploy("--parameter", "HfModelId=acme/unheard-of")
    assert "HfRevision stays empty" in run.stderr
    assert parameters(session)["HfRevision"] == ""
    run = deploy("--parameter", "HfModelId=acme/topics")
    assert f"HfRevision is {COMMIT}, the latest commit of acme/topics now." in run.stderr
    # A rule refuses both.
    run = deploy("--parameter", "ModelDataUrl=s3://models/model.tar.gz")
    assert (run.exit_code, "HfRevision" in run.stderr) == (ExitCode.OK, False)
    assert parameters(session)["HfRevision"] == ""


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("model", "revision", "token", "words"),
    [
        ("acme/unheard-of", "", "", "there is no acme/unheard-of on the Hub that you may read"),
        ("acme/private", "", "", "for a private model, set HF_TOKEN"),
        ("acme/sentiment", "", "hf_wrong", "the Hub answers 401 to HF_TOKEN"),
        ("acme/sentiment", "v9", "", "acme/sentiment has no revision v9"),
        ("acme/sentiment", "a b/c", "", "acme/sentiment has no revision a b/c"),
        ("acme/broken", "", "", "the Hub answers 503"),
    ],
)
def test_why_the_hub_names_no_commit(
    model: str, revision: str, token: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(DeployError, match=words):
        find_commit(model, revision)


@pytest.mark.usefixtures("hub")
def test_who_is_offline_asks_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_commit("acme/sentiment") == COMMIT
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DeployError, match="HF_HUB_OFFLINE forbids to ask the Hub"):
        find_commit("acme/sentiment")


@pytest.mark.usefixtures("hub")
def test_a_token_reads_a_private_model(deploy: Deploy, session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    deploy("--parameter", "HfModelId=acme/private")
    assert parameters(session)["HfRevision"] == COMMIT

"""Models of the Hugging Face Hub, in the cache that all of its tools on this machine share."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from fanfold.errors import DeployError, LocalStartError, extra
from fanfold.terminal import bytes_bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NAMED = re.compile(r"(?P<name>[a-z0-9][\w.-]*/[a-z0-9][\w.-]*)(?:@(?P<revision>[^@\s]+))?", re.ASCII | re.IGNORECASE)
# In the order in which transformers prefers them; other formats are for other libraries.
_WEIGHTS = (
    re.compile(r"model(-\d+-of-(?P<shards>\d+))?\.safetensors"),
    re.compile(r"pytorch_model(-\d+-of-(?P<shards>\d+))?\.bin"),
)
# Configurations, indexes of weights, templates, and what the tokenizers of transformers call their files.
_BESIDE_WEIGHTS = {".json", ".txt", ".jinja", ".model", ".spm", ".codes", ".tokenizer"}
# The container would run it.
_SCRIPT = "code/inference.py"
# How sentence-transformers makes one embedding of those of the tokens, beside its modules.json.
_OF_MODULE = re.compile(r"\d+_(Pooling|Dense)/(config\.json|model\.safetensors|pytorch_model\.bin)")
_LOOK_EVERY_SECONDS = 0.2
_HUB = "https://huggingface.co"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MOST_SECONDS = 10
# As huggingface_hub reads variables.
_YES = {"1", "ON", "YES", "TRUE"}


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model as its repository on the Hub is called, and a commit, tag or branch of it.

    >>> HubModel.parse("owner/name@v1.0")
    HubModel(name='owner/name', revision='v1.0')
    """

    name: str
    revision: str | None

    @classmethod
    def parse(cls, model: object, revision: str | None = None) -> Self | None:
        """What `owner/name` or `owner/name@revision` names, unless it is a folder here: None, as of anything else.

        `revision` is for a name without one; if there is none either, it is the latest commit.
        """
        named = _NAMED.fullmatch(model) if isinstance(model, str) and not Path(model).is_dir() else None
        return cls(named["name"], named["revision"] or revision or None) if named else None

    def fetch(self) -> Path:
        """Download what the cache lacks of it; its folder there, which is named by the commit.

        The variables of huggingface_hub count, such as HF_TOKEN, HF_HOME, HF_ENDPOINT and HF_HUB_OFFLINE. If the Hub
        cannot be reached, it is the commit that the cache knows of.

        Raises:
            LocalStartError: it cannot be had, in words with what to do.
            PackageMissingError: huggingface_hub is not installed.
        """
        with extra("transformers", f"{self.name}, which is no folder here but on the Hugging Face Hub,"):
            import huggingface_hub as hub  # noqa: PLC0415 - an extra
            import huggingface_hub.constants  # noqa: PLC0415 - likewise
            import huggingface_hub.errors  # noqa: PLC0415 - likewise
            import huggingface_hub.utils  # noqa: PLC0415 - likewise
        try:
            folder = self._download(hub)
        except (OSError, hub.errors.HFValidationError) as error:
            raise self._explain(error, hub) from error
        if (folder / _SCRIPT).is_file():
            raise LocalStartError(
                f"{self.name} has code of its own in {_SCRIPT}, which is not run from the Hub: read it, then run the "
                f"model from its folder with --model {folder} --container PYTHON"
            )
        return folder

    def _download(self, hub: Any) -> Path:
        asked = {"repo_id": self.name, "revision": self.revision}
        try:
            timeout = hub.constants.HF_HUB_ETAG_TIMEOUT
            repository = hub.HfApi().model_info(**asked, files_metadata=True, timeout=timeout)
        except hub.errors.RevisionNotFoundError:
            raise
        except OSError:
            with suppress(hub.errors.LocalEntryNotFoundError):
                folder = Path(hub.snapshot_download(**asked, local_files_only=True))
                # It is there from the first file of a download on.
                if is_complete([file.name for file in folder.iterdir()]):
                    return folder
            raise
        commit, sizes = repository.sha, {file.rfilename: file.size or 0 for file in repository.siblings}
        names = needed(sizes)
        lacking = [
            name for name in names if not isinstance(hub.try_to_load_from_cache(self.name, name, revision=commit), str)
        ]
        with _no_bars(hub.utils):
            if lacking:
                blobs = Path(hub.constants.HF_HUB_CACHE, f"models--{self.name.replace('/', '--')}", "blobs")
                with _bar_of(blobs, f"downloading {self.name}", sum(sizes[name] for name in lacking)):
                    # One by one: in the threads of `snapshot_download`, Ctrl-C waits for the end of a file.
                    for name in lacking:
                        hub.hf_hub_download(self.name, name, revision=commit)
            return Path(hub.snapshot_download(**asked, allow_patterns=names))

    def _explain(self, error: Exception, hub: Any) -> LocalStartError:
        """What kept the model from being downloaded, and what to do."""
        errors, endpoint, cache = hub.errors, hub.constants.ENDPOINT, hub.constants.HF_HUB_CACHE
        of_revision = f"{self.name} at {self.revision}" if self.revision else self.name
        match error:
            case errors.GatedRepoError():
                words = (
                    f"{self.name} is gated: accept its terms at {endpoint}/{self.name}, and set HF_TOKEN to a token of "
                    "your account"
                )
            case errors.RepositoryNotFoundError():
                words = (
                    f"{self.name} is no folder here, and no model on the Hub that you may read: check the name; if the "
                    "model is private, set HF_TOKEN to a token that may read it"
                )
            case errors.RevisionNotFoundError():
                words = f"{self.name} has no revision {self.revision} on the Hub: name a commit, a tag or a branch"
            case errors.HFValidationError():
                words = f"{self.name} is no folder here, and no name of a model on the Hub: {error}"
            case errors.OfflineModeIsEnabled():
                words = (
                    f"{of_revision} is not complete in {cache}, and HF_HUB_OFFLINE forbids to download it: unset "
                    "HF_HUB_OFFLINE, or name a folder with the model"
                )
            case errors.HfHubHTTPError(response=answer) if answer is not None:
                words = f"{of_revision} could not be downloaded, the Hub answers {answer.status_code}: try again later"
                if answer.status_code == HTTPStatus.UNAUTHORIZED:
                    words = "the Hub refuses your token: set HF_TOKEN to a valid one, or unset it"
            case OSError(strerror=str(reason)):
                words = f"{of_revision} could not be written to {cache}, {reason}: name another folder in HF_HOME"
            case _:
                words = (
                    f"{of_revision} is not complete in {cache}, and the Hub at {endpoint} cannot be reached "
                    f"({type(error).__name__}): connect to it, or name a folder with the model"
                )
        return LocalStartError(words)


def on_this_machine(model: str) -> str:
    """A model as it is named on the command line, or, of one on the Hub, its folder after `HubModel.fetch`."""
    on_hub = HubModel.parse(model)
    return str(on_hub.fetch()) if on_hub else model


def is_commit(revision: str) -> bool:
    """Whether a revision is a commit, which no push to a repository changes, as it does a branch or a tag."""
    return _COMMIT.fullmatch(revision) is not None


def find_commit(model: str, revision: str = "") -> str:
    """The commit that a branch or a tag of a model is now; without one, the model's latest.

    It asks the Hub at HF_ENDPOINT, with HF_TOKEN if that is set, and needs no other package.

    Raises:
        DeployError: the Hub has no such model or revision, doesn't answer, or may not be asked (HF_HUB_OFFLINE).
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in _YES:
        raise DeployError("HF_HUB_OFFLINE forbids to ask the Hub")
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or _HUB
    token = os.environ.get("HF_TOKEN", "").strip()
    of_revision = f"/revision/{quote(revision, safe='')}" if revision else ""
    # HF_ENDPOINT is the user's own, like HF_TOKEN.
    request = Request(f"{endpoint}/api/models/{quote(model)}{of_revision}")  # noqa: S310
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urlopen(request, timeout=_MOST_SECONDS) as answer:  # noqa: S310 # likewise
            commit = str(json.load(answer)["sha"])
    except HTTPError as error:
        reasons = {
            "RepoNotFound": f"there is no {model} on the Hub that you may read (for a private model, set HF_TOKEN)",
            "RevisionNotFound": f"{model} has no revision {revision} on the Hub",
        }
        otherwise = f"the Hub answers {error.code}" + (" to HF_TOKEN" if token else "")
        raise DeployError(reasons.get(error.headers.get("X-Error-Code", ""), otherwise)) from error
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        raise DeployError(f"the Hub at {endpoint} gives no answer ({error})") from error
    if not is_commit(commit):
        raise DeployError(f"the Hub at {endpoint} names no commit of {model}")
    return commit


def needed(names: Iterable[str]) -> list[str]:
    """Of a repository's files those that transformers loads, with the weights in one format.

    >>> needed(["config.json", "model.safetensors", "pytorch_model.bin", "tf_model.h5", "onnx/config.json"])
    ['model.safetensors', 'config.json']
    """
    own = [name for name in names if "/" not in name or name == _SCRIPT or _OF_MODULE.fullmatch(name)]
    found: list[str] = []
    for folder in dict.fromkeys(Path(name).parent for name in own):
        here = [name for name in own if Path(name).parent == folder]
        weights = ([name for name in here if kind.fullmatch(Path(name).name)] for kind in _WEIGHTS)
        found += next(filter(None, weights), [])
    return [*found, *(name for name in own if Path(name).suffix in _BESIDE_WEIGHTS or name == _SCRIPT)]


def is_complete(names: Iterable[str]) -> bool:
    """Whether a folder of these files has a model's configuration and weights, with all of their shards.

    >>> is_complete(["config.json"]), is_complete(["config.json", "model.safetensors"])
    (False, True)
    """
    loaded = needed(names)
    weights = [found for name in loaded for kind in _WEIGHTS if (found := kind.fullmatch(name))]
    return "config.json" in loaded and bool(weights) and len(weights) >= int(weights[0]["shards"] or 1)


@contextmanager
def _bar_of(folder: Path, what: str, size: int) -> Iterator[None]:
    """Show how a folder grows by `size` bytes: huggingface_hub tells of them to nobody but bars of its own."""
    ended = Event()
    with bytes_bar(what, size) as advance:

        def watch() -> None:
            seen = _size(folder)
            while not ended.wait(_LOOK_EVERY_SECONDS):
                now = _size(folder)
                advance(now - seen)
                seen = now

        watching = Thread(target=watch, daemon=True)
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()


def _size(folder: Path) -> int:
    size = 0
    # There is no folder before the first file, and a file is renamed when it is whole.
    with suppress(FileNotFoundError):
        for file in folder.iterdir():
            size += file.stat().st_size
    return size


@contextmanager
def _no_bars(utils: Any) -> Iterator[None]:
    """Without the bars of huggingface_hub, which would move the cursor of a terminal that is sent nothing but text."""
    if utils.are_progress_bars_disabled():
        yield
        return
    utils.disable_progress_bars()
    try:
        yield
    finally:
        utils.enable_progress_bars()

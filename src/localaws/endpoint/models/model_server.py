"""The packages of Hugging Face's inference container, which serve a model's folder as they do in the image."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from localaws.endpoint.models.container import ContainerModel
from localaws.endpoint.models.transformers_folder import task_of
from localaws.errors import ModelUnavailableError
from localaws.lifetime import Lifetime

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVE = Path(__file__).with_name("serve.py")
# What the container has of this machine; everything else in its environment is the template's.
_OF_THE_MACHINE = ("PATH", "HOME", "JAVA_HOME", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
# The folder takes the place of the Hub.
_OF_THE_HUB = ("HF_MODEL_ID", "HF_MODEL_REVISION", "HF_API_TOKEN", "HF_TOKEN")
_START_SECONDS = 120
_STOP_SECONDS = 60
_PING_EVERY_SECONDS = 0.1


class ModelServer(Lifetime):
    """Multi-model-server and Hugging Face's toolkit in an environment of their own, on a free port of 127.0.0.1.

    They end when this process does, however that happens.

    Example::

        with ModelServer("container/bin/python", Path("models/roberta"), log=log) as server:
            server.model.predict(b'{"inputs": ["so good"]}', "application/json", "")
    """

    def __init__(
        self,
        python: str,
        folder: Path,
        *,
        log: IO[str],
        task: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Take what to run.

        Args:
            python: interpreter of the environment that has the packages.
            folder: a model that transformers has saved, with its own code in `code/inference.py` if it has any.
            log: gets what server and model say; must be a file.
            task: by default, what the model was saved for.
            environment: the container's variables, as the template has them.
        """
        self._python = python
        self._folder = folder
        self._log = log
        self._task = task
        self._environment = environment or {}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it listens; ModelUnavailableError if Java, the packages or the model are missing.

        The model isn't loaded then: the first requests wait for it.
        """
        task = self._task or task_of(self._folder)
        variables = {name: os.environ[name] for name in _OF_THE_MACHINE if name in os.environ}
        variables |= {name: value for name, value in self._environment.items() if name not in _OF_THE_HUB}
        _check_java(variables)
        try:
            self._process = subprocess.Popen(  # noqa: S603 # the interpreter is the user's choice
                [self._python, "-I", str(_SERVE), str(self._folder.resolve())],
                env={**variables, "HF_TASK": task},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                # Ctrl-C is for the process that started this one.
                start_new_session=True,
            )
        except OSError as error:
            raise ModelUnavailableError(f"the container's Python {self._python} does not run: {error}") from error
        try:
            self.url = self._read_url(self._process)
            self.model = ContainerModel(self.url)
            self._wait_until_it_listens(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, and wait until it is gone. May be called again."""
        if self._process is None:
            return
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(_STOP_SECONDS)

    def _read_url(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None  # noqa: S101 # for the type checker: it is a pipe
        said = json.loads(process.stdout.readline() or "{}")
        if missing := said.get("missing"):
            msg = f"{self._python} has no package {missing}: the container needs an environment of its own, see docs"
            raise ModelUnavailableError(f"{msg}/models.md")
        if "url" not in said:
            raise self._ended(process)
        url: str = said["url"]
        return url

    def _wait_until_it_listens(self, process: subprocess.Popen[str]) -> None:
        until = time.monotonic() + _START_SECONDS
        while not self.model.is_ready():
            if process.poll() is not None:
                raise self._ended(process)
            if time.monotonic() > until:
                msg = f"the container does not answer /ping after {_START_SECONDS} seconds: see {self._log.name}"
                raise ModelUnavailableError(msg)
            time.sleep(_PING_EVERY_SECONDS)

    def _ended(self, process: subprocess.Popen[str]) -> ModelUnavailableError:
        return ModelUnavailableError(f"the container ended with code {process.wait()}: see {self._log.name}")


def _check_java(variables: Mapping[str, str]) -> None:
    """As multi-model-server looks for it."""
    home = variables.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else "java"
    if shutil.which(java, path=variables.get("PATH")) is None:
        where = "in JAVA_HOME" if home else "on the PATH"
        raise ModelUnavailableError(f"the container needs Java, and there is no java {where}: install Java 11 or later")

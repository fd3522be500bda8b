"""`Fanfold`: a stack's client, or that of a local cloud of its own."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable
from copy import copy
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Self, TypeVar

from fanfold.client.connection import CallOptions, Connection
from fanfold.deploying.parameters import check_job_defaults
from fanfold.endpoint import EndpointStatus, Waking, check_wait
from fanfold.errors import LocalStartError, extra
from fanfold.hub import HubModel
from fanfold.input.batch import LEXICON
from fanfold.input.files import opened
from fanfold.input.sources import Source
from fanfold.input.uploads import metadata, upload
from fanfold.jobs import Job
from fanfold.project import find_root
from fanfold.stacks import find_job
from fanfold.terminal import stderr
from fanfold_core.domain.options import OPTIONS
from fanfold_core.domain.options.row import ALLOW, COSTLIER_OPTIONS, JOB_DEFAULTS
from fanfold_core.input.errors import JobDefaultsError
from localaws.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    import boto3
    from botocore.config import Config

    from fanfold.stacks import Stack
    from localaws.cloud import LocalCloud

DEFAULT_STACK, STACK_VARIABLE = "fanfold", "FANFOLD_STACK"
# A machine of one's own sends no bill, has no other stack whose buckets could have these names, and no quotas.
LOCAL_PARAMETERS = {COSTLIER_OPTIONS: ALLOW, "NamePrefix": DEFAULT_STACK, "FunctionConcurrency": "42"}

# What a job can be made of; the last one is rows.
Data = Path | str | Source | Iterable[Any]

# A model in this process: inputs of a request to results.
Predict = Callable[..., Any]

F = TypeVar("F", bound=Callable[..., object])
_PLACE = "            **options: those of the table in docs/options.md."


def takes_options(function: F) -> F:
    """Give a function's signature and documentation, which `help` and editors show, what its `**options` take."""
    signature = inspect.signature(function)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    options = [
        inspect.Parameter(
            row.field, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=row.kind.annotation | None
        )
        for row in OPTIONS.values()
    ]
    setattr(function, "__signature__", signature.replace(parameters=[*own, *options]))  # noqa: B010 - mypy knows none
    lines = [
        fill(f"{row.field}: {row.help}", 120, initial_indent=" " * 12, subsequent_indent=" " * 16)
        for row in OPTIONS.values()
    ]
    # Without documentation (python -OO) there is nothing to add to.
    function.__doc__ = function.__doc__ and function.__doc__.replace(_PLACE, "\n".join(lines))
    return function


class Fanfold:
    """Submits files and finds jobs, on a deployed stack or on a local cloud.

    A local cloud that runs already (`fanfold local up`) is a stack, too: with the environment variables that it prints.

    One of its own (`local=True`) needs `pip install 'fanfold[local]'`.

    Example:
        >>> with Fanfold(local=True) as fanfold:
        ...     job = fanfold.submit("tweets.csv", input_column="text")
        ...     job.wait().predicted
        1800
    """

    def __init__(  # noqa: PLR0913 # each has a default
        self,
        stack: str | None = None,
        *,
        local: bool = False,
        model: str | Predict = LEXICON,
        task: str | None = None,
        container: str | None = None,
        session: boto3.Session | None = None,
        config: Config | None = None,
    ) -> None:
        """Take where to work; nothing is looked up or started before it is needed, or the client is entered.

        Args:
            stack: name of a deployed stack; by default that in FANFOLD_STACK, or "fanfold".
            local: start a local cloud instead, which ends with `close`, or when the client is left.
            model: what the local cloud runs: vader, a folder with a transformers model, `owner/name` of one on the
                Hugging Face Hub (or `owner/name@revision`), an address (docs/local-endpoint.md), or a function. It is
                called with the list of a request's inputs, and with its parameters as far as it has arguments of their
                names, in several threads; it returns a list of as many results.
            task: what a model from a folder or the Hub is used for, by default what it was saved for.
            container: Python of an environment that has Hugging Face's inference container installed; a model from a
                folder or the Hub then runs in it, as on AWS (docs/models.md).
            session: whose credentials and region to use, by default those of the environment.
            config: time-outs and retries of all calls to AWS, as boto3 takes them; what it doesn't set is as the
                session has it. `with_options` has others for some calls.
        """
        if local and (stack or session):
            raise ValueError("local=True cannot be combined with stack or session")
        if not local and (model != LEXICON or task or container):
            raise ValueError("model, task and container are for a local cloud: add local=True, or leave them out")
        cloud = partial(local_cloud, model, {"HfTask": task} if task else {}, container=container) if local else None
        self._connection = Connection(stack or os.environ.get(STACK_VARIABLE) or DEFAULT_STACK, session, config, cloud)
        self._options = CallOptions()

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> Self:
        """Copy the client with other time-outs and retries of calls to AWS, for some calls or for one.

        The copy, and its jobs, have these options; what isn't given is as here. Stack or local cloud are shared, and
        the connections of copies with the same options: a copy costs nothing, and `close` of any one ends them all.

        Args:
            timeout: seconds for which each attempt of a call waits for a connection, and then for each next part of the
                answer. How long to wait for a job is up to `Job.wait`.
            max_retries: how often a call is tried again after its first attempt, 0 for never. A part of a file that
                stops arriving is asked for again all the same.

        Raises:
            ValueError: `timeout` isn't more than 0 and finite, or `max_retries` is less than 0.
            TypeError: one of them is no number, or `max_retries` isn't a whole one.

        Example:
            >>> job = fanfold.with_options(timeout=120, max_retries=10).submit("tweets.csv")
            >>> fanfold.with_options(timeout=2, max_retries=0).job(job.id).status().rows
            1800
        """
        copied = copy(self)
        copied._options = self._options.with_other(timeout=timeout, max_retries=max_retries)  # noqa: SLF001 # of its own kind
        return copied

    @property
    def stack(self) -> Stack:
        """The stack; looked up, or started with its local cloud, when it is first asked for.

        `StackError` if there is none of this name, `LocalStartError` if a local cloud doesn't start, or
        `PackageMissingError` if that is not installed.
        """
        return self._connection.stack(self._options)

    def close(self) -> None:
        """Close connections, and end the local cloud, if one was started, with whatever still runs on it."""
        self._connection.close()

    def __enter__(self) -> Self:
        _ = self.stack
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @takes_options
    def submit(self, data: Data, *, name: str | None = None, **options: Any) -> Job:
        """Upload a file or rows, which begins their job. An option not given is as the stack's parameters say.

        JSON Lines that begin with a request of OpenAI's batch format are sent as such, see docs/recipes.md.

        Args:
            data: the path of a CSV or JSON Lines, plain or compressed (`.gz`, `.bz2`, `.xz`); the address of one in S3
                (`s3://bucket/key`), which is copied there; a prefix with a slash at its end (`s3://bucket/reviews/`) or
                a manifest as Redshift writes one, whose objects are joined there; the path of a Parquet file; a data
                frame of pandas or Polars; an Arrow table; or an iterable of dicts, or of texts, which are the column
                `text`.
            name: what the job is called by, instead of the name of the file, or rows.csv.
            **options: those of the table in docs/options.md.

        Raises:
            InputFileError: there is no such file, it does not begin as the options describe, or one of them
                has a value that none may have. Nothing is uploaded.
            TypeError: there is no option of this name, or the data are none of these.
            UploadError: it could not be uploaded.
            JobNotFoundError: the job that the option `since` names is none of the stack's, or several.
            JobStillOpenError: that job has not ended.
        """
        spelt, stack = metadata(**options), self.stack
        with opened(data, lambda: stack.client("s3"), stack.parameters, spelt, name) as found:
            uploaded = upload(stack, found.source, {**found.assumed, **spelt})
        return Job(stack, uploaded.id, uploaded, found.source.origin)

    def wake(self, *, wait: bool = False, timeout: float | None = None) -> EndpointStatus:
        """Start an instance of the endpoint before a file comes, if it has none; `wait` until it is there.

        `WakeError` if SageMaker refuses, or the instance doesn't come, or not within `timeout` seconds.
        """
        check_wait(timeout, wait=wait)
        waking = Waking(self.stack, timeout)
        now = waking.start()
        return waking.wait() if wait and not now.is_awake else now

    def jobs(self) -> Iterator[Job]:
        """The stack's jobs, the latest first. One that has just begun may be missing for a moment."""
        stack = self.stack
        return (Job(stack, job_id) for job_id in stack.job_ids())

    def job(self, job_id: str) -> Job:
        """The job of this id, or the only one whose id begins so; of the rounds of one, the newest.

        A whole id is waited for, since the stack takes some seconds to begin with a file just uploaded.

        `JobNotFoundError` if there is none, or there are several.
        """
        return Job(self.stack, find_job(self.stack, job_id))


def say_model(model: str | Predict) -> None:
    """Say of a local cloud's default model what it is, where progress is shown."""
    if model == LEXICON:
        words = "the model is VADER, a word lexicon: good for trying things out, not for its predictions"
        stderr.print(words, soft_wrap=True)


def local_parameters(model: str | Predict) -> dict[str, str]:
    """The template's parameters in a local cloud that runs this model, which is named as the template's is."""
    on_hub = HubModel.parse(model)
    return {**LOCAL_PARAMETERS, "HfModelId": on_hub.name if on_hub else _called(model)}


def local_cloud(model: str | Predict, parameters: Mapping[str, str] | None = None, **options: Any) -> LocalCloud:
    """A local cloud, not started, that runs this model and says so wherever the template's model is named.

    A model on the Hub is downloaded at once, in the revision of `parameters` unless it is named with one. Files may
    have options there that cost more than the stack's, unless `parameters` say otherwise.

    `LocalStartError` if the Hub has no such model, or jobs could not have the options in `JobDefaults`;
    `PackageMissingError` if it is not installed.
    """
    with extra("local", "a local cloud (the default without --stack)"):
        from localaws.cloud import LocalCloud  # noqa: PLC0415 - an extra, and takes a second

    chosen = {**local_parameters(model), **(parameters or {})}
    try:
        check_job_defaults(chosen.get(JOB_DEFAULTS, "{}"))
    except JobDefaultsError as error:
        raise LocalStartError(str(error)) from error
    if on_hub := HubModel.parse(model, chosen.get("HfRevision")):
        folder = on_hub.fetch()
        model, chosen = str(folder), {**chosen, "HfModelId": on_hub.name, "HfRevision": folder.name}
    if isinstance(model, str) and Path(model).is_dir() and not chosen.get("HfTask"):
        from localaws.endpoint.models.transformers_folder import task_of  # noqa: PLC0415 - for such a model alone

        try:
            chosen["HfTask"] = task_of(Path(model))
        except LocalCloudError as error:
            raise LocalStartError(str(error)) from error
    say_model(model)
    return LocalCloud(find_root(), model=model, parameters=chosen, **options)


def _called(model: str | Predict) -> str:
    """A model as the template may call one: with no colon, as an address has, and without what may be secret in it."""
    if isinstance(model, str):
        _, is_address, address = model.partition("://")
        called = address.partition("?")[0] if is_address else Path(model).name
    else:
        called = getattr(model, "__name__", type(model).__name__)
    return re.sub(r"[^\w.-]+", "-", called, flags=re.ASCII).strip("-") or "model"

"""`AsyncFanfold`: the client for asyncio. It does nothing itself: `Fanfold` and `Job` do it, in threads."""

from __future__ import annotations

from asyncio import CancelledError, sleep, to_thread
from copy import copy
from typing import TYPE_CHECKING, Any, Self

from fanfold.client import Data, Fanfold, Predict, takes_options
from fanfold.endpoint import Waking, check_wait
from fanfold.results.asynchronous import AsyncErrors, AsyncResults, read_ahead
from fanfold.status import Pace
from fanfold.terminal import job_bar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from types import TracebackType

    import boto3
    from botocore.config import Config

    from fanfold.costs.cost import Cost
    from fanfold.endpoint import EndpointStatus
    from fanfold.folder import HeldFolder
    from fanfold.jobs import Job
    from fanfold.results.athena import AthenaTable
    from fanfold.stacks import Stack
    from fanfold.status import JobStatus


class AsyncJob:
    """`Job` for asyncio: what is asked of AWS is awaited.

    To cancel a task that awaits any of this leaves the job alone, which goes on; `cancel` ends it. A call that has
    begun ends in its thread, and what it does is done: a cancelled `retry` may have started its job.

    Example:
        >>> job = await fanfold.submit("tweets.csv")
        >>> (await job.wait()).failed
        0
        >>> [row["label"] async for row in await job.results()]
        ['LABEL_2']
    """

    def __init__(self, job: Job) -> None:
        """Take the job that does the work."""
        self.id = job.id
        self._job = job

    def __repr__(self) -> str:
        return f"AsyncJob({self.id!r})"

    async def status(self) -> JobStatus:
        """Where the job stands now; `JobNotFoundError` if the stack knows it no more.

        As `Job.status`.
        """
        return await to_thread(self._job.status)

    async def follow(self, timeout: float | None = None) -> AsyncIterator[JobStatus]:  # noqa: ASYNC109 - as Job has it
        """Where the job stands, again and again, until it has ended.

        As `Job.follow`. Between two looks no thread waits, so any number of jobs can be followed.
        """
        pace = Pace(self.id, timeout)
        while True:
            status = await self.status()
            yield status
            if status.has_ended:
                return
            await sleep(pace.pause())

    async def wait(self, timeout: float | None = None) -> JobStatus:  # noqa: ASYNC109 - as Job has it
        """Wait until the job has ended, with a progress bar on a terminal and a line now and then elsewhere.

        As `Job.wait`. After `asyncio.timeout`, or when the task is cancelled, the job goes on likewise.
        """
        with job_bar() as show:
            async for status in self.follow(timeout):
                show(status)
        return status

    async def results(self, *, partial: bool = False) -> AsyncResults:
        """The rows with their predictions; with `partial`, those that have their final answer already.

        As `Job.results`.
        """
        return AsyncResults(await to_thread(self._job.results, partial=partial))

    async def row(self, number: int) -> dict[str, Any]:
        """One row as `results` gives it, by its number from 0, also while the job is at work.

        As `Job.row`.
        """
        return await to_thread(self._job.row, number)

    async def errors(self, *, partial: bool = False) -> AsyncErrors:
        """The rows without a prediction; with `partial`, those that are known already.

        As `Job.errors`.
        """
        return AsyncErrors(await to_thread(self._job.errors, partial=partial))

    async def summary(self) -> dict[str, Any]:
        """What summary.json says of a job that has ended; `JobStillOpenError` if it has not."""
        return await to_thread(self._job.summary)

    async def cost(self) -> Cost | None:
        """What a job that has ended cost, estimated; None if a version ended it that did not say.

        As `Job.cost`.
        """
        return await to_thread(self._job.cost)

    async def download(self, folder: Path | str, *, replace: bool = False) -> list[Path]:
        """Write the files of a job that has ended to a folder, which is made if need be.

        As `Job.download`.
        """
        return await to_thread(self._job.download, folder, replace=replace)

    async def write_files(self, target: HeldFolder) -> list[Path]:
        """Write the files of a job that has ended to a folder that is held already; errors are those of `download`."""
        return await to_thread(self._job.write_files, target)

    async def to_athena(self, location: str) -> AthenaTable:
        """Write the results to a folder in S3 (`s3://bucket/folder/`) which is a table in Athena, a file for each job.

        As `Job.to_athena`.
        """
        return await to_thread(self._job.to_athena, location)

    async def cancel(self) -> JobStatus:
        """End the job with the rows that it has, unless it has ended: the others say "cancelled"."""
        return await to_thread(self._job.cancel)

    async def retry(self) -> AsyncJob:
        """Try the failed rows again, in a job that has all rows.

        As `Job.retry`.
        """
        return AsyncJob(await to_thread(self._job.retry))


class AsyncFanfold:
    """`Fanfold` for asyncio: what is asked of AWS, or read of files, is awaited.

    To cancel a task that awaits any of this leaves jobs alone. A call that has begun ends in its thread, and what it
    does is done: a cancelled `submit` may have begun a job.

    Threads are those of `asyncio.to_thread`, so as many calls are made at once as the loop's default executor has.

    Example:
        >>> async with AsyncFanfold(stack="fanfold") as fanfold:
        ...     job = await fanfold.submit("tweets.csv", input_column="text")
        ...     await job.wait()
        ...     async for row in await job.results():
        ...         print(row["text"], row["label"])
    """

    def __init__(  # noqa: PLR0913 # each has a default
        self,
        stack: str | None = None,
        *,
        local: bool = False,
        model: str | Predict = "vader",
        task: str | None = None,
        container: str | None = None,
        session: boto3.Session | None = None,
        config: Config | None = None,
    ) -> None:
        """Take what `Fanfold` takes; nothing is looked up or started before it is awaited, or the client is entered."""
        self._client = Fanfold(
            stack, local=local, model=model, task=task, container=container, session=session, config=config
        )

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> Self:
        """Copy the client with other time-outs and retries of calls to AWS, for some calls or for one.

        As `Fanfold.with_options`; nothing is awaited.

        Args:
            timeout: seconds for which each attempt of a call waits.
            max_retries: how often a call is tried again after its first attempt, 0 for never.

        Example:
            >>> job = await fanfold.with_options(timeout=120, max_retries=10).submit("tweets.csv")
            >>> (await (await fanfold.with_options(timeout=2, max_retries=0).job(job.id)).status()).rows
            1800
        """
        copied = copy(self)
        copied._client = self._client.with_options(timeout=timeout, max_retries=max_retries)  # noqa: SLF001 # of its own kind
        return copied

    async def stack(self) -> Stack:
        """The stack; looked up, or started with its local cloud, when it is first asked for.

        As `Fanfold.stack`.
        """
        return await to_thread(lambda: self._client.stack)

    async def close(self) -> None:
        """Close connections, and end the local cloud, if one was started, with whatever still runs on it."""
        await to_thread(self._client.close)

    async def __aenter__(self) -> Self:
        try:
            await self.stack()
        except CancelledError:
            # Its thread starts the local cloud all the same.
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @takes_options
    async def submit(self, data: Data, *, name: str | None = None, **options: Any) -> AsyncJob:
        """Upload a file or rows, which begins their job. An option not given is as the stack's parameters say.

        As `Fanfold.submit`; rows are iterated over in a thread.

        Args:
            data: a file, an address in S3, a data frame, a table, or rows.
            name: what the job is called by, instead of the name of the file, or rows.csv.
            **options: those of the table in docs/options.md.
        """
        return AsyncJob(await to_thread(self._client.submit, data, name=name, **options))

    async def wake(self, *, wait: bool = False, timeout: float | None = None) -> EndpointStatus:  # noqa: ASYNC109 - as Fanfold has it
        """Start an instance of the endpoint before a file comes, if it has none; `wait` until it is there.

        As `Fanfold.wake`. Between two looks no thread waits.
        """
        check_wait(timeout, wait=wait)
        waking = await to_thread(Waking, await self.stack(), timeout)
        now = await to_thread(waking.start)
        while wait and not now.is_awake:
            await sleep(waking.pause())
            now = await to_thread(waking.look_again)
        return now

    async def jobs(self) -> AsyncIterator[AsyncJob]:
        """The stack's jobs, the latest first. One that has just begun may be missing for a moment."""
        async for job in read_ahead(self._client.jobs):
            yield AsyncJob(job)

    async def job(self, job_id: str) -> AsyncJob:
        """The job of this id, or the only one whose id begins so; of the rounds of one, the newest.

        As `Fanfold.job`.
        """
        return AsyncJob(await to_thread(self._client.job, job_id))

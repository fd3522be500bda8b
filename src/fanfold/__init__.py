"""Fanfold: fan the rows of a CSV out to a SageMaker asynchronous endpoint, fold the answers into one CSV.

>>> from fanfold import Fanfold
>>> with Fanfold(stack="fanfold") as fanfold:
...     job = fanfold.submit("tweets.csv", input_column="text")
...     job.wait()
...     for row in job.results():
...         print(row["text"], row["label"])
"""

from fanfold.client import Fanfold
from fanfold.client.asynchronous import AsyncFanfold, AsyncJob
from fanfold.costs.cost import Cost
from fanfold.endpoint import EndpointStatus
from fanfold.errors import (
    DeployError,
    DownloadError,
    InputFileError,
    JobNotFoundError,
    JobStillOpenError,
    LocalStartError,
    ModelFilesError,
    NothingToRetryError,
    OtherInputError,
    PackageMissingError,
    PackError,
    RowNotFoundError,
    StackError,
    TuneError,
    UploadError,
    UserError,
    WakeError,
)
from fanfold.jobs import Job
from fanfold.results import Errors, FailedRow, Results
from fanfold.results.asynchronous import AsyncErrors, AsyncResults
from fanfold.results.athena import AthenaTable
from fanfold.status import JobState, JobStatus
from fanfold.terminal import show_progress
from fanfold_core import __version__

__all__ = [
    "AsyncErrors",
    "AsyncFanfold",
    "AsyncJob",
    "AsyncResults",
    "AthenaTable",
    "Cost",
    "DeployError",
    "DownloadError",
    "EndpointStatus",
    "Errors",
    "FailedRow",
    "Fanfold",
    "InputFileError",
    "Job",
    "JobNotFoundError",
    "JobState",
    "JobStatus",
    "JobStillOpenError",
    "LocalStartError",
    "ModelFilesError",
    "NothingToRetryError",
    "OtherInputError",
    "PackError",
    "PackageMissingError",
    "Results",
    "RowNotFoundError",
    "StackError",
    "TuneError",
    "UploadError",
    "UserError",
    "WakeError",
    "__version__",
    "show_progress",
]

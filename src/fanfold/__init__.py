"""Fanfold: fan the rows of a CSV out to a SageMaker asynchronous endpoint, fold the answers into one CSV.

>>> from fanfold import Fanfold
>>> with Fanfold(stack="fanfold") as fanfold:
...     job = fanfold.submit("tweets.csv", input_column="text")
...     job.wait()
...     for row in job.results():
...         print(row["text"], row["label"])
"""

from fanfold.client import Fanfold
from fanfold.errors import UserError
from fanfold.jobs import Job
from fanfold.results import Errors, FailedRow, Results
from fanfold.status import JobState, JobStatus

__all__ = ["Errors", "FailedRow", "Fanfold", "Job", "JobState", "JobStatus", "Results", "UserError"]

"""Names that can be computed: of jobs, of requests, and of every object in the output bucket.

Whoever holds an inference id or a job id knows where everything of it lies; nothing has to be looked up. Of who has
submitted a job, the name is part of what AWS calls them.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from fanfold_core.domain.spans import Span

if TYPE_CHECKING:
    from fanfold_core.domain.parts import Piece

# The files of a job that its user reads, with their content types. There are no others, but for those of a folder.
RESULT_FILES = {
    "results.csv": "text/csv; charset=utf-8",
    "results.jsonl": "application/x-ndjson",
    "errors.csv": "text/csv; charset=utf-8",
    "summary.json": "application/json",
    "report.html": "text/html; charset=utf-8",
}
# The folder of results as a table, and the content type of its files.
TABLE_FOLDER, PARQUET_TYPE = "results.parquet", "application/vnd.apache.parquet"
_NOT_A_SLUG = re.compile(r"[^a-z0-9]+")
# A round has its number behind a dot. All of a request's id together has 64 characters at most, as SageMaker takes it.
_JOB_ID = r"[a-z0-9][a-z0-9-]{0,32}(?:\.[1-9][0-9]{0,3})?"
# So high an attempt has a place in a request's id.
MOST_ATTEMPTS = 9_999
_REQUEST_ID = re.compile(rf"({_JOB_ID})/([0-9]{{1,7}})/([0-9]{{7}}-[0-9]{{4}})/([0-9]{{1,4}})")
# The characters of AWS's names of principals. Neither they nor the names that people see begin as a formula does.
_PRINCIPAL = re.compile(r"[A-Za-z0-9][\w+=,.@:/-]{0,255}", re.ASCII)
_SESSION = re.compile(r"(?:AWS:)?AROA\w+:(\w.*)", re.ASCII)


def job_id(bucket: str, key: str, version: str) -> str:
    """The id of the job that one version of one object is: at most 33 characters of `[a-z0-9-]`.

    The same upload event, delivered again, is the same job.

    >>> job_id("in", "2024/Tweet data.csv", "v1")
    'tweet-data-6a5ef09ece7577f1'
    """
    slug = _NOT_A_SLUG.sub("-", PurePosixPath(key).name.partition(".")[0].lower())[:16].strip("-") or "csv"
    digest = hashlib.sha256(json.dumps([bucket, key, version]).encode()).hexdigest()
    return f"{slug}-{digest[:16]}"


def is_job_id(text: str) -> bool:
    """Whether a job, or a round of one, may be called so."""
    return re.fullmatch(_JOB_ID, text) is not None


class RequestId(NamedTuple):
    """Which span of which chunk a request is for, and which try it is. Spelt, it is the request's `InferenceId`.

    >>> str(RequestId("tweets-1f", 7, Span(320, 32), 1))
    'tweets-1f/7/0000320-0032/1'
    """

    job: str
    chunk: int
    span: Span
    attempt: int

    def __str__(self) -> str:
        return f"{self.job}/{self.chunk}/{self.span}/{self.attempt}"

    @classmethod
    def parse(cls, inference_id: str) -> RequestId | None:
        """The request that is called so, or None: a topic may carry other people's notifications."""
        match = _REQUEST_ID.fullmatch(inference_id)
        return match and cls(match[1], int(match[2]), Span.parse(match[3]), int(match[4]))

    @property
    def filename(self) -> str:
        """What its output is called (`Filename`)."""
        return f"{self.span}-{self.attempt}.json"


def next_round(job: str) -> str:
    """The id of the job that tries the failed rows of this one again.

    >>> next_round("tweets-1f"), next_round("tweets-1f.2")
    ('tweets-1f.2', 'tweets-1f.3')
    """
    base, _, number = job.partition(".")
    return f"{base}.{int(number or 1) + 1}"


def first_round(job: str) -> str:
    """The id of the job that this one is a round of.

    >>> first_round("tweets-1f.3"), first_round("tweets-1f")
    ('tweets-1f', 'tweets-1f')
    """
    return job.partition(".")[0]


def round_number(job: str) -> int:
    """Which round of its file's job this one is, from 1.

    >>> round_number("tweets-1f"), round_number("tweets-1f.10")
    (1, 10)
    """
    return int(job.partition(".")[2] or 1)


def is_hidden(key: str) -> bool:
    """Whether Spark, Hive and Hadoop take an object for none of a table's: `_SUCCESS`, checksums, markers of folders.

    A partition of Hive may be called `_year=2026`.

    >>> is_hidden("out/_SUCCESS"), is_hidden("out/.part-0.crc"), is_hidden("out_$folder$"), is_hidden("_year=26/a.csv")
    (True, True, True, False)
    """
    parts = key.split("/")
    return key.endswith("_$folder$") or any(
        part.startswith(".") or (part.startswith("_") and "=" not in part) for part in parts
    )


def output_folder(job: str, nonce: str, chunk: int) -> str:
    """Where the outputs of a chunk's requests lie below the endpoint's output path (`S3OutputPathExtension`).

    The job's nonce is known to nobody else, so only its own requests have outputs there.

    >>> output_folder("tweets-1f", "5e0c", 7), output_folder("tweets-1f", "", 7)
    ('tweets-1f/5e0c/0000007', 'tweets-1f/0000007')
    """
    return "/".join(part for part in (job, nonce, f"{chunk:07d}") if part)


def output_prefix(job: str, nonce: str, chunk: int) -> str:
    """The keys of a chunk's outputs in the output bucket begin so; each goes on with its request's file name."""
    return f"async/{output_folder(job, nonce, chunk)}/"


def request_of_output(job: str, chunk: int, key: str) -> RequestId | None:
    """The request whose output is this object, or None if it is none's."""
    span, _, attempt = PurePosixPath(key).stem.rpartition("-")
    return RequestId.parse(f"{job}/{chunk}/{span}/{attempt}")


def request_key(request: RequestId) -> str:
    """Object that holds a request too large to go inline."""
    return f"requests/{request.job}/{request.chunk:07d}/{request.filename}"


def answer_key(request: RequestId) -> str:
    """Object that holds an answer too large for the ledger."""
    return f"answers/{request.job}/{request.chunk:07d}/{request.filename}"


def chunk_key(job: str, chunk: int) -> str:
    """Object that holds a chunk of a file without byte ranges of its own (compressed, or transcoded).

    `job` is the first round of it: all rounds cut the file alike.
    """
    return f"chunks/{job}/{chunk:07d}.csv"


def errors_key(job: str, piece: Piece) -> str:
    """Object that holds a piece's lines of errors.csv."""
    return f"parts/{job}/{piece.part:05d}{f'-{piece.number:04d}' if piece.number else ''}-errors.csv"


def rest_key(job: str, piece: Piece) -> str:
    """Object that holds the bytes with which a piece begins: those that the one before it has left."""
    return f"parts/{job}/{piece.part:05d}-{piece.number:04d}-rest"


def columns_key(job: str) -> str:
    """Object that holds the columns of a job's table."""
    return f"parts/{job}/columns.json"


def result_key(job: str, name: str) -> str:
    """Object that the user reads: a job's file of this name, one of `RESULT_FILES`."""
    return f"results/{job}/{name}"


def table_key(job: str, number: int) -> str:
    """Object that the user reads: a file of a job's table, by its number from 0."""
    return result_key(job, f"{TABLE_FOLDER}/part-{number:05d}.parquet")


def read_principal(told: object) -> str | None:
    """Who has done something, by AWS's name of a principal; None for what is no such name: anybody may have said it.

    >>> read_principal("AWS:AIDAEXAMPLE"), read_principal("=1+1"), read_principal({"name": "ada"})
    ('AWS:AIDAEXAMPLE', None, None)
    """
    return told if isinstance(told, str) and _PRINCIPAL.fullmatch(told) else None


def name_of(principal: str | None) -> str | None:
    """What people know a principal by: of a role's session its name, which has the user's after a single sign-on.

    >>> name_of("AWS:AROAEXAMPLE:ada@example.com"), name_of("AWS:AIDAEXAMPLE")
    ('ada@example.com', 'AWS:AIDAEXAMPLE')
    """
    session = _SESSION.fullmatch(principal) if principal else None
    return session[1] if session else principal

"""Where the ledger keeps what: the keys of its items.

    pk             sk                    holds
    JOB#<job>      JOB                   the job
    JOB#<job>      PART#<n>              the chunks of part n
    JOB#<job>      TOTALS#<n>[#<m>]      what part n came to, or its piece m
    JOB#<job>      SPENT                 what its first chunks came to so far, and how many those are
    JOB#<job>#<c>  CHUNK                 chunk c
    JOB#<job>#<c>  SPAN#0000320-0032     results and when they came, or nothing yet; the mark
                                         `partial`: of some rows of a request, which is counted by its own span's mark
    JOB#<job>#<c>  SPAN#0000320-0001#FAILED  the reason why a span ends without results
    ENDPOINT#<n>   ENDPOINT              the circuit breaker of endpoint n
    ENDPOINT#<n>   JOB#<job>             how far a job of endpoint n was when it was last swept

Every item carries `expires`, fixed when its job was created; `fanfold_core.aws.items` writes and reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fanfold_core.domain.parts import Piece
    from fanfold_core.domain.spans import Span

Key = dict[str, Any]
_FAILED = "#FAILED"


def job_key(job_id: str) -> Key:
    """Key of a job's item."""
    return {"pk": f"JOB#{job_id}", "sk": "JOB"}


def chunk_key(job_id: str, chunk: int) -> Key:
    """Key of a chunk's item."""
    return {"pk": f"JOB#{job_id}#{chunk}", "sk": "CHUNK"}


def span_key(job_id: str, chunk: int, span: Span) -> Key:
    """Key of a span's item."""
    return {"pk": f"JOB#{job_id}#{chunk}", "sk": f"SPAN#{span}"}


def failure_key(job_id: str, chunk: int, span: Span) -> Key:
    """Key of a span's failure. A key of its own, so that a prediction that comes too late doesn't erase the reason."""
    return {"pk": f"JOB#{job_id}#{chunk}", "sk": f"SPAN#{span}{_FAILED}"}


def endpoint_key(endpoint: str) -> Key:
    """Key of an endpoint's item."""
    return {"pk": f"ENDPOINT#{endpoint}", "sk": "ENDPOINT"}


def part_key(job_id: str, part: int) -> Key:
    """Key of a part's item."""
    return {"pk": f"JOB#{job_id}", "sk": f"PART#{part:05d}"}


def built_key(job_id: str, piece: Piece) -> Key:
    """Key of what a piece came to. The first one of a part has no number: most parts have no other."""
    return {"pk": f"JOB#{job_id}", "sk": f"TOTALS#{piece.part:05d}{f'#{piece.number:04d}' if piece.number else ''}"}


def spent_key(job_id: str) -> Key:
    """Key of what a job has come to so far."""
    return {"pk": f"JOB#{job_id}", "sk": "SPENT"}


def span_of(key: Key) -> str:
    """How the span of an outcome is spelt in its item's key."""
    return str(key["sk"]).removeprefix("SPAN#").removesuffix(_FAILED)

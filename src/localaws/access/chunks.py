"""Bodies that are signed chunk by chunk (S3's `STREAMING-AWS4-HMAC-SHA256-…`): each signature covers the one before."""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256

from localaws.access.refusals import OTHER_BODY, WRONG, RefusedError

ALGORITHM = "AWS4-HMAC-SHA256"
SIGNED_CHUNKS = f"STREAMING-{ALGORITHM}-PAYLOAD"
SIGNED_CHUNKS_AND_TRAILER = f"{SIGNED_CHUNKS}-TRAILER"
_NOTHING = sha256(b"").hexdigest()
_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]{1,16}")
_END, _LONGEST_LINE = b"\r\n", 1_024
_SIGNATURE, _TRAILER_SIGNATURE = b"chunk-signature=", b"x-amz-trailer-signature:"


@dataclass(frozen=True, slots=True)
class Seal:
    """What signatures of one request are made with: a key that has no text yet, the request's moment, and its scope."""

    key: hmac.HMAC
    moment: str
    scope: str
    service: str

    def check(self, signature: str, algorithm: str, *hashes: str) -> None:
        """Raise RefusedError unless this is the signature of these hashes."""
        made = self.key.copy()
        made.update("\n".join([algorithm, self.moment, self.scope, *hashes]).encode())
        if not hmac.compare_digest(made.hexdigest().encode(), signature.encode()):
            raise RefusedError(WRONG, self.service)


def check_chunks(body: bytes, seal: Seal, signature: str, *, has_trailer: bool) -> None:
    """Check every chunk of a body, and its trailer, after the request's own signature. Raises RefusedError."""
    position, size = 0, -1
    while size != 0:
        line, position = _line(body, position)
        digits, _, claimed = line.partition(b";" + _SIGNATURE)
        if not _HEXADECIMAL.fullmatch(digits):
            raise RefusedError(OTHER_BODY, seal.service)
        size = int(digits, 16)
        chunk, position = body[position : position + size], position + size + len(_END if size else b"")
        before, signature = signature, claimed.decode("latin-1")
        seal.check(signature, f"{ALGORITHM}-PAYLOAD", before, _NOTHING, sha256(chunk).hexdigest())
    if has_trailer:
        trailer, _, rest = body[position:].partition(_TRAILER_SIGNATURE)
        claimed, _ = _line(rest, 0)
        of_trailer = sha256(trailer.replace(_END, b"\n")).hexdigest()
        seal.check(claimed.decode("latin-1"), f"{ALGORITHM}-TRAILER", signature, of_trailer)


def _line(body: bytes, start: int) -> tuple[bytes, int]:
    """The line that begins there, and where the next one does."""
    line, end, _ = body[start : start + _LONGEST_LINE].partition(_END)
    return line, start + len(line) + len(end)

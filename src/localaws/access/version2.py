"""Signature Version 2 in a presigned URL of S3: what boto3 makes unless `signature_version="s3v4"` is asked for."""

import hmac
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from urllib.parse import SplitResult

from botocore.auth import HmacV1Auth
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from localaws.access import refusals
from localaws.access.chunks import ALGORITHM
from localaws.access.refusals import RefusedError
from localaws.access.signature import Request, is_number
from localaws.credentials import Keys
from localaws.template import REGION

_TOKEN = "x-amz-security-token"  # noqa: S105 # the name of a parameter


@dataclass(frozen=True, slots=True)
class Version2Claim:
    """What such a URL says about who has signed it; `expires` is in seconds since 1970."""

    service: ClassVar[str] = "s3"
    access_key_id: str
    signature: str
    expires: str
    token: str

    @classmethod
    def of(cls, request: Request) -> Self | None:
        """Read it; None if the URL isn't one."""
        said = dict(request.parameters)
        try:
            return cls(said["AWSAccessKeyId"], said["Signature"], said["Expires"], said.get(_TOKEN, ""))
        except KeyError:
            return None

    @property
    def authorization(self) -> str:
        """The header of version 4 that names the same key."""
        scope = f"{self.access_key_id}/20060301/{REGION}/s3/aws4_request"
        return f"{ALGORITHM} Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"

    def check(self, request: Request, keys: Keys, now: float) -> None:
        """Raise RefusedError unless these keys have signed this request, and it is in time."""
        if not is_number(self.expires) or int(self.expires) < now:
            raise RefusedError(refusals.EXPIRED_URL, "s3")
        amazons = {name: value for name, value in request.parameters if name.startswith("x-amz-")}
        made = _Auth(Credentials(keys.access_key_id, keys.secret_access_key, keys.token or None), self.expires)
        url = SplitResult("", "", request.path, request.query, "")
        headers: Any = HTTPHeaders.from_dict({**request.headers, **amazons})
        expected = made.get_signature(request.method, url, headers)
        if not hmac.compare_digest(self.signature.encode(), expected.encode()):
            raise RefusedError(refusals.WRONG, "s3")


class _Auth(HmacV1Auth):
    """Signs as of a time of ours, not of botocore's."""

    def __init__(self, credentials: Credentials, expires: str) -> None:
        super().__init__(credentials)
        self._expires = expires

    def _get_date(self) -> str:
        return self._expires

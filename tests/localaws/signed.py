"""Requests as botocore signs them, to be sent by clients of any kind."""

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localaws.access.guard import Guard
from localaws.credentials import Keys

KEYS = Keys("test", "test")
GUARD = Guard({KEYS.access_key_id: KEYS}.get)


def signed(  # noqa: PLR0913, PLR0917 # what a request consists of
    method: str,
    url: str,
    body: bytes = b"",
    keys: Keys = KEYS,
    service: str = "sagemaker",
    region: str = "us-east-1",
    headers: dict[str, str] | None = None,
) -> dict[str, str]:
    """The headers of a request: those given, and who signs it."""
    request = AWSRequest(method, url, headers or {}, body)
    credentials = Credentials(keys.access_key_id, keys.secret_access_key, keys.token or None)
    # That of S3 signs the body, whatever the headers say of it.
    signs_body = service == "s3" and "X-Amz-Content-SHA256" not in request.headers
    (S3SigV4Auth if signs_body else SigV4Auth)(credentials, service, region).add_auth(request)
    return dict(request.headers.items())

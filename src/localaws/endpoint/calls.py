"""The two calls that the endpoint makes for every request, without boto3, which takes most of a small call's time."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree as ET

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from urllib3 import HTTPConnectionPool, Retry
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from localaws.endpoint.cloud import Cloud
    from localaws.endpoint.locations import S3Location

_TIMEOUT_SECONDS = 60
# Both calls may be made again. What a server's error says is read after the last one.
_RETRIES = Retry(2, allowed_methods=None, status_forcelist={500, 502, 503, 504}, raise_on_status=False)


class CallError(Exception):
    """A call was refused, or not answered; it says why, such as ``NoSuchBucket: The bucket does not exist``."""


class Calls:
    """Calls as one role; may be shared by threads.

    Example: ``Calls(cloud).publish(topic_arn, "{}", None)``.
    """

    def __init__(self, cloud: Cloud) -> None:
        at = urlsplit(cloud.url)
        self._url = cloud.url
        self._pool = HTTPConnectionPool(
            str(at.hostname), at.port, maxsize=cloud.connections, timeout=_TIMEOUT_SECONDS, retries=_RETRIES
        )
        keys = Credentials(cloud.access_key_id, cloud.secret_access_key, cloud.session_token)
        self._s3 = S3SigV4Auth(keys, "s3", cloud.region)
        self._sns = SigV4Auth(keys, "sns", cloud.region)

    def put_object(self, location: S3Location, body: bytes, content_type: str, key_id: str | None) -> None:
        """Write an object; raises CallError."""
        headers = {"Content-Type": content_type}
        if key_id:
            headers |= {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": key_id,
            }
        self._call(self._s3, "PUT", f"/{location.bucket}/{quote(location.key, safe='/~')}", body, headers)

    def publish(self, topic: str, message: str, group: str | None) -> None:
        """Tell a topic; raises CallError."""
        form = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": topic, "Message": message}
        if group:
            form["MessageGroupId"] = group
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        self._call(self._sns, "POST", "/", urlencode(form).encode(), headers)

    def _call(self, auth: SigV4Auth, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        request = AWSRequest(method, self._url + path, headers=headers, data=body)
        auth.add_auth(request)
        try:
            answer = self._pool.urlopen(method, path, body=body, headers=dict(request.headers.items()), redirect=False)
        except HTTPError as error:
            raise CallError(f"no answer from {self._url}: {error}") from error
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise CallError(_why(answer))


def _why(answer: BaseHTTPResponse) -> str:
    """The code and message of an error, which S3 and SNS write as XML of different depths and names."""
    try:
        said = {element.tag.rpartition("}")[2]: element.text for element in ET.fromstring(answer.data).iter()}  # noqa: S314 - the local cloud's
    except ET.ParseError:
        return f"status {answer.status}"
    return f"{said.get('Code')}: {said.get('Message')}"

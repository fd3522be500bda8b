"""Why a request isn't let in, in the words that AWS's services have for it."""

import json
from dataclasses import dataclass
from html import escape

FORBIDDEN, BAD_REQUEST = 403, 400


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason: what it says, and its names in S3, in services that speak XML, and in those that speak JSON."""

    message: str
    s3: str
    xml: str
    json: str
    s3_status: int = FORBIDDEN


UNSIGNED = Refusal(
    "Request is missing Authentication Token",
    "AccessDenied",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
)
MALFORMED = Refusal(
    "The authorization is not one of Signature Version 4.",
    "AuthorizationHeaderMalformed",
    "IncompleteSignature",
    "IncompleteSignatureException",
    BAD_REQUEST,
)
UNKNOWN_KEY = Refusal(
    "The security token included in the request is invalid.",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
)
EXPIRED_KEY = Refusal(
    "The security token included in the request is expired",
    "ExpiredToken",
    "ExpiredToken",
    "ExpiredTokenException",
    BAD_REQUEST,
)
WRONG = Refusal(
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details.",
    "SignatureDoesNotMatch",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
)
PARTLY_SIGNED = Refusal(
    "There were headers present in the request which were not signed",
    "AccessDenied",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
)
OTHER_BODY = Refusal(
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
    "XAmzContentSHA256Mismatch",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    BAD_REQUEST,
)
LATE = Refusal(
    "The difference between the request time and the current time is too large.",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
)
EXPIRED_URL = Refusal("Request has expired", "AccessDenied", "SignatureDoesNotMatch", "InvalidSignatureException")
WEB_PAGE = Refusal(
    "The local cloud answers no web pages: a request must not have an Origin header.",
    "AccessDenied",
    "AccessDenied",
    "AccessDeniedException",
)
OTHER_HOST = Refusal(
    "The local cloud answers only to IP addresses and to localhost: use the address that it printed.",
    "AccessDenied",
    "AccessDenied",
    "AccessDeniedException",
)


class RefusedError(Exception):
    """A request is not let in. Do not retry."""

    def __init__(self, refusal: Refusal, service: str = "") -> None:
        """Take why, and the service that the request is for, as far as it says so."""
        super().__init__(refusal.message)
        self.refusal = refusal
        self._service = service

    def answer(self, content_type: str) -> tuple[int, str, bytes]:
        """Status, content type and body, as the service would answer to a request of this type."""
        refusal = self.refusal
        if content_type.startswith("application/x-amz-json") or self._service == "lambda":
            # SQS has kept the names of the time when it spoke XML.
            code = refusal.xml if self._service == "sqs" else refusal.json
            return (
                FORBIDDEN,
                "application/x-amz-json-1.0",
                json.dumps({"__type": code, "message": refusal.message}).encode(),
            )
        error = f"<Message>{escape(refusal.message)}</Message>"
        if self._service == "s3" or not (self._service or content_type.startswith("application/x-www-form-urlencoded")):
            return refusal.s3_status, "application/xml", f"<Error><Code>{refusal.s3}</Code>{error}</Error>".encode()
        error = f"<Error><Type>Sender</Type><Code>{refusal.xml}</Code>{error}</Error>"
        return FORBIDDEN, "text/xml", f"<ErrorResponse>{error}</ErrorResponse>".encode()

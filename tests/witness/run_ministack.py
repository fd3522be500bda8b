"""Ministack with faults of it taken out; runs in its own environment: `.venv-witness/bin/python run_ministack.py`.

Of ministack 1.4.21, that is. A job wouldn't get any further with them:

* Asked for a range of a version, it answers 200 with the whole object. The product notices that and refuses it
  (`tests/contracts/test_unexpected_objects.py`).
* What it tells of an upload has the key as it is, where S3 writes it as in a form, and no version.
"""

# mypy: ignore-errors

from urllib.parse import quote_plus

from ministack import app
from ministack.services import s3

get_object, deliver = s3._get_object, s3._deliver_event_to_sqs  # noqa: SLF001 # there is no other seam


def get_range(bucket, key, headers, query_params=None):  # noqa: ANN001, ANN201 # as ministack has them
    """Answer with the range alone, as S3 does."""
    status, head, body = get_object(bucket, key, headers, query_params)
    wanted = headers.get("range")
    if status != 200 or not wanted:
        return status, head, body
    found = s3._parse_range(wanted, len(body))  # noqa: SLF001 # likewise
    if found is None:
        raise AssertionError(wanted)
    start, end = found
    piece = body[start : end + 1]
    # A sum of the whole is none of its parts.
    kept = {name: value for name, value in head.items() if not name.lower().startswith("x-amz-checksum-")}
    where = {"Content-Length": str(len(piece)), "Content-Range": f"bytes {start}-{end}/{len(body)}"}
    return 206, {**kept, **where}, piece


def deliver_as_s3_does(arn, payload, region):  # noqa: ANN001, ANN201 # likewise
    """Tell of an upload with its key as S3 writes it, and with its version."""
    if "Records" not in payload:  # the test event
        return deliver(arn, payload, region)
    told = payload["Records"][0]["s3"]
    bucket, key = told["bucket"]["name"], told["object"]["key"]
    version = s3._ensure_bucket(bucket)["objects"][key].get("version_id")  # noqa: SLF001 # likewise
    told["object"] = {**told["object"], "key": quote_plus(key, safe="/"), **({"versionId": version} if version else {})}
    return deliver(arn, payload, region)


s3._get_object, s3._deliver_event_to_sqs = get_range, deliver_as_s3_does  # noqa: SLF001 # likewise

if __name__ == "__main__":
    app.main()

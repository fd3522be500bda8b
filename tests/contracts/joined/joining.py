"""What tests of joined objects do with them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tests.fakes.values import INPUT

from fanfold.input.files import LocalFile, opened
from fanfold.input.uploads import upload
from fanfold.stacks import Stack

BOM = b"\xef\xbb\xbf"
Put = Callable[[Mapping[str, bytes]], str]


def sent(stack: Stack, url: str, **given: str) -> tuple[LocalFile, bytes]:
    """How objects are read as one file, and the object that they have become; both are the same bytes."""
    options = {name.replace("_", "-"): value for name, value in given.items()}
    s3 = stack.client("s3")
    with opened(url, lambda: s3, {}, options) as found:
        status = upload(stack, found.source, {**found.assumed, **options})
        content = s3.get_object(Bucket=INPUT, Key=status.key)["Body"].read()
        for start in (0, 1, len(content) // 2) if not found.content.is_copied else (0,):
            with found.source.open(start) as stream:
                read = partial(stream.read, max(7, len(content) // 20))
                assert b"".join(iter(read, b"")) == content[start:]
    assert uploads(stack) == []
    return found, content


def uploads(stack: Stack) -> list[Any]:
    return stack.client("s3").list_multipart_uploads(Bucket=INPUT).get("Uploads", [])

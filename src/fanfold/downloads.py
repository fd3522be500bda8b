"""Files of the output bucket, written to a folder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fanfold.errors import DownloadError
from fanfold.talk import bytes_bar

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_s3 import S3Client

    from fanfold.stacks import Stack


def download(stack: Stack, prefix: str, name: str, folder: Path | str) -> list[Path]:
    """Write all objects below a prefix, or the one of this name, to a folder; the files, by name.

    A file is there when it is whole, or not at all. `DownloadError` if there is none, or one cannot be written.
    """
    client = stack.session.client("s3")
    listed = client.list_objects_v2(Bucket=stack.output_bucket, Prefix=f"{prefix}{name}").get("Contents", [])
    if not listed:
        raise DownloadError(
            f"s3://{stack.output_bucket}/{prefix}{name} is not there: an older version didn't write it, or its time "
            "is over"
        )
    target = Path(folder)
    with bytes_bar("downloading", sum(found["Size"] for found in listed)) as received:
        return [
            _write(client, stack.output_bucket, found["Key"], target / found["Key"].removeprefix(prefix), received)
            for found in listed
        ]


def _write(client: S3Client, bucket: str, key: str, file: Path, received: Callable[[int], None]) -> Path:
    unfinished = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as stream:
            client.download_fileobj(bucket, key, stream, Callback=received)
        unfinished.replace(file)
    except OSError as error:
        raise DownloadError(
            f"{file} could not be written ({error.strerror}): make room, or name another folder"
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return file

"""The files of a job where it has written them: objects of the output bucket."""

from __future__ import annotations

from os import SEEK_END
from typing import IO, TYPE_CHECKING

from fanfold.errors import DownloadError
from fanfold.input.objects import BLOCK_BYTES, S3Object
from fanfold_core.domain.keys import RESULT_FILES, TABLE_FOLDER, result_key, table_file, table_key
from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from types_boto3_s3.type_defs import ObjectTypeDef

    from fanfold.stacks import Stack


def read_object(
    stack: Stack, key: str, found: ObjectTypeDef | None = None, first: int = 0, block_bytes: int = BLOCK_BYTES
) -> Iterator[bytes]:
    """The bytes of an object of the output bucket, from the `first` on.

    It is looked for unless it was `found` already. `DownloadError` if it isn't there.
    """
    client, found = stack.client("s3"), found or find_object(stack, key)
    if found is None:
        raise missing(stack, key)
    of_results = S3Object(stack.output_bucket, key, found["Size"], found["ETag"])
    yield from of_results.blocks(client, first, of_results.size, block_bytes)


def missing(stack: Stack, key: str) -> DownloadError:
    """What is said of an object that isn't there, or of all that begin so."""
    return DownloadError(
        f"s3://{stack.output_bucket}/{key} does not exist: it has expired, or an older version didn't write it, or the "
        "job could not (`fanfold status` shows its reason)"
    )


def find_object(stack: Stack, key: str) -> ObjectTypeDef | None:
    """The size and the ETag of an object of the output bucket, None if it isn't there.

    By a list, since to who may list only what begins so, S3 calls an object that isn't there forbidden.
    """
    client = stack.client("s3")
    listed = client.list_objects_v2(Bucket=stack.output_bucket, Prefix=key, MaxKeys=1).get("Contents", [])
    return next((found for found in listed if found["Key"] == key), None)


def sizes_of(stack: Stack, job: str, tables: Iterable[int]) -> dict[str, int]:
    """The files that a job has, with their sizes; those of its table, by their numbers, as `results.parquet/part-…`.

    `DownloadError` if one of its table is missing.
    """
    sizes = {name: found["Size"] for name in RESULT_FILES if (found := find_object(stack, result_key(job, name)))}
    if wanted := set(tables) if sizes else set():
        there = table_sizes(stack, job, wanted)
        if gone := wanted - there.keys():
            raise missing(stack, table_key(job, min(gone)))
        sizes |= {table_file(number): size for number, size in there.items()}
    return sizes


def table_sizes(stack: Stack, job: str, tables: Iterable[int]) -> dict[int, int]:
    """The sizes of those of these files of a job's table that are there, by their numbers, in order."""
    pages = stack.client("s3").get_paginator("list_objects_v2")
    listed = pages.paginate(Bucket=stack.output_bucket, Prefix=result_key(job, f"{TABLE_FOLDER}/"))
    there = {found["Key"]: found["Size"] for page in listed for found in page.get("Contents", ())}
    return {number: there[key] for number in sorted(tables) if (key := table_key(job, number)) in there}


def download(stack: Stack, key: str, size: int, stream: IO[bytes], received: Callable[[int], None]) -> None:
    """Write an object of the output bucket to a stream; `DownloadError` if S3 doesn't send so many bytes."""
    stack.client("s3").download_fileobj(stack.output_bucket, key, stream, Callback=received)
    # It comes in ranges, and boto3 takes an answer with all of it for one of them.
    if (written := stream.seek(0, SEEK_END)) != size:
        raise DownloadError(
            f"{stack.store.location(key)} has {counted(size, 'byte')}, and S3 sent {written:,}: try again"
        )

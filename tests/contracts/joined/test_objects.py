"""Which objects are joined: those below a prefix, or of a manifest; and what is said of them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.contracts.clouds import Services
from tests.contracts.joined.joining import Put, sent
from tests.fakes.values import INPUT, OUTPUT

from fanfold.cli import cli
from fanfold.errors import InputFileError
from fanfold.input.files import opened
from fanfold.stacks import Stack


def test_what_is_no_input_is_skipped_and_named(stack: Stack, put: Put) -> None:
    objects = {"b=2/part-0.csv": b"text\nb\n", "a=1/part-0.csv": b"text\na\n", "_b=/2.csv": b"text\nc\n"}
    others = {
        "_SUCCESS": b"",
        ".part-0.csv.crc": b"crc",
        "_temporary/0/part.csv": b"text\n?\n",
        "z.csv": b"",
        "d/": b"",
    }
    found, content = sent(stack, put(objects | others))
    assert content == b"text\nc\na\nb\n"
    assert found.layout.assumed[0] == (
        "It is 3 objects, one after another. Skipped: .part-0.csv.crc (hidden), _SUCCESS (hidden), "
        "_temporary/0/part.csv (hidden), z.csv (empty)."
    )


def test_a_bucket_that_cannot_be_listed_is_named_with_the_permission(stack: Stack) -> None:
    with pytest.raises(InputFileError, match=r"cannot list s3://nowhere/: .*NoSuchBucket.* s3:ListBucket there"):
        sent(stack, "s3://nowhere/")


def manifest(*urls: str, **more: object) -> bytes:
    return json.dumps({"entries": [{"url": url, "meta": {"content_length": 1}, **more} for url in urls]}).encode()


def test_a_manifest_lists_objects_in_its_own_order(stack: Stack, services: Services, put: Put, tmp_path: Path) -> None:
    url = put({"a": b"text\na\n", "b": b"text\nb\n"})
    services.s3.put_object(Bucket=INPUT, Key="elsewhere/c", Body=b"text\nc")
    file = tmp_path / "june.manifest"
    file.write_bytes(manifest(f"s3://{INPUT}/elsewhere/c", f"{url}b", f"{url}a", f"{url}none"))
    found, content = sent(stack, str(file))
    assert (content, found.source.name) == (b"text\nc\nb\na\n", "june.csv")
    assert f"Skipped: {url}none (does not exist)." in found.layout.assumed[0]
    services.s3.put_object(Bucket=OUTPUT, Key="unload/reviews_manifest", Body=manifest(f"{url}a", mandatory=True))
    assert sent(stack, f"s3://{OUTPUT}/unload/reviews_manifest")[1] == b"text\na\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (manifest(f"s3://{OUTPUT}/none", mandatory=True), "cannot read s3://output/none: "),
        (manifest(f"s3://{OUTPUT}/none"), "has no objects with rows; skipped: s3://output/none (does not exist)"),
        (manifest("s3://output"), "'s3://output' is no address of an object; write it as {"),
        (b'{"entries": [["s3://output/a"]]}', "is no manifest: write it as {"),
        (b'["s3://output/a"]', "is no manifest: write it as {"),
        (b"text\na\n", "is no manifest: write it as {"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(stack: Stack, tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(content)
    with pytest.raises(InputFileError) as error, opened(file, lambda: stack.client("s3"), {}, {}):
        pass
    assert words in str(error.value)
    assert str(file) in str(error.value)


@pytest.fixture
def fanfold(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr(Stack, "find", lambda *_: stack)
    return lambda *arguments: CliRunner().invoke(cli, [*arguments, "--stack", "mine"])


def test_a_prefix_is_tried_before_it_is_sent_as_a_file_is(
    fanfold: Callable[..., Result], stack: Stack, put: Put
) -> None:
    url = put({"0.csv": b"id,text\n1,so good\n", "1.csv": b"id,text\n2,so bad\n", "_SUCCESS": b""})
    before = stack.client("s3").list_object_versions(Bucket=INPUT).get("Versions", [])
    said = fanfold("submit", url, "--dry-run")
    assert [json.loads(line)["body"]["inputs"] for line in said.stdout.splitlines()] == [["so good"], ["so bad"]]
    assert said.stderr.startswith(
        f"{url}: 2 columns. It is 2 objects, one after another. Skipped: _SUCCESS (hidden). The first line is the "
        "header, and the texts are in column 1, 'text', because of its usual name.\n"
    )
    said = fanfold("run", url, "--dry-run", "--limit", "1")
    assert [json.loads(line)["body"]["inputs"] for line in said.stdout.splitlines()] == [["so good"]]
    assert stack.client("s3").list_object_versions(Bucket=INPUT).get("Versions", []) == before


def test_a_prefix_that_costs_much_is_asked_about(stack: Stack, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stack, "find", lambda *_: replace(stack, parameters={"Architecture": "arm64"}))
    monkeypatch.setattr(Stack, "job_ids", lambda _stack: iter(()))
    monkeypatch.setattr("fanfold.cli.inputs.DOLLARS_UNASKED", 0)
    url = put({"0.csv": b"text\nso good\n", "1.csv": b"text\nso bad\n"})
    before = stack.client("s3").list_object_versions(Bucket=INPUT).get("Versions", [])
    said = CliRunner().invoke(cli, ["submit", url, "--stack", "mine"])
    assert (said.exit_code, "there is no terminal to ask whether to go on: add --yes" in said.stderr) == (2, True)
    assert stack.client("s3").list_object_versions(Bucket=INPUT).get("Versions", []) == before


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("s3://bucket/reviews/", "add --stack, or download it (aws s3 cp --recursive s3://bucket/reviews/ .)"),
        ("reviews.manifest", "reviews.manifest is read by a stack: add --stack\n"),
    ],
)
def test_without_a_stack_nobody_joins_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reviews.manifest").touch()
    said = CliRunner().invoke(cli, ["run", file])
    assert (said.exit_code, words in said.stderr) == (2, True)

"""What is read of a job while it runs has the form of its final files."""

import json
from codecs import BOM_UTF8
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.pipeline import models
from tests.pipeline.pipeline import Model, Pipeline

from fanfold.partial import Partial

FILE = b'id,text\n1,"so ""good"""\n2,\n3, so "bad"\n4,poison\n5,fine,surplus\n'


@pytest.mark.parametrize(("mark", "bom"), [(BOM_UTF8, "auto"), (b"", "auto"), (b"", "yes"), (BOM_UTF8, "no")])
def test_with_all_rows_done_partial_files_are_the_final_ones(
    pipeline: Callable[[Model], Pipeline], mark: bytes, bom: str
) -> None:
    played = pipeline(models.poisoned(400))
    ended = played.run(mark + FILE, {"bom": bom, "labels": json.dumps({'of so "good"': "named"})})
    assert b",named," in ended.results
    stack: Any = SimpleNamespace(ledger=played.handlers.ledger, store=played.handlers.store)
    partial = Partial.of(stack, ended.job)
    assert b"".join(partial.results()) == ended.results
    assert b"".join(partial.errors()) == ended.errors
    assert ended.results.startswith(BOM_UTF8) == (bom == "yes" or (bom == "auto" and mark == BOM_UTF8))

"""What the benchmarks of models share: skewed texts, a model that takes as long as others, requests to a container."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING, Any

from measure import ROOT, child

from fanfold_core.domain.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from localaws.endpoint.models import Model

CONTAINER = ROOT / ".venv-container/bin/python"
CONCURRENCY = 4
_JSON = "application/json"
# Code and addresses are no language.
_PROSE = re.compile(r"^[A-Z(].*[.:;,)\w]$")


def tweets(rows: int) -> list[str]:
    """Texts of skewed lengths, mostly short, of 500 words."""
    random = Random(7)
    words = ["".join(random.choices("aeioulnrst", k=random.randint(2, 9))) for _ in range(500)]
    return [" ".join(random.choices(words, k=_length(random))) for _ in range(rows)]


def english(rows: int) -> list[str]:
    """Texts of the same lengths, cut from the project's own documentation."""
    lines = (line for page in sorted(ROOT.glob("docs/**/*.md")) for line in page.read_text("utf-8").splitlines())
    words = " ".join(line for line in lines if _PROSE.match(line)).split()
    random = Random(7)
    starts = (random.randrange(len(words)) for _ in range(rows))
    return [" ".join(words[start : start + _length(random)]) for start in starts]


def _length(random: Random) -> int:
    """Words of a text: half have up to 13, few more than 60."""
    return 3 + int(random.expovariate(1 / 15))


def in_order(texts: list[str]) -> list[str]:
    """The texts in the order in which the dispatcher sends them."""
    return [texts[row] for row in Options().order(texts).sent]


def make_model(folder: Path, texts: list[str], hidden: int, layers: int) -> Path:
    """A model's folder, for which there is a file with texts that its tokenizer knows."""
    file, model = folder / "texts.json", folder / "model"
    file.write_text(json.dumps(texts), encoding="utf-8")
    child(CONTAINER, "sides/hand_tuned.py", "make", file, model, hidden, layers)
    return model


def offline(model: Path, size: int) -> float:
    """Rows per second of a loop that is tuned by hand, with the texts that the model was made for."""
    found = child(CONTAINER, "sides/hand_tuned.py", "run", model.with_name("texts.json"), model, size)
    return float(found["rows_per_second"])


def speed(model: Model, texts: list[str], rows: int, parameters: dict[str, Any]) -> float:
    """Rows per second, of requests that are sent several at a time."""
    requests = [
        json.dumps({"inputs": texts[start : start + rows], "parameters": parameters}).encode()
        for start in range(0, len(texts), rows)
    ]
    began = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as several:
        answers = list(several.map(lambda body: json.loads(model.predict(body, _JSON, "")), requests))
    if sum(map(len, answers)) != len(texts):
        raise RuntimeError("an answer has other results than texts")
    return len(texts) / (time.perf_counter() - began)

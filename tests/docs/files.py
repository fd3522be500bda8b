"""The files that pages talk of without making them."""

import csv
import gzip
import json
from pathlib import Path

from tests.docs.pages import ROOT

SAMPLES = ROOT / "samples/texts.csv"
# Where completion is told to write, in a home that has it.
HOME = (".local/share/bash-completion/completions", ".config/fish/completions")

# Folders with models, as far as anybody looks at them who doesn't run them.
MODELS = ("models/sentiment", "my-model")
CONFIG = {
    "architectures": ["RobertaForSequenceClassification"],
    "transformers_version": "4.51.3",
    "id2label": {str(number): f"LABEL_{number}" for number in range(3)},
}


def write_files(folder: Path) -> Path:
    """Tweets, reviews and an export, in the formats that pages say they have; the folder."""
    with SAMPLES.open(encoding="utf-8", newline="") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)][:60]
    tweets = _csv([["id", "text", "author"], *([str(number), text, "somebody"] for number, text in enumerate(texts))])
    (folder / "tweets.csv").write_text(tweets, encoding="utf-8")
    (folder / "tweets.csv.gz").write_bytes(gzip.compress(tweets.encode()))
    (folder / "reviews.csv.gz").write_bytes(
        gzip.compress(_csv([["review", "stars"], *([text, "LABEL_2"] for text in texts)]).encode())
    )
    (folder / "export.csv").write_text("id;text\n1;Café très agréable\n2;never again\n", encoding="cp1252")
    chats = [{"text": text, "turn": turn} for turn, text in enumerate(texts)]
    lines = "".join(f"{json.dumps(chat)}\n" for chat in chats)
    (folder / "chats.jsonl").write_text(lines, encoding="utf-8")
    (folder / "chats.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "request.json").write_text('{"inputs": ["so good"]}', encoding="utf-8")
    (folder / "webhook.txt").write_text("https://hooks.example.com/services/T0\n", encoding="utf-8")
    for name in MODELS:
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    for name in HOME:
        (folder / name).mkdir(parents=True)
    return folder


def _csv(rows: list[list[str]]) -> str:
    return "".join(",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) + "\n" for row in rows)

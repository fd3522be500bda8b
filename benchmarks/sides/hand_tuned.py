"""`hand_tuned.py make TEXTS FOLDER HIDDEN LAYERS` makes a model; `… run TEXTS FOLDER SIZE` has it label all texts.

`… pad TEXTS FOLDER ROWS SIZE` tells how many tokens batches have, padded to their longest text, by those in the texts,
which come in requests of so many rows: in batches of this size, and in those that a packed model makes.

Runs in the container's environment, as whoever has the file and the model at hand would do it: sorted by tokens, in
batches of this size, one thread as a worker of the container has. Prints rows per second, without the time to load.
"""

import json
import runpy
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PACKING = Path(__file__).parents[2] / "src/fanfold/packing/inference.py"


def make(texts: list[str], folder: str, hidden: int, layers: int) -> None:
    """A model with random weights, which take as long as others."""
    torch.manual_seed(1)
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - no password
    trained.normalizer = normalizers.BertNormalizer()
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trained.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=16000, special_tokens=SPECIAL))
    trained.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = {f"{name.strip('[]').lower()}_token": name for name in SPECIAL}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained, model_max_length=512, **named)
    size = {"hidden_size": hidden, "num_hidden_layers": layers, "intermediate_size": 4 * hidden}
    size["num_attention_heads"] = max(4, hidden // 64)
    BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), num_labels=3, **size)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def run(texts: list[str], folder: str, size: int) -> float:
    """Rows per second."""
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    began = time.perf_counter()
    labels = [0] * len(texts)
    tokens = tokenizer(texts, truncation=True)["input_ids"]
    order = sorted(range(len(texts)), key=lambda row: len(tokens[row]))
    with torch.inference_mode():
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            batch = tokenizer.pad({"input_ids": [tokens[row] for row in rows]}, return_tensors="pt")
            for row, label in zip(rows, model(**batch).logits.argmax(-1).tolist(), strict=True):
                labels[row] = label
    return len(texts) / (time.perf_counter() - began)


def pad(texts: list[str], folder: str, rows: int, size: int) -> dict[str, float]:
    """Tokens with padding by those without."""
    lengths = list(map(len, AutoTokenizer.from_pretrained(folder)(texts, truncation=True)["input_ids"]))
    # As the dispatcher cuts them, after a row alone.
    requests = [lengths[:1], *(lengths[start : start + rows] for start in range(1, len(lengths), rows))]
    packing = runpy.run_path(str(PACKING))
    packed = SimpleNamespace(tokens=packing["_TOKENS_ON_CPU"], similar=packing["_SIMILAR_ON_CPU"])
    make_batches = packing["Model"]._batches  # noqa: SLF001 - as the container calls it, without a model
    stock = of_packed = 0
    for request in requests:
        batches = [request[start : start + size] for start in range(0, len(request), size)]
        stock += sum(max(batch) * len(batch) for batch in batches)
        of_packed += sum(len(batch) * request[batch[0]] for batch in make_batches(packed, request))
    return {"stock container": stock / sum(lengths), "packed model": of_packed / sum(lengths)}


what, file, at, *numbers = sys.argv[1:]
lines = json.loads(Path(file).read_text(encoding="utf-8"))
found: Any = {"make": make, "run": run, "pad": pad}[what](lines, at, *map(int, numbers))
print(json.dumps(found if what == "pad" else {"rows_per_second": found}))

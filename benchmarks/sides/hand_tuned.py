"""`hand_tuned.py make TEXTS FOLDER HIDDEN LAYERS` makes a model; `… run TEXTS FOLDER` has it label all texts.

`… pad TEXTS FOLDER SIZE` tells how many tokens batches of this size have, padded to their longest text, by those in the
texts, if texts are batched as they follow one another.

Runs in the container's environment, as whoever has the file and the model at hand would do it: sorted by length, in
batches, one thread as a worker of the container has. Prints rows per second, without the time to load.
"""

import json
import sys
import time
from pathlib import Path

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
BATCH = 32


def make(texts: list[str], folder: str, hidden: int, layers: int) -> None:
    """A model with random weights, which take as long as others."""
    torch.manual_seed(1)
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - no password
    trained.normalizer = normalizers.BertNormalizer()
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trained.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=2000, special_tokens=SPECIAL))
    trained.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = {f"{name.strip('[]').lower()}_token": name for name in SPECIAL}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained, model_max_length=512, **named)
    size = {"hidden_size": hidden, "num_hidden_layers": layers, "intermediate_size": 4 * hidden}
    size["num_attention_heads"] = max(4, hidden // 64)
    BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), num_labels=3, **size)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def run(texts: list[str], folder: str) -> float:
    """Rows per second."""
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    began = time.perf_counter()
    labels = [0] * len(texts)
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = tokenizer([texts[row] for row in rows], padding=True, truncation=True, return_tensors="pt")
            for row, label in zip(rows, model(**batch).logits.argmax(-1).tolist(), strict=True):
                labels[row] = label
    return len(texts) / (time.perf_counter() - began)


def pad(texts: list[str], folder: str, size: int) -> float:
    """Tokens with padding by those without."""
    lengths = list(map(len, AutoTokenizer.from_pretrained(folder)(texts, truncation=True)["input_ids"]))
    batches = [lengths[start : start + size] for start in range(0, len(lengths), size)]
    return sum(max(batch) * len(batch) for batch in batches) / sum(lengths)


what, file, at, *size = sys.argv[1:]
lines = json.loads(Path(file).read_text(encoding="utf-8"))
found = {"make": make, "run": run, "pad": pad}[what](lines, at, *map(int, size))
print(json.dumps({{"run": "rows_per_second"}.get(what, "padding"): found}))

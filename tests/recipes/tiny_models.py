"""`tiny_models.py FILE FOLDER`: models of some kilobytes, made on the spot, one for each recipe and other tasks.

Weights are random, so what the models say means nothing; how they say it is what any model of their kind does. Prints,
as JSON, what transformers' own pipelines make of the file's rows, by recipe.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
    pipeline,
)

# With it, the models find something of each kind in the recipes' texts.
SEED = 12
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def main(file: Path, folder: Path) -> None:
    """Make the models, and ask them."""
    torch.manual_seed(SEED)
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    prompts = [f"{row['place']}: {row['text']}" for row in rows]
    tokenizer = train(prompts)
    for name, model in untrained(len(tokenizer)).items():
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    print(json.dumps(ask(folder, rows, prompts), default=lambda number: number.tolist()))


def train(texts: list[str]) -> PreTrainedTokenizerFast:
    """A tokenizer that knows the words of these texts."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = {f"{name.strip('[]').lower()}_token": name for name in SPECIAL}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, eos_token="[SEP]", **named)


def untrained(words: int) -> dict[str, PreTrainedModel]:
    """A model for each recipe, as a folder is called, and of other kinds."""
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}

    def bert(*labels: str) -> BertConfig:
        return BertConfig(
            vocab_size=words,
            max_position_embeddings=64,
            # Random weights of the usual size say much the same to everything.
            initializer_range=1.0,
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
            **size,
        )

    gpt = GPT2Config(
        vocab_size=words, n_embd=16, n_layer=1, n_head=2, n_positions=64, bos_token_id=2, eos_token_id=3, pad_token_id=0
    )
    t5 = T5Config(
        vocab_size=words,
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
        eos_token_id=3,
        pad_token_id=0,
    )
    return {
        "sentiment": BertForSequenceClassification(bert("negative", "neutral", "positive")),
        "nli": BertForSequenceClassification(bert("contradiction", "neutral", "entailment")),
        "entities": BertForTokenClassification(bert("O", "B-LOC", "B-PER")),
        "embeddings": BertModel(bert()),
        "writer": GPT2LMHeadModel(gpt),
        "masked": BertForMaskedLM(bert()),
        "reader": BertForQuestionAnswering(bert("start", "end")),
        "summarizer": T5ForConditionalGeneration(t5),
    }


def ask(folder: Path, rows: list[dict[str, str]], prompts: list[str]) -> dict[str, Any]:
    """What the pipelines answer, by recipe."""
    texts = [row["text"] for row in rows]
    pairs = [{"text": row["text"], "text_pair": row["place"]} for row in rows]
    questions = [{"question": "Which place is it about?", "context": text} for text in texts]
    calls: dict[str, tuple[str, str, list[Any], dict[str, Any]]] = {
        "sentiment": ("sentiment", "text-classification", texts, {"top_k": None}),
        "topics": ("nli", "zero-shot-classification", texts, {"candidate_labels": ["travel", "cooking"]}),
        "pairs": ("nli", "text-classification", pairs, {}),
        "entities": ("entities", "token-classification", texts, {"aggregation_strategy": "simple"}),
        "answers": ("reader", "question-answering", questions, {}),
        "summaries": ("summarizer", "summarization", texts, {"truncation": True, "max_new_tokens": 5}),
        "embeddings": ("embeddings", "feature-extraction", texts, {}),
        "replies": (
            "writer",
            "text-generation",
            prompts,
            {"max_new_tokens": 5, "do_sample": False, "return_full_text": False},
        ),
    }
    return {
        recipe: pipeline(task, model=str(folder / model), device=-1)(inputs, **parameters)
        for recipe, (model, task, inputs, parameters) in calls.items()
    }


main(*map(Path, sys.argv[1:]))

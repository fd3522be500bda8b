"""`language_model.py FOLDER`: llama.cpp's servers with language models of 100 KB, made on the spot.

Prints the servers' addresses as JSON, by what they do, and serves until its standard input ends. The models' tokens are
bytes, and their weights are random: they write nonsense, but keep to a JSON Schema as any other.
"""

import json
import sys
from pathlib import Path

import numpy as np
import xllamacpp
from gguf import GGUFWriter, TokenType

# With it, the writer ends its JSON in few tokens.
SEED = 21
WIDTH, HEADS, HIDDEN, CONTEXT = 32, 2, 64, 512
# As the Jinja templates that models bring along.
CHAT = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant: "


def main(folder: Path) -> None:
    """Make the models and serve them."""
    writer, ranker = folder / "writer.gguf", folder / "ranker.gguf"
    write(writer, "llama")
    write(ranker, "qwen3")
    pooling = xllamacpp.llama_pooling_type
    servers = {
        "chat": serve(writer),
        "embeddings": serve(writer, embedding=True, pooling_type=pooling.LLAMA_POOLING_TYPE_MEAN),
        "ranks": serve(ranker, embedding=True, pooling_type=pooling.LLAMA_POOLING_TYPE_RANK),
    }
    sys.stdout.write(json.dumps({name: server.listening_address for name, server in servers.items()}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


def serve(model: Path, **options: object) -> xllamacpp.Server:
    """A server on a free port."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_ctx, parameters.n_parallel, parameters.warmup, parameters.port = CONTEXT, 1, False, 0
    # Threads that wait for each other would take longer than the model.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    for name, value in options.items():
        setattr(parameters, name, value)
    return xllamacpp.Server(parameters)


def write(path: Path, architecture: str) -> None:
    """A model with one layer; one of Qwen's architecture ranks."""
    vocabulary = [*spelt_bytes(), "<|end|>"]
    end = vocabulary.index("<|end|>")
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_key_length(WIDTH // HEADS)
    writer.add_value_length(WIDTH // HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([TokenType.NORMAL] * end + [TokenType.CONTROL])
    # There are words of one byte only, but none at all is no vocabulary.
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(end)
    writer.add_sep_token_id(end)
    writer.add_add_bos_token(value=False)
    writer.add_chat_template(CHAT)
    writer.add_string("tokenizer.chat_template.rerank", "query: {query}, document: {document}")
    writer.add_classifier_output_labels(["yes", "no"])
    random = np.random.default_rng(SEED)
    tensors = weights(random, len(vocabulary)) | (ranking_weights(random) if architecture == "qwen3" else {})
    for name, tensor in tensors.items():
        writer.add_tensor(f"{name}.weight", tensor.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def spelt_bytes() -> list[str]:
    """Each byte as a character that can be seen, as GPT-2's vocabulary has them."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    unseen = (byte for byte in range(256) if byte not in seen)
    spelt = {byte: chr(byte) for byte in seen} | {byte: chr(256 + number) for number, byte in enumerate(unseen)}
    return [spelt[byte] for byte in range(256)]


def weights(random: np.random.Generator, tokens: int) -> dict[str, np.ndarray]:
    """Random weights, by the names that llama.cpp has for them."""
    shapes = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (WIDTH, WIDTH))
    shapes |= {"ffn_gate": (HIDDEN, WIDTH), "ffn_up": (HIDDEN, WIDTH), "ffn_down": (WIDTH, HIDDEN)}
    output = random.standard_normal((tokens, WIDTH))
    # What isn't ASCII is never the likeliest: it is hard to read, and bytes alone are no text.
    output[127:] = output[:32] = 0
    return {
        "token_embd": random.standard_normal((tokens, WIDTH)),
        "output_norm": np.ones(WIDTH),
        "output": output,
        **{f"blk.0.{name}": np.ones(WIDTH) for name in ("attn_norm", "ffn_norm")},
        **{f"blk.0.{name}": random.standard_normal(shape) for name, shape in shapes.items()},
    }


def ranking_weights(random: np.random.Generator) -> dict[str, np.ndarray]:
    """What a model needs beside these to say yes or no."""
    norms = {f"blk.0.{name}": np.ones(WIDTH // HEADS) for name in ("attn_q_norm", "attn_k_norm")}
    return {"cls.output": random.standard_normal((2, WIDTH)), **norms}


main(Path(sys.argv[1]))

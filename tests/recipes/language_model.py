"""`language_model.py FOLDER`: llama.cpp's server with a language model of 100 KB, made on the spot.

Prints the server's address, and serves until its standard input ends. The model's tokens are bytes, and its weights are
random: it writes nonsense, but keeps to a JSON Schema as any other.
"""

import sys
from pathlib import Path

import numpy as np
import xllamacpp
from gguf import GGUFWriter, TokenType

# With it, the model ends its JSON in few tokens.
SEED = 21
WIDTH, HEADS, HIDDEN, CONTEXT = 32, 2, 64, 512
# As the Jinja templates that models bring along.
TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant: "


def main(folder: Path) -> None:
    """Make the model and serve it."""
    write(folder / "model.gguf")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(folder / "model.gguf")
    parameters.n_ctx, parameters.n_parallel, parameters.warmup, parameters.port = CONTEXT, 1, False, 0
    # Threads that wait for each other would take longer than the model.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


def write(path: Path) -> None:
    """A model of Llama's architecture, with one layer."""
    vocabulary = [*spelt_bytes(), "<|end|>"]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([TokenType.NORMAL] * 256 + [TokenType.CONTROL])
    # There are words of one byte only, but none at all is no vocabulary.
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(256)
    writer.add_add_bos_token(value=False)
    writer.add_chat_template(TEMPLATE)
    for name, tensor in weights(len(vocabulary)).items():
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


def weights(tokens: int) -> dict[str, np.ndarray]:
    """Random weights, by the names that llama.cpp has for them."""
    random = np.random.default_rng(SEED)
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


main(Path(sys.argv[1]))

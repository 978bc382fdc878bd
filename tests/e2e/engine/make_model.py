"""Writes a language model of half a megabyte: random weights, always the same, no meaning.

Run by the Python of .venv-llama, which has what it imports: make_model.py FILE
"""

from __future__ import annotations

import sys
from typing import Any

import gguf  # type: ignore[import-not-found]  # .venv-llama has it
import numpy as np  # type: ignore[import-not-found]  # .venv-llama has it

SEED = 20
WIDTH, LAYERS, HEADS, INNER = 64, 2, 4, 128
# Long enough that an answer which nobody stops takes seconds.
CONTEXT = 16_384
EPSILON = 1e-5

CONTROL = ("<unk>", "<s>", "</s>")
SPACE = "\u2581"  # how this kind of vocabulary writes a blank
WORDS = (
    *f"{SPACE}etaoinsrhldcumfpgwybvkxjqz",
    *f"{SPACE}a {SPACE}the {SPACE}is {SPACE}gate {SPACE}model {SPACE}answer".split(),
    *"äéß中文字",  # so that lengths in characters and in bytes differ
    *'{}[]":,._0123456789',
)
TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def add_facts(out: Any) -> None:
    """The shape of the network."""
    out.add_name("tiny")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_layer_norm_rms_eps(EPSILON)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_chat_template(TEMPLATE)


def add_vocabulary(out: Any) -> int:
    """Control tokens, every byte, a few words; returns how many tokens are no words."""
    kinds = gguf.TokenType
    raw = [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = [*CONTROL, *raw, *WORDS]
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL]
    types += [kinds.BYTE] * len(raw) + [kinds.NORMAL] * len(WORDS)
    other = len(tokens) - len(WORDS)
    out.add_tokenizer_model("llama")
    out.add_token_list([token.encode() for token in tokens])
    out.add_token_scores([0.0] * other + [-float(rank) for rank in range(len(WORDS))])
    out.add_token_types(types)
    out.add_vocab_size(len(tokens))
    out.add_unk_token_id(0)
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_add_bos_token(True)
    return other


def add_weights(out: Any, other: int) -> None:
    """Random tensors, but a likeliest token is always a word: it is text and never an end."""
    random = np.random.default_rng(SEED)

    def weights(rows: int, columns: int) -> Any:
        return (random.standard_normal((rows, columns)) * 0.1).astype(np.float32)

    tokens = other + len(WORDS)
    ones = np.ones(WIDTH, np.float32)
    out.add_tensor("token_embd.weight", weights(tokens, WIDTH))
    for layer in range(LAYERS):
        for name, rows, columns in (
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH, WIDTH),
            ("attn_v", WIDTH, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", INNER, WIDTH),
            ("ffn_up", INNER, WIDTH),
            ("ffn_down", WIDTH, INNER),
        ):
            out.add_tensor(f"blk.{layer}.{name}.weight", weights(rows, columns))
        out.add_tensor(f"blk.{layer}.attn_norm.weight", ones)
        out.add_tensor(f"blk.{layer}.ffn_norm.weight", ones)
    out.add_tensor("output_norm.weight", ones)
    # A row of zeros scores 0, and of many random scores the best is above 0.
    head = weights(tokens, WIDTH)
    head[:other] = 0
    out.add_tensor("output.weight", head)


def main(path: str) -> None:
    """Write the file."""
    out = gguf.GGUFWriter(path, "llama")
    add_facts(out)
    add_weights(out, add_vocabulary(out))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    main(sys.argv[1])

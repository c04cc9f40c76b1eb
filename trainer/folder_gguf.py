"""A base that began as a Hugging Face folder, as a GGUF in f32, which everything after it takes as any other.

Comes in: a loaded `Base`. Goes out: a file with the architecture's figures, the tokenizer and the chat template as
llama.cpp wants them. Architectures are `llama` and `gemma3` (text); tokenizers are byte-level BPE and SentencePiece's
BPE as transformers keeps it. What of a model this can't say is refused; what it says is checked by `trainer.parity`.
Keys follow llama.cpp's converter: https://github.com/ggml-org/llama.cpp/blob/master/convert_hf_to_gguf.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import MODEL_ARCH, GGMLQuantizationType, GGUFWriter, TokenType, get_tensor_name_map
from numpy.typing import NDArray
from transformers import PreTrainedConfig

from agent.merging import permuted
from index.errors import TebikiError
from trainer.bases import Base

LOCAL_ROPE = 10_000.0
"""Rotary base of Gemma 3's sliding layers, which llama.cpp takes as given."""
GLOBAL_EVERY = 6
"""Every sixth layer of Gemma 3 sees the whole text; llama.cpp takes that as given too."""

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SPLITS = {
    _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _REST: "llama-bpe",
    _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _REST: "qwen2",
}
"""llama.cpp's name for what splits a text before BPE, by the expression in `tokenizer.json`."""
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")

Add = Callable[[GGUFWriter, PreTrainedConfig], None]


class FolderUnusable(TebikiError):
    """A Hugging Face folder holds a model that can't be written as a GGUF; says what of it."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A vocabulary as a GGUF holds it, by token id: text, kind (gguf's TokenType), and for SentencePiece the score."""

    texts: list[str]
    kinds: list[int]
    scores: list[float]


def write_folder(base: Base, out: Path) -> None:
    """Write the model in a folder as a GGUF to `out`, whole or not at all. Raises FolderUnusable, OSError."""
    config: PreTrainedConfig = base.model.config
    kind = str(config.model_type)
    if kind not in _ARCHITECTURES:
        raise FolderUnusable(
            f"{base.path} holds a model of type {kind}, which can't be written as a GGUF here "
            f"({', '.join(_ARCHITECTURES)} can): convert it with llama.cpp's converter and give that file as the base."
        )
    architecture, name, add_figures = _ARCHITECTURES[kind]
    beside = out.with_name(out.name + ".new")
    writer = GGUFWriter(beside, name)
    try:
        writer.add_type("model")
        writer.add_name(base.path.name)
        add_figures(writer, config)
        add_tokenizer(writer, base)
        writer.add_file_type(0)
        writer.add_quantization_version(2)
        weights = dict(_weights(base, architecture))
        for weight, values in weights.items():
            writer.add_tensor_info(weight, values.shape, np.dtype(np.float32), values.nbytes, GGMLQuantizationType.F32)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for values in weights.values():
            writer.write_tensor_data(values)
        writer.close()
        beside.replace(out)
    finally:
        writer.close()
        beside.unlink(missing_ok=True)


# Figures of the architecture


def _add_common(writer: GGUFWriter, config: PreTrainedConfig) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)


def _add_llama(writer: GGUFWriter, config: PreTrainedConfig) -> None:
    rope = config.rope_parameters
    _refuse_unless(config, not config.attention_bias and not config.mlp_bias, "biases")
    _refuse_unless(config, config.hidden_act == "silu", f"the activation {config.hidden_act}")
    _refuse_unless(config, rope.get("rope_type", "default") == "default", f"rotary scaling {rope.get('rope_type')}")
    _add_common(writer, config)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)


def _add_gemma3(writer: GGUFWriter, config: PreTrainedConfig) -> None:
    far, near = config.rope_parameters["full_attention"], config.rope_parameters["sliding_attention"]
    plain = all(rope.get("rope_type", "default") == "default" for rope in (far, near))
    every = [at % GLOBAL_EVERY == GLOBAL_EVERY - 1 for at in range(config.num_hidden_layers)]
    _refuse_unless(config, plain, "rotary scaling")
    _refuse_unless(config, near["rope_theta"] == LOCAL_ROPE, "another rotary base in its sliding layers")
    _refuse_unless(config, config.query_pre_attn_scalar == config.head_dim, "another scale of attention")
    _refuse_unless(config, not config.final_logit_softcapping and not config.attn_logit_softcapping, "capped logits")
    _refuse_unless(config, not config.attention_bias, "biases")
    _refuse_unless(
        config, [kind == "full_attention" for kind in config.layer_types] == every, "another order of sliding layers"
    )
    _add_common(writer, config)
    writer.add_rope_freq_base(far["rope_theta"])
    writer.add_sliding_window(config.sliding_window)


def _refuse_unless(config: PreTrainedConfig, holds: bool, what: str) -> None:
    if not holds:
        raise FolderUnusable(
            f"A {config.model_type} model with {what} can't be written as a GGUF here: convert it with llama.cpp's "
            "converter and give that file as the base."
        )


_ARCHITECTURES: dict[str, tuple[MODEL_ARCH, str, Add]] = {
    "llama": (MODEL_ARCH.LLAMA, "llama", _add_llama),
    "gemma3_text": (MODEL_ARCH.GEMMA3, "gemma3", _add_gemma3),
}
"""By transformers' `model_type`."""


# Weights


def _weights(base: Base, architecture: MODEL_ARCH) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Every weight under its GGUF name, in llama.cpp's order of rows; a tied output matrix is left out."""
    config = base.model.config
    names = get_tensor_name_map(architecture, config.num_hidden_layers)
    for name, tensor in base.model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        there = names.get_name(name, try_suffixes=(".weight",))
        if there is None:
            raise FolderUnusable(f"{base.path} has a weight {name} that the architecture does not know.")
        values: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
        if architecture is MODEL_ARCH.GEMMA3 and name.endswith("norm.weight"):
            values = values + np.float32(1)  # transformers keeps the difference from one
        if architecture is MODEL_ARCH.LLAMA and name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = config.num_attention_heads if name.endswith("q_proj.weight") else config.num_key_value_heads
            values = permuted(values, heads)
        yield there, np.ascontiguousarray(values)


# Tokenizer


def add_tokenizer(writer: GGUFWriter, base: Base) -> None:
    """The tokenizer, its special tokens and the chat template. Raises FolderUnusable."""
    tokenizer = base.tokenizer
    whole: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    model = whole["model"]
    byte_level = "ByteLevel" in json.dumps(whole["pre_tokenizer"])
    if model["type"] != "BPE" or not (byte_level or model.get("byte_fallback")):
        raise FolderUnusable(
            f"The tokenizer in {base.path} is {model['type']}, which can't be written as a GGUF here (BPE can): "
            "convert the folder with llama.cpp's converter and give that file as the base."
        )
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in model["merges"]]
    pieces = _pieces(base, merges)
    writer.add_tokenizer_model("gpt2" if byte_level else "llama")
    writer.add_tokenizer_pre(_splitter(base.path, whole["pre_tokenizer"]) if byte_level else "default")
    writer.add_token_list(pieces.texts)
    writer.add_token_types(pieces.kinds)
    if byte_level:
        writer.add_token_merges([" ".join(merge) for merge in merges])
    else:
        writer.add_token_scores(pieces.scores)
    writer.add_add_space_prefix("Prepend" in json.dumps(whole["normalizer"]) if not byte_level else False)
    _add_special(writer, base)


def _pieces(base: Base, merges: list[tuple[str, ...]]) -> Pieces:
    """The vocabulary by id. SentencePiece's scores put pairs together from the best on, as merges do by rank: what a
    merge makes is scored by its first rank, and what none makes below all, where it is never asked for."""
    vocabulary: dict[str, int] = base.tokenizer.get_vocab()
    added = base.tokenizer.added_tokens_decoder
    size = int(base.model.config.vocab_size)
    if max(vocabulary.values()) >= size:
        raise FolderUnusable(f"The tokenizer in {base.path} has more tokens than its model ({size}): take its own one.")
    ranks: dict[str, int] = {}
    for merge in merges:
        ranks.setdefault("".join(merge), len(ranks))
    texts = [f"[PAD{at}]" for at in range(size)]
    kinds = [int(TokenType.UNUSED)] * size
    for text, at in vocabulary.items():
        texts[at] = text
        if at in added:
            kinds[at] = int(TokenType.CONTROL if added[at].special else TokenType.USER_DEFINED)
        else:
            kinds[at] = int(TokenType.BYTE if _BYTE.fullmatch(text) else TokenType.NORMAL)
    return Pieces(texts, kinds, [-float(ranks.get(text, len(ranks))) for text in texts])


def _splitter(path: Path, pre_tokenizer: dict[str, Any]) -> str:
    """llama.cpp's name for a byte-level tokenizer's way to split a text. Raises FolderUnusable."""
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    match [step["type"] for step in steps]:
        case ["ByteLevel"] if steps[0]["use_regex"]:
            return "gpt-2"
        case ["Digits", "ByteLevel"] if steps[0]["individual_digits"] and steps[1]["use_regex"]:
            return "smollm"
        case ["Split", "ByteLevel"] if steps[0]["pattern"].get("Regex") in _SPLITS:
            return _SPLITS[steps[0]["pattern"]["Regex"]]
    raise FolderUnusable(
        f"The tokenizer in {path} splits texts in a way that is not known here: convert the folder with llama.cpp's "
        "converter and give that file as the base."
    )


def _add_special(writer: GGUFWriter, base: Base) -> None:
    tokenizer = base.tokenizer
    adds: list[tuple[Callable[[int], None], Any]] = [
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_unk_token_id, tokenizer.unk_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
    ]
    for add, token in adds:
        if isinstance(token, int):
            add(token)
    tried: list[int] = tokenizer("a")["input_ids"]  # what it does, whatever its configuration says
    writer.add_add_bos_token(tried[0] == tokenizer.bos_token_id)
    writer.add_add_eos_token(tried[-1] == tokenizer.eos_token_id)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)

"""A llama of one layer as a GGUF, and an adapter for it, both of random weights, without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFWriter
from numpy.typing import NDArray
from safetensors.numpy import save_file

WIDTH, INNER, HEADS, KEY_HEADS, RANK = 64, 96, 4, 2, 4
KEY_WIDTH = WIDTH // HEADS * KEY_HEADS
SHAPES = {
    "token_embd.weight": (10, WIDTH),
    "blk.0.attn_norm.weight": (WIDTH,),
    "blk.0.attn_q.weight": (WIDTH, WIDTH),
    "blk.0.attn_k.weight": (KEY_WIDTH, WIDTH),
    "blk.0.attn_v.weight": (KEY_WIDTH, WIDTH),
    "blk.0.ffn_down.weight": (WIDTH, INNER),
}
TEMPLATE = "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}{% endfor %}"


def write_base(path: Path, architecture: str = "llama", alignment: int = 32) -> dict[str, NDArray[np.float32]]:
    """Write the base; what it holds, by GGUF name."""
    random = np.random.default_rng(3)
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    writer = GGUFWriter(path, architecture)
    if alignment != 32:
        writer.add_custom_alignment(alignment)
    writer.add_name("Base")
    writer.add_array("general.languages", ["en"])
    writer.add_block_count(1)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_freq_base(30_000.5)
    writer.add_token_list(["<s>", "</s>", *(f"ジ{number}" for number in range(8))])
    writer.add_token_scores([float(-number) for number in range(10)])
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)
    writer.add_file_type(0)
    for name, values in weights.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


def pair(outputs: int, inputs: int, seed: int = 5) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A and B of a layer."""
    random = np.random.default_rng(seed)
    shapes = (RANK, inputs), (outputs, RANK)
    a, b = (random.normal(size=shape).astype(np.float32) for shape in shapes)
    return a, b


def write_adapter(
    folder: Path, layers: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]], **config: Any
) -> Path:
    """Write an adapter as peft does; `layers` are named as in transformers, less `model.layers.0.`."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {}
    for name, (a, b) in layers.items():
        weights[f"base_model.model.model.layers.0.{name}.lora_A.weight"] = a
        weights[f"base_model.model.model.layers.0.{name}.lora_B.weight"] = b
    save_file(weights, folder / "adapter_model.safetensors")
    values = {"r": RANK, "lora_alpha": 8, "bias": "none", "use_dora": False} | config
    (folder / "adapter_config.json").write_text(json.dumps(values), encoding="utf-8")
    return folder

"""A small base model and adapters for it, as a domain pack ships them: merging them takes no time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from gguf import GGUFWriter
from safetensors.numpy import save_file

from agent.adapters import ship
from agent.merging import ADAPTER, CONFIG, file_sha256
from agent.prompts import FORMAT
from index.pack_adapters import PackAdapter

WIDTH, LAYERS, WORDS = 64, 2, 32


def write_base(path: Path, seed: int = 0) -> Path:
    """A GGUF of architecture llama with random weights of its own."""
    random = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, "llama")
    for key, value in (("block_count", LAYERS), ("context_length", 128), ("embedding_length", WIDTH)):
        writer.add_uint32(f"llama.{key}", value)
    for key, value in (("attention.head_count", 4), ("attention.head_count_kv", 4), ("feed_forward_length", WIDTH)):
        writer.add_uint32(f"llama.{key}", value)
    writer.add_string("general.name", "Base")
    writer.add_string("general.license", "apache-2.0")
    writer.add_array("tokenizer.ggml.tokens", [f"w{number}" for number in range(WORDS)])
    writer.add_tensor("token_embd.weight", random.standard_normal((WORDS, WIDTH)).astype(np.float32))
    for layer in range(LAYERS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weight = random.standard_normal((WIDTH, WIDTH)).astype(np.float32)
            writer.add_tensor(f"blk.{layer}.{part}.weight", weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_trained(
    folder: Path, base_sha256: str, *, width: int = WIDTH, outputs: int = WIDTH, layers: int = LAYERS, seed: int = 1
) -> Path:
    """An adapter of rank 1 on the layers' values, in f32, as training leaves it."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {}
    for layer in range(layers):
        name = f"base_model.model.model.layers.{layer}.self_attn.v_proj"
        weights[f"{name}.lora_A.weight"] = random.standard_normal((1, width)).astype(np.float32)
        weights[f"{name}.lora_B.weight"] = 0.1 * random.standard_normal((outputs, 1)).astype(np.float32)
    save_file(weights, folder / ADAPTER)
    config = {"r": 1, "lora_alpha": 1, "target_modules": ["v_proj"], "base_sha256": base_sha256}
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_shipped(
    folder: Path, base_sha256: str, *, width: int = WIDTH, outputs: int = WIDTH, layers: int = LAYERS, seed: int = 1
) -> Path:
    """The same as a pack ships it, without a fault."""
    trained = write_trained(
        folder.parent / f"{folder.name}-trained", base_sha256, width=width, outputs=outputs, layers=layers, seed=seed
    )
    ship(trained, folder, FORMAT)
    (folder / "README.md").write_text("# Model card\n", encoding="utf-8")
    (folder / "LICENSE-NOTES.md").write_text("Apache-2.0\n", encoding="utf-8")
    return folder


def small_adapter(tmp_path: Path, *, seed: int = 1, default_for: tuple[str, ...] = ()) -> PackAdapter:
    """An adapter in `tmp_path` for the base that `write_base` puts into its folder of models."""
    base = write_base(tmp_path / "models" / "tiny.gguf")
    folder = write_shipped(tmp_path / "pack" / "small", file_sha256(base), seed=seed)
    return PackAdapter("demo/small", folder, "Small for Demo", base.name, file_sha256(base), ("en",), default_for)  # type: ignore[arg-type]

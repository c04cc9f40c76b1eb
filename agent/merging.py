"""A base model and a LoRA adapter in, one GGUF out, without torch: what the first start does, and `merge` in training.

Every metadata key of the base is copied (tokenizer, chat template, rope), and each weight is written anew:
dequantised, with the adapter's `scale * B @ A` added where it has one. Tokenizer and template stay what they were.
Names go by gguf's own tensor map; q and k rows are permuted as llama.cpp wants them for the `llama` architecture.
Sums are made in float32 and stored in f32, f16 or Q8_0, never in bf16, which cost a small model 2e-3 NMSE. Stronger
quantisation is llama.cpp's (`agent.quantising`), from such a file.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from gguf import (
    MODEL_ARCH,
    GGMLQuantizationType,
    GGUFReader,
    GGUFValueType,
    GGUFWriter,
    ReaderField,
    ReaderTensor,
    get_tensor_name_map,
    quants,
)
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from agent.errors import AdapterUnusable, ModelUnreadable
from agent.gguf import read_gguf_header

Floats = NDArray[np.float32]
AT_ONCE = 1 << 23
"""Weights that are in float32 at one time: 32 MiB."""

Storage = Literal["f32", "f16", "q8_0"]

ADAPTER = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
_PREFIX = "base_model.model."
_TYPES = {
    "f32": GGMLQuantizationType.F32,
    "f16": GGMLQuantizationType.F16,
    "q8_0": GGMLQuantizationType.Q8_0,
}
_DTYPES: dict[GGMLQuantizationType, np.dtype[Any]] = {
    GGMLQuantizationType.F32: np.dtype(np.float32),
    GGMLQuantizationType.F16: np.dtype(np.float16),
}
_FILE_TYPES = {"f32": 0, "f16": 1, "q8_0": 7}
"""llama.h's llama_ftype."""
_ARCHITECTURES = {"llama": MODEL_ARCH.LLAMA, "gemma3": MODEL_ARCH.GEMMA3}
"""Those whose weights stand in the GGUF as in transformers, but for what is said here: for each there is a test."""
_PERMUTED = {"llama"}
"""Architectures whose q and k rows llama.cpp keeps in pairs rather than in halves."""
_REPLACED = {"general.file_type", "general.quantization_version"}
_OTHER_KINDS = {"use_dora": False, "bias": "none", "rank_pattern": {}, "alpha_pattern": {}, "modules_to_save": None}
"""What peft writes for a plain LoRA; another value is another kind of adapter."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter as peft saves it. `deltas` maps a weight's name in the Hugging Face model to its pair (A, B) of
    shapes (rank, inputs) and (outputs, rank); `scale` multiplies B @ A; `base` is the SHA-256 of the file that it was
    trained on, "" where the adapter does not say."""

    path: Path
    deltas: Mapping[str, tuple[Floats, Floats]]
    scale: float
    base: str


def read_adapter(folder: Path) -> Adapter:
    """Read the adapter in `folder`. Raises AdapterUnusable where it is not a plain LoRA on linear layers."""
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        weights = load_file(folder / ADAPTER)
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
    except FileNotFoundError as error:
        missing = Path(error.filename or ADAPTER).name
        raise AdapterUnusable(f"There is no LoRA adapter in {folder} (no {missing}): train one first.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise AdapterUnusable(
            f"The LoRA adapter in {folder} can't be read ({error}): copy or train it again."
        ) from error
    odd = [key for key, plain in _OTHER_KINDS.items() if config.get(key) not in (plain, None)]
    if odd:
        raise AdapterUnusable(f"{folder} is not a plain LoRA adapter ({', '.join(odd)}): train it without.")
    scale = alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank
    deltas = {}
    for name in sorted(weights):
        if not name.endswith(".lora_A.weight"):
            continue
        other = name.replace(".lora_A.", ".lora_B.")
        if other not in weights:
            raise AdapterUnusable(f"{folder / ADAPTER} has {name} but not {other}.")
        pair = weights[name].astype(np.float32), weights[other].astype(np.float32)
        if not all(np.isfinite(part).all() for part in pair):
            raise AdapterUnusable(f"{folder / ADAPTER}: {name} is not finite; the training that made it went wrong.")
        deltas[name.removeprefix(_PREFIX).replace(".lora_A.weight", ".weight")] = pair
    if not deltas or 2 * len(deltas) != len(weights):
        raise AdapterUnusable(f"{folder / ADAPTER} holds something other than pairs of LoRA matrices.")
    return Adapter(folder, deltas, scale, str(config.get("base_sha256", "")))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def merge(
    base: Path,
    adapter: Adapter | None,
    out: Path,
    *,
    storage: Storage = "q8_0",
    keys: Mapping[str, str | list[str]] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write base and adapter (none: the base as it is) as one GGUF to `out`, whole or not at all.

    `keys` are metadata keys to set besides the base's, e.g. `tebiki.prompt_format`; `progress(done, total)` counts
    tensors. Raises AdapterUnusable for an adapter of another base, ModelUnreadable for a base that can't be read,
    OSError where `out` can't be written.
    """
    if adapter is not None and adapter.base and adapter.base != file_sha256(base):
        raise AdapterUnusable(
            f"The adapter in {adapter.path} was made for another base model than {base.name}: give the one it was "
            "trained on, or train it again on this one."
        )
    architecture = read_gguf_header(base).architecture  # which also refuses what is cut short
    try:
        reader = GGUFReader(base)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ModelUnreadable(f"{base} can't be read as a GGUF model ({error}): export it again.") from error
    deltas = _by_gguf_name(reader, architecture, adapter) if adapter is not None else {}
    beside = out.with_name(out.name + ".new")
    writer = GGUFWriter(beside, architecture)
    _copy_keys(reader, writer, storage, keys or {})
    total = len(reader.tensors)
    for tensor in reader.tensors:
        writer.add_tensor_info(*_announced(tensor, storage))
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for done, tensor in enumerate(reader.tensors, start=1):
            writer.write_tensor_data(_merged(reader, architecture, tensor, deltas.get(tensor.name), storage))
            progress(done, total)
        writer.close()
        beside.replace(out)
    finally:
        writer.close()
        beside.unlink(missing_ok=True)


def check_fit(base: Path, adapter: Adapter) -> None:
    """Raises AdapterUnusable where the adapter changes weights that the base does not have, or has in another shape;
    ModelUnreadable for a base that can't be read."""
    architecture = read_gguf_header(base).architecture
    _by_gguf_name(GGUFReader(base), architecture, adapter)


@dataclass(frozen=True, slots=True)
class _Delta:
    """What an adapter adds to one tensor: scale x B @ A. Multiplied out where it is used: all of them together are as
    large as the model."""

    a: Floats
    b: Floats
    scale: float

    def whole(self) -> Floats:
        return np.asarray(np.float32(self.scale) * (self.b @ self.a))


def _by_gguf_name(reader: GGUFReader, architecture: str, adapter: Adapter) -> dict[str, _Delta]:
    """What the adapter adds, by the GGUF's names; every pair must have its tensor, of its shape."""
    if architecture not in _ARCHITECTURES:
        raise AdapterUnusable(
            f"An adapter can't be merged into a base of architecture {architecture} (into {', '.join(_ARCHITECTURES)} "
            "it can): choose another base."
        )
    names = get_tensor_name_map(_ARCHITECTURES[architecture], _figure(reader, architecture, "block_count"))
    shapes = {tensor.name: tuple(int(size) for size in reversed(tensor.shape)) for tensor in reader.tensors}
    found: dict[str, _Delta] = {}
    for name, (a, b) in adapter.deltas.items():
        there = names.get_name(name, try_suffixes=(".weight",))
        if there is None or shapes.get(there) != (b.shape[0], a.shape[1]):
            raise AdapterUnusable(
                f"The adapter in {adapter.path} changes {name} ({b.shape[0]} x {a.shape[1]}), which the base model "
                "does not have: give the base that it was trained on."
            )
        found[there] = _Delta(a, b, adapter.scale)
    return found


def _figure(reader: GGUFReader, architecture: str, key: str) -> int:
    return int(reader.fields[f"{architecture}.{key}"].contents())


def _copy_keys(reader: GGUFReader, writer: GGUFWriter, storage: Storage, keys: Mapping[str, str | list[str]]) -> None:
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture" or field.name in _REPLACED:
            continue
        if field.name not in keys:
            _copy_key(writer, field)
    writer.add_file_type(_FILE_TYPES[storage])
    writer.add_quantization_version(2)
    for key, value in keys.items():
        if isinstance(value, str):
            writer.add_string(key, value)
        else:
            writer.add_array(key, value)


def _copy_key(writer: GGUFWriter, field: ReaderField) -> None:
    kind, value = field.types[0], field.contents()
    if field.name == "general.alignment":
        writer.add_custom_alignment(value)  # by which the writer places the tensors
    elif kind != GGUFValueType.ARRAY:
        writer.add_key_value(field.name, value, kind)
    elif value:  # the writer knows no empty arrays
        writer.add_key_value(field.name, value, kind, sub_type=field.types[-1])


def _announced(
    tensor: ReaderTensor, storage: Storage
) -> tuple[str, tuple[int, ...], np.dtype[Any], int, GGMLQuantizationType]:
    shape = tuple(int(size) for size in reversed(tensor.shape))
    kind = _kind(shape, storage)
    stored = quants.quant_shape_to_byte_shape(shape, kind) if kind == GGMLQuantizationType.Q8_0 else shape
    dtype: np.dtype[Any] = _DTYPES.get(kind, np.dtype(np.uint8))
    return tensor.name, stored, dtype, math.prod(stored) * dtype.itemsize, kind


def _kind(shape: tuple[int, ...], storage: Storage) -> GGMLQuantizationType:
    """Vectors (norms) stay in float32; a row that no whole number of blocks fills stays in f16."""
    if len(shape) < 2:
        return GGMLQuantizationType.F32
    if storage == "q8_0" and shape[-1] % 32:
        return GGMLQuantizationType.F16
    return _TYPES[storage]


def _merged(
    reader: GGUFReader, architecture: str, tensor: ReaderTensor, delta: _Delta | None, storage: Storage
) -> NDArray[Any]:
    """A tensor with what the adapter adds, as it is stored; some rows at a time, for an embedding of a large vocabulary
    is most of a small model, and numpy takes four times its float32 to quantise it."""
    added = delta.whole() if delta is not None else None
    if added is not None and architecture in _PERMUTED and tensor.name.endswith((".attn_q.weight", ".attn_k.weight")):
        heads = "attention.head_count" if ".attn_q." in tensor.name else "attention.head_count_kv"
        added = permuted(added, _figure(reader, architecture, heads))
    kind = _kind(tuple(int(size) for size in reversed(tensor.shape)), storage)
    pieces, at = [], 0
    for weight in dequantised(tensor):
        pieces.append(_stored(weight if added is None else weight + added[at : at + len(weight)], kind))
        at += len(weight)
    return np.concatenate(pieces) if len(pieces) > 1 else pieces[0]


def dequantised(tensor: ReaderTensor) -> Iterator[Floats]:
    """A tensor in float32, some rows at a time; a vector whole."""
    rows = len(tensor.data)
    step = max(1, AT_ONCE // int(tensor.shape[0])) if len(tensor.shape) > 1 else rows
    for at in range(0, rows, step):
        yield quants.dequantize(tensor.data[at : at + step], tensor.tensor_type).astype(np.float32, copy=False)


def permuted(rows: Floats, heads: int) -> Floats:
    """Rotary halves of each head as pairs: llama.cpp's order of the rows of q and k."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def _stored(weight: Floats, kind: GGMLQuantizationType) -> NDArray[Any]:
    if kind == GGMLQuantizationType.F32:
        return weight
    if kind == GGMLQuantizationType.F16:
        return weight.astype(np.float16)
    return quants.quantize(weight, kind)

"""Base and adapter to one GGUF, without torch: sums as they should be, everything else as it was, faults in a word."""

from __future__ import annotations

import math
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader, quants
from numpy.typing import NDArray

from agent.errors import AdapterUnusable, ModelUnreadable
from agent.merging import Storage, file_sha256, merge, read_adapter
from tests.agent.tiny_gguf import HEADS, INNER, KEY_WIDTH, TEMPLATE, WIDTH, pair, write_adapter, write_base

Weights = dict[str, NDArray[np.float32]]
VALUE = "self_attn.v_proj"


@pytest.fixture
def base(tmp_path: Path) -> tuple[Path, Weights]:
    path = tmp_path / "base.gguf"
    return path, write_base(path)


def stored(path: Path) -> Weights:
    return {
        tensor.name: quants.dequantize(tensor.data, tensor.tensor_type).reshape(
            [int(size) for size in reversed(tensor.shape)]
        )
        for tensor in GGUFReader(path).tensors
    }


def fields(path: Path) -> dict[str, Any]:
    found = GGUFReader(path).fields.values()
    return {field.name: field.contents() for field in found if not field.name.startswith("GGUF.")}


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """Writing beyond `size` bytes of a file fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# Sums


@pytest.mark.parametrize(("rank_stabilised", "scale"), [(False, 8 / 4), (True, 8 / math.sqrt(4))])
def test_a_weight_gets_its_pair_and_the_others_stay(
    tmp_path: Path, base: tuple[Path, Weights], rank_stabilised: bool, scale: float
) -> None:
    a, b = pair(WIDTH, INNER)
    folder = write_adapter(tmp_path / "adapter", {"mlp.down_proj": (a, b)}, use_rslora=rank_stabilised)
    merge(base[0], read_adapter(folder), tmp_path / "out.gguf", storage="f32")
    merged = stored(tmp_path / "out.gguf")
    np.testing.assert_allclose(merged["blk.0.ffn_down.weight"], base[1]["blk.0.ffn_down.weight"] + scale * b @ a, 1e-5)
    for name in base[1].keys() - {"blk.0.ffn_down.weight"}:
        np.testing.assert_array_equal(merged[name], base[1][name])


def test_rows_of_queries_and_keys_go_in_pairs(tmp_path: Path, base: tuple[Path, Weights]) -> None:
    layers = {"self_attn.q_proj": pair(WIDTH, WIDTH), "self_attn.k_proj": pair(KEY_WIDTH, WIDTH, 6)}
    merge(base[0], read_adapter(write_adapter(tmp_path / "a", layers)), tmp_path / "out.gguf", storage="f32")
    merged = stored(tmp_path / "out.gguf")
    width = WIDTH // HEADS
    for name, layer in (("blk.0.attn_q.weight", "self_attn.q_proj"), ("blk.0.attn_k.weight", "self_attn.k_proj")):
        a, b = layers[layer]
        added, change = merged[name] - base[1][name], 2 * b @ a
        for row in range(len(change)):  # row r of a head's half h stands at 2r + h
            head, within = divmod(row, width)
            half, at = divmod(within, width // 2)
            np.testing.assert_allclose(added[head * width + 2 * at + half], change[row], rtol=1e-3, atol=1e-4)


def test_gemma_keeps_its_rows(tmp_path: Path) -> None:
    weights = write_base(tmp_path / "gemma.gguf", "gemma3")
    a, b = pair(WIDTH, WIDTH)
    adapter = read_adapter(write_adapter(tmp_path / "a", {"self_attn.q_proj": (a, b)}))
    merge(tmp_path / "gemma.gguf", adapter, tmp_path / "out.gguf", storage="f32")
    changed = stored(tmp_path / "out.gguf")["blk.0.attn_q.weight"]
    np.testing.assert_allclose(changed, weights["blk.0.attn_q.weight"] + 2 * b @ a, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("storage", "error"), [("f32", 0.0), ("f16", 2e-3), ("q8_0", 2e-2)])
def test_each_storage_is_as_near_as_it_can_be(
    tmp_path: Path, base: tuple[Path, Weights], storage: Storage, error: float
) -> None:
    merge(base[0], None, tmp_path / "out.gguf", storage=storage)
    merged = stored(tmp_path / "out.gguf")
    for name, values in base[1].items():
        assert np.abs(merged[name] - values).max() <= (0 if "norm" in name else error)
    assert fields(tmp_path / "out.gguf")["general.file_type"] == {"f32": 0, "f16": 1, "q8_0": 7}[storage]


# What is kept


def test_metadata_stay_but_for_the_keys_that_are_set(tmp_path: Path, base: tuple[Path, Weights]) -> None:
    keys: dict[str, str | list[str]] = {"tebiki.prompt_format": "react-2", "general.languages": ["en", "ja"]}
    merge(base[0], None, tmp_path / "out.gguf", storage="f16", keys=keys)
    was, now = fields(base[0]), fields(tmp_path / "out.gguf")
    assert now["tokenizer.chat_template"] == TEMPLATE
    new = {"general.file_type": 1, "general.quantization_version": 2}
    assert now == was | keys | new


def test_a_base_of_another_alignment_is_read_where_it_lies(tmp_path: Path) -> None:
    weights = write_base(tmp_path / "base.gguf", alignment=128)
    merge(tmp_path / "base.gguf", None, tmp_path / "out.gguf", storage="f32")
    for name, values in stored(tmp_path / "out.gguf").items():
        np.testing.assert_array_equal(values, weights[name])


def test_progress_counts_tensors(tmp_path: Path, base: tuple[Path, Weights]) -> None:
    seen: list[tuple[int, int]] = []
    merge(base[0], None, tmp_path / "out.gguf", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, len(base[1])) for done in range(1, len(base[1]) + 1)]


# Faults


def test_an_adapter_of_another_base_is_refused(tmp_path: Path, base: tuple[Path, Weights]) -> None:
    layers = {VALUE: pair(KEY_WIDTH, WIDTH)}
    right = read_adapter(write_adapter(tmp_path / "right", layers, base_sha256=file_sha256(base[0])))
    merge(base[0], right, tmp_path / "out.gguf")
    wrong = read_adapter(write_adapter(tmp_path / "wrong", layers, base_sha256="0" * 64))
    with pytest.raises(AdapterUnusable, match="made for another base model than"):
        merge(base[0], wrong, tmp_path / "other.gguf")
    assert not (tmp_path / "other.gguf").exists()


@pytest.mark.parametrize(("layer", "shape"), [("self_attn.o_proj", (WIDTH, WIDTH)), (VALUE, (KEY_WIDTH, WIDTH // 2))])
def test_a_pair_without_its_weight_is_named(
    tmp_path: Path, base: tuple[Path, Weights], layer: str, shape: tuple[int, int]
) -> None:
    adapter = read_adapter(write_adapter(tmp_path / "adapter", {layer: pair(*shape)}))
    with pytest.raises(AdapterUnusable, match=layer):
        merge(base[0], adapter, tmp_path / "out.gguf")


def test_an_architecture_that_nobody_tried_is_refused(tmp_path: Path) -> None:
    write_base(tmp_path / "base.gguf", "falcon")
    adapter = read_adapter(write_adapter(tmp_path / "adapter", {VALUE: pair(KEY_WIDTH, WIDTH)}))
    with pytest.raises(AdapterUnusable, match="falcon"):
        merge(tmp_path / "base.gguf", adapter, tmp_path / "out.gguf")


@pytest.mark.parametrize(
    "config", [{"use_dora": True}, {"bias": "all"}, {"alpha_pattern": {"q_proj": 4}}, {"rank_pattern": {"q_proj": 2}}]
)
def test_another_kind_of_adapter_is_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    folder = write_adapter(tmp_path / "adapter", {VALUE: pair(KEY_WIDTH, WIDTH)}, **config)
    with pytest.raises(AdapterUnusable, match=next(iter(config))):
        read_adapter(folder)


def test_an_adapter_that_is_not_there_or_not_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterUnusable, match="no LoRA adapter"):
        read_adapter(tmp_path / "nowhere")
    folder = write_adapter(tmp_path / "adapter", {VALUE: pair(KEY_WIDTH, WIDTH)})
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(AdapterUnusable, match="can't be read"):
        read_adapter(folder)


def test_an_adapter_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    a, b = pair(KEY_WIDTH, WIDTH)
    a[0, 0] = np.nan
    with pytest.raises(AdapterUnusable, match="not finite"):
        read_adapter(write_adapter(tmp_path / "adapter", {VALUE: (a, b)}))


def test_a_base_that_is_cut_short_is_refused(tmp_path: Path, base: tuple[Path, Weights]) -> None:
    base[0].write_bytes(base[0].read_bytes()[:-2000])
    with pytest.raises(ModelUnreadable, match="cut short"):
        merge(base[0], None, tmp_path / "out.gguf")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, base: tuple[Path, Weights]) -> None:
    (tmp_path / "out.gguf").write_bytes(b"as it was")
    with files_at_most(20_000), pytest.raises(OSError, match=r"large|written"):
        merge(base[0], None, tmp_path / "out.gguf", storage="f32")
    assert (tmp_path / "out.gguf").read_bytes() == b"as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base.gguf", "out.gguf"]

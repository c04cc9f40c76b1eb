"""What a pack's adapter folder must hold, and a sentence for each fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from agent import adapters as module
from agent.adapters import faults, read_manifest
from agent.merging import ADAPTER, CONFIG, file_sha256
from agent.prompts import FORMAT
from tests.agent.adapter_folders import small_adapter, write_base, write_shipped

Spoil = Callable[[Path], object]


def test_a_shipped_adapter_has_no_fault(tmp_path: Path) -> None:
    adapter = small_adapter(tmp_path)
    assert list(faults(adapter, tmp_path / "models" / "tiny.gguf")) == []
    assert list(faults(adapter, None)) == []
    assert read_manifest(adapter.folder).form == "q8_0"


def change(name: str, **values: object) -> Spoil:
    """Set keys of a JSON file; None takes one away."""

    def spoil(folder: Path) -> None:
        whole = json.loads((folder / name).read_text(encoding="utf-8")) | values
        (folder / name).write_text(json.dumps({k: v for k, v in whole.items() if v is not None}), encoding="utf-8")

    return spoil


def in_f32(folder: Path) -> None:
    save_file({name: part.astype(np.float32) for name, part in load_file(folder / ADAPTER).items()}, folder / ADAPTER)
    change("manifest.json", sha256=file_sha256(folder / ADAPTER))(folder)


def without_its_pair(folder: Path) -> None:
    weights = load_file(folder / ADAPTER)
    weights.pop(next(name for name in weights if ".lora_B." in name))
    save_file(weights, folder / ADAPTER)
    change("manifest.json", sha256=file_sha256(folder / ADAPTER))(folder)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda folder: (folder / "README.md").unlink(), "no model card: write README.md"),
        (lambda folder: (folder / "LICENSE-NOTES.md").write_text(" \n"), "no notes on licences"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json can't be read"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "not valid JSON"),
        (change("manifest.json", prompt_format=None), '"prompt_format" is missing'),
        (change("manifest.json", prompt_format="react-0"), f"prompt format react-0, not {FORMAT}"),
        (change("manifest.json", form="q1"), 'the form "q1" is not one of'),
        (change("manifest.json", sha256="0" * 64), "is not that of adapter_model.safetensors"),
        (change(CONFIG, base_sha256=None), '"base_sha256" is missing'),
        (change(CONFIG, base_sha256="0" * 64), "is for the base 000000000000..., not for tiny.gguf"),
        (change(CONFIG, use_dora=True), "not a plain LoRA adapter (use_dora)"),
        (in_f32, "is not in f16 (4 matrices)"),
        (without_its_pair, "but not base_model"),
    ],
)
def test_each_fault_is_told_alone_in_a_sentence(tmp_path: Path, spoil: Spoil, fault: str) -> None:
    adapter = small_adapter(tmp_path)
    spoil(adapter.folder)
    told = list(dict.fromkeys(faults(adapter, None)))
    assert len(told) == 1, told
    assert fault in told[0]
    assert str(adapter.folder) in told[0]


def test_an_adapter_that_is_too_large_is_named_with_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    (told,) = faults(small_adapter(tmp_path), None)
    assert "MB, and 0 are allowed: lower the rank" in told


def test_missing_matrices_are_named_once(tmp_path: Path) -> None:
    adapter = small_adapter(tmp_path)
    (adapter.folder / ADAPTER).unlink()
    assert [told for told in faults(adapter, None) if "There is no adapter_model" in told]


def test_an_adapter_of_other_weights_or_another_base_is_a_fault(tmp_path: Path) -> None:
    adapter, base = small_adapter(tmp_path), tmp_path / "models" / "tiny.gguf"
    write_shipped(adapter.folder, file_sha256(base), outputs=32)
    (told,) = faults(adapter, base)
    assert "(32 x 64), which the base model does not have" in told
    other = write_base(tmp_path / "other.gguf", seed=5)
    (told,) = faults(replace(adapter, base="starter", sha256=""), other)
    assert "for another base than the starter" in told

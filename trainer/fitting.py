"""What the stages that train have in common: a folder, its inputs, the adapter, figures and the manifest.

Comes in: units, settings, what they were made of. Goes out: `adapter/`, `steps.jsonl`, `looks.jsonl`, `manifest.json`.
A stage that was cut off goes on where it was; one whose inputs changed begins anew, and says so.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from agent.errors import AdapterUnusable
from agent.merging import CONFIG
from trainer.adapters import adapted
from trainer.bases import Base
from trainer.lora import LOOKS, STEPS, Training
from trainer.manifest import text_hash
from trainer.run_config import LoraSettings, TrainingSettings
from trainer.samples import Unit
from trainer.sharding import on_cpu

INPUTS = "inputs.json"


@dataclass(frozen=True, slots=True)
class FitFigures:
    """How training went: units, those held out, tokens of the units once through, steps, loss on what is held out
    before the first step and at its best (nats, as a step weighs texts and choices), the share of held-out choices
    right at both, whether it stopped before its end, and tokens read a second over all steps."""

    units: int
    held: int
    tokens: int
    steps: int
    loss_before: float | None
    loss_best: float | None
    right_before: float | None
    right_best: float | None
    stopped_early: bool
    seconds: float
    tokens_per_second: float


def precision(settings: TrainingSettings) -> torch.dtype:
    """The numbers that the base is held in while its adapter is trained."""
    return torch.bfloat16 if settings.bf16 else torch.float32


def fit(
    folder: Path,
    base: Base,
    units: Sequence[Unit],
    held: Sequence[Unit],
    lora: LoraSettings,
    settings: TrainingSettings,
    *,
    onto: Path | None,
    inputs: dict[str, Any],
    seed: int,
    say: Callable[[str], None],
) -> FitFigures:
    """Train an adapter, a fresh one or `onto` the one in that folder, and say how it went.

    Raises TrainingFailed; AdapterUnusable where `onto` belongs to another base.
    """
    if onto is not None:
        check_base(onto, base)
    processes = PartialState(cpu=on_cpu())
    with processes.main_process_first():
        _begin(folder, inputs, say)
    torch.manual_seed(seed)  # a fresh adapter is drawn
    training = Training(base, adapted(base, lora, onto=onto), units, held, settings, folder, seed=seed, say=say)
    ended = training.run()
    steps = _lines(folder / STEPS)
    looks = _lines(folder / LOOKS)
    best = min(looks, key=lambda look: look["loss"], default=None)
    seconds = sum(step["seconds"] for step in steps)
    return FitFigures(
        units=len(units),
        held=len(held),
        tokens=sum(len(row.ids) for unit in units for row in unit.rows),
        steps=ended.steps,
        loss_before=looks[0]["loss"] if looks else None,
        loss_best=best["loss"] if best else None,
        right_before=looks[0]["right"] if looks else None,
        right_best=best["right"] if best else None,
        stopped_early=ended.stopped_early,
        seconds=seconds,
        tokens_per_second=sum(step["tokens"] for step in steps) / seconds if seconds else 0.0,
    )


def check_base(adapter: Path, base: Base) -> None:
    """Raises AdapterUnusable where an adapter was trained on another base, or can't be read."""
    try:
        of = json.loads((adapter / CONFIG).read_text(encoding="utf-8")).get("base_sha256")
    except (OSError, ValueError) as error:
        raise AdapterUnusable(f"{adapter / CONFIG} can't be read ({error}): run the stage before again.") from error
    if of != base.sha256:
        raise AdapterUnusable(
            f"The adapter in {adapter} was made for another base model than {base.path}: give the base it was trained "
            "on, or delete the adapter's folder and run its stage again."
        )


def _begin(folder: Path, inputs: dict[str, Any], say: Callable[[str], None]) -> None:
    """Go on with what is there if it was made of the same; else put it aside, for it may be a night's work, and take up
    what was put aside of these inputs before."""
    text = json.dumps(inputs, ensure_ascii=False, indent=1)
    before = _text(folder / INPUTS)
    if before == text:
        return
    if before:
        aside = _aside(folder, before)
        say(f"{folder.name}: what it is made of has changed; it begins anew, and what was there is in {aside}.")
        shutil.rmtree(aside, ignore_errors=True)
        folder.replace(aside)
    if _aside(folder, text).is_dir():
        _aside(folder, text).replace(folder)
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / INPUTS).write_text(text, encoding="utf-8")


def _aside(folder: Path, inputs: str) -> Path:
    return folder.with_name(f"{folder.name}.{text_hash(inputs)[:8]}")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []

"""A training run's state on disk: adapter, optimiser, random numbers, and where in the data it was.

Each checkpoint is a folder that is written beside and renamed when it is whole; the newest whole one counts, and the
one before is kept until the next. What is random in training (dropout) goes on where it was, so a run that was killed
ends where the unbroken one does.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainer.sharding import gathered, placed

KEPT = 2
_STATE = "state.json"
_TENSORS = "tensors.pt"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is: steps done in all (which say epoch and group, the plan being the same each time), the best
    held-out loss (None: not looked yet), and how often in a row looking found nothing better."""

    step: int = 0
    best: float | None = None
    waited: int = 0


def state(trainable: dict[str, nn.Parameter], optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """What a checkpoint holds, in whole tensors on the CPU; every process has to call it."""
    known = optimiser.state_dict()
    moments = {
        at: {key: gathered(value) if isinstance(value, torch.Tensor) else value for key, value in values.items()}
        for at, values in known["state"].items()
    }
    return {
        "trainable": {name: gathered(parameter) for name, parameter in trainable.items()},
        "optimiser": known | {"state": moments},
        "random": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def save(folder: Path, place: Place, tensors: dict[str, Any]) -> None:
    """Write a checkpoint of a `state` and sync it; older ones than the last two go. Raises OSError (disk full)."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / "new"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    with (beside / _TENSORS).open("wb") as file:
        torch.save(tensors, file)
        file.flush()
        os.fsync(file.fileno())
    with (beside / _STATE).open("w", encoding="utf-8") as text:
        json.dump(asdict(place), text)
        text.flush()
        os.fsync(text.fileno())
    target = folder / f"step-{place.step:08}"
    shutil.rmtree(target, ignore_errors=True)
    beside.rename(target)
    for old in sorted(folder.glob("step-*"))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def newest(folder: Path) -> Path | None:
    """The newest whole checkpoint; None where there is none."""
    found = sorted(path for path in folder.glob("step-*") if (path / _STATE).is_file())
    return found[-1] if found else None


def restore(path: Path, trainable: dict[str, nn.Parameter], optimiser: torch.optim.Optimizer) -> Place:
    """Put the run back to where the checkpoint was made."""
    tensors = torch.load(path / _TENSORS, weights_only=True)
    with torch.no_grad():
        for name, parameter in trainable.items():
            parameter.copy_(placed(tensors["trainable"][name], parameter))
    parameters = list(trainable.values())
    moments = {
        at: {key: placed(value, parameters[at]) if key != "step" else value for key, value in values.items()}
        for at, values in tensors["optimiser"]["state"].items()
    }
    optimiser.load_state_dict(tensors["optimiser"] | {"state": moments})
    torch.set_rng_state(tensors["random"])
    if tensors["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(tensors["cuda"])
    return Place(**json.loads((path / _STATE).read_text(encoding="utf-8")))

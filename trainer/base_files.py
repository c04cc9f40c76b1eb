"""Where a run's base lies, and by what it is known.

Comes in: a model's name, a GGUF file or a Hugging Face folder, as a run's file names it. Goes out: its path, the file
that holds its weights, and that file's hash.
"""

from __future__ import annotations

from pathlib import Path

from agent.models import resolve_model
from trainer.manifest import file_hash
from trainer.run_config import Run

FOLDER_WEIGHTS = "model.safetensors"


def model_path(name: str) -> Path:
    """A Hugging Face folder, or a GGUF file. Raises ModelUnreadable."""
    folder = Path(name).expanduser()
    return folder.absolute() if folder.is_dir() else resolve_model(name)


def base_path(run: Run) -> Path:
    """The same of a run's base. Raises ModelUnreadable."""
    return model_path(run.base)


def weights_of(base: Path) -> Path:
    """The file by whose hash an adapter knows its base."""
    return base / FOLDER_WEIGHTS if base.is_dir() else base


def base_hash(run: Run) -> str:
    """The hash of a run's base, by which a stage knows that it is another; "" where there is none."""
    weights = weights_of(base_path(run))
    return file_hash(weights) if weights.is_file() else ""

"""What a stage writes beside its result: inputs' hashes, settings, seed, versions, figures.

A stage whose manifest says that the same inputs and settings made what is there has nothing to do. The manifest is
written last, so a folder without one is a stage that was cut off, and is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

NAME = "manifest.json"


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_hash(*parts: str) -> str:
    """SHA-256 of texts one after the other, each ended by a zero byte."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def is_current(folder: Path, inputs: dict[str, Any]) -> bool:
    """Whether `folder` holds the whole result of just these inputs."""
    try:
        written = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return False
    return bool(written.get("inputs") == inputs)


def is_first_process() -> bool:
    """Whether this is the one process, or the first of those of `accelerate launch`: the one that writes and speaks."""
    return os.environ.get("RANK", "0") == "0"


def write_manifest(folder: Path, stage: str, inputs: dict[str, Any], figures: dict[str, Any]) -> None:
    """Write the manifest whole: beside, synced, then moved into place."""
    manifest = {
        "stage": stage,
        "inputs": inputs,
        "figures": figures,
        "versions": {"tebiki": version("tebiki"), "python": platform.python_version()},
    }
    beside = folder / (NAME + ".new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(manifest, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / NAME)

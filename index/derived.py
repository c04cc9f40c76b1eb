"""How a derived file (word index, embedding matrix) says which state of the truth it was made from.

A *pointer* is a small JSON file, replaced in one step: it names the folder that counts, the state of the store that
the folder was built from, and the size and SHA-256 of each file in it. Sizes are compared whenever the folder is opened
(`intact`), sums when the library is verified (`spoiled`). Whatever is not named by a pointer is rubbish of an
interrupted build and is swept away.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from index.database import State

_FOLDER = re.compile(r"[a-z]+-[0-9a-f]+")

Sums = Mapping[str, tuple[int, str]]
"""Each file's size in bytes and SHA-256, by its name."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """`folder` lies beside the pointer file; `last` is the greatest row id taken in; `maker` is whatever must be equal
    for the files to be usable (analyzer version, embedder); `settled` is false while the folder is being changed, and
    its files then are others than `sums` says."""

    folder: str
    generation: int
    mark: str
    last: int
    maker: str
    settled: bool = True
    sums: Sums = field(default_factory=dict)

    @property
    def state(self) -> State:
        """The state of the store that this stands for."""
        return State(self.generation, self.mark)


def read_pointer(path: Path) -> Pointer | None:
    """The pointer in `path`; None where there is none, it is not as it was written, or it leads out of the library's
    folder."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said.pop("seal") != _seal(said):
            return None
        said["sums"] = {str(name): (int(size), str(sum_)) for name, (size, sum_) in said["sums"].items()}
        pointer = Pointer(**said)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return pointer if _FOLDER.fullmatch(pointer.folder) else None


def write_pointer(path: Path, pointer: Pointer) -> None:
    """Put `pointer` in place of the one before; after a power cut either is there whole."""
    said = asdict(pointer)
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            json.dump(said | {"seal": _seal(said)}, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    sync_entry(path.parent)


def sums_of(folder: Path, known: Sums | None = None) -> Sums:
    """Size and SHA-256 of each file in `folder`. Those of `known` are taken over where the size is the same, for files
    that are written once and never changed: damage done since then stays visible, and little is read."""
    sums: dict[str, tuple[int, str]] = {}
    for entry in _entries(folder):
        size, before = entry.stat().st_size, (known or {}).get(entry.name)
        sums[entry.name] = before if before and before[0] == size else (size, _sum(entry))
    return sums


def as_written(path: Path, sum_: tuple[int, str]) -> bool:
    """Whether one file has the size and SHA-256 that its pointer says; reads all of it."""
    return path.stat().st_size == sum_[0] and _sum(path) == sum_[1]


def intact(parent: Path, pointer: Pointer) -> bool:
    """Whether the folder holds just the files it should, each of the right size; cheap enough for every opening."""
    try:
        found = {entry.name: entry.stat().st_size for entry in _entries(parent / pointer.folder)}
    except OSError:
        return False
    return not pointer.settled or found == {name: size for name, (size, _) in pointer.sums.items()}


def is_broken(path: Path) -> bool:
    """Whether there is a pointer in `path` that is of no use: not as it was written, or its files have other sizes."""
    pointer = read_pointer(path)
    return path.exists() if pointer is None else not intact(path.parent, pointer)


def spoiled(parent: Path, pointer: Pointer, *, whatever_is_there: bool = False) -> list[str]:
    """The files that are missing, too many, or not as they were written; reads all of them. [] for a folder that is
    being changed, unless `whatever_is_there`: then those that are still there must be as they were written."""
    folder = parent / pointer.folder
    if not pointer.settled and not whatever_is_there:
        return []
    found = {entry.name: entry for entry in _entries(folder)} if folder.is_dir() else {}
    odd = {name for name, (_, sum_) in pointer.sums.items() if name in found and _sum(found[name]) != sum_}
    return sorted(odd if whatever_is_there else odd | (found.keys() ^ pointer.sums.keys()))


def damage(path: Path, what: str) -> list[str]:
    """What is wrong with the derived files that the pointer in `path` names, a sentence each; [] too where there is no
    pointer, for then there is nothing to rely on. `what` names them to the user."""
    for _ in range(3):  # another process may swap or change them meanwhile
        pointer = read_pointer(path)
        if pointer is None:
            return [f"{path} is not as it was written: rebuild the library."] if path.exists() else []
        odd = spoiled(path.parent, pointer)
        if not odd:
            return []
        if read_pointer(path) == pointer:
            return [f"{path.parent / pointer.folder / name} ({what}) is damaged: rebuild the library." for name in odd]
    return []


def _seal(said: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _entries(folder: Path) -> list[Path]:
    """The files that count: a lock's file says nothing, and hidden ones are the system's."""
    return [
        entry
        for entry in sorted(folder.iterdir())
        if entry.is_file() and not entry.name.startswith(".") and not entry.name.endswith("LOCK")
    ]


def _sum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"


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
    for entry in path.iterdir():
        if entry.is_file():
            sync_entry(entry)
    sync_entry(path)


def sync_entry(path: Path) -> None:
    """Have one file, or of a folder the names in it, on the disk before going on (where the system can)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

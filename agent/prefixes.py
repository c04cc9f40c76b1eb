"""Beginnings of prompts that were read once and are kept: in memory, and in a folder for the next start.

Comes in: tokens and the model's state after them, as bytes. Goes out: the kept beginning that saves most of a prompt's
reading. A state file begins with the SHA-256 of what follows, so that half a file is never given to llama.cpp; its name
says for which model, build and tokens it holds. It knows nothing of llama.cpp.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_KEPT = 4
"""States in memory: the fixed part of the prompt in two languages, and room for another use or two."""

MOST_FILES = 6
LEAST_SAVED = 16
"""Tokens that a kept state must save beyond what the cache holds: to put one back takes as long as to read a few."""

_DIGEST = 32
_ENDING = ".prefix"


@dataclass(frozen=True, slots=True)
class Prefix:
    """Tokens from the beginning of a prompt, and the model's state after reading them."""

    tokens: tuple[int, ...]
    state: bytes


class Prefixes:
    """The kept beginnings for one model, the last used last. `identity` names model and build; no `folder`: memory
    only."""

    def __init__(self, identity: str, folder: Path | None) -> None:
        self._identity = identity
        self._folder = folder
        self._kept: list[Prefix] = []

    def best(self, tokens: Sequence[int], held: int) -> Prefix | None:
        """The one that has most in common with `tokens`, if that is clearly more than the `held` ones in the cache."""
        best = max(self._kept, key=lambda prefix: common(prefix.tokens, tokens), default=None)
        if best is None or common(best.tokens, tokens) < held + LEAST_SAVED:
            return None
        self._kept.remove(best)
        self._kept.append(best)
        return best

    def keep(self, prefix: Prefix) -> None:
        """Keep in memory, in place of the one that was not used for longest."""
        others = [one for one in self._kept if one.tokens != prefix.tokens]
        self._kept = [*others[-(MOST_KEPT - 1) :], prefix]

    def forget(self, prefix: Prefix) -> None:
        """Keep it no longer: the model does not take its state."""
        self._kept = [one for one in self._kept if one is not prefix]

    def holds(self, tokens: Sequence[int]) -> bool:
        """Whether exactly these are kept in memory."""
        return any(one.tokens == tuple(tokens) for one in self._kept)

    # The folder

    def stored(self, tokens: Sequence[int]) -> Prefix | None:
        """What the folder holds for exactly these tokens; None where there is nothing whole."""
        path = self._path(tokens)
        if path is None:
            return None
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
            return None
        return Prefix(tuple(tokens), data[_DIGEST:])

    def store(self, prefix: Prefix) -> None:
        """Write to the folder, in place of the oldest there. Raises OSError where that can't be."""
        path = self._path(prefix.tokens)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}.new")
        try:
            beside.write_bytes(hashlib.sha256(prefix.state).digest() + prefix.state)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        files = sorted(path.parent.glob(f"*{_ENDING}"), key=lambda file: file.stat().st_mtime_ns)
        for old in files[:-MOST_FILES]:
            old.unlink(missing_ok=True)

    def _path(self, tokens: Sequence[int]) -> Path | None:
        if self._folder is None:
            return None
        name = hashlib.sha256(f"{self._identity} {' '.join(map(str, tokens))}".encode()).hexdigest()[:32]
        return self._folder / f"{name}{_ENDING}"


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two prompts have in common from their beginning."""
    same = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        same += 1
    return same

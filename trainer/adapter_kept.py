"""How much of what an adapter changed is left in a form of fewer bits.

Comes in: the base, the merged model in f32 and a form of it, all GGUF. A base that comes in 4 bits has its weights on a
lattice, and a form that fits scale and minimum to each block finds that lattice again: what the adapter moved by less
than half a step is rounded back. Such a form is near the base rather than the tuned model, though its error is small
beside the weights. The KL of `trainer.parity` sees that something is lost, and not what (docs/training.md, Forms).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
from gguf import GGUFReader, ReaderTensor

from agent.merging import dequantised


def changed(base: Path, merged: Path) -> frozenset[str]:
    """The weights of `base` that are others in `merged`, by their GGUF names."""
    before, after = _weights(base), _weights(merged)
    found = set()
    for name in before.keys() & after.keys():
        parts = zip(dequantised(before[name]), dequantised(after[name]), strict=True)
        if any(not np.array_equal(old, new) for old, new in parts):
            found.add(name)
    return frozenset(found)


def kept(base: Path, merged: Path, form: Path, names: Collection[str]) -> float:
    """The projection of how far `form` is from the base on how far the merged model is, over the weights `names`: 1
    where all of the change is there, 0 where the base is back. Rounding in few bits scatters it, to over 1 as well."""
    before, after, stored = _weights(base), _weights(merged), _weights(form)
    there = held = 0.0
    for name in names:
        for old, new, now in zip(*(dequantised(of[name]) for of in (before, after, stored)), strict=True):
            change = new - old
            there += float(np.vdot(change, change))
            held += float(np.vdot(change, now - old))
    return held / there


def _weights(path: Path) -> dict[str, ReaderTensor]:
    return {tensor.name: tensor for tensor in GGUFReader(str(path)).tensors}

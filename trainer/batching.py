"""In which order units are trained on: a pure function of their lengths, the seed and the epoch.

Comes in: lengths, settings. Goes out: for each optimiser step the units of its group, and for each group the
micro-batches that are computed at once. A run that goes on after a kill makes the same plan and steps to where it was.
Groups gather units of like length, so that little is padded; which units meet is drawn anew in each epoch.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

POOL = 16
"""Groups' worth of units that are sorted by length together: more pads less, and draws less freely."""


def groups(lengths: Sequence[int], size: int, seed: int, epoch: int) -> list[list[int]]:
    """The units (by index) of each optimiser step of an epoch, `size` each, the last one fewer; each unit once."""
    draw = random.Random(f"{seed}:{epoch}")
    order = list(range(len(lengths)))
    draw.shuffle(order)
    made: list[list[int]] = []
    for at in range(0, len(order), size * POOL):
        pool = sorted(order[at : at + size * POOL], key=lambda index: (lengths[index], index))
        made += [pool[begin : begin + size] for begin in range(0, len(pool), size)]
    draw.shuffle(made)
    return made


def micro_batches(group: Sequence[int], lengths: Sequence[int], rows: Sequence[int], most: int) -> list[list[int]]:
    """A group cut so that each part, padded, has at most `most` tokens (one unit at least); `lengths` are
    of the longest row of each unit, `rows` how many it has."""
    made: list[list[int]] = []
    widest = count = 0
    for index in sorted(group, key=lambda index: (-lengths[index], index)):
        width = max(widest, lengths[index])
        if made and (count + rows[index]) * width <= most:
            made[-1].append(index)
            widest, count = width, count + rows[index]
        else:
            made.append([index])
            widest, count = lengths[index], rows[index]
    return made

"""How likely each unit is to hold the answer: a small network over what is seen of it, with its numbers as data.

Comes in: the matrix of unit_features.py. Goes out: a probability a unit; what is missing from 1 is the chance that none
of them answers. The numbers in `unit_ranker.json` were fitted by `python -m benchmarks.extractor_quality --fit` on the
tuning halves of the question sets. It knows nothing of texts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.unit_features import FEATURES

Floats = npt.NDArray[np.float64]

DATA = Path(__file__).with_suffix(".json")


@dataclass(frozen=True, slots=True)
class Ranker:
    """A unit's score is `tanh(x @ hidden + bias) @ out + x @ direct`; the scores of a question's units and `none`, that
    of "no unit answers", go through one softmax, so units compete. Shapes: [features, h], [h], [h], [features]."""

    hidden: Floats
    bias: Floats
    out: Floats
    direct: Floats
    none: float

    def scores(self, seen: Floats) -> Floats:
        """One score a row of `seen`, less that of "no unit answers"."""
        return np.asarray(np.tanh(seen @ self.hidden + self.bias) @ self.out + seen @ self.direct - self.none)

    def probabilities(self, seen: Floats) -> Floats:
        """One probability a row of `seen`; together at most 1. `seen` has at least one row."""
        return probabilities(self.scores(seen))


def probabilities(scores: Floats) -> Floats:
    """The softmax of a question's scores and of 0, that of "no unit answers", without the latter's share."""
    most = max(float(scores.max()), 0.0)
    parts = np.exp(scores - most)
    return np.asarray(parts / (parts.sum() + np.exp(-most)))


@lru_cache(maxsize=1)
def shipped() -> Ranker:
    """The ranker that the program uses; read once. Raises ValueError if it was fitted on other features."""
    with DATA.open(encoding="utf-8") as file:
        held = json.load(file)
    if tuple(held["features"]) != FEATURES:
        raise ValueError(f"{DATA.name} was fitted on other features: run the fit again.")
    hidden, bias, out, direct = (np.array(held[key], dtype=np.float64) for key in ("hidden", "bias", "out", "direct"))
    return Ranker(hidden, bias, out, direct, float(held["none"]))

"""Logits in, a token out: greedy, or at a temperature, and within a grammar where there is one.

It knows nothing of llama.cpp: a grammar is anything that says which of some tokens may come next.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
Tokens = NDArray[np.int32]
Allowed = Callable[[Tokens], NDArray[np.bool_]]

_TOP_K = 40
_TOP_P = 0.95


class Sampler:
    """Picks tokens from logits. Temperature 0 takes the likeliest; above, the 40 likeliest and of them the nucleus
    of 0.95 are drawn from, repeatably by `seed`."""

    def __init__(self, temperature: float, seed: int, allowed: Allowed | None) -> None:
        self._temperature = temperature
        self._random = np.random.default_rng(seed)
        self._allowed = allowed

    def pick(self, logits: Logits) -> int | None:
        """The next token; None where the grammar allows none."""
        if self._temperature <= 0 and self._likeliest_fits(logits):
            return int(logits.argmax())
        # Asking the grammar about the whole vocabulary takes longer than a token; nearly always a few suffice.
        for count in (_TOP_K, logits.size):
            tokens = _likeliest(logits, count)
            if self._allowed is not None:
                tokens = tokens[self._allowed(tokens)]
            if tokens.size:
                return int(tokens[0]) if self._temperature <= 0 else self._draw(tokens[:_TOP_K], logits)
        return None

    def _likeliest_fits(self, logits: Logits) -> bool:
        return self._allowed is None or bool(self._allowed(np.array([logits.argmax()], dtype=np.int32))[0])

    def _draw(self, tokens: Tokens, logits: Logits) -> int:
        scaled = logits[tokens].astype(np.float64) / self._temperature
        weights = np.exp(scaled - scaled.max())
        weights /= weights.sum()
        # The nucleus: the likeliest tokens, until together they reach _TOP_P.
        kept = int(np.searchsorted(np.cumsum(weights), _TOP_P)) + 1
        return int(self._random.choice(tokens[:kept], p=weights[:kept] / weights[:kept].sum()))


def _likeliest(logits: Logits, count: int) -> Tokens:
    """The `count` likeliest tokens, likeliest first; ties by number, so that the order is the same each time."""
    tokens = np.sort(np.argpartition(logits, -count)[-count:]) if count < logits.size else np.arange(logits.size)
    order = np.argsort(-logits[tokens], kind="stable")
    return tokens[order].astype(np.int32)


def log_probability(logits: Logits, token: int) -> float:
    """Natural logarithm of the softmax of `logits` at `token`, in double precision."""
    row = logits.astype(np.float64)
    top = row.max()
    return float(row[token] - top - np.log(np.exp(row - top).sum()))

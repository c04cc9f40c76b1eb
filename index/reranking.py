"""A second look at the best of a list: does one line of the passage speak of everything that was asked?

Comes in: ranked passages and what each term of the query is worth. Goes out: the same ranking with those passages
lifted in which the terms stand together. BM25 adds up terms wherever they stand, and a cosine is that of the whole
passage; a manual's answer is one sentence, one row or one option in it. It knows nothing of indexes or models.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from index import analyzer
from index.fusion import by_score
from index.records import Passage

LOOKED_AT = 15
"""How many of the best get the second look: 12 were enough, more changed no measured rank."""

LIFT = 0.3
"""What a line that holds all of the query adds to a score in 0..1. Up to 0.5 little changes: docs/search-trials.md."""

_LINE_END = re.compile(r"\n+|(?<=[.!?])\s+(?=[A-Z\"(])|(?<=[。！？])")


def rarity(weights: Mapping[str, float], frequencies: Sequence[int], passages: int) -> dict[str, float]:
    """What each term of a query tells: its weight times BM25's idf; `frequencies` say in how many of the `passages` it
    stands. Terms that stand nowhere are left out: nothing can be told by them."""
    return {
        term: weight * math.log(1 + (passages - found + 0.5) / (found + 0.5))
        for (term, weight), found in zip(weights.items(), frequencies, strict=True)
        if found and weight > 0
    }


def lifted(
    ranked: Sequence[tuple[int, float]], passages: Mapping[int, Passage], worth: Mapping[str, float]
) -> list[tuple[int, float]]:
    """The ranking anew, best first, scores still in 0..1: the first `LOOKED_AT` gain by the square of `together`, so
    that a line with half of the query counts for a quarter. `worth` is what `rarity` gives; without terms the ranking
    stays as it is."""
    if not worth:
        return list(ranked)
    scores = {}
    for place, (id_, score) in enumerate(ranked):
        gain = together(passages[id_], worth) ** 2 if place < LOOKED_AT and id_ in passages else 0.0
        scores[id_] = (score + LIFT * gain) / (1 + LIFT)
    return by_score(scores)


def together(passage: Passage, worth: Mapping[str, float]) -> float:
    """The greatest share of the query's worth, 0..1, that a single sentence, list item or row of the passage holds
    together with the heading path, which is said of each of them."""
    above = _held(["\n".join(passage.heading)], worth)
    best = max((sum(worth[term] for term in above | _held([line], worth)) for line in _lines(passage.text)), default=0)
    return best / sum(worth.values())


def _lines(text: str) -> Iterable[str]:
    return (line for line in _LINE_END.split(text) if line.strip())


def _held(texts: Iterable[str], worth: Mapping[str, float]) -> set[str]:
    return {term for text in texts for term in analyzer.tokens(text) if term in worth}

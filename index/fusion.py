"""Two rankings in, one out: pure functions over ids and scores, which know nothing of where those come from.

`weighted` is what search uses; `reciprocal_rank` is its peer in the benchmark. Ties go to the smaller id, so that a
result list is the same each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from index.records import Language

WORDS_WEIGHT: Mapping[Language, float] = {"en": 0.4, "ja": 0.4}
"""How much the words' ranking counts against the meaning's, by the query's language.
Chosen on benchmarks/search_quality.py (JSQuAD, XQuAD, 30 Slurm questions): see docs/benchmarks.md. On questions of our
own 0.3 and 0.5, z-scores, reciprocal ranks and other pools did no better: docs/search-trials.md."""

NAME_WEIGHT = 0.9
"""The same for a query that is one identifier and nothing else: its own entry should come first."""


def weighted(lexical: Mapping[int, float], cosine: Mapping[int, float], words_weight: float) -> list[tuple[int, float]]:
    """All ids of either ranking with `w x BM25 / best BM25 + (1 - w) x cosine`, best first, scores in 0..1.

    The cosines of the candidates are stretched to 0..1 (those of one model all lie close together). An id that has no
    cosine because its passage has no embedding yet is judged by its words alone, as if meaning agreed with them: it is
    neither punished nor favoured. When nothing was found by words, meaning decides alone.
    """
    best = max(lexical.values(), default=0.0)
    low, high = min(cosine.values(), default=0.0), max(cosine.values(), default=0.0)
    share = words_weight if best > 0 else 0.0
    scores = {}
    for id_ in lexical.keys() | cosine.keys():
        words = lexical.get(id_, 0.0) / best if best > 0 else 0.0
        if id_ in cosine:
            meaning = (cosine[id_] - low) / (high - low) if high > low else 1.0
            scores[id_] = share * words + (1 - share) * meaning
        else:
            scores[id_] = words
    return by_score(scores)


def reciprocal_rank(rankings: Sequence[Sequence[int]], k: int = 60) -> list[tuple[int, float]]:
    """Reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009): the sum of 1 / (k + rank), rank from 1."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, id_ in enumerate(ranking, start=1):
            scores[id_] = scores.get(id_, 0.0) + 1 / (k + rank)
    return by_score(scores)


def by_score(scores: Mapping[int, float]) -> list[tuple[int, float]]:
    """Ids and scores, best first, the smaller id first among equals."""
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))

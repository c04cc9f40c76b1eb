"""BM25F over the segments of the score matrix, in a few array operations.

Comes in: segments, which passages of them are gone, and weighted terms. Goes out: passage ids with scores. The figures
that BM25 takes from the whole library (how many passages, how long they are, how many hold a term) are those of the
passages that are there, over all segments: a ranking does not depend on how passages came to lie in which segment. It
knows nothing of files, stores or analysis.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from index.records import Language
from index.segments import Array, Segment, term_hash

K1, B = 1.2, 0.75

_MASKS = 8  # filters remembered; a window keeps one or two in use

Scores = npt.NDArray[np.float32]


class Ranker:
    """Ranks the passages of some segments; `worth` says what a term counts in each of their fields."""

    def __init__(self, segments: Sequence[Segment], gone: Array, worth: Sequence[float]) -> None:
        self._segments = [segment for segment in segments if len(segment)]
        self._worth = worth
        self._bases = np.cumsum([0, *map(len, self._segments)]).tolist()
        self._passages = self._over_all("passages", np.int64)
        self._live = ~np.isin(self._passages, gone)
        self._whole = bool(self._live.all())
        self._size = int(self._live.sum())
        self._norms = [self._norm(field) for field in range(len(worth))]
        self._masks: dict[tuple[Language | None, frozenset[int] | None], npt.NDArray[np.bool_]] = {}

    @property
    def passages(self) -> Array:
        """The ids of all passages that are there, int64."""
        return self._passages[self._live]

    def frequencies(self, terms: Sequence[str]) -> list[int]:
        """In how many passages each term stands; passages that are gone count until their segment is joined anew."""
        return [sum(end - start for start, end in spans) for spans in self._spans(terms)]

    def best(
        self,
        terms: Mapping[str, float],
        top: int,
        *,
        language: Language | None = None,
        manuals: Collection[int] | None = None,
    ) -> list[tuple[int, float]]:
        """The `top` passages that hold any of the terms: id and score above 0, best first, then by id.

        `terms` says how much each counts. `language` and `manuals` keep to passages in that language and of those
        manuals; they change which passages are listed, not their scores.
        """
        scores = np.zeros(len(self._passages), np.float32)
        for spans, weight in zip(self._spans(list(terms)), terms.values(), strict=True):
            self._add(scores, spans, weight)
        if language is not None or manuals is not None:
            scores *= self._mask(language, None if manuals is None else frozenset(manuals))
        held = np.flatnonzero(scores > 0)
        if len(held) > top:
            least = np.partition(scores[held], len(held) - top)[len(held) - top]
            held = held[scores[held] >= least]
        order = np.lexsort((self._passages[held], -scores[held]))[:top]
        return list(zip(self._passages[held[order]].tolist(), scores[held[order]].tolist(), strict=True))

    def _spans(self, terms: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
        """For each term where its postings lie in each segment."""
        hashes = np.array([term_hash(term) for term in terms], np.uint64)
        return list(zip(*(segment.spans(hashes) for segment in self._segments), strict=True)) or [()] * len(terms)

    def _add(self, scores: Scores, spans: Sequence[tuple[int, int]], weight: float) -> None:
        """Add what one term is worth to the scores of the passages that hold it."""
        held = [(n, start, end) for n, (start, end) in enumerate(spans) if end > start]
        if not held:
            return
        places = np.concatenate([self._segments[n].places[a:b].astype(np.intp) + self._bases[n] for n, a, b in held])
        live = None if self._whole else self._live[places]
        if live is not None:
            places = places[live]
        for field, worth in enumerate(self._worth):
            if worth <= 0:
                continue
            counts = np.concatenate([self._segments[n].counts[field, a:b] for n, a, b in held])
            if live is not None:
                counts = counts[live]
            some = np.flatnonzero(counts)
            if not len(some):
                continue
            where, often = places[some], counts[some].astype(np.float32)
            idf = math.log(1 + (self._size - len(some) + 0.5) / (len(some) + 0.5))
            scores[where] += np.float32(weight * worth * idf * (K1 + 1)) * often / (often + self._norms[field][where])

    def _mask(self, language: Language | None, manuals: frozenset[int] | None) -> npt.NDArray[np.bool_]:
        """Which passages a search is kept to."""
        key = language, manuals
        if key not in self._masks:
            mask = np.ones(len(self._passages), bool)
            if language is not None:
                mask &= self._over_all("japanese", np.uint8) == (language == "ja")
            if manuals is not None:
                mask &= np.isin(self._over_all("manuals", np.int64), np.fromiter(manuals, np.int64, len(manuals)))
            if len(self._masks) >= _MASKS:
                self._masks.pop(next(iter(self._masks)))
            self._masks[key] = mask
        return self._masks[key]

    def _norm(self, field: int) -> Scores:
        """What of BM25's denominator depends on the passage alone: k1 (1 - b + b length / mean length)."""
        lengths = np.concatenate([segment.lengths[field] for segment in self._segments] or [np.empty(0, np.uint32)])
        mean = float(lengths[self._live].mean()) if self._size else 0.0
        return np.asarray(K1 * (1 - B + B * lengths / (mean or 1.0)), np.float32)

    def _over_all(self, name: str, kind: type[np.generic]) -> Array:
        return np.concatenate([getattr(segment, name) for segment in self._segments] or [np.empty(0, kind)])

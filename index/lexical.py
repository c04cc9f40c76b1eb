"""Search by words: what of a passage is searched in which field, what a query asks for, and what each of it weighs.

Comes in: the store, and a query's text. Goes out: passage ids with BM25F scores. How terms are made is the analyzer's
business; how they are kept (matrix.py) and ranked (ranking.py) is known there. The index is never the only copy of
anything, so whatever is wrong with it is mended, not reported.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from index import analyzer
from index.matrix import Matrix
from index.ranking import Ranker
from index.records import Language, Passage
from index.segments import Counted
from index.store import Store

FIELDS = ("body", "heading")
"""What terms are counted in; `_counted` says what stands in each."""

TEXTS = 1
"""Raised whenever `_counted` would give other terms though the analyzer is the same: an index made before is then
rebuilt. Weights are applied when searching and need no rebuild."""

MOST_TERMS = 32
"""A longer query is cut to its rarest terms: the others cost time and hardly change ranks."""

HEADING_BOOST = 0.5
"""What a term is worth in the heading path, on top of its worth in the text, of which the path is counted as a part.
Measured on 60 questions to the Slurm manual, MRR@10: text alone 0.412, path in the text 0.465, and by itself as well
with 0.5 0.491, with 1.0 0.467."""

LATIN_WORTH = 2.0
"""What a command, an option or another word in Latin letters counts for in a Japanese question. It is one term there,
where a Japanese word is several pairs: "オプション" alone would outweigh the option that is asked about.
Measured by words alone, hit@1: JSQuAD, 1,781 questions, 0.902 with 1, 0.905 with 1.5, 0.906 with 2, 0.906 with 3;
60 exam questions to a primer of 169 pages 0.817, 0.850, 0.850, 0.800."""


class Lexical:
    """The word index that lies in `folder`; the store is handed to each call that needs the truth.

    Use it from one thread at a time. `bring_up` writes and wants the writer's lock; the searches only read, and see
    what another process wrote as soon as its pointer was swapped. A broken index makes them raise; the caller brings it
    up anew.
    """

    def __init__(self, folder: Path, *, heading_boost: float = HEADING_BOOST) -> None:
        self._matrix = Matrix(folder, f"texts-{TEXTS}/terms-{analyzer.VERSION}", (1.0, heading_boost))

    def is_current(self, store: Store) -> bool:
        """Whether the index on disk holds just the passages that the store holds now."""
        return self._matrix.is_current(store)

    def bring_up(self, store: Store, *, anew: bool = False) -> None:
        """Take in what the store gained and drop what it lost since; make the index anew where that can't be done."""
        self._matrix.bring_up(store, lambda last: map(_counted, store.passages_after(last)), anew=anew)

    def search(
        self, text: str, top: int, *, language: Language | None = None, manuals: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """The `top` passages by BM25F, best first: passage id and score above 0. [] where no term is known.

        `language` and `manuals` (ids; None: all) keep to passages in that language and of those manuals.
        """
        return self.search_terms(self.weights(text), top, language=language, manuals=manuals)

    def search_terms(
        self,
        weights: Mapping[str, float],
        top: int,
        *,
        language: Language | None = None,
        manuals: Collection[int] | None = None,
    ) -> list[tuple[int, float]]:
        """As `search`, for terms as `analyzer.tokens` gives them, each with what it counts (1: as if it was asked)."""
        ranker = self._matrix.open()
        if ranker is None:
            return []
        rarest = _rarest(ranker, [term for term, weight in weights.items() if weight > 0])
        return ranker.best({term: weights[term] for term in rarest}, top, language=language, manuals=manuals)

    def weights(self, text: str) -> dict[str, float]:
        """The terms that `search` would look for in `text`, and what each counts."""
        terms = list(dict.fromkeys(analyzer.tokens(text, query=True)))
        japanese = any(map(analyzer.is_japanese, terms))
        return {term: LATIN_WORTH if japanese and not analyzer.is_japanese(term) else 1.0 for term in terms}

    def frequency(self, term: str) -> int:
        """In how many passages a term (as `analyzer.tokens` gives it) stands; 0 for one that the library lacks."""
        ranker = self._matrix.open()
        return ranker.frequencies([term])[0] if ranker is not None else 0

    def damage(self) -> list[str]:
        """The files that are not as they were written, a sentence each; reads all of them."""
        return self._matrix.damage()

    def ids(self) -> set[int]:
        """The ids of all passages in the index."""
        ranker = self._matrix.open()
        return set() if ranker is None else set(ranker.passages.tolist())

    def close(self) -> None:
        """Give the files back; the next search opens them again."""
        self._matrix.close()


def _counted(passage: Passage) -> Counted:
    """The terms of each field; the heading's path is part of the body too, so that a term in it counts in both."""
    heading = analyzer.tokens("\n".join(passage.heading))
    body = heading + analyzer.tokens(f"{passage.context}\n{passage.text}")
    return Counted(passage.id, passage.manual_id, passage.language, (body, heading))


def _rarest(ranker: Ranker, terms: Sequence[str]) -> list[str]:
    """The terms that the index holds, in their order; of more than MOST_TERMS the rarest."""
    counted = sorted((count, order) for order, count in enumerate(ranker.frequencies(terms)) if count)
    # In the order asked: scores are added up in it, and must not differ in the last bit with what is gone.
    return [terms[order] for order in sorted(order for _, order in counted[:MOST_TERMS])]

"""BM25F over a whole Whoosh index in a few array operations.

Comes in: an open Whoosh reader and terms. Goes out: document numbers with scores. Whoosh walks postings one by one in
Python, which takes seconds for a long question to a large library; here each term's postings are read once, kept as
arrays of scores, and added up. It knows nothing of passages or analysis.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

K1, B = 1.2, 0.75
KEPT = 16_000_000
"""Postings kept in memory, the terms asked for longest ago going first: 8 bytes each."""

Documents = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]


class Ranker:
    """Ranks the documents of one reader; it lives as long as the reader does. Use it from one thread at a time.

    `fields` says what a term is worth in each field.
    """

    def __init__(self, reader: Any, fields: Mapping[str, float]) -> None:
        self._reader = reader
        self._fields = {name: worth for name, worth in fields.items() if worth > 0}
        self._leaves: list[tuple[Any, int]] = list(reader.leaf_readers())
        self._size = int(reader.doc_count_all())
        self._norms = {name: self._norm(name) for name in self._fields}
        self._kept: OrderedDict[str, tuple[Documents, Scores]] = OrderedDict()
        self._postings = 0
        self._masks: dict[tuple[str, str], npt.NDArray[np.bool_]] = {}

    def frequency(self, term: str) -> int:
        """In how many documents the term stands, by the field that has it most."""
        return max(int(self._reader.doc_frequency(name, term)) for name in self._fields)

    def best(
        self, terms: Mapping[str, float], top: int, only: tuple[str, str] | None = None
    ) -> list[tuple[int, float]]:
        """The `top` documents that hold any of the terms: number and score, best first, then by number.

        `terms` says how much each counts; `only` = (field, term) keeps to the documents that have that term in that
        field.
        """
        scores = np.zeros(self._size, np.float32)
        for term, weight in terms.items():
            documents, worth = self._of(term)
            scores[documents] += np.float32(weight) * worth
        if only is not None:
            scores[self._without(*only)] = 0
        held = np.flatnonzero(scores)
        held = held[np.lexsort((held, -scores[held]))] if len(held) <= 4 * top else self._foremost(scores, held, top)
        found: list[tuple[int, float]] = []
        for document in held.tolist():
            if len(found) == top:
                break
            if not self._reader.is_deleted(document):
                found.append((document, float(scores[document])))
        return found

    def _without(self, name: str, term: str) -> npt.NDArray[np.bool_]:
        """Which documents lack a term in a field."""
        if (name, term) not in self._masks:
            lacks = np.ones(self._size, bool)
            lacks[self._read(name, term)[0]] = False
            self._masks[name, term] = lacks
        return self._masks[name, term]

    def _foremost(self, scores: Scores, held: npt.NDArray[np.intp], top: int) -> npt.NDArray[np.intp]:
        """Enough of the best to have `top` left when deleted documents are passed over, however many those are."""
        deleted = self._size - int(self._reader.doc_count())
        enough = min(len(held), top + deleted)
        chosen = held[np.argpartition(-scores[held], enough - 1)[:enough]]
        return chosen[np.lexsort((chosen, -scores[chosen]))]

    def _of(self, term: str) -> tuple[Documents, Scores]:
        """The documents that hold a term and what it is worth in each, from memory where it was asked for before."""
        if term in self._kept:
            self._kept.move_to_end(term)
            return self._kept[term]
        total = np.zeros(self._size, np.float32)
        for name, worth in self._fields.items():
            documents, counts = self._read(name, term)
            idf = math.log(1 + (self._size - len(documents) + 0.5) / (len(documents) + 0.5))
            total[documents] += worth * idf * counts * (K1 + 1) / (counts + self._norms[name][documents])
        documents = np.flatnonzero(total).astype(np.int32)
        self._kept[term] = (documents, total[documents])
        self._postings += len(documents)
        while self._postings > KEPT and len(self._kept) > 1:
            _, (gone, _) = self._kept.popitem(last=False)
            self._postings -= len(gone)
        return documents, total[documents]

    def _read(self, name: str, term: str) -> tuple[Documents, Scores]:
        """The documents that have a term in a field, and how often each has it."""
        documents: list[int] = []
        counts: list[float] = []
        for leaf, offset in self._leaves:
            if (name, term) not in leaf:
                continue
            matcher = leaf.postings(name, term)
            while matcher.is_active():
                documents.append(matcher.id() + offset)
                counts.append(matcher.weight())
                matcher.next()
        return np.asarray(documents, np.int32), np.asarray(counts, np.float32)

    def _norm(self, name: str) -> Scores:
        """What of BM25's denominator depends on the document alone: k1 (1 - b + b length / mean length)."""
        lengths = np.zeros(self._size, np.float32)
        for leaf, offset in self._leaves:
            count = leaf.doc_count_all()
            lengths[offset : offset + count] = [leaf.doc_field_length(n, name) or 0 for n in range(count)]
        mean = float(lengths.mean()) if self._size else 1.0
        return np.asarray(K1 * (1 - B + B * lengths / (mean or 1.0)), np.float32)

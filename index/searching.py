"""One search through a library: names, words and meaning in, hits in order out.

    names (named.py) -> words (lexical.py) and meaning (dense.py) -> fusion -> a second look -> editions and repeats

Comes in: the parts of an open library, a query, a scope. Goes out: hits. What goes wrong with the word index is mended
on the way and never fails a search. It writes nothing, and knows neither files nor locks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from index import analyzer, crowding, fusion, reranking, versions
from index.database import State
from index.dense import Dense
from index.embedder import Embedder
from index.exact import Phrase, Shape, exact
from index.glossary import Glossary
from index.lexical import Lexical
from index.named import Find, look_up, named
from index.records import Hit, Language, Passage, Scope
from index.spelling import Speller
from index.store import Store

if TYPE_CHECKING:
    from index.whoosh_index import WhooshIndex

_log = logging.getLogger(__name__)

POOL = 200
"""Candidates that each of the two rankings puts forward for the fused list."""


MOST_EXACT = 1_000
"""Passages that the matrix puts forward for an exact query."""

MOST_NAMES = 200
"""Names of a shape that are looked for, in alphabetical order."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is searched: the truth and what is derived from it, as they are open now."""

    store: Store
    lexical: Lexical
    dense: Dense
    whoosh: Callable[[], WhooshIndex]


@dataclass(frozen=True, slots=True)
class _Within:
    """Where one search looks: the ids of manuals (None: all), a language (None: any), and whether all of that is in
    another language than the question's."""

    manuals: frozenset[int] | None
    language: Language | None
    alone: bool


class Searching:
    """Searches the parts it is handed. `embedder` gives the model that made their embeddings, if it can be had;
    `mended` makes the word index anew and gives the parts as they are then."""

    def __init__(
        self, glossary: Glossary, embedder: Callable[[], Embedder | None], mended: Callable[[], Parts]
    ) -> None:
        self.glossary = glossary
        self._embedder = embedder
        self._mended = mended
        self._speller: tuple[State, Speller] | None = None

    def search(self, parts: Parts, query: str, top: int, scope: Scope) -> list[Hit]:
        """See `Library.search`."""
        if top < 1 or not query.strip():
            return []
        pool = max(POOL, top)
        books = parts.store.books()
        manuals = versions.in_scope(books, scope)
        if (to_the_letter := exact(query)) is not None:
            within = _Within(manuals, scope.language, alone=False)
            found = _exactly(parts, to_the_letter, within)
            return crowding.newest_first(found, versions.outdated(books, query, manuals))[:top]
        # Only manuals in another language than the question's: then their words are all that can be found.
        alone = analyzer.query_language(query) not in versions.languages(books, scope)
        within = _Within(manuals, scope.language, alone)
        names = named(query, *_finders(parts, within))
        lexical = self._by_words(parts, query, pool, within)
        # Whoever types a name wants it at once: the entry is known, and meaning would cost more than all the rest.
        cosine = {} if names.whole else self._by_meaning(parts, query, pool, within, {*lexical, *names.passages})
        ranked = names.lifted(fusion.weighted(lexical, cosine, _words_weight(query)))
        held = parts.store.passages([id_ for id_, _ in ranked])  # a derived file may still name what was removed
        if lexical and not names.whole:
            ranked = reranking.lifted(ranked, held, _worth(parts, query))
        hits = [
            Hit(held[id_], score, lexical.get(id_, 0.0), cosine.get(id_))
            for id_, score in ranked
            if id_ in held and (manuals is None or held[id_].manual_id in manuals)
        ]
        return crowding.without_repeats(crowding.newest_first(hits, versions.outdated(books, query, manuals)))[:top]

    def entries(self, parts: Parts, identifier: str, scope: Scope) -> list[Passage]:
        """See `Library.entries`."""
        within = _Within(versions.in_scope(parts.store.books(), scope), scope.language, alone=False)
        places = look_up(identifier, *_finders(parts, within))
        held = parts.store.passages([place.passage_id for place in places])
        return [held[place.passage_id] for place in places if place.passage_id in held]

    def suggest(self, parts: Parts, query: str) -> str | None:
        """See `Library.suggest`."""
        state = parts.store.state()
        if self._speller is None or self._speller[0] != state:
            self._speller = state, Speller(parts.store.words())
        return self._speller[1].suggest(query, parts.lexical.frequency)

    def _by_words(self, parts: Parts, query: str, top: int, within: _Within) -> dict[int, float]:
        for attempt in range(3):
            try:
                weights = self.glossary.widened(query, parts.lexical.weights(query), alone=within.alone)
                return dict(parts.lexical.search_terms(weights, top, language=within.language, manuals=within.manuals))
            except Exception as error:  # a broken file fails in many ways
                _log.warning("Search by words failed: %s: %s", type(error).__name__, error)
                if attempt == 0:  # another process may swap the index just now: open it again
                    parts.lexical.close()
                elif attempt == 1:
                    parts = self._mended()
        return {}

    def _by_meaning(
        self, parts: Parts, query: str, top: int, within: _Within, also: Collection[int]
    ) -> dict[int, float]:
        embedder = self._embedder()
        if embedder is None:
            return {}
        parts.dense.follow(parts.store)
        vector = embedder.queries([query])[0]
        nearest = dict(parts.dense.search(vector, top, language=within.language, manuals=within.manuals))
        return nearest | parts.dense.cosines(vector, set(also) - nearest.keys())


def _exactly(parts: Parts, asked: Phrase | Shape, within: _Within) -> list[Hit]:
    """The passages that hold a phrase, or a name of a shape, all of them, by BM25. Whoosh knows them; what it has not
    taken in yet comes from the matrix and the words of the texts, as far as those can tell."""
    language, manuals = within.language, within.manuals
    terms = list(asked.terms) if isinstance(asked, Phrase) else _of_shape(parts, asked)
    scores = dict(parts.lexical.search_terms(dict.fromkeys(terms, 1.0), MOST_EXACT, language=language, manuals=manuals))
    if isinstance(asked, Phrase):
        with suppress(Exception):  # a broken index is mended behind; the matrix tells most of it meanwhile
            all_of_them = parts.whoosh().holding(terms, language=language, manuals=manuals)
            scores = dict.fromkeys(all_of_them, 0.0) | scores
    held = parts.store.passages(list(scores))
    right = [id_ for id_ in held if isinstance(asked, Shape) or asked.stands_in(held[id_])]
    best = max((scores[id_] for id_ in right), default=0.0) or 1.0
    hits = [Hit(held[id_], scores[id_] / best, scores[id_], None) for id_ in right]
    if isinstance(asked, Shape):  # the entries of such names before mentions of them
        places = parts.store.places(asked.prefix, manuals=within.manuals, language=within.language, prefix=True)
        rank = {place.passage_id: place.rank for place in places}
        last = max(rank.values(), default=0) + 1
        return sorted(hits, key=lambda hit: (rank.get(hit.passage.id, last), -hit.score, hit.passage.id))
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage.id))


def _of_shape(parts: Parts, asked: Shape) -> list[str]:
    """The terms of the library that have this shape."""
    terms = {term for _, word in parts.store.words() for term in (analyzer.fold(word),) if asked.fits(term)}
    with suppress(Exception):
        terms |= {term for term in parts.whoosh().names(asked.prefix) if asked.fits(term)}
    return sorted(terms)[:MOST_NAMES]


def _finders(parts: Parts, within: _Within) -> tuple[Find, Find]:
    """How names are looked up: exact, and by their beginning."""
    find = partial(parts.store.places, manuals=within.manuals, language=within.language)
    return find, partial(find, prefix=True)


def _words_weight(query: str) -> float:
    if analyzer.is_identifier(query):
        return fusion.NAME_WEIGHT
    return fusion.WORDS_WEIGHT[analyzer.query_language(query)]


def _worth(parts: Parts, query: str) -> dict[str, float]:
    """What each term of the query tells, for the second look."""
    weights = parts.lexical.weights(query)
    frequencies = [parts.lexical.frequency(term) for term in weights]
    return reranking.rarity(weights, frequencies, parts.store.passage_count())

"""The search loop: question in, evidence out, in at most three searches.

The first search is always the question itself (made whole from the conversation where it leans on it). If the gate
finds the evidence too thin, a tuned model proposes the next query (react.py), and where none is or has one, the rules
do (rewriting.py); each is made only if it changes the search, and one that finds what was found before is not read
again. What comes out says what was searched, what was found, and whether it suffices. It knows nothing of how the
answer is worded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent import prompts
from agent.extractor import extract
from agent.follow_up import made_whole, own_words
from agent.react import ModelTurns
from agent.records import Citation, Event, Evidence, EvidenceFound, Extraction, Searching, Step, Stepped, Tokens, Turn
from agent.rewriting import rewrites
from agent.slots import kin
from agent.sufficiency import ENOUGH
from agent.terms import terms
from index.analyzer import query_language, tokens
from index.records import Hit, Scope

if TYPE_CHECKING:
    from agent.engine import Engine
    from index.library import Library

SEARCHES = 3  # at most
TOP = 10  # hits of a search


@dataclass(frozen=True, slots=True)
class Found:
    """What the loop brings back. `asked` is the question as the evidence was judged by it: whole, and as it was
    probably spelt. `hits` are the first search's; `seconds` of searching, of extracting, and since the start when
    evidence was there (0: never); `tokens` of the turns that the model wrote."""

    asked: str
    hits: tuple[Hit, ...]
    extraction: Extraction
    steps: tuple[Step, ...]
    search_seconds: float
    extract_seconds: float
    evidence_seconds: float
    tokens: Tokens
    cancelled: bool = False

    @property
    def enough(self) -> bool:
        """Whether the evidence suffices for an answer."""
        return bool(self.extraction.evidence) and self.extraction.sufficiency >= ENOUGH


@dataclass(frozen=True, slots=True)
class _Query:
    """A search to make: why, for what, and the question by which what it finds is judged."""

    thought: str
    query: str
    asked: str


def look(
    library: Library,
    question: str,
    *,
    history: Sequence[Turn] = (),
    scope: Scope | None = None,
    engine: Engine | None = None,
    tuned: Callable[[], bool] = lambda: False,
    model: ModelTurns | None = None,
    on_event: Callable[[Event], None],
    cancelled: Callable[[], bool],
    started: float,
) -> Found:
    """Search until the evidence suffices, queries run out, or three searches are done.

    Events: for each search `Searching`, then `EvidenceFound` if it suffices, then `Stepped`. `scope` keeps each search
    to some manuals; `tuned` says whether the engine's model may be asked for a query, and `model` who is asked instead
    of it. `started` is the `time.perf_counter()` at which the question was put. Cancelled, it returns with what it has.
    """
    asked = made_whole(question, history)
    search = _Search(library, question, asked, scope, on_event, started)
    model = model or ModelTurns(engine, asked, tuned, cancelled)
    for query in _queries(search, model):
        if cancelled():
            break
        search.make(query)
        if search.found.enough or len(search.found.steps) == SEARCHES:
            return replace(search.found, tokens=model.tokens)
    return replace(search.found, tokens=model.tokens, cancelled=cancelled())


class _Search:
    """The searches of one question, and what they found so far."""

    def __init__(
        self,
        library: Library,
        question: str,
        asked: str,
        scope: Scope | None,
        on_event: Callable[[Event], None],
        started: float,
    ) -> None:
        self.library = library
        self._own = own_words(question) if asked != question else frozenset()
        self._scope = scope
        self._on_event = on_event
        self._started = started
        self._read: set[tuple[str, tuple[int, ...]]] = set()
        self.searched: set[tuple[str, frozenset[str]]] = set()
        self.found = Found(asked, (), Extraction((), 0.0), (), 0.0, 0.0, 0.0, Tokens())

    def is_new(self, query: _Query) -> bool:
        """Whether it asks for something that was not searched for before."""
        words = terms(query.query)
        return bool(words) and (query.asked, words) not in self.searched

    def make(self, query: _Query) -> None:
        """Search, and keep the evidence if it is better than what there was."""
        self.searched.add((query.asked, terms(query.query)))
        self._on_event(Searching(query.query))
        language = query_language(query.asked)
        before = time.perf_counter()
        hits = tuple(self.library.search(query.query, TOP, scope=self._scope))
        between = time.perf_counter()
        extraction = self._extracted(query, hits)
        after = time.perf_counter()
        step = Step(
            query.thought,
            prompts.action("search", query.query),
            prompts.observation(extraction.evidence, language),
        )
        found = self.found
        if extraction.sufficiency > found.extraction.sufficiency:
            found = replace(found, extraction=extraction, asked=query.asked)
        self.found = replace(
            found,
            hits=found.hits or hits,
            steps=(*found.steps, step),
            search_seconds=found.search_seconds + between - before,
            extract_seconds=found.extract_seconds + after - between,
            evidence_seconds=after - self._started if extraction.sufficiency >= ENOUGH else 0.0,
        )
        if self.found.enough:
            self._on_event(EvidenceFound(tuple(citation(one) for one in self.found.extraction.evidence)))
        self._on_event(Stepped(step))

    def _extracted(self, query: _Query, hits: Sequence[Hit]) -> Extraction:
        ids = query.asked, tuple(hit.passage.id for hit in hits)
        if ids in self._read:
            return Extraction((), 0.0)  # the same again: it did not suffice before
        self._read.add(ids)
        extraction = extract(query.asked, hits, language=query_language(query.asked))
        if self._own and not _tells_of(self._own, extraction.evidence):
            return replace(extraction, sufficiency=0.0)
        return extraction


def _queries(search: _Search, model: ModelTurns) -> Iterator[_Query]:
    """The question; what a tuned model would search for; the rules' rewrites. Only such as change the search."""
    asked = search.found.asked
    thoughts = prompts.THOUGHTS[query_language(asked)]
    first = _Query(thoughts["search"], asked, asked)
    if search.is_new(first):
        yield first
    while proposal := model.propose(search.found.steps, {words for _, words in search.searched}):
        yield _Query(proposal.thought, proposal.query, asked)
    for rewrite in rewrites(search.library, asked, search.found.hits):
        query = _Query(thoughts["again"], rewrite.query, rewrite.asked)
        if search.is_new(query):
            yield query


def citation(evidence: Evidence) -> Citation:
    """The citation that an answer keeps of a piece of evidence."""
    return Citation(
        manual=evidence.manual,
        source=evidence.source,
        heading=evidence.heading,
        page=evidence.page,
        quote=evidence.quote,
        start=evidence.start,
        end=evidence.end,
        section_id=evidence.section_id,
        context=evidence.context,
    )


def _tells_of(own: frozenset[str], evidence: Sequence[Evidence]) -> bool:
    """Whether evidence holds more than half of what a follow-up itself asks for, by these names or wider ones.

    The words that it was made whole with may bring evidence that is all about the question before: "And in Zabbix?".
    """
    seen = {word for one in evidence for word in tokens(" ".join((*one.heading, one.context, one.quote)))}
    held = [word for word in own if word in seen or kin(word) in seen]
    return len(held) > len(own) / 2

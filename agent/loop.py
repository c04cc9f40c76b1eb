"""The search loop: question in, evidence out, in at most three searches.

The first search is always the question itself (made whole from the conversation where it leans on it); if the gate
finds the evidence too thin, the loop looks again by identifiers, by content words, or by words that the model proposes.
What comes out says what was searched, what was found, and whether it suffices. It knows nothing of how the answer is
worded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent import prompts
from agent.errors import NOT_WORDED
from agent.extractor import extract
from agent.follow_up import made_whole, own_words
from agent.records import Citation, Event, Evidence, EvidenceFound, Extraction, Searching, Step, Stepped, Tokens, Turn
from agent.sufficiency import ENOUGH
from agent.terms import content_words, identifiers, terms
from index.analyzer import query_language, tokens
from index.records import Hit, Scope

if TYPE_CHECKING:
    from agent.engine import Engine
    from index.library import Library

SEARCHES = 3  # at most
TOP = 10  # hits of a search


@dataclass(frozen=True, slots=True)
class Found:
    """What the loop brings back. `hits` are the first search's; `seconds` of searching, of extracting, and since the
    start when evidence was there (0: never); `tokens` of the queries that the model wrote."""

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


def look(
    library: Library,
    question: str,
    *,
    history: Sequence[Turn] = (),
    scope: Scope | None = None,
    engine: Engine | None = None,
    tuned: Callable[[], bool] = lambda: False,
    on_event: Callable[[Event], None],
    cancelled: Callable[[], bool],
    started: float,
) -> Found:
    """Search until the evidence suffices, queries run out, or three searches are done.

    Events: for each search `Searching`, then `EvidenceFound` if it suffices, then `Stepped`. `scope` keeps each search
    to some manuals; `tuned` says whether the engine's model may be asked for a query. `started` is the
    `time.perf_counter()` at which the question was put.
    """
    asked = made_whole(question, history)
    language = query_language(question)
    found = Found(asked, (), Extraction((), 0.0), (), 0.0, 0.0, 0.0, Tokens())
    seen: set[frozenset[str]] = set()
    writer = _QueryWriter(engine, question, tuned, cancelled)
    for query in _queries(asked, writer):
        if cancelled():
            return replace(found, cancelled=True, tokens=writer.tokens)
        words = terms(query)
        if not words or words in seen:
            continue
        seen.add(words)
        on_event(Searching(query))
        before = time.perf_counter()
        hits = tuple(library.search(query, TOP, scope=scope))
        between = time.perf_counter()
        extraction = extract(asked, hits, language=language)
        if asked != question and not _tells_of(question, extraction.evidence):
            extraction = replace(extraction, sufficiency=0.0)
        after = time.perf_counter()
        better = extraction if extraction.sufficiency > found.extraction.sufficiency else found.extraction
        step = Step(
            prompts.THOUGHTS[language]["again" if found.steps else "search"],
            prompts.action("search", query),
            prompts.observation(extraction.evidence, language),
        )
        found = replace(
            found,
            hits=found.hits or hits,
            extraction=better,
            steps=(*found.steps, step),
            search_seconds=found.search_seconds + between - before,
            extract_seconds=found.extract_seconds + after - between,
            evidence_seconds=after - started if extraction.sufficiency >= ENOUGH else 0.0,
        )
        if found.enough:
            on_event(EvidenceFound(tuple(citation(one) for one in found.extraction.evidence)))
        on_event(Stepped(step))
        if found.enough or len(found.steps) == SEARCHES:
            break
    return replace(found, tokens=writer.tokens)


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


def _tells_of(question: str, evidence: Sequence[Evidence]) -> bool:
    """Whether evidence holds more than half of what a follow-up itself asks for.

    The words that it was completed with may bring evidence that is all about the question before: "And in Zabbix?".
    """
    own = own_words(question)
    seen = {word for one in evidence for word in tokens(" ".join((*one.heading, one.context, one.quote)))}
    return not own or len(own & seen) > len(own) / 2


def _queries(asked: str, writer: _QueryWriter) -> Iterator[str]:
    """The question; its identifiers alone; its content words; what the model would search for. Repeats included."""
    yield asked
    names = identifiers(asked)
    if names:
        yield " ".join(names)
    yield content_words(asked)
    if (query := writer.write()) is not None:
        yield query


class _QueryWriter:
    """Asks a tuned model that writes the question's language for another query; grammar keeps it to one line.

    An untuned one is not asked: the starter needs 0.7 s for a query that found nothing more in any question tried.
    """

    def __init__(
        self, engine: Engine | None, question: str, tuned: Callable[[], bool], cancelled: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._question = question
        self._tuned = tuned
        self._cancelled = cancelled
        self.tokens = Tokens()

    def write(self) -> str | None:
        """A query, or None where no model can write one."""
        language = query_language(self._question)
        thoughts = prompts.THOUGHTS[language]
        search = prompts.action("search", self._question)
        empty = Step(thoughts["search"], search, prompts.NOTHING[language])
        try:
            if self._engine is None or not self._tuned() or language not in self._engine.info.languages:
                return None
            written = self._engine.generate(
                self._engine.chat(prompts.transcript(self._question, [empty], examples=False))
                + prompts.opening("search", thoughts["again"]),
                max_tokens=24,
                stop=prompts.STOP,
                grammar=prompts.GRAMMAR_QUERY,
                cancelled=self._cancelled,
            )
        except NOT_WORDED:
            return None
        self.tokens = Tokens(written.prompt_tokens, written.reused_tokens, written.generated_tokens)
        return prompts.after_opening(written.text) or None

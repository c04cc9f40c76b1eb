"""The context-answer extractor: from the hits of a search, the few stretches that bear on the question.

    hits -> units (sentences.py) -> what is seen of each (unit_features.py) -> how likely it answers (unit_ranker.py)

Comes in: a question and the hits, best first. Goes out: an `Extraction` of at most a few quotes, each verbatim with its
offsets in the source text, best first, and how sure the gate is that they suffice. It needs no model. Units are taken
as long as the chance that they hold the answer is worth their letters: one sentence for an easy question, several for a
hard one. It knows nothing of prompts or of the loop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.records import Evidence, Extraction
from agent.slots import build
from agent.sufficiency import sufficiency
from agent.terms import holds, identifiers, terms
from agent.unit_features import Read, go_together, matrix, rarity, read_units
from agent.unit_ranker import Floats, probabilities, shipped
from index.records import Hit, Language

# Measured on the tuning halves (benchmarks/extractor_quality.py).
MOST = 5  # quotes and units at most
QUOTE_LIMIT = 500  # characters of a quote
FOREIGN = 3.0  # how many times likelier units in another language must be for them to be quoted
LENGTH = 0.7  # power of a unit's length that its probability is divided by
WORTH: dict[Language, float] = {"en": 0.0005, "ja": 0.0002}
"""What a unit's probability, over that power of its length in characters, must come to for it to be taken."""


_TELLS_APART = re.compile(r"\d{4}|^-")
"""Names of which one is asked for and not its like: numbers of four digits and more, options; but not versions."""


@dataclass(frozen=True, slots=True)
class _Likely:
    """A unit and the probability that it holds the answer. Of units that say the same the first stands for all."""

    read: Read
    probability: float


def extract(question: str, hits: Sequence[Hit], *, language: Language) -> Extraction:
    """Choose the evidence among the first hits and judge whether it suffices.

    `language` is the question's. Every quote is `source_text[start:end]`; no hits give no evidence and sufficiency 0.
    """
    asked = terms(question)
    read, language = _units(question, hits, language)
    if not read or not asked:
        return Extraction((), 0.0)
    weight = rarity(asked, read)
    scores = shipped().scores(matrix(question, read, weight, language))
    ranked = _own_language(_about(question, _ranked(read, scores)), language)
    evidence = _quotes(_chosen(ranked, language))
    return Extraction(evidence, sufficiency(question, hits, read, scores, weight, language))


def ranked_units(question: str, hits: Sequence[Hit], *, language: Language) -> tuple[Evidence, ...]:
    """Every unit of the first hits as a quote by itself, best first, whatever its score: what `extract` chooses from.

    `language` is the question's. A score is the probability that the unit holds the answer; units that say the same
    come once. No hits give none.
    """
    asked = terms(question)
    read, language = _units(question, hits, language)
    if not read or not asked:
        return ()
    scores = shipped().scores(matrix(question, read, rarity(asked, read), language))
    return tuple(_evidence([one]) for one in _ranked(read, scores))


def _units(question: str, hits: Sequence[Hit], language: Language) -> tuple[list[Read], Language]:
    """The units to choose from, and the question's language. A single word in Latin letters is a name and has none: it
    is looked up in the language of the best passage."""
    read = read_units(hits)
    if read and language == "en" and len(question.split()) == 1:
        language = read[0].hit.passage.language
        read = [one for one in read if one.hit.passage.language == language]
    return read, language


def _ranked(read: Sequence[Read], scores: Floats) -> list[_Likely]:
    """The units, the likeliest first, each thing said just once."""
    likely: dict[str, _Likely] = {}
    for one, probability in zip(read, probabilities(scores).tolist(), strict=True):
        said = " ".join(one.text.split())
        before = likely.get(said)
        likely[said] = _Likely(before.read, before.probability + probability) if before else _Likely(one, probability)
    return sorted(likely.values(), key=lambda one: -one.probability)


def _own_language(ranked: Sequence[_Likely], language: Language) -> Sequence[_Likely]:
    """Only units in the question's language, unless those in another are much likelier to answer it."""
    own = [one for one in ranked if one.read.hit.passage.language == language]
    chance = sum(one.probability for one in own)
    others = sum(one.probability for one in ranked) - chance
    return own if chance and others < FOREIGN * chance else ranked


def _about(question: str, ranked: Sequence[_Likely]) -> Sequence[_Likely]:
    """Without units that tell of another message, port or option of the same form, if any tells of the one asked for:
    what KAVS0269-W means is nothing to quote to who asks for KAVS0265-E, however like the lines are."""
    asked = [name for name in identifiers(question) if _TELLS_APART.search(name)]
    forms = {build(name) for name in asked}

    def names_it(one: _Likely) -> bool:
        return any(holds(one.read.text, name) for name in asked)

    if not any(map(names_it, ranked)):
        return ranked
    return [
        one for one in ranked if names_it(one) or not any(build(name) in forms for name in identifiers(one.read.quote))
    ]


def _chosen(ranked: Sequence[_Likely], language: Language) -> list[_Likely]:
    """The likeliest unit, and those whose probability is worth their length."""

    def gain(one: _Likely) -> float:
        return one.probability / float(len(one.read.quote) ** LENGTH)

    chosen = [ranked[0]]
    for one in sorted(ranked[1:], key=gain, reverse=True):
        if len(chosen) == MOST or gain(one) < WORTH[language]:
            break
        if not any(one.read.text in other.read.text or other.read.text in one.read.text for other in chosen):
            chosen.append(one)
    return chosen


def _quotes(chosen: Sequence[_Likely]) -> tuple[Evidence, ...]:
    """Chosen units as quotes, best first. Sentences side by side become one quote; a row or item is one by itself, so
    that the best quote holds nothing beside the point."""
    groups: list[list[_Likely]] = []
    for one in sorted(chosen, key=lambda one: (one.read.hit.passage.id, one.read.number)):
        last = groups[-1][-1].read if groups else None
        if last and last.number + 1 == one.read.number and go_together(last, one.read) and _fits(groups[-1], one):
            groups[-1].append(one)
        else:
            groups.append([one])
    groups.sort(key=lambda group: -max(one.probability for one in group))
    return tuple(_evidence(group) for group in groups)


def _fits(group: Sequence[_Likely], one: _Likely) -> bool:
    return one.read.unit.end - group[0].read.unit.start <= QUOTE_LIMIT


def _evidence(group: Sequence[_Likely]) -> Evidence:
    passage, first, last = group[0].read.hit.passage, group[0].read.unit, group[-1].read.unit
    end = min(last.end, first.start + QUOTE_LIMIT)
    return Evidence(
        passage_id=passage.id,
        section_id=passage.section_id,
        manual=passage.manual,
        source=passage.source,
        heading=passage.heading,
        anchor=passage.anchor,
        page=passage.page,
        quote=passage.text[first.start : end],
        start=passage.start + first.start,
        end=passage.start + end,
        score=min(1.0, sum(one.probability for one in group)),
        context=first.context,
    )

"""The context-answer extractor: from the hits of a search, the few stretches that bear on the question.

Comes in: a question and the hits, best first. Goes out: an `Extraction` of at most a few quotes, each verbatim with its
offsets in the source text, best first, and how sure the gate is that they suffice. It needs no model: a unit (sentence,
table row, list item, definition) is scored by the rarity-weighted share of the question's words that it holds, its
headings counting too, times the square of its passage's score. It knows nothing of prompts or of the loop.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.records import Evidence, Extraction
from agent.sentences import Unit, units
from agent.sufficiency import sufficiency
from agent.terms import folded, holds, identifiers, terms, wants_figure
from index.analyzer import tokens
from index.records import Hit, Language

# Measured on JSQuAD and XQuAD (benchmarks/extractor_quality.py).
PASSAGES = 5  # hits that are read
HEADING = 0.4  # what a word in the headings or context counts, against 1 in the unit
NEIGHBOUR = 0.5  # share of the better neighbour's score that a unit gets
IDENTIFIER = 0.3  # added for the share of the question's identifiers that the unit holds
FIGURE = 0.15  # added for a figure, if one is asked for
DEFINED = 0.3  # added if the unit begins with a term or first cell that the question names
HEADER = 0.3  # factor for a table's header row, which answers nothing by itself
FOREIGN = 0.6  # factor for a passage in another language than the question's
SHARPNESS = 2.0  # power of the passage's score
MOST = 4  # quotes and units at most
KEEP = 0.3  # a unit below this share of the best one's score is left out
QUOTE_LIMIT = 500  # characters of a quote
BUDGET = 600  # characters of all quotes together

_DIGIT = re.compile(r"\d|[〇一二三四五六七八九十百千万億]")


@dataclass(frozen=True, slots=True)
class _Scored:
    hit: Hit
    number: int  # the unit's place in its passage
    unit: Unit
    words: frozenset[str]  # in the unit itself
    around: frozenset[str]  # in headings and context
    score: float = 0.0


def extract(question: str, hits: Sequence[Hit], *, language: Language) -> Extraction:
    """Choose the evidence among the first hits and judge whether it suffices.

    `language` is the question's. Every quote is `source_text[start:end]`; no hits give no evidence and sufficiency 0.
    """
    asked = terms(question)
    read = _units_of(hits[:PASSAGES])
    if not read or not asked:
        return Extraction((), 0.0)
    weight = _rarity(asked, read)
    ranked = _score(question, asked, weight, read, language)
    evidence = _quotes(_chosen(ranked), ranked)
    return Extraction(evidence, sufficiency(question, hits, evidence, weight))


def ranked_units(question: str, hits: Sequence[Hit], *, language: Language) -> tuple[Evidence, ...]:
    """Every unit of the first hits as a quote by itself, best first, whatever its score: what `extract` chooses from.

    `language` is the question's. Scores are in 0..1 and comparable within one question only; no hits give none.
    """
    asked = terms(question)
    read = _units_of(hits[:PASSAGES])
    if not read or not asked:
        return ()
    ranked = _score(question, asked, _rarity(asked, read), read, language)
    best = max(ranked[0].score, 1e-9)
    return tuple(_evidence([scored], best) for scored in ranked)


def rarity_of(question: str, hits: Sequence[Hit]) -> dict[str, float]:
    """The weight of each word asked for, as `extract` measures it among these hits."""
    return _rarity(terms(question), _units_of(hits[:PASSAGES]))


def _units_of(hits: Sequence[Hit]) -> list[_Scored]:
    read = []
    for hit in hits:
        passage = hit.passage
        heading = frozenset(tokens(" ".join((*passage.heading, passage.context))))
        for number, unit in enumerate(units(passage.text, passage.context)):
            words = frozenset(tokens(passage.text[unit.start : unit.end]))
            around = heading | frozenset(tokens(unit.context)) if unit.context else heading
            read.append(_Scored(hit, number, unit, words, around))
    return read


def _rarity(asked: frozenset[str], read: Sequence[_Scored]) -> dict[str, float]:
    """Weight of each word asked for: the rarer among the units that were found, the more it tells."""
    seen = Counter(word for scored in read for word in asked & (scored.words | scored.around))
    return {word: math.log(1 + (len(read) + 1) / (seen[word] + 0.5)) for word in asked}


def _score(
    question: str, asked: frozenset[str], weight: dict[str, float], read: list[_Scored], language: Language
) -> list[_Scored]:
    whole = sum(weight.values())
    names = [folded(name) for name in identifiers(question)]
    figure = wants_figure(question)
    phrase = folded(question)
    own = []
    for scored in read:
        text = folded(scored.hit.passage.text[scored.unit.start : scored.unit.end])
        share = sum(weight[word] for word in asked & scored.words)
        share += HEADING * sum(weight[word] for word in asked & (scored.around - scored.words))
        value = share / whole
        if names:
            value += IDENTIFIER * sum(holds(text, name) for name in names) / len(names)
        if figure and value and _DIGIT.search(text):
            value += FIGURE
        if value and _defines(scored.unit, text, phrase):
            value += DEFINED
        value *= HEADER if scored.unit.kind == "header" else 1.0
        value *= FOREIGN if scored.hit.passage.language != language else 1.0
        own.append(value)
    result = []
    for at, scored in enumerate(read):
        beside = (near for near in (at - 1, at + 1) if 0 <= near < len(read) and _go_together(read[near], scored))
        value = own[at] + NEIGHBOUR * max((own[near] for near in beside), default=0.0)
        result.append(replace(scored, score=value * max(scored.hit.score, 0.0) ** SHARPNESS))
    return sorted(result, key=lambda scored: -scored.score)


def _defines(unit: Unit, text: str, phrase: str) -> bool:
    """Whether the unit says what something is that the question names: a row's first cell, or a term before a colon."""
    if unit.kind not in {"row", "definition"}:
        return False
    name = re.split(r" \| |[:：=]|\n", text, maxsplit=1)[0].strip(" -*•・")
    return len(name) > 1 and holds(phrase, name)


def _go_together(one: _Scored, other: _Scored) -> bool:
    """Running text goes on from sentence to sentence; rows, items and definitions stand by themselves."""
    return one.hit is other.hit and one.unit.kind == other.unit.kind and one.unit.kind in {"sentence", "code"}


def _chosen(ranked: Sequence[_Scored]) -> list[_Scored]:
    """The best units, while they are good enough beside the best one and fit in the budget."""
    chosen: list[_Scored] = []
    used = 0
    for scored in ranked:
        length = min(scored.unit.end - scored.unit.start, QUOTE_LIMIT)
        if not scored.score or (chosen and scored.score < KEEP * ranked[0].score) or len(chosen) == MOST:
            break
        text = _said(scored)
        if (chosen and used + length > BUDGET) or any(text in other or other in text for other in map(_said, chosen)):
            continue
        chosen.append(scored)
        used += length
    return chosen


def _said(scored: _Scored) -> str:
    """What the unit says, to notice that another manual says the same."""
    return " ".join(folded(scored.hit.passage.text[scored.unit.start : scored.unit.end]).split())


def _quotes(chosen: Sequence[_Scored], ranked: Sequence[_Scored]) -> tuple[Evidence, ...]:
    """Chosen units as quotes, best first. Sentences side by side become one quote; a row or item is one by itself, so
    that the best quote holds nothing beside the point."""
    groups: list[list[_Scored]] = []
    for scored in sorted(chosen, key=lambda one: (one.hit.passage.id, one.number)):
        last = groups[-1][-1] if groups else None
        if last and last.number + 1 == scored.number and _go_together(last, scored):
            groups[-1].append(scored)
        else:
            groups.append([scored])
    groups.sort(key=lambda group: -max(scored.score for scored in group))
    best = max(ranked[0].score, 1e-9)
    return tuple(_evidence(group, best) for group in groups)


def _evidence(group: Sequence[_Scored], best: float) -> Evidence:
    passage, first, last = group[0].hit.passage, group[0].unit, group[-1].unit
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
        score=min(1.0, max(scored.score for scored in group) / best),
        context=first.context,
    )

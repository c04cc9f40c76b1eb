"""What is seen of a unit when a question is put to it: one row of numbers a unit, for the ranker.

Comes in: a question and the hits, best first. Goes out: the units of the first hits in reading order, the weight of
each word asked for, and a matrix with a row a unit and a column for each of FEATURES. Everything is about -1..1 and
nothing is learned here. It knows nothing of how units are weighed or chosen.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from agent.answer_kinds import wanted
from agent.sentences import Unit, units
from agent.terms import folded, holds, identifiers
from index.analyzer import tokens
from index.records import Hit, Language

Floats = npt.NDArray[np.float64]

PASSAGES = 5
"""Hits that are read."""

FEATURES = (
    "words",  # rarity-weighted share of the question's words in the unit
    "around",  # of those that stand only in headings and context
    "best",  # words, less the most that any unit has
    "bm25",  # BM25 of the unit among these units, over the greatest
    "pairs",  # share of the question's neighbouring words that stand together in the unit
    "run",  # longest run of the question's letters in the unit, over the question's length
    "rarest",  # whether the rarest word asked for is there
    "all",  # share of all words of the question, those by which one asks too
    "term",  # words in the term or table header that stands above the unit
    "title",  # words in the innermost heading
    "defined",  # words in what the unit itself defines: before its colon, in its first cell
    "page",  # words of the passage, less the most that any passage has
    "denied",  # speaks of what is not, or else: +1 if the question does so too, -1 if not
    "names",  # share of the question's identifiers; 0 without any
    "kind",  # whether it holds an answer of the kind asked for: +1, -1, 0 not told
    "counter",
    "named",
    "defines",  # begins with a term or first cell that the question names
    "passage",  # words of the whole passage with its headings
    "before",  # words of the unit before and after, in running text
    "after",
    "leans",  # begins with a word that points back, and the unit before holds words
    "score",  # the passage's score
    "top",  # 1 for the first passage
    "lead",  # score of the passage less the best other's
    "meaning",  # cosine of the passage less the first's
    "first",  # the passage's first unit
    "place",  # how far down in the passage
    "length",  # log of the characters
    "new",  # words of the unit that the question does not say, by its length
    "row",
    "item",
    "definition",
    "code",
    "header",
    "foreign",  # the passage is in another language than the question
)

_POINTS = re.compile(
    r"(?:This|That|These|Those|It|Its|He|She|His|Her|They|Their|Such|The latter)\b"
    r"|(?:この|その|これ|それ|彼|同|ここ|そこ|また)"
)
_DENIED = re.compile(
    r"\b(?:not|no|none|never|without|unless|otherwise|default|cannot|omitted|unset)\b|n't\b|n[o']?t\b"
    r"|ない|ません|なければ|なし|省略|デフォルト|既定|未",
    re.IGNORECASE,
)
_JAPANESE_RUN = re.compile(r"[ぁ-ゖァ-ヺー一-鿿々]{3,}")
_ALL_HIRAGANA = re.compile(r"[ぁ-ゖ]+")


@dataclass(frozen=True, slots=True)
class Read:
    """A unit as it was read: its passage's rank among the hits, its number within the passage, its text folded, its
    analyzer tokens in order, and the tokens of headings and context."""

    hit: Hit
    rank: int
    number: int
    unit: Unit
    text: str
    order: tuple[str, ...]
    words: frozenset[str]
    around: frozenset[str]

    @property
    def quote(self) -> str:
        """The unit itself, verbatim."""
        return self.hit.passage.text[self.unit.start : self.unit.end]


def read_units(hits: Sequence[Hit]) -> list[Read]:
    """The units of the first hits, in the hits' order and then in reading order."""
    read = []
    for rank, hit in enumerate(hits[:PASSAGES]):
        passage = hit.passage
        heading = frozenset(tokens(" ".join((*passage.heading, passage.context))))
        for number, unit in enumerate(units(passage.text, passage.context)):
            quote = passage.text[unit.start : unit.end]
            order = tuple(tokens(quote))
            around = heading | frozenset(tokens(unit.context)) if unit.context else heading
            read.append(Read(hit, rank, number, unit, folded(quote), order, frozenset(order), around))
    return read


def rarity(asked: frozenset[str], read: Sequence[Read]) -> dict[str, float]:
    """Weight of each word asked for: the rarer among the units that were found, the more it tells."""
    seen = Counter(word for one in read for word in asked & (one.words | one.around))
    return {word: math.log(1 + (len(read) + 1) / (seen[word] + 0.5)) for word in asked}


def matrix(question: str, read: Sequence[Read], weight: dict[str, float], language: Language) -> Floats:
    """One row a unit, one column for each of FEATURES. `language` is the question's."""
    asked = frozenset(weight)
    whole = sum(weight.values()) or 1.0
    share = [sum(weight[word] for word in asked & one.words) / whole for one in read]
    around = [sum(weight[word] for word in asked & (one.around - one.words)) / whole for one in read]
    bm25 = _bm25(read, weight)
    passages = _passages(read, weight, whole)

    def told(text: str) -> float:
        return sum(weight[word] for word in asked.intersection(tokens(text))) / whole if text else 0.0

    titles = {
        one.rank: told(one.hit.passage.heading[-1] if one.hit.passage.heading else "") for one in read if not one.number
    }
    pairs, phrase, names = _pairs(question, asked), folded(question), [folded(name) for name in identifiers(question)]
    kind = wanted(question)
    every = frozenset(tokens(question))
    denied = bool(_DENIED.search(question))
    most_of_passage = max(held for held, _ in passages.values())
    rarest = max(weight, key=lambda word: (weight[word], word))
    scores = {one.rank: one.hit.score for one in read}
    cosine = [one.hit.cosine for one in read if one.rank == 0 and one.hit.cosine is not None]
    most = max(share)
    rows = []
    for at, one in enumerate(read):
        quote = one.quote
        before = share[at - 1] if at and go_together(read[at - 1], one) else 0.0
        after = share[at + 1] if at + 1 < len(read) and go_together(read[at + 1], one) else 0.0
        others = max((score for rank, score in scores.items() if rank != one.rank), default=0.0)
        last = max(1, passages[one.rank][1] - 1)
        rows.append(
            (
                share[at],
                around[at],
                share[at] - most,
                bm25[at],
                _together(one, pairs),
                _run(phrase, one.text),
                float(rarest in one.words),
                len(every & one.words) / len(every),
                told(one.unit.context),
                titles.get(one.rank, 0.0),
                told(_head(one)),
                passages[one.rank][0] - most_of_passage,
                (1.0 if denied else -1.0) if _DENIED.search(quote) else 0.0,
                sum(holds(one.text, name) for name in names) / len(names) if names else 0.0,
                kind.found_in(quote),
                kind.counted_in(one.text),
                kind.named_in(quote),
                float(_defines(one, phrase)),
                passages[one.rank][0],
                before,
                after,
                before if _POINTS.match(quote) else 0.0,
                one.hit.score,
                float(one.rank == 0),
                one.hit.score - others,
                one.hit.cosine - cosine[0] if cosine and one.hit.cosine is not None else 0.0,
                float(one.number == 0),
                one.number / last,
                math.log(max(1, len(quote))) / 6,
                min(2.0, len(one.words - asked) / 40),
                *(float(one.unit.kind == kind_) for kind_ in ("row", "item", "definition", "code", "header")),
                float(one.hit.passage.language != language),
            )
        )
    return np.array(rows, dtype=np.float64).reshape(len(read), len(FEATURES))


def go_together(one: Read, other: Read) -> bool:
    """Running text goes on from sentence to sentence; rows, items and definitions stand by themselves."""
    return one.hit is other.hit and one.unit.kind == other.unit.kind and one.unit.kind in {"sentence", "code"}


def _bm25(read: Sequence[Read], weight: dict[str, float]) -> list[float]:
    mean = sum(len(one.order) for one in read) / len(read) or 1.0
    scores = []
    for one in read:
        norm = 1.2 * (0.25 + 0.75 * len(one.order) / mean)
        counts = Counter(word for word in one.order if word in weight)
        scores.append(sum(weight[word] * 2.2 * count / (count + norm) for word, count in counts.items()))
    best = max(scores) or 1.0
    return [score / best for score in scores]


def _pairs(question: str, asked: frozenset[str]) -> list[tuple[str, str]] | list[str]:
    """What stands side by side in the question: two words, or three characters of Japanese."""
    text = folded(question)
    runs = _JAPANESE_RUN.findall(text)
    if runs:
        cuts = (run[at : at + 3] for run in runs for at in range(len(run) - 2))
        return sorted({cut for cut in cuts if not _ALL_HIRAGANA.fullmatch(cut)})
    order = [word for word in tokens(question, query=True) if word in asked]
    return sorted({(a, b) for a, b in pairwise(order) if a != b})


def _together(one: Read, pairs: Sequence[tuple[str, str]] | Sequence[str]) -> float:
    if not pairs:
        return 0.0
    found = 0
    for pair in pairs:
        if isinstance(pair, str):
            found += pair in one.text
        elif pair[0] in one.words and pair[1] in one.words:
            places = [at for at, word in enumerate(one.order) if word == pair[0]]
            found += any(pair[1] in one.order[max(0, at - 3) : at + 4] for at in places)
    return found / len(pairs)


def _run(phrase: str, text: str) -> float:
    """The longest stretch of the question, in letters, that stands in the text, over the question's length."""
    longest, at = 0, 0
    while at + longest < len(phrase):
        if phrase[at : at + longest + 1] in text:
            longest += 1
        else:
            at += 1
    return longest / max(1, len(phrase))


def _defines(one: Read, phrase: str) -> bool:
    """Whether the unit says what something is that the question names: a row's first cell, or a term before a colon."""
    name = _head(one)
    return len(name) > 1 and holds(phrase, name)


def _head(one: Read) -> str:
    """What a row or definition is about: its first cell, or what stands before the colon."""
    if one.unit.kind not in {"row", "definition"}:
        return ""
    return re.split(r" \| |[:：=]|\n", one.text, maxsplit=1)[0].strip(" -*•・")


def _passages(read: Sequence[Read], weight: dict[str, float], whole: float) -> dict[int, tuple[float, int]]:
    """By rank: the words of the passage with its headings, and its number of units."""
    held: dict[int, tuple[set[str], int]] = {}
    for one in read:
        words, count = held.get(one.rank, (set(), 0))
        held[one.rank] = (words | one.words | one.around, count + 1)
    return {
        rank: (sum(value for word, value in weight.items() if word in words) / whole, count)
        for rank, (words, count) in held.items()
    }

"""What is seen of a unit when a question is put to it: one row of numbers a unit, for the ranker.

Comes in: a question and the hits, best first. Goes out: the units of the first hits in reading order, the weight of
each word asked for, and a matrix with a row a unit and a column for each of FEATURES. Everything is about -1..1 and
nothing is learned here. It knows nothing of how units are weighed or chosen.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
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
    "foreign",  # the passage is in another language than the question: words can't tell much then,
    "foreign score",  # and its score tells more
    "foreign words",
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
    """One row a unit, one column for each of FEATURES. `read` is not empty; `language` is the question's."""
    columns = _by_words(question, read, weight) | _by_answer(question, read) | _by_form(read, frozenset(weight))
    columns |= _by_passage(read, weight) | _by_language(columns["words"], read, language)
    return np.array([columns[name] for name in FEATURES], dtype=np.float64).T


Columns = dict[str, list[float]]


def _by_words(question: str, read: Sequence[Read], weight: dict[str, float]) -> Columns:
    """How much of what is asked the unit says, and what stands above and beside it."""
    asked, every = frozenset(weight), frozenset(tokens(question))
    whole = sum(weight.values()) or 1.0
    rarest = max(weight, key=lambda word: (weight[word], word))
    pairs, phrase = _pairs(question, asked), folded(question)

    def told(words: Iterable[str]) -> float:
        return sum(weight[word] for word in asked.intersection(words)) / whole

    share = [told(one.words) for one in read]
    headings = {one.rank: one.hit.passage.heading[-1:] for one in read}
    titles = {rank: told(tokens(" ".join(last))) for rank, last in headings.items()}
    beside = [_beside(read, share, at) for at in range(len(read))]
    return {
        "words": share,
        "around": [told(one.around - one.words) for one in read],
        "best": [value - max(share) for value in share],
        "bm25": _bm25(read, weight),
        "pairs": [_together(one, pairs) for one in read],
        "run": [_run(phrase, one.text) for one in read],
        "rarest": [float(rarest in one.words) for one in read],
        "all": [len(every & one.words) / max(1, len(every)) for one in read],
        "term": [told(tokens(one.unit.context)) if one.unit.context else 0.0 for one in read],
        "title": [titles[one.rank] for one in read],
        "defined": [told(tokens(_head(one))) for one in read],
        "defines": [float(_defines(one, phrase)) for one in read],
        "before": [before for before, _ in beside],
        "after": [after for _, after in beside],
        "leans": [before if _POINTS.match(one.quote) else 0.0 for one, (before, _) in zip(read, beside, strict=True)],
    }


def _by_answer(question: str, read: Sequence[Read]) -> Columns:
    """Whether the unit holds what was named, and an answer of the kind that is asked for."""
    kind = wanted(question)
    names = [folded(name) for name in identifiers(question)]
    denied = 1.0 if _DENIED.search(question) else -1.0
    return {
        "names": [sum(holds(one.text, name) for name in names) / max(1, len(names)) for one in read],
        "kind": [kind.found_in(one.quote) for one in read],
        "counter": [kind.counted_in(one.text) for one in read],
        "named": [kind.named_in(one.quote) for one in read],
        "denied": [denied if _DENIED.search(one.quote) else 0.0 for one in read],
    }


def _by_passage(read: Sequence[Read], weight: dict[str, float]) -> Columns:
    """How well search thinks of the unit's passage, and how much of what is asked that says as a whole."""
    held: dict[int, set[str]] = {}
    for one in read:
        held.setdefault(one.rank, set()).update(one.words | one.around)
    whole = sum(weight.values()) or 1.0
    told = {rank: sum(weight[word] for word in weight.keys() & words) / whole for rank, words in held.items()}
    scores = {one.rank: one.hit.score for one in read}
    others = {rank: max((scores[other] for other in scores if other != rank), default=0.0) for rank in scores}
    first = read[0].hit.cosine
    return {
        "passage": [told[one.rank] for one in read],
        "page": [told[one.rank] - max(told.values()) for one in read],
        "score": [one.hit.score for one in read],
        "top": [float(one.rank == read[0].rank) for one in read],
        "lead": [one.hit.score - others[one.rank] for one in read],
        "meaning": [0.0 if first is None or one.hit.cosine is None else one.hit.cosine - first for one in read],
    }


def _by_form(read: Sequence[Read], asked: frozenset[str]) -> Columns:
    """Where in its passage the unit stands, how long it is, and of which kind."""
    last = {one.rank: max(1, one.number) for one in read}
    columns = {
        "first": [float(one.number == 0) for one in read],
        "place": [one.number / last[one.rank] for one in read],
        "length": [math.log(max(1, len(one.quote))) / 6 for one in read],
        "new": [min(2.0, len(one.words - asked) / 40) for one in read],
    }
    for kind in ("row", "item", "definition", "code", "header"):
        columns[kind] = [float(one.unit.kind == kind) for one in read]
    return columns


def _by_language(share: Sequence[float], read: Sequence[Read], language: Language) -> Columns:
    """What is left to go by where the passage is in another language than the question."""
    away = [float(one.hit.passage.language != language) for one in read]
    return {
        "foreign": away,
        "foreign score": [far * one.hit.score for far, one in zip(away, read, strict=True)],
        "foreign words": [far * words for far, words in zip(away, share, strict=True)],
    }


def _beside(read: Sequence[Read], share: Sequence[float], at: int) -> tuple[float, float]:
    """The words of the unit before and of the one after, where the text goes on from one to the other."""
    before = share[at - 1] if at and go_together(read[at - 1], read[at]) else 0.0
    after = share[at + 1] if at + 1 < len(read) and go_together(read[at + 1], read[at]) else 0.0
    return before, after


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

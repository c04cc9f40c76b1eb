"""How well what was found supports each option of an exam question: by words and the extractor's ranker, no model.

Comes in: a question with its options, and the hits of one or more searches. Goes out: a `Support`: the units of the
hits and, for each unit and each option, the weight of the claim "this unit decides the question, and for this option".
The share of an option is the sum of its claims among all: it may be carried by one strong unit or by several.

A claim's weight is exp(WEIGHTS . features), with FEATURES as below. The weights were fitted on the `study` questions of
the JP1 bank in both languages and on the Slurm pack's (python -m benchmarks.exam_fit), never on `exam` ones of JP1.
Nothing depends on the order of the options.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.extractor import ranked_units
from agent.records import Evidence, Question
from agent.terms import folded, holds, terms
from index.analyzer import tokens
from index.records import Hit

Floats = npt.NDArray[np.float64]

FEATURES = (
    "ranker",  # log of the extractor's probability that the unit answers question and option together
    "question",  # rarity-weighted share of the question's words in the unit, those in its headings counting less
    "option",  # rarity-weighted share of the option's own words: one that all options have counts nothing
    "whole",  # 1 if the option stands in the unit word for word
    "others",  # the greatest "option" of the other options: a unit that tells them apart is about the question
)
WEIGHTS = (1.95, 1.46, 2.94, 1.93, 0.78)

HEADING = 0.4  # what a word in headings and context counts, against 1 in the unit
LEAST = 1e-4  # probability of a unit that the ranker was not shown


@dataclass(frozen=True, slots=True)
class Support:
    """Units in no particular order, and the log-weights of their claims, [units, options]."""

    units: tuple[Evidence, ...]
    claims: Floats

    def options(self) -> Floats:
        """The log of each option's share; all alike where nothing was found."""
        together = _log_sum(self.claims, axis=0) if self.units else np.zeros(self.claims.shape[1])
        return np.asarray(together - _log_sum(together, axis=0))

    def weightiest(self, most: int) -> tuple[tuple[Evidence, ...], tuple[float, ...]]:
        """The units with the most weight over all options, and what part of their weight together each has."""
        if not self.units:
            return (), ()
        each = _log_sum(self.claims, axis=1)
        best = np.argsort(-each, kind="stable")[:most]
        parts = np.exp(each[best] - _log_sum(each[best], axis=0))
        return tuple(self.units[at] for at in best), tuple(parts.tolist())

    def evidence(self, option: int, most: int) -> tuple[Evidence, ...]:
        """The units that speak most for an option, best first."""
        return tuple(self.units[at] for at in np.argsort(-self.claims[:, option], kind="stable")[:most])


def support(question: Question, found: Sequence[Sequence[Hit]]) -> Support:
    """Weigh every claim that the hits of the searches allow."""
    units, seen = claims(question, found)
    return Support(units, np.asarray(seen @ np.array(WEIGHTS)))


def claims(question: Question, found: Sequence[Sequence[Hit]]) -> tuple[tuple[Evidence, ...], Floats]:
    """The units of the hits, and what is seen of each with each option: [units, options, FEATURES]."""
    units, ranker = _ranked(question, found)
    words = [frozenset(tokens(unit.quote)) for unit in units]
    around = [frozenset(tokens(" ".join((*unit.heading, unit.context)))) for unit in units]
    rarity = _Rarity(words, around)
    asked = {word: rarity[word] for word in terms(question.question)}
    own = _own_words(question.options, rarity)
    texts = [folded(unit.quote) for unit in units]
    seen = np.zeros((len(units), len(question.options), len(FEATURES)))
    for at, (inside, beside, text) in enumerate(zip(words, around, texts, strict=True)):
        whole = [float(holds(text, option.strip(" ."))) for option in question.options]
        # Of a single word or number a part in a longer name is none: "3" is not in "AJS3".
        share = [_share(mine, inside) if len(mine) > 1 else exact for mine, exact in zip(own, whole, strict=True)]
        seen[at, :, 1] = _share(asked, inside) + HEADING * _share(asked, beside - inside)
        seen[at, :, 2] = share
        seen[at, :, 3] = whole
        seen[at, :, 4] = [max(share[:number] + share[number + 1 :]) for number in range(len(share))]
    seen[:, :, 0] = np.log(np.maximum(ranker, LEAST))
    return units, seen


def _ranked(question: Question, found: Sequence[Sequence[Hit]]) -> tuple[tuple[Evidence, ...], Floats]:
    """Every unit once, and its probability with each option, the greatest that it has in any of the searches."""
    units: dict[tuple[str, int], Evidence] = {}
    likely: dict[tuple[str, int], list[float]] = {}
    for hits in found:
        for number, option in enumerate(question.options):
            for one in ranked_units(f"{question.question} {option}", hits, language=question.lang):
                place = (one.source, one.start)
                units.setdefault(place, one)
                row = likely.setdefault(place, [0.0] * len(question.options))
                row[number] = max(row[number], one.score)
    return tuple(units.values()), np.array(list(likely.values())).reshape(len(units), len(question.options))


class _Rarity(dict[str, float]):
    """Weight of a word: the rarer among the units that were found, the more it tells."""

    def __init__(self, words: Sequence[frozenset[str]], around: Sequence[frozenset[str]]) -> None:
        super().__init__()
        self._units = len(words)
        self._seen = Counter(word for inside, beside in zip(words, around, strict=True) for word in inside | beside)

    def __missing__(self, word: str) -> float:
        return math.log(1 + (self._units + 1) / (self._seen[word] + 0.5))


def _own_words(options: Sequence[str], rarity: _Rarity) -> list[dict[str, float]]:
    """The words of each option with their weights, less the more options have them."""
    each = [frozenset(tokens(option)) or frozenset({folded(option)}) for option in options]
    having = Counter(word for words in each for word in words)
    most = max(1, len(options) - 1)
    own = []
    for words in each:
        weighed = {word: rarity[word] * (1 - (having[word] - 1) / most) for word in words}
        own.append(weighed if any(weighed.values()) else {word: rarity[word] for word in words})
    return own


def _share(weights: Mapping[str, float], words: frozenset[str]) -> float:
    return sum(weight for word, weight in weights.items() if word in words) / (sum(weights.values()) or 1.0)


def _log_sum(values: Floats, *, axis: int) -> Floats:
    most = values.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - most).sum(axis=axis)) + most.squeeze(axis))

"""The gate: how likely it is that the manuals answer the question, as far as search found them, as a figure in 0..1.

Comes in: the question, the hits, their units with the ranker's scores, and the rarity of each word asked for. Goes out:
a probability from a small logistic regression, whose coefficients were fitted by `benchmarks/refusal.py` on questions
that a library answers and on questions that it does not. It works with words alone and, where passages have embeddings,
with cosines too. It knows nothing of models or prompts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from agent.terms import content_words, folded, holds, identifiers
from agent.unit_features import PASSAGES, Read
from index.analyzer import normalise, query_language, tokens
from index.records import Hit, Language

ENOUGH = 0.40
"""From this figure on the evidence is taken to suffice; below it the answer is a refusal."""

FEATURES = (
    "unseen",  # share of the question's words, by rarity, in no hit, headings and context included
    "unseen words",  # their number, a tenth of it, at most 1
    "unknown names",  # share of the question's identifiers that no hit holds
    "unseen Latin",  # the same of its words in Latin letters
    "unseen capitals",  # of those that are capitalised within a sentence
    "unseen katakana",  # of its runs of katakana
    "asked",  # words asked for, a twentieth of them, at most 1
    "likeliest",  # score of the likeliest unit, less that of "none answers"
    "any",  # the same of all units together
    "told",  # share of the question's words in that unit
    "bm25",  # the first hit's, a tenth of it
    "bm25 a word",
    "bm25 lead",  # before the hits' mean
    "fifth",  # how far the sixth hit's score is behind the first's
    "foreign",  # whether the likeliest unit is in another language than the question
    "cosine",  # the greatest
    "cosine lead",  # before the hits' mean
)

# Fitted by `python -m benchmarks.refusal --fit`; the intercept comes first, then one number for each of FEATURES.
# fmt: off
COEFFICIENTS: dict[tuple[Language, bool], tuple[float, ...]] = {
    ("en", True): (
        -2.538, -1.218, -0.705, -1.592, 1.004, -1.690, 0.000, 4.595, 0.288, 0.479, 0.296, 0.306, 0.097, -0.130, 3.887,
        -5.025, 0.961, 14.890,
    ),
    ("ja", True): (
        -1.768, -0.367, -1.696, -2.285, -4.212, -0.988, -0.968, 1.057, 0.288, 0.388, 0.524, 0.120, 0.098, 0.027,
        4.152, -2.064, 2.441, 19.313,
    ),
    ("en", False): (
        -3.816, -0.921, -1.603, -0.977, 0.585, -1.812, 0.000, 4.887, 0.390, 0.482, 0.954, 0.580, 0.528, 0.107, 1.924,
        -6.867, 0.000, 0.000,
    ),
    ("ja", False): (
        -2.622, 0.142, -2.216, -3.189, -5.130, -0.807, -1.450, 1.702, 0.303, 0.446, 1.462, 0.236, 0.663, 0.127, 0.748,
        -3.400, 0.000, 0.000,
    ),
}
# fmt: on

_GRAMMAR = re.compile(r"[ぁ-ゖゝゞー]{1,2}")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]+")
_CAPITAL = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][A-Za-z0-9_+-]+|\b[a-z]+[A-Z_]\w+")
_KATAKANA = re.compile(r"[ァ-ヺー]{3,}")


def sufficiency(
    question: str,
    hits: Sequence[Hit],
    read: Sequence[Read],
    scores: npt.NDArray[np.float64],
    weight: Mapping[str, float],
) -> float:
    """The probability that what was found answers `question`; 0 for a question of hiragana alone, which search could
    only look up letter by letter.

    `scores` are the ranker's for the units `read`, less that of "none answers"; `weight` is the rarity of each word
    asked for.
    """
    if not read or all(_GRAMMAR.fullmatch(word) for word in weight):
        return 0.0
    values = features(question, hits, read, scores, weight)
    kind = (query_language(question), any(hit.cosine is not None for hit in hits))
    intercept, *slopes = COEFFICIENTS[kind]
    total = intercept + sum(slope * value for slope, value in zip(slopes, values, strict=True))
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


def features(
    question: str,
    hits: Sequence[Hit],
    read: Sequence[Read],
    scores: npt.NDArray[np.float64],
    weight: Mapping[str, float],
) -> tuple[float, ...]:
    """What the judgement rests on, in the order of FEATURES; see `sufficiency`. `read` is not empty."""
    whole = sum(weight.values()) or 1.0
    best = read[int(scores.argmax())]
    bm25 = [hit.lexical for hit in hits]
    cosines = [hit.cosine for hit in hits if hit.cosine is not None]
    most = float(scores.max())
    return (
        *_unseen(question, hits, read, weight),
        min(1.0, len(weight) / 20),
        most,
        most + math.log(float(np.exp(scores - most).sum())),
        sum(value for word, value in weight.items() if word in best.words) / whole,
        bm25[0] / 10,
        bm25[0] / max(1, len(weight)) / 3,
        (bm25[0] - sum(bm25) / len(bm25)) / 10,
        hits[0].score - hits[min(PASSAGES, len(hits) - 1)].score,
        float(best.hit.passage.language != query_language(question)),
        # Cosines of the standard embedder all lie close together, about this one.
        (max(cosines) - 0.87) * 10 if cosines else 0.0,
        max(cosines) - sum(cosines) / len(cosines) if cosines else 0.0,
    )


def _unseen(
    question: str, hits: Sequence[Hit], read: Sequence[Read], weight: Mapping[str, float]
) -> tuple[float, float, float, float, float, float]:
    """The first six of FEATURES: what the question says that nothing found says."""
    known = {word for one in read for word in one.words | one.around}
    known.update(word for hit in hits[PASSAGES:] for word in tokens(_read(hit)))
    text = "\n".join(folded(_read(hit)) for hit in hits)
    new = [word for word in weight if word not in known]

    def is_new(word: str) -> bool:
        return folded(word) not in text and not known.issuperset(tokens(word, query=True))

    asked = normalise(question)
    return (
        sum(weight[word] for word in new) / (sum(weight.values()) or 1.0),
        min(1.0, len(new) / 10),
        _share([not holds(text, name) for name in identifiers(question)]),
        _share([is_new(word) for word in _LATIN.findall(content_words(question))]),
        _share([is_new(word) for word in _CAPITAL.findall(asked)]),
        _share([folded(word) not in text for word in _KATAKANA.findall(asked)]),
    )


def _share(values: Sequence[bool]) -> float:
    return sum(values) / max(1, len(values))


def _read(hit: Hit) -> str:
    return " ".join((*hit.passage.heading, hit.passage.context, hit.passage.text))

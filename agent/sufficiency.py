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
from index.analyzer import normalise, tokens
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
    "cosine",  # the greatest
    "cosine lead",  # before the hits' mean
)

Kind = tuple[Language, bool, bool]
"""Which coefficients hold: the question's language, whether the likeliest unit is in it too (else words tell less), and
whether there are cosines."""

# Fitted by `python -m benchmarks.refusal --fit`; the intercept comes first, then one number for each of FEATURES.
# fmt: off
COEFFICIENTS: dict[Kind, tuple[float, ...]] = {
    ("en", False, True): (
        3.714, -1.822, -1.610, -1.267, -0.318, -1.246, 0.000, -1.561, 0.215, -0.713, 3.586, 0.057, 0.073, 0.025,
        0.856, 2.425, 30.150,
    ),
    ("en", True, True): (
        -3.383, -1.476, 0.123, -1.359, 0.866, -1.629, 0.000, 4.660, 0.292, 0.520, 0.194, 0.414, 0.859, -0.265, 3.127,
        0.544, 16.471,
    ),
    ("ja", False, True): (
        0.917, -1.899, 0.001, -0.785, -1.205, -0.720, -0.052, 0.567, 0.269, -0.430, -0.145, 0.325, 0.224, 0.374,
        1.644, 1.175, 30.257,
    ),
    ("ja", True, True): (
        -1.818, -0.315, -1.695, -2.298, -4.440, -0.935, -0.874, 1.017, 0.286, 0.399, 0.611, 0.114, 0.090, 0.026,
        4.031, 2.606, 19.674,
    ),
    ("en", False, False): (
        3.071, -1.912, -2.625, -0.921, -0.818, -1.318, 0.000, -3.072, 0.126, -0.267, 3.058, 0.075, 0.118, 0.195,
        0.970, 0.000, 0.000,
    ),
    ("en", True, False): (
        -5.153, -1.668, -1.446, -0.977, 2.189, -1.625, 0.000, 5.335, 0.412, 0.511, 0.734, 0.753, 1.343, -0.357, 2.445,
        0.000, 0.000,
    ),
    ("ja", False, False): (
        -0.493, -0.698, 0.165, -0.986, -2.046, -1.687, -0.159, 0.807, 0.250, 0.015, -0.274, 0.216, 0.122, 0.175,
        1.220, 0.000, 0.000,
    ),
    ("ja", True, False): (
        -2.915, 0.152, -2.149, -3.083, -4.925, -0.765, -1.455, 1.665, 0.305, 0.438, 1.681, 0.236, 0.700, 0.132, 0.598,
        0.000, 0.000,
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
    language: Language,
) -> float:
    """The probability that what was found answers `question`; 0 for a question of hiragana alone, which search could
    only look up letter by letter, and for a name and nothing else that nothing found holds.

    `scores` are the ranker's for the units `read`, less that of "none answers"; `weight` is the rarity of each word
    asked for.
    """
    if not read or all(_GRAMMAR.fullmatch(word) for word in weight):
        return 0.0
    values = features(question, hits, read, scores, weight)
    if identifiers(question) == (normalise(question).strip(),) and values[FEATURES.index("unknown names")]:
        return 0.0
    intercept, *slopes = COEFFICIENTS[kind_of(hits, read, scores, language)]
    total = intercept + sum(slope * value for slope, value in zip(slopes, values, strict=True))
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


def kind_of(hits: Sequence[Hit], read: Sequence[Read], scores: npt.NDArray[np.float64], language: Language) -> Kind:
    """Which coefficients hold; see `Kind`."""
    best = read[int(scores.argmax())].hit.passage.language
    return language, best == language, any(hit.cosine is not None for hit in hits)


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

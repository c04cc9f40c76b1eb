"""The gate: how likely it is that the evidence answers the question, as a figure in 0..1.

Comes in: the question, the hits, the evidence chosen from them, and the rarity of each word asked for. Goes out: a
probability from a small logistic regression, whose coefficients were fitted by `benchmarks/refusal.py` on questions
whose answer is in the library and on questions whose answer is not. It works with words alone and, where passages have
embeddings, with cosines too. It knows nothing of models or prompts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from agent.records import Evidence
from agent.terms import folded, holds, identifiers
from index.analyzer import query_language, tokens
from index.records import Hit

ENOUGH = 0.45
"""From this figure on the evidence is taken to suffice; below it the answer is a refusal."""

_GRAMMAR = re.compile(r"[ぁ-ゖゝゞー]{1,2}")

FEATURES = ("evidence", "best", "passage", "unseen", "unknown names", "found names", "words", "cosine", "lead")

# Fitted by `python -m benchmarks.refusal --fit`; the intercept comes first, then one number for each of FEATURES.
COEFFICIENTS: dict[tuple[str, bool], tuple[float, ...]] = {
    ("en", False): (-4.59, 0.58, 5.54, 4.98, 0.32, -0.51, 0.76, 0.53, 0.00, 0.00),
    ("en", True): (-4.27, 0.28, 3.49, 3.48, -1.06, -1.21, -0.37, -0.30, 2.16, 1.82),
    ("ja", False): (-4.12, 1.50, 3.68, 3.83, -0.91, -0.14, -0.41, 0.71, 0.00, 0.00),
    ("ja", True): (-4.40, 1.52, 2.97, 2.99, -0.65, -0.05, -0.33, 0.92, 0.89, 0.67),
}


def sufficiency(question: str, hits: Sequence[Hit], evidence: Sequence[Evidence], weight: Mapping[str, float]) -> float:
    """The probability that `evidence` answers `question`; 0 without evidence, or for a question of hiragana alone,
    which search could only look up letter by letter.

    `weight` is the rarity of each word asked for, as the extractor measured it among the hits.
    """
    if not evidence or all(_GRAMMAR.fullmatch(word) for word in weight):
        return 0.0
    values = features(question, hits, evidence, weight)
    kind = (query_language(question), any(hit.cosine is not None for hit in hits))
    intercept, *slopes = COEFFICIENTS[kind]
    total = intercept + sum(slope * value for slope, value in zip(slopes, values, strict=True))
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


def features(
    question: str, hits: Sequence[Hit], evidence: Sequence[Evidence], weight: Mapping[str, float]
) -> tuple[float, ...]:
    """What the judgement rests on, each about 0..1, in the order of FEATURES.

    Shares of the question's words, weighted by rarity: in all evidence, in its best quote, in the first hit (headings
    and context count everywhere), and in no hit at all. Then the share of the question's identifiers that no hit holds
    and that the evidence holds, the number of words asked for, the best cosine and its lead over the hits' mean.
    """
    whole = sum(weight.values())

    def share(words: set[str]) -> float:
        return sum(value for word, value in weight.items() if word in words) / whole

    quotes = [set(tokens(" ".join((*one.heading, one.context, one.quote)))) for one in evidence]
    passages = [set(tokens(_read(hit))) for hit in hits]
    texts = [folded(_read(hit)) for hit in hits]
    names = identifiers(question)
    unknown = sum(not any(holds(text, name) for text in texts) for name in names)
    shown = folded(" ".join(" ".join((*one.heading, one.context, one.quote)) for one in evidence))
    found = sum(holds(shown, name) for name in names)
    cosines = [hit.cosine for hit in hits if hit.cosine is not None]
    return (
        share(set().union(*quotes)),
        share(quotes[0]),
        share(passages[0]),
        1.0 - share(set().union(*passages)),
        unknown / max(1, len(names)),
        found / max(1, len(names)),
        min(1.0, len(weight) / 20),
        max(cosines, default=0.0),
        max(cosines) - sum(cosines) / len(cosines) if cosines else 0.0,
    )


def _read(hit: Hit) -> str:
    return " ".join((*hit.passage.heading, hit.passage.context, hit.passage.text))

"""Fits the ranker of units to questions whose answer is known, with numpy alone, in about a minute.

Comes in: cases (answer_cases.py). Goes out: a `Ranker` that makes the units which hold the answer, or "none of them",
most likely: the loss is the negative log of their share in one softmax over a question's units (listwise). A unit that
holds the answer's words on another page than the one that answers counts neither way. It has a fixed seed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

from agent.terms import terms
from agent.unit_features import FEATURES, Read, matrix, rarity, read_units
from agent.unit_ranker import Floats, Ranker
from benchmarks import own_questions, question_sets
from benchmarks.answer_cases import PARAGRAPHS, Case, Shelf, answers
from index.records import Language

Bools = npt.NDArray[np.bool_]

HIDDEN = 12  # 0: a linear one; 8 and 24 did no better: docs/extractor-trials.md
EPOCHS = 150
PENALTY = 0.02  # on the squares of all weights but the biases
RATE = 0.03  # of Adam
SHARE = {"jsquad": 3.0, "xquad": 2.25, "own": 0.8, "pack": 1.0, "bank": 0.8}
"""What a set weighs, by the first part of its name, with and without embeddings together; each case in it alike."""
NEAR = 0.1  # of that, for the same questions with the answer taken away
EMBEDDED = 0.7  # of it, for the cases whose library has embeddings


@dataclass(frozen=True, slots=True)
class Seen:
    """A case as the ranker meets it: a row of features a unit, which of them hold the answer in the right place, and
    which hold its words anywhere."""

    case: Case
    read: tuple[Read, ...]
    features: Floats
    right: Bools
    holding: Bools


GROUPS: dict[str, tuple[str, ...]] = {
    "words": ("words", "best", "bm25", "rarest", "all"),
    "headings, terms": ("around", "term", "title", "defined", "defines"),
    "order": ("pairs", "run"),
    "names": ("names", "named"),
    "kind of answer": ("kind", "counter", "denied"),
    "neighbours": ("before", "after", "leans"),
    "passage": ("score", "top", "lead", "passage", "page", "meaning"),
    "place, length, newness": ("first", "place", "length", "new"),
    "unit's kind": ("row", "item", "definition", "code", "header"),
    "language": ("foreign", "foreign score", "foreign words"),
}
"""Features that belong together, for the ablation."""


def gather(work: Path) -> list[Seen]:
    """All cases on which the ranker is fitted (tuning halves) or judged (held halves), from libraries made in `work`.

    Raises DataMissing, CorpusMissing.
    """
    found: list[Seen | None] = []
    for embedded in (True, False):
        with Shelf(work, embedded=embedded) as shelf:
            for asked in _questions():
                found += map(seen, shelf.put(asked))
            if embedded:
                japanese, *others = _questions()[:4]
                for asked in (japanese[::2], *others):
                    found += map(seen, shelf.put(asked, "near"))
            for asked in _questions()[2:4]:
                found += map(seen, shelf.put(asked, library="pack-both"))
                found += map(seen, shelf.put(asked, "cross", "pack-both"))
    return [one for one in found if one is not None]


def _questions() -> list[list[question_sets.Asked]]:
    sets = [
        question_sets.paragraph_questions("jsquad", PARAGRAPHS["jsquad"], "ja"),
        question_sets.paragraph_questions("xquad", PARAGRAPHS["xquad"], "en"),
        *(question_sets.pack_questions(language) for language in get_args(Language)),
        *(question_sets.own(name) for name in own_questions.OWN),
        *(question_sets.exam_questions(one, options=both) for one in get_args(Language) for both in (False, True)),
    ]
    return [[one for one in asked if one.answerable] for asked in sets]


def ablation(tuning: Sequence[Seen], held: Sequence[Seen]) -> Iterator[str]:
    """The lines of a table: the held halves' loss, and the share of questions whose likeliest unit holds the answer,
    with all features, without each group, with one group alone, and with no hidden layer."""
    everything = [name for group in GROUPS.values() for name in group]
    ways: list[tuple[str, tuple[str, ...], int]] = [("all", (), HIDDEN), ("all, linear", (), 0)]
    ways += [(f"without {name}", group, HIDDEN) for name, group in GROUPS.items()]
    ways += [
        (f"only {name}", tuple(one for one in everything if one not in group), HIDDEN) for name, group in GROUPS.items()
    ]
    names = [("jsquad", "JSQuAD"), ("xquad", "XQuAD"), ("pack", "pack"), ("own", "own manuals"), ("bank", "exam bank")]
    yield f"| Features | loss | {' | '.join(title for _, title in names)} |\n| --- | --- |{' --- |' * len(names)}"
    for label, without, hidden in ways:
        ranker = fit(tuning, hidden=hidden, without=without)
        right = [f"{_first(ranker, held, name):.3f}" for name, _ in names]
        yield f"| {label} | {loss(ranker, held):.3f} | {' | '.join(right)} |"


def _first(ranker: Ranker, cases: Sequence[Seen], name: str) -> float:
    some = [
        one for one in cases if one.case.asked.set.startswith(name) and one.case.kind == "own" and one.case.embedded
    ]
    return sum(bool(one.holding[ranker.scores(one.features).argmax()]) for one in some) / len(some)


def seen(case: Case) -> Seen | None:
    """Read a case; None where nothing was found or asked."""
    asked = case.asked
    words, read = terms(asked.question), read_units(case.hits)
    if not words or not read:
        return None
    features = matrix(asked.question, read, rarity(words, read), asked.language)
    holding = np.array([asked.answered_by(one.quote) for one in read])
    place = np.array([case.answerable and answers(asked, one.hit) for one in read])
    if case.kind == "cross":  # the answer is in another language: which unit of the page holds it can't be told
        return Seen(case, tuple(read), features, place, place | holding)
    return Seen(case, tuple(read), features, holding & place, holding)


def fit(cases: Sequence[Seen], *, hidden: int = HIDDEN, without: Sequence[str] = (), seed: int = 0) -> Ranker:
    """A ranker fitted to these cases. `without` names features that are left out (for an ablation)."""
    rows = np.concatenate([one.features for one in cases])
    keep = np.array([name not in without for name in FEATURES], dtype=np.float64)
    middle, spread = rows.mean(0), rows.std(0) + 1e-6
    task = _Task.of_cases(cases, (rows - middle) / spread * keep)
    draw = np.random.default_rng(seed)
    width = len(FEATURES)
    weights = [
        draw.normal(0, 0.3, (width, hidden)),
        np.zeros(hidden),
        draw.normal(0, 0.3, hidden),
        np.zeros(width),
        np.zeros(()),
    ]
    first, second = ([np.zeros_like(one) for one in weights] for _ in range(2))
    for turn in range(1, EPOCHS + 1):
        rate = RATE * min(1.0, 2 * (1 - turn / (EPOCHS + 1)))
        for at, slope in enumerate(task.slopes(weights)):
            first[at] = 0.9 * first[at] + 0.1 * slope
            second[at] = 0.99 * second[at] + 0.01 * slope**2
            step = (first[at] / (1 - 0.9**turn)) / (np.sqrt(second[at] / (1 - 0.99**turn)) + 1e-9)
            weights[at] = weights[at] - rate * step
    into, bias, out, direct, none = weights
    into, direct = into * (keep / spread)[:, None], direct * keep / spread
    # What the middles add to every unit's score alike goes to the biases.
    return Ranker(into, bias - middle @ into, out, direct, float(none + middle @ direct))


def loss(ranker: Ranker, cases: Sequence[Seen]) -> float:
    """The mean negative log-likelihood, in nats, over cases weighed as in fitting."""
    shares = _shares(cases)
    total = 0.0
    for one, share in zip(cases, shares, strict=True):
        found = ranker.probabilities(one.features)
        right = found[one.right].sum() if one.right.any() else 1 - found.sum()
        total -= share * np.log(max(right, 1e-9))
    return float(total)


def save(ranker: Ranker, path: Path) -> None:
    """Write a ranker as data, to four significant digits."""

    def short(values: Floats) -> list[object]:
        return [short(one) if isinstance(one, np.ndarray) else float(f"{one:.4g}") for one in values]

    parts = {"hidden": ranker.hidden, "bias": ranker.bias, "out": ranker.out, "direct": ranker.direct}
    data: dict[str, object] = {"features": list(FEATURES), "none": float(f"{ranker.none:.4g}")}
    data |= {name: short(values) for name, values in parts.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in data.items()]
    path.write_text("{\n" + ",\n".join(lines).replace("], [", "],\n  [") + "\n}\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Task:
    """All units one below the other: where each case begins, to which it belongs, what counts."""

    rows: Floats
    starts: npt.NDArray[np.intp]
    of: npt.NDArray[np.intp]
    right: Bools
    counted: Bools
    answered: Bools
    share: Floats

    @classmethod
    def of_cases(cls, cases: Sequence[Seen], rows: Floats) -> _Task:
        lengths = [len(one.features) for one in cases]
        starts = np.r_[0, np.cumsum(lengths)[:-1]].astype(np.intp)
        right = np.concatenate([one.right for one in cases])
        holding = np.concatenate([one.holding for one in cases])
        answered = np.array([one.right.any() for one in cases])
        of = np.repeat(np.arange(len(cases)), lengths)
        return cls(rows, starts, of, right, right | ~holding, answered, np.array(_shares(cases)))

    def slopes(self, weights: Sequence[Floats]) -> tuple[Floats, ...]:
        """The gradient of the penalised loss for each of the weights."""
        into, bias, out, direct, none = weights
        inner = np.tanh(self.rows @ into + bias)
        scores = np.where(self.counted, inner @ out + self.rows @ direct, -1e9)
        most = np.maximum(np.maximum.reduceat(scores, self.starts), none)
        parts, rest = np.exp(scores - most[self.of]), np.exp(none - most)
        whole = np.add.reduceat(parts, self.starts) + rest
        found, nothing = parts / whole[self.of], rest / whole
        good = np.where(self.right, found, 0.0)
        held = np.maximum(np.add.reduceat(good, self.starts), 1e-12)
        up = self.share[self.of] * (found - np.where(self.answered[self.of], good / held[self.of], 0.0))
        through = np.outer(up, out) * (1 - inner**2)
        return (
            self.rows.T @ through + PENALTY * into,
            through.sum(0),
            inner.T @ up + PENALTY * out,
            self.rows.T @ up + PENALTY * direct,
            np.asarray((self.share * (nothing - ~self.answered)).sum()),
        )


def _shares(cases: Sequence[Seen]) -> list[float]:
    """What each case weighs; all together 1."""
    groups = [(one.case.asked.set, one.case.library, one.case.kind, one.case.embedded) for one in cases]
    counts: defaultdict[tuple[str, str, str, bool], int] = defaultdict(int)
    for group in groups:
        counts[group] += 1
    weights = []
    for group in groups:
        set_, _, kind, embedded = group
        weight = SHARE[set_.split("-")[0]] * (EMBEDDED if embedded else 1 - EMBEDDED)
        weights.append(weight * (NEAR if kind == "near" else 1.0) / counts[group])
    return [weight / sum(weights) for weight in weights]

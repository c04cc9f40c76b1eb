"""Does the gate tell questions that a library answers from those that it does not? And its coefficients.

    python -m benchmarks.refusal             the gate as it ships, with embeddings (minutes)
    python -m benchmarks.refusal --words     with libraries that have no embeddings
    python -m benchmarks.refusal --fit       also fit it anew, with and without embeddings, and print the coefficients

Puts questions to the library that answers them ("own"), to it with what answers them taken out of what was found
("near"), to one that answers them in another language only ("cross"), and to one about something else ("far"). Whether
a question is answerable is its set's own label, not what the extractor found. The goal is measured on slurm_dev, the
domain pack's questions, and the questions of each product put to the other's manual. Coefficients are fitted on the
tuning halves, without slurm_dev; "two-fold" fits on each half in turn and judges the other, so that every question
counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from agent import sufficiency
from agent.terms import terms
from agent.unit_features import matrix, rarity, read_units
from agent.unit_ranker import shipped
from benchmarks import corpora, own_questions, question_sets
from benchmarks.answer_cases import PARAGRAPHS, Case, Shelf, answers
from benchmarks.question_sets import DataMissing, Half
from index.records import Language

Floats = NDArray[np.float64]

PENALTY = 10.0  # on the squares of the slopes of standardised features
SHARE = {"xquad": 1.0, "jsquad": 1.0, "pack": 2.0, "bank": 1.5, "own": 1.2, "near": 1.5, "far": 3.0, "cross": 1.0}
"""What a set weighs in fitting; answerable and unanswerable cases weigh alike in the end."""
GOAL = ("slurm-dev", "pack-en", "pack-ja")
OTHER = {"slurm-dev": ("pack-en", "pack-ja"), "pack-en": ("own-slurm",), "pack-ja": ("own-slurm",)}
"""The questions that the goal is measured on, and the other product's libraries they are put to."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A case as the gate meets it: figure and features (none: it is refused at once), whether the answer was in what
    was found, and which coefficients hold."""

    case: Case
    figure: float
    features: tuple[float, ...]
    found: bool
    kind: sufficiency.Kind

    @property
    def group(self) -> str:
        """Which line of the table it belongs to."""
        asked = self.case.asked
        if self.case.kind == "own":
            return asked.set if asked.answerable else f"{asked.set}, not answerable"
        return f"{asked.set}, {self.case.kind}" + (f": {self.case.library}" if self.case.kind != "near" else "")

    @property
    def of_goal(self) -> bool:
        """Whether the goal is measured on it."""
        asked = self.case.asked
        return asked.set in GOAL and (self.case.kind == "own" or self.case.library in OTHER[asked.set])

    @property
    def half(self) -> Half:
        """The half that it belongs to."""
        return self.case.asked.half


def judged(case: Case) -> Judged:
    """What the gate makes of a case."""
    asked = case.asked
    words, read = terms(asked.question), read_units(case.hits)
    found = any(
        answers(asked, hit) if case.kind == "cross" else asked.answered_by(hit.passage.text) for hit in case.hits[:5]
    )
    if not words or not read:
        return Judged(case, 0.0, (), found, (asked.language, True, case.embedded))
    weight = rarity(words, read)
    scores = shipped().scores(matrix(asked.question, read, weight, asked.language))
    given = asked.question, case.hits, read, scores, weight
    figure = sufficiency.sufficiency(*given, asked.language)
    kind = sufficiency.kind_of(case.hits, read, scores, asked.language)
    return Judged(case, figure, sufficiency.features(*given), found, kind)


def cases(shelf: Shelf) -> Iterator[Case]:
    """All cases. Raises DataMissing, CorpusMissing."""
    xquad = question_sets.paragraph_questions("xquad", PARAGRAPHS["xquad"], "en")
    jsquad = question_sets.paragraph_questions("jsquad", PARAGRAPHS["jsquad"], "ja")
    slurm, networks = question_sets.slurm_questions(), question_sets.network_questions()[::3]
    put = shelf.put
    for some in (xquad, jsquad):
        yield from put(some)
    for some in (xquad, jsquad[::2]):
        yield from put(some, "near")
    for language in get_args(Language):
        asked, exam = question_sets.pack_questions(language), question_sets.exam_questions(language)
        yield from put(asked)
        yield from put(exam)
        yield from put([one for one in (*asked, *exam) if one.answerable], "near")
        yield from put(asked, "far", "own-slurm")
        other = "pack-ja" if language == "en" else "pack-en"
        for library in ("pack-both", other):
            yield from put([one for one in asked if one.answerable], "cross", library)
        yield from put([one for one in asked if not one.answerable], "far", other)
    for name, own in own_questions.OWN.items():
        asked = question_sets.own(name)
        yield from put(asked)
        yield from put(asked, "near")
        yield from put(asked, "far", f"pack-{own.language}")
    yield from put(question_sets.own("own-slurm"), "far", "pack-ja")
    yield from put(slurm)
    yield from put(question_sets.slurm_questions(reworded=True))
    for library in OTHER["slurm-dev"]:
        yield from put(slurm, "far", library)
    for library in ("own-slurm", "pack-en"):
        yield from put(networks, "far", library)
    yield from put(xquad[::2], "far", "own-slurm")
    yield from put(xquad[1::2], "far", "pack-en")
    yield from put(jsquad[::6], "far", "pack-ja")
    yield from put(jsquad[3::6], "far", "own-debian-ja")


@dataclass(frozen=True, slots=True)
class Gate:
    """A logistic regression: the intercept, then a slope for each feature."""

    numbers: Floats

    def figure(self, one: Judged) -> float:
        """The probability for one case."""
        if not one.features:
            return 0.0
        return float(1 / (1 + np.exp(-(self.numbers[0] + self.numbers[1:] @ np.array(one.features)))))


def fit(some: Sequence[Judged]) -> Gate:
    """Coefficients by Newton's method. Left out are slurm_dev, answerable questions whose answer was not found, and
    "near" cases where another page turned out to answer: for these no figure would be right or wrong."""
    used = [one for one in some if _tells(one)]
    x = np.array([one.features for one in used])
    middle, spread = x.mean(0), x.std(0) + 1e-6
    z = np.c_[np.ones(len(x)), (x - middle) / spread]
    y = np.array([one.case.answerable for one in used], dtype=float)
    weight = _weights(used)
    penalty = np.diag([0.0, *[PENALTY] * x.shape[1]])
    w = np.zeros(z.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-z @ w))
        hessian = (z.T * (weight * p * (1 - p))) @ z + penalty + 1e-9 * np.eye(len(w))
        w -= np.linalg.solve(hessian, z.T @ (weight * (p - y)) + penalty @ w)
    slopes = w[1:] / spread
    return Gate(np.array([w[0] - middle @ slopes, *slopes]))


def _tells(one: Judged) -> bool:
    if not one.features or one.case.asked.set.startswith("slurm-dev"):
        return False
    if one.case.answerable:
        return one.found
    return not (one.case.kind == "near" and one.found)


def _weights(used: Sequence[Judged]) -> Floats:
    def group(one: Judged) -> tuple[str, str, bool]:
        set_ = one.case.asked.set.split("-")[0] if one.case.asked.set.startswith("bank") else one.case.asked.set
        return (one.case.kind, set_, one.case.answerable)

    counts: defaultdict[tuple[str, str, bool], int] = defaultdict(int)
    for one in used:
        counts[group(one)] += 1
    groups: defaultdict[str, int] = defaultdict(int)
    for kind, _, _ in counts:
        groups[kind] += 1

    def share(one: Judged) -> float:
        kind = one.case.kind
        whole = SHARE[one.case.asked.set.split("-")[0]] if kind == "own" else SHARE[kind] / groups[kind]
        if one.case.asked.set.startswith("own-") and kind == "own":
            whole /= 3  # three wordings of each question
        return whole / counts[group(one)]

    weight = np.array([share(one) for one in used])
    answerable = np.array([one.case.answerable for one in used])
    for side in (answerable, ~answerable):
        weight[side] *= len(used) / 2 / weight[side].sum()
    return weight


def auroc(figures: Floats, answerable: NDArray[np.bool_]) -> float:
    """The share of pairs (answerable, not) in which the answerable one has the higher figure; ties count half."""
    yes, no = figures[answerable], figures[~answerable]
    if not len(yes) or not len(no):
        return float("nan")
    return float(((yes[:, None] > no).mean() + (yes[:, None] >= no).mean()) / 2)


def goal(title: str, some: Sequence[Judged], figure: Callable[[Judged], float]) -> str:
    """One line of the goal's table."""
    chosen = [one for one in some if one.of_goal]
    figures = np.array([figure(one) for one in chosen])
    answerable = np.array([one.case.answerable for one in chosen])
    refused = figures < sufficiency.ENOUGH
    return (
        f"| {title} | {answerable.sum()} | {(~answerable).sum()} | {auroc(figures, answerable):.3f} | "
        f"{refused[~answerable].mean():.3f} | {refused[answerable].mean():.3f} |"
    )


def groups(some: Sequence[Judged], figure: Callable[[Judged], float]) -> Iterator[str]:
    """How many of each group are refused, one line a group; of the answerable also how many that were found."""
    held: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in some:
        held[one.group].append(one)
    for name, members in held.items():
        refused = np.array([figure(one) < sufficiency.ENOUGH for one in members])
        found = np.array([one.found for one in members])
        of_found = f"{refused[found].mean():.3f}" if members[0].case.answerable and found.any() else ""
        yield f"| {name} | {len(members)} | {refused.mean():.3f} | {of_found} |"


def reliability(some: Sequence[Judged], figure: Callable[[Judged], float]) -> Iterator[str]:
    """Predicted beside observed, by tenths of the figure, over the cases on which a gate may be fitted, weighed as in
    fitting (answerable and not alike)."""
    used = [one for one in some if _tells(one)]
    figures, weight = np.array([figure(one) for one in used]), _weights(used)
    answerable = np.array([one.case.answerable for one in used])
    for low in np.arange(0, 1, 0.1):
        within = (figures >= low) & (figures < low + 0.1 + 1e-9 * (low > 0.85))
        if within.any():
            mean = np.average(figures[within], weights=weight[within])
            observed = np.average(answerable[within], weights=weight[within])
            yield f"| {low:.1f} to {low + 0.1:.1f} | {within.sum()} | {mean:.2f} | {observed:.2f} |"


def crossed(some: Sequence[Judged]) -> Callable[[Judged], float]:
    """The figure by a gate fitted on the other half."""
    gates = {
        (kind, half): fit([one for one in some if one.kind == kind and one.half != half])
        for kind in {one.kind for one in some if one.features}
        for half in get_args(Half)
    }
    return lambda one: gates[one.kind, one.half].figure(one) if one.features else 0.0


def main() -> int:
    """Judge the gate as it is and, if asked, fit it anew; 1 where data is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="keep the libraries here (default: a temporary folder)")
    parser.add_argument("--words", action="store_true", help="libraries without embeddings")
    parser.add_argument("--fit", action="store_true", help="fit the coefficients anew")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        try:
            for embedded in (True, False) if options.fit else (not options.words,):
                with Shelf(options.work or Path(temporary), embedded=embedded) as shelf:
                    report([judged(case) for case in cases(shelf)], embedded=embedded, anew=options.fit)
        except (DataMissing, corpora.CorpusMissing) as missing:
            print(missing, file=sys.stderr)
            return 1
    return 0


def report(some: Sequence[Judged], *, embedded: bool, anew: bool) -> None:
    """Print all tables and, if asked, coefficients fitted anew."""
    print(f"\n## {'With' if embedded else 'Without'} embeddings; refused below {sufficiency.ENOUGH}\n")
    print("| Gate, cases of the goal | answerable | not | AUROC | of these refused | of the answerable |")
    print("| --- | --- | --- | --- | --- | --- |")
    held = [one for one in some if one.half == "held"]
    across = crossed(some)
    for language in (None, *get_args(Language)):
        of = f", {language}" if language else ""
        for title, members, figure in (
            ("as shipped, held half", held, lambda one: one.figure),
            ("two-fold", some, across),
        ):
            print(goal(title + of, [one for one in members if language in {None, one.case.asked.language}], figure))
    print("\n| Held half, as shipped | cases | refused | of those whose answer was found |\n| --- | --- | --- | --- |")
    print("\n".join(groups(held, lambda one: one.figure)))
    print("\n| Figure, held half | cases | predicted | observed |\n| --- | --- | --- | --- |")
    print("\n".join(reliability(held, lambda one: one.figure)))
    if anew:
        print()
        for kind in sorted({one.kind for one in some if one.features}):
            tuning = [one for one in some if one.half == "tuning" and one.kind == kind]
            print(f"    {coefficients(kind, fit(tuning))},")


def coefficients(kind: sufficiency.Kind, gate: Gate) -> str:
    """An entry of COEFFICIENTS, as it is written in agent/sufficiency.py."""
    numbers = ", ".join(f"{value:.3f}" for value in gate.numbers) + ","
    lines = "\n".join(f"        {line}" for line in textwrap.wrap(numbers, 110))
    return f'("{kind[0]}", {kind[1]}, {kind[2]}): (\n{lines}\n    )'


if __name__ == "__main__":
    sys.exit(main())

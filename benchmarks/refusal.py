"""Does the gate tell questions that the evidence answers from those that it does not? And its coefficients.

    python -m benchmarks.refusal [--limit 300] [--work FOLDER] [--embed] [--fit]

Asks each set of questions of a library that holds the answers ("own"), of the same library with the paragraph that
answers left out of the hits ("near"), and of a library about something else ("far"). A case counts as answerable if an
answer stands in the evidence that the extractor chose. Prints for each kind how many are refused, and the AUROC of the
figure; --fit also fits a logistic regression on these cases (L2, all sets weighted alike), judges it by two-fold
cross-validation over questions, and prints the coefficients for agent/sufficiency.py. --embed makes embeddings first
(minutes), for the coefficients with cosines.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent import sufficiency
from agent.extractor import extract, rarity_of
from benchmarks import corpora
from benchmarks.question_sets import (
    ROOT,
    Asked,
    DataMissing,
    kept_in,
    library,
    network_questions,
    paragraph_library,
    paragraphs,
    slurm_questions,
)
from index.library import Library

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One question put to one library: which set and kind, whether its evidence answers it, figure and features."""

    question: str
    language: str
    kind: str
    answered: bool
    figure: float
    features: tuple[float, ...]


def cases(kind: str, asked: Sequence[Asked], held: Library, *, without_answer: bool = False) -> Iterator[Case]:
    """Put questions to a library; `without_answer` drops the hits that lie in the paragraph that answers."""
    for one in asked:
        hits = held.search(one.question, 20)
        if without_answer:
            hits = [hit for hit in hits if not _from(hit.passage.text, one.context)]
        hits = hits[:10]
        found = extract(one.question, hits, language=one.language)
        if not found.evidence:
            continue
        text = "\n".join(f"{' '.join(item.heading)} {item.context} {item.quote}" for item in found.evidence)
        answered = kind in {"own", "manual"} and (kept_in(one.answers, text) or kept_in([one.context or "\0"], text))
        weight = rarity_of(one.question, hits)
        features = sufficiency.features(one.question, hits, found.evidence, weight)
        yield Case(one.question, one.language, kind, answered, found.sufficiency, features)


def collect(limit: int, work: Path, *, embed: bool) -> list[Case]:
    """All cases of both languages."""
    draw = random.Random(1)
    english, english_texts = paragraphs("xquad_en_dev.jsonl", "en")
    japanese, japanese_texts = paragraphs("jsquad_ja_dev.jsonl", "ja")
    english, japanese = (draw.sample(some, min(limit, len(some))) for some in (english, japanese))
    networks = draw.sample(network_questions(), limit // 2)
    slurm = slurm_questions()
    gathered: list[Case] = []
    primer = [path for path in sorted((ROOT / "domains").glob("*/primer/*")) if path.is_dir()]
    with (
        paragraph_library(english_texts, work / "xquad_en_dev.jsonl") as en,
        paragraph_library(japanese_texts, work / "jsquad_ja_dev.jsonl") as ja,
        library([corpora.bring(corpora.CORPORA[0])], work / "slurm") as manual,
        library(primer, work / "primer") as primers,
    ):
        if embed:
            for held in (en, ja, primers, manual):
                held.embed(lambda progress: None, lambda: False)
        for language, own in ((english, en), (japanese, ja)):
            gathered += cases("own", language, own)
            gathered += cases("near", language, own, without_answer=True)
            gathered += cases("far", language[: limit // 2], manual)
            gathered += cases("far", language[limit // 2 :], primers)
        gathered += cases("manual", slurm, manual)
        gathered += cases("far", [*networks, *slurm], primers)
        gathered += cases("far", networks, manual)
    return gathered


def auroc(figures: Sequence[float], answered: Sequence[bool]) -> float:
    """The share of pairs (answered, not) in which the answered one has the higher figure."""
    yes = np.array([figure for figure, good in zip(figures, answered, strict=True) if good])
    no = np.array([figure for figure, good in zip(figures, answered, strict=True) if not good])
    if not len(yes) or not len(no):
        return float("nan")
    return float(((yes[:, None] > no).mean() + (yes[:, None] >= no).mean()) / 2)


def fit(some: Sequence[Case], *, cosine: bool, strength: float = 1.0) -> Floats:
    """Intercept and slopes by Newton's method; each kind, and each outcome in it, weighs alike."""
    x = _design(some, cosine=cosine)
    y = np.array([case.answered for case in some], dtype=float)
    groups = [(case.kind, case.answered) for case in some]
    share = {("own", True): 3.0, ("own", False): 0.2, ("near", False): 1.0, ("far", False): 1.0,
             ("manual", True): 1.0, ("manual", False): 0.5}  # fmt: skip
    weight = np.array([share[group] / groups.count(group) for group in groups]) * len(some) / 4
    penalty = np.diag([0.0, *[strength] * (x.shape[1] - 1)])
    w = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ w))
        gradient = x.T @ (weight * (p - y)) + penalty @ w
        hessian = (x.T * (weight * p * (1 - p))) @ x + penalty + 1e-9 * np.eye(len(w))
        w -= np.linalg.solve(hessian, gradient)
    return w


def report(title: str, some: Sequence[Case], figures: Sequence[float]) -> None:
    """Print AUROC and the share refused of each kind."""
    known = [case.answered for case in some]
    print(f"{title}: {len(some)} cases, AUROC {auroc(figures, known):.3f}")
    for kind in ("own", "near", "far", "manual"):
        for good in (True, False):
            chosen = [f for f, case in zip(figures, some, strict=True) if case.kind == kind and case.answered == good]
            if chosen:
                refused = sum(figure < sufficiency.ENOUGH for figure in chosen) / len(chosen)
                word = "answerable" if good else "not answerable"
                print(f"  {kind:6} {word:14} {len(chosen):5} cases   refused {refused:.3f}")


def _design(some: Sequence[Case], *, cosine: bool) -> Floats:
    x = np.array([[1.0, *case.features] for case in some])
    if not cosine:
        x[:, -2:] = 0.0
    return x


def _from(text: str, paragraph: str) -> bool:
    folded = " ".join(text.split())
    return bool(paragraph) and (folded in paragraph or paragraph in folded)


def main() -> int:
    """Judge the gate as it is and, if asked, fit it anew; 1 where data is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=300, help="questions of each set (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="keep the libraries here (default: a temporary folder)")
    parser.add_argument("--embed", action="store_true", help="make embeddings first")
    parser.add_argument("--fit", action="store_true", help="fit the coefficients anew")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        try:
            gathered = collect(options.limit, options.work or Path(temporary), embed=options.embed)
        except (DataMissing, corpora.CorpusMissing) as missing:
            print(missing, file=sys.stderr)
            return 1
    for language in ("en", "ja"):
        some = [case for case in gathered if case.language == language]
        report(f"{language}, as it is", some, [case.figure for case in some])
        if options.fit:
            _fit_and_report(language, some)
    return 0


def _fit_and_report(language: str, some: Sequence[Case]) -> None:
    halves = [[case for case in some if hash_of(case.question) % 2 == half] for half in (0, 1)]
    for cosine in (False, True):
        if cosine:  # a library without embeddings tells nothing about cosines
            halves = [[case for case in half if case.features[-2]] for half in halves]
            if not all(halves):
                continue
        judged: list[Case] = []
        figures: list[float] = []
        for train, test in (halves, halves[::-1]):
            w = fit(train, cosine=cosine)
            judged += test
            figures += list(1 / (1 + np.exp(-_design(test, cosine=cosine) @ w)))
        report(f"{language}, cosine {cosine}, two-fold", judged, figures)
        numbers = ", ".join(f"{value:.2f}" for value in fit([*halves[0], *halves[1]], cosine=cosine))
        print(f'    ("{language}", {cosine}): ({numbers}),')


def hash_of(text: str) -> int:
    """A number that is the same in every run."""
    return sum(text.encode())


if __name__ == "__main__":
    sys.exit(main())

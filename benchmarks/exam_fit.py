"""Fit what the features of a claim weigh in an exam (agent/option_support.py), on questions that may be studied.

    python -m benchmarks.exam_fit

Comes in: the `study` questions of the JP1 bank in both languages and the Slurm pack's bank, each searched for once with
question and options in its own library. Goes out: the weights, and how many questions are right by them, in ten parts
of which each is answered by the weights that were fitted on the other nine. They are written to option_support.WEIGHTS
by hand. No `exam` question of JP1 is read.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.bank import load_bank
from agent.exam import TOP
from agent.option_support import FEATURES, WEIGHTS, claims
from agent.records import Question
from benchmarks.answer_cases import Shelf
from benchmarks.search_quality import CACHE

Floats = npt.NDArray[np.float64]

ROOT = Path(__file__).resolve().parent.parent
STEPS, RATE = 1500, 0.03
RIDGE = 0.002  # of the squared weights, against the mean log-probability of the right options
FOLDS = 10


@dataclass(frozen=True, slots=True)
class Seen:
    """One question: the features of its claims, [units, options, features], and its answer."""

    bank: str
    claims: Floats
    answer: int


def shares(seen: Seen, weights: Floats) -> tuple[Floats, Floats]:
    """The log of each option's share, and its gradient, [options, features]."""
    scores = seen.claims @ weights
    each = np.exp(scores - scores.max())
    together = each.sum(axis=0)
    means = np.einsum("uo,uof->of", each, seen.claims) / together[:, None]
    share = together / together.sum()
    return np.log(share), means - share @ means


def fitted(questions: Sequence[Seen]) -> Floats:
    """The weights that make the right options likeliest; Adam, from ones."""
    weights = np.ones(len(FEATURES))
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        slope = np.mean([shares(one, weights)[1][one.answer] for one in questions], axis=0) - RIDGE * weights
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        weights = weights + RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-9)
    return weights


def right(one: Seen, weights: Floats) -> bool:
    """Whether the option with the greatest share is the right one."""
    return int(shares(one, weights)[0].argmax()) == one.answer


def held_out(questions: Sequence[Seen]) -> dict[str, list[bool]]:
    """By bank: which questions are right by weights fitted on the other nine parts."""
    order = np.random.default_rng(0).permutation(len(questions))
    found: dict[str, list[bool]] = {}
    for part in range(FOLDS):
        weights = fitted([questions[at] for place, at in enumerate(order) if place % FOLDS != part])
        for at in order[part::FOLDS]:
            found.setdefault(questions[at].bank, []).append(right(questions[at], weights))
    return found


def studied(shelf: Shelf) -> list[Seen]:
    """Every question that may be studied, searched for."""
    found = []
    for name, library, questions in _banks():
        held = shelf.library(library)
        for question in questions:
            hits = held.search(f"{question.question} {' '.join(question.options)}", TOP)
            units, seen = claims(question, [hits])
            if units:
                found.append(Seen(name, seen, question.answer))
    return found


def _banks() -> list[tuple[str, str, list[Question]]]:
    packs = ROOT / "domains"
    jp1 = [
        (f"jp1-{language}", f"pack-{language}", load_bank(packs / "jp1" / "bank" / f"{language}.jsonl"))
        for language in ("en", "ja")
    ]
    studied = [(name, library, [one for one in bank if one.split == "study"]) for name, library, bank in jp1]
    return [*studied, ("slurm", "own-slurm", load_bank(packs / "slurm" / "bank" / "en.jsonl"))]


def main() -> None:
    """Fit, and say what came of it."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    with Shelf(CACHE / "exam") as shelf:
        questions = studied(shelf)
    for bank, ones in held_out(questions).items():
        before = [right(one, np.array(WEIGHTS)) for one in questions if one.bank == bank]
        print(f"{bank}: {np.mean(ones):.3f} held out, {np.mean(before):.3f} by those in use, n = {len(ones)}")
    for name, weight in zip(FEATURES, fitted(questions), strict=True):
        print(f"{name:10} {weight:6.2f}")


if __name__ == "__main__":
    main()

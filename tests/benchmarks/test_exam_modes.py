"""Two sittings are compared question by question, and the fit follows the slope of what it measures."""

from __future__ import annotations

import numpy as np
import pytest

from agent.exam import result
from agent.option_support import FEATURES
from agent.records import ExamItem, ExamResult, Question
from benchmarks.exam_fit import Seen, fitted, right, shares
from benchmarks.exam_modes import mcnemar

QUESTION = Question("q", "en", "engineer", "Which?", ("a", "b", "c", "d"), 0)


def sitting(*right: bool) -> ExamResult:
    items = [ExamItem("q", 0 if one else 1, 0, one, 1, (), 0.1) for one in right]
    return result([QUESTION] * len(items), items, 1.0)


def test_mcnemar_counts_only_the_questions_on_which_two_sittings_differ() -> None:
    one = sitting(*[True] * 10, *[False] * 2, *[True] * 50, *[False] * 9)
    other = sitting(*[False] * 10, *[True] * 2, *[True] * 50, *[False] * 9)
    gained, lost, p = mcnemar(one, other)
    assert (gained, lost) == (10, 2)
    assert p == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert mcnemar(one, one) == (0, 0, 1.0)


def test_the_slope_of_the_shares_is_that_of_small_steps() -> None:
    random = np.random.default_rng(1)
    seen = Seen("jp1-en", random.normal(size=(7, 4, len(FEATURES))), 2)
    weights = random.normal(size=len(FEATURES))
    _, slope = shares(seen, weights)
    for at in range(len(FEATURES)):
        step = np.zeros(len(FEATURES))
        step[at] = 1e-6
        measured = (shares(seen, weights + step)[0] - shares(seen, weights - step)[0]) / 2e-6
        assert slope[:, at] == pytest.approx(measured, abs=1e-6)


def test_fitting_finds_the_feature_that_tells_the_right_option() -> None:
    random = np.random.default_rng(2)
    questions = []
    for number in range(40):
        claims = random.normal(size=(5, 4, len(FEATURES)))
        claims[:, number % 4, 1] += 2.0
        questions.append(Seen("jp1-en", claims, number % 4))
    weights = fitted(questions)
    assert int(weights.argmax()) == 1
    assert np.mean([right(one, weights) for one in questions]) > 0.9

"""A model sits an exam: questions in, choices with their evidence out.

The model never sees letters, which a small one can't bind to options.

    closed   from memory: how much likelier the question makes the option's text, per token
    rag      one search with question and options; what it found supports each option by its words (option_support.py),
             and by how well the model expects the best units once it was told that this option is right
    agent    the same; while two options are close, one more search with each, and the mean of what both views say

A tuned model is asked of each option whether it is right, with the best units before it, as it was trained
(trainer/choices.py). Any other reads backwards, from the answer to the evidence (the "noisy channel"), because small
ones are the better at it: beside the support, the likelihood of the options after the evidence told nothing more, that
of the evidence after the options did (docs/exam-trials.md). The order of the options does not matter. It knows nothing
of files or windows.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agent import prompts
from agent.assistant import Assistant
from agent.engine import Engine, Score
from agent.errors import ModelMissing
from agent.loop import citation
from agent.option_support import Floats, Support, support
from agent.records import Evidence, ExamItem, ExamResult, LevelScore, Mode, Question

TOP = 10  # hits of a search
READ = 2  # units that the model reads
CHANNEL = 1.5  # what a nat per token of the evidence weighs, beside the log of an option's share of the support
CLOSE = 0.4  # between the scores of the best two options, below which the agent searches on
# Of a tuned model: on 398 questions whose facts Gemma-3-270M was not trained on (docs/training.md)
JUDGED = 3  # units that it judges by
JUDGEMENT = 0.6  # what its judgement weighs (nats between right and wrong)
WORDS = 0.3  # what the log of an option's share of the support weighs beside it
UNSURE = 0.4  # what CLOSE is for any other
Z95 = 1.959964


def take(
    questions: Sequence[Question],
    assistant: Assistant,
    mode: Mode,
    *,
    on_item: Callable[[ExamItem], None] = lambda item: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ExamResult:
    """Answer every question with the assistant's model and library; `on_item` hears of each as it is done.

    A cancelled sitting returns what is done. Raises ModelMissing if the assistant has no engine, EngineStopped if it
    ends on the way, PromptTooLong for a question beyond the model's context.
    """
    if assistant.engine is None:
        raise ModelMissing("An exam needs a model to sit it; name one (starter, tuned, or a GGUF file).")
    candidate = _Candidate(assistant, assistant.engine, mode)
    started = time.perf_counter()
    items: list[ExamItem] = []
    for question in questions:
        if cancelled():
            break
        item = candidate.answer(question)
        items.append(item)
        on_item(item)
    return result(questions[: len(items)], items, time.perf_counter() - started)


def result(questions: Sequence[Question], items: Sequence[ExamItem], seconds: float) -> ExamResult:
    """Sum up a sitting; `items[i]` is the answer to `questions[i]`. An empty one has accuracy 0 and interval 0..1."""
    by_level: dict[str, list[bool]] = defaultdict(list)
    for question, item in zip(questions, items, strict=True):
        by_level[question.level].append(item.right)
    n, correct = len(items), sum(item.right for item in items)
    return ExamResult(
        n=n,
        correct=correct,
        accuracy=correct / n if n else 0.0,
        ci95=wilson(correct, n),
        searches_per_question=sum(item.searches for item in items) / n if n else 0.0,
        seconds=seconds,
        by_level={
            level: LevelScore(len(right), sum(right), sum(right) / len(right)) for level, right in by_level.items()
        },
        items=tuple(items),
    )


def wilson(correct: int, n: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share (Wilson 1927), which stays within 0..1 also for few questions."""
    if n == 0:
        return 0.0, 1.0
    share, z = correct / n, Z95
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What came of one question: each option's score, the units that speak most for the best, and searches done."""

    scores: Floats
    evidence: tuple[Evidence, ...]
    searches: int


class _Candidate:
    """Model and library at the desk."""

    def __init__(self, assistant: Assistant, engine: Engine, mode: Mode) -> None:
        self._library = assistant.library
        self._engine = engine
        self._mode = mode
        self._tuned = assistant.tuned()

    def answer(self, question: Question) -> ExamItem:
        """Choose an option of one question."""
        started = time.perf_counter()
        sheet = _Sheet(self._remembered(question), (), 0) if self._mode == "closed" else self._looked_up(question)
        chosen = int(sheet.scores.argmax())
        return ExamItem(
            id=question.id,
            chosen=chosen,
            answer=question.answer,
            right=chosen == question.answer,
            searches=sheet.searches,
            citations=tuple(citation(one) for one in sheet.evidence),
            seconds=time.perf_counter() - started,
        )

    def _remembered(self, question: Question) -> Floats:
        """What the question adds to the options by themselves."""
        if self._tuned:
            return judged(self._engine, (), question)
        options = [prompts.exam_option(option) for option in question.options]
        asked, alone = (
            _per_token(self._engine.score(prompts.exam(text), options)) for text in (question.question, "?")
        )
        return np.asarray(asked - alone)

    def _looked_up(self, question: Question) -> _Sheet:
        """What the manuals say of each option; from memory, if nothing is found."""
        found = [self._library.search(f"{question.question} {' '.join(question.options)}", TOP)]
        reading = _Judging(self._engine, question) if self._tuned else _Reading(self._engine, question)
        supported = support(question, found)
        if not supported.units:
            return _Sheet(self._remembered(question), (), len(found))
        scores = reading.scores(supported)
        if self._mode == "agent" and _distance(scores) < reading.close:
            for number in np.argsort(-scores, kind="stable")[:2]:
                found.append(self._library.search(f"{question.question} {question.options[number]}", TOP))
            supported = support(question, found)
            scores = (scores + reading.scores(supported)) / 2
        return _Sheet(scores, supported.evidence(int(scores.argmax()), READ), len(found))


class _Reading:
    """What the model makes of the units of one question; each is read once."""

    close = CLOSE

    def __init__(self, engine: Engine, question: Question) -> None:
        self._engine = engine
        self._question = question
        self._known: dict[str, Floats] = {}

    def scores(self, supported: Support) -> Floats:
        """Each option's score: the log of its share of the support, and what the best units tell the model."""
        units, weights = supported.weightiest(READ)
        self._read([unit.quote for unit in units])
        told = sum((weight * self._known[unit.quote] for unit, weight in zip(units, weights, strict=True)), np.zeros(1))
        return np.asarray(supported.options() + CHANNEL * told)

    def _read(self, quotes: Sequence[str]) -> None:
        """How likely each quote is per token once an option was given as the answer."""
        new = [quote for quote in dict.fromkeys(quotes) if quote not in self._known]
        texts = [prompts.exam_evidence(quote) for quote in new]
        if not new:
            return
        read = [
            self._engine.score(prompts.exam_claim(self._question.question, option), texts)
            for option in self._question.options
        ]
        for quote, scores in zip(new, zip(*read, strict=True), strict=True):
            self._known[quote] = _per_token(scores)


class _Judging:
    """How a tuned model judges the options of one question."""

    close = UNSURE

    def __init__(self, engine: Engine, question: Question) -> None:
        self._engine = engine
        self._question = question

    def scores(self, supported: Support) -> Floats:
        """Each option's score: the log of its share of the support, and how surely the model calls it right."""
        units, _ = supported.weightiest(JUDGED)
        return np.asarray(WORDS * supported.options() + JUDGEMENT * judged(self._engine, units, self._question))


def judged(engine: Engine, evidence: Sequence[Evidence], question: Question) -> Floats:
    """Log-odds of each option being right, as a tuned model sees it, less their mean."""
    return judged_after(engine, prompts.exam_judgement(evidence, question.question), question.options)


def judged_after(engine: Engine, prompt: str, options: Sequence[str]) -> Floats:
    """The same after a prompt of one's own, which ends where an option goes on."""
    odds = []
    for option in options:
        yes, no = engine.score(f"{prompt}{prompts.exam_option(option)}{prompts.JUDGE}", [prompts.RIGHT, prompts.WRONG])
        odds.append(yes.logprob - no.logprob)
    return np.asarray(np.array(odds) - np.mean(odds))


def _per_token(scores: Sequence[Score]) -> Floats:
    return np.array([score.logprob / max(1, score.tokens) for score in scores])


def _distance(scores: Floats) -> float:
    """By how much the best option leads."""
    second, first = np.sort(scores)[-2:]
    return float(first - second)

"""A model sits an exam: questions in, choices with their evidence out.

The model never sees letters, which a small one can't bind to options. Each option's text is scored by how much likelier
the evidence makes it: its log-probability per token as the answer after the evidence, less the same without. So the
order of the options does not matter, nor how common their words are.

    closed   no evidence: likelier given the question than given none
    rag      one search with question and options, and the best unit that it finds
    agent    the same; while two options are close, one more search with each of them

Per token, because of sum, mean and root of the length none won: of 70 questions (30 on Slurm with the deciding
sentence, 40 of XQuAD with wrong answers from the same page) they got 41, 44 and 44. One unit at a time, because several
confuse a small model: of 60 questions of a bank the starter got 36 with the best, 32 with the mean over the best three
and 35 with each option's best of three. It knows nothing of files or windows.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent import prompts
from agent.assistant import Assistant
from agent.engine import Engine
from agent.errors import ModelMissing
from agent.extractor import extract
from agent.loop import citation
from agent.records import Evidence, ExamItem, ExamResult, LevelScore, Mode, Question

TOP = 10  # hits of a search
CLOSE = 0.3  # nats per token between the best two options, below which the agent searches on
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


@dataclass(slots=True)
class _Sheet:
    """What the candidate has of one question: evidence as it was found, searches done, and the options' scores."""

    evidence: list[Evidence]
    searches: int
    scores: list[float]


class _Candidate:
    """Model and library at the desk."""

    def __init__(self, assistant: Assistant, engine: Engine, mode: Mode) -> None:
        self._library = assistant.library
        self._engine = engine
        self._mode = mode

    def answer(self, question: Question) -> ExamItem:
        """Choose an option of one question."""
        started = time.perf_counter()
        sheet = self._worked_out(question)
        chosen = max(range(len(sheet.scores)), key=sheet.scores.__getitem__)
        return ExamItem(
            id=question.id,
            chosen=chosen,
            answer=question.answer,
            right=chosen == question.answer,
            searches=sheet.searches,
            citations=tuple(citation(one) for one in sheet.evidence),
            seconds=time.perf_counter() - started,
        )

    def _worked_out(self, question: Question) -> _Sheet:
        without = self._per_token(question, question.question)
        # From memory: what the question adds to the options by themselves
        sheet = _Sheet([], 0, _less(without, self._per_token(question, "?")))
        if self._mode == "closed":
            return sheet
        self._read(sheet, question, f"{question.question} {' '.join(question.options)}", without)
        if self._mode == "agent" and _close(sheet.scores):
            for at in sorted(range(len(sheet.scores)), key=lambda at: -sheet.scores[at])[:2]:
                self._read(sheet, question, f"{question.question} {question.options[at]}", without)
        return sheet

    def _read(self, sheet: _Sheet, question: Question, query: str, without: Sequence[float]) -> None:
        """Search, and read the best unit if it is a new one; each option keeps the best score that any gave it."""
        sheet.searches += 1
        known = {(one.source, one.start) for one in sheet.evidence}
        hits = self._library.search(query, TOP)
        for one in extract(query, hits, language=question.lang).evidence[:1]:
            if (one.source, one.start) not in known:
                scores = _less(self._per_token(question, question.question, one.quote), without)
                sheet.scores = list(map(max, sheet.scores, scores)) if sheet.evidence else scores
                sheet.evidence.append(one)

    def _per_token(self, question: Question, asked: str, fact: str = "") -> list[float]:
        """Each option's log-probability per token as the answer, with this fact or (none) from memory."""
        options = [prompts.exam_option(option) for option in question.options]
        scores = self._engine.score(prompts.exam(asked, fact), options)
        return [score.logprob / max(1, score.tokens) for score in scores]


def _less(some: Sequence[float], others: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(some, others, strict=True)]


def _close(scores: Sequence[float]) -> bool:
    first, second = sorted(scores, reverse=True)[:2]
    return first - second < CLOSE

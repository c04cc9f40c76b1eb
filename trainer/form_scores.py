"""An exam sat by every form of an exported model: what fewer bits cost where it counts. It takes long.

Comes in: a run after `export`, and a bank. Goes out: `export/scores.json` and a table with the form to ship: the
smallest that holds the limit of `trainer.export` and loses at most a point to f16.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.assistant import Assistant
from agent.bank import load_bank
from agent.engine import Engine
from agent.exam import take
from agent.records import ExamResult, Mode, Question
from trainer.export import SHIPPED_KL, FormFigures, form_path, read_figures
from trainer.opening import opened_library
from trainer.run_config import Form, Run

LOST = 0.01
"""The share of the questions that a form may lose to f16 and still be shipped."""


@dataclass(frozen=True, slots=True)
class FormScore:
    """One form's exam: questions, right ones, accuracy with its 95 % interval, seconds; its `bytes` and `kl` beside."""

    form: Form
    n: int
    correct: int
    accuracy: float
    ci95: tuple[float, float]
    seconds: float
    bytes: int
    kl: float


def score_forms(
    run: Run, bank: Path, say: Callable[[str], None], *, mode: Mode = "agent", limit: int = 0
) -> tuple[FormScore, ...]:
    """Sit the bank's exam split (all of it, where it names none; at most `limit` questions) with every form made.
    Raises BankInvalid, LibraryMissing, EngineStopped."""
    questions = _exam(load_bank(bank), limit)
    scores = []
    with opened_library(run) as library:
        for one in read_figures(run).forms:
            path = form_path(run, one.form)
            if not path.is_file():  # f16 that was made only to compare
                continue
            say(f"export: {one.form} sits {len(questions)} questions.")
            with Engine(path) as engine:
                scores.append(_score(one, take(questions, Assistant(library, engine), mode)))
    text = json.dumps({"bank": bank.name, "mode": mode, "forms": [asdict(score) for score in scores]}, indent=1)
    (run.out / "export" / "scores.json").write_text(text + "\n", encoding="utf-8")
    say(table(scores))
    return tuple(scores)


def _exam(questions: Sequence[Question], limit: int) -> list[Question]:
    chosen = [question for question in questions if question.split == "exam"] or list(questions)
    return chosen[:limit] if limit else chosen


def _score(one: FormFigures, done: ExamResult) -> FormScore:
    return FormScore(one.form, done.n, done.correct, done.accuracy, done.ci95, done.seconds, one.bytes, one.kl)


def to_ship(scores: Sequence[FormScore]) -> Form | None:
    """The smallest form that holds its limit and loses at most LOST to f16 (without f16: to the best)."""
    whole = [score for score in scores if score.form == "f16"] or scores
    best = max((score.accuracy for score in whole), default=0.0)
    holding = [score for score in scores if score.kl <= SHIPPED_KL and score.accuracy >= best - LOST]
    return min(holding, key=lambda score: score.bytes).form if holding else None


def table(scores: Sequence[FormScore]) -> str:
    """Scores for the terminal, and which form to ship."""
    lines = [f"{'form':8}{'MB':>8}{'mean KL':>10}{'score':>8}  95 % interval   seconds"]
    for one in scores:
        low, high = one.ci95
        lines.append(
            f"{one.form:8}{one.bytes / 1e6:8.1f}{one.kl:10.5f}{one.accuracy:8.3f}  {low:.3f}..{high:.3f}"
            f"{one.seconds:12.0f}"
        )
    chosen = to_ship(scores)
    lines.append(f"to ship by score and size: {chosen}" if chosen else "no form holds its limit within a point of f16")
    return "\n".join(lines)

"""Fit what a tuned model's judgement and the words weigh in an exam (agent.exam.JUDGEMENT and WORDS), and below what
distance of the best two options it should search on (UNSURE).

    python -m benchmarks.judgement_fit RUN.toml [--adapter FOLDER] [--limit N]

Comes in: a run after `questions` and `trajectories`, and its `sft/adapter` or another. Asked are the practice questions
that it held out and that share no fact with one it learnt, and no deciding evidence with a conversation it learnt. Goes
out: for pairs of weights how many of the held-out questions are right, with the mean log-probability of the right
option; and for the best pair, by distance, the same with the mean of a second view, in which the best two options were
searched for too. The constants are written to agent.exam by hand. No exam question is read.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.engine import Engine
from agent.exam import JUDGED, JUDGEMENT, TOP, WORDS, judged
from agent.merging import read_adapter
from agent.models import PROMPT_FORMAT_KEY
from agent.option_support import Floats, support
from agent.records import Question
from index.records import Hit
from trainer.base_files import base_path
from trainer.evidence import plain
from trainer.merge import format_of, merge_into
from trainer.opening import opened_library
from trainer.question_records import Practice, load_practice
from trainer.run_config import Run, load_run
from trainer.sft import is_held, source_of
from trainer.trajectories import NAME, read

SHARES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
JUDGEMENTS = (0.0, 0.4, 0.6, 0.8, 1.0)
DISTANCES = (0.0, 0.2, 0.4, 0.7, 1.0, 1.5, 99.0)


@dataclass(frozen=True, slots=True)
class View:
    """What one set of searches tells: the log of each option's share by the words, and the judgement."""

    words: Floats
    judged: Floats

    def scores(self, words: float, judgement: float) -> Floats:
        """Each option's score by these weights."""
        return np.asarray(words * self.words + judgement * self.judged)


@dataclass(frozen=True, slots=True)
class Weighed:
    """One question: its first view, the one with the best two options searched for too, and its answer."""

    lang: str
    first: View
    second: View
    answer: int


def weighed(run: Run, engine: Engine, questions: Sequence[Practice]) -> list[Weighed]:
    """Every question, looked up as an exam looks it up."""
    found = []
    with opened_library(run) as library:
        for practice in questions:
            question = practice.question
            hits = [library.search(f"{question.question} {' '.join(question.options)}", TOP)]
            first = _view(engine, question, hits)
            for number in np.argsort(-first.scores(WORDS, JUDGEMENT), kind="stable")[:2]:
                hits.append(library.search(f"{question.question} {question.options[number]}", TOP))
            found.append(Weighed(question.lang, first, _view(engine, question, hits), question.answer))
    return found


def unseen(run: Run) -> list[Practice]:
    """The practice questions of which nothing was learnt."""
    asked = load_practice(run.out / "questions" / "questions.jsonl")
    held = [one for one in asked if is_held(source_of(one), run.sft.held, run.seed)]
    learnt = {fact for one in asked if one not in held for fact in one.facts}
    talks = [
        one
        for one in read(run.out / "trajectories" / NAME)
        if not is_held(one.source or one.id, run.sft.held, run.seed)
    ]
    said = plain("\n".join(text for one in talks for _, text in one.messages))
    return [
        one for one in held if not learnt & set(one.facts) and not any(plain(text) in said for text in one.evidence)
    ]


def _view(engine: Engine, question: Question, hits: Sequence[Sequence[Hit]]) -> View:
    told = support(question, hits)
    units, _ = told.weightiest(JUDGED)
    return View(told.options(), judged(engine, units, question))


def _log_share(scores: Floats) -> Floats:
    return np.asarray(scores - scores.max() - np.log(np.exp(scores - scores.max()).sum()))


def _told(scores: Sequence[Floats], answers: Sequence[int]) -> tuple[float, float]:
    """The share of right ones, and the mean log-probability."""
    right = [int(each.argmax()) == answer for each, answer in zip(scores, answers, strict=True)]
    likely = [float(_log_share(each)[answer]) for each, answer in zip(scores, answers, strict=True)]
    return float(np.mean(right)), float(np.mean(likely))


def tables(questions: Sequence[Weighed]) -> str:
    """By weights, and by distance."""
    answers = [one.answer for one in questions]
    pairs = [(words, judgement) for words in SHARES for judgement in JUDGEMENTS if words + judgement > 0]
    told = {pair: _told([one.first.scores(*pair) for one in questions], answers) for pair in pairs}
    lines = ["words judged  right  log-prob."]
    lines += [
        f"{words:5.1f} {judgement:6.1f}  {told[words, judgement][0]:.3f}  {told[words, judgement][1]:.3f}"
        for words, judgement in pairs
    ]
    best = max(pairs, key=lambda pair: told[pair][1])
    lines.append(f"best: {best}\ndistance  searched on  right  log-prob.")
    for distance in DISTANCES:
        scores = []
        for one in questions:
            first, second = one.first.scores(*best), one.second.scores(*best)
            low, high = np.sort(first)[-2:]
            scores.append((first + second) / 2 if high - low < distance else first)
        on = np.mean([np.ptp(np.sort(one.first.scores(*best))[-2:]) < distance for one in questions])
        right, likely = _told(scores, answers)
        lines.append(f"{distance:8.1f}  {on:11.2f}  {right:.3f}  {likely:.3f}")
    return "\n".join(lines)


def main() -> None:
    """Merge, ask, and say what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--limit", type=int, default=0, help="questions; 0: all that are held out")
    parser.add_argument("--adapter", type=Path, help="another than the run's sft/adapter")
    args = parser.parse_args()
    run = load_run(args.run)
    held = unseen(run)
    held = held[:: -(-len(held) // args.limit)] if args.limit else held
    folder = args.adapter or run.out / "sft" / "adapter"
    adapter = read_adapter(folder)
    keys: dict[str, str | list[str]] = {PROMPT_FORMAT_KEY: format_of(folder)}
    with tempfile.TemporaryDirectory() as beside:
        model = Path(beside) / "tuned.gguf"
        merge_into(model, base_path(run), adapter, "q8_0", keys)
        with Engine(model) as engine:
            found = weighed(run, engine, held)
    for lang in (*sorted({one.lang for one in found}), ""):
        own = [one for one in found if one.lang == (lang or one.lang)]
        print(f"{lang or 'together'}: {len(own)} questions held out\n{tables(own)}")


if __name__ == "__main__":
    main()

"""Fit what a tuned model's judgement weighs beside the words in an exam (agent.exam.JUDGEMENT).

    python -m benchmarks.judgement_fit RUN.toml [--adapter FOLDER]

Comes in: a run after `sft`, whose practice questions are held out by their facts. Goes out: for each weight how many of
the held-out questions are right and the mean log-probability of the right option; weight 0 is the words alone, and
"alone" the judgement without the words. The weight is written to agent.exam by hand. No exam question is read.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.engine import Engine
from agent.exam import JUDGED, TOP, judged
from agent.merging import merge, read_adapter
from agent.models import PROMPT_FORMAT_KEY, resolve_model
from agent.option_support import Floats, support
from agent.prompts import FORMAT
from trainer.opening import opened_library
from trainer.question_records import Practice, load_practice
from trainer.run_config import Run, load_run
from trainer.sft import is_held, source_of

WEIGHTS = (0.0, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)


@dataclass(frozen=True, slots=True)
class Weighed:
    """One question: the log of each option's share by the words, the judgement, and its answer."""

    lang: str
    words: Floats
    judged: Floats
    answer: int


def weighed(run: Run, engine: Engine, questions: Sequence[Practice]) -> list[Weighed]:
    """Every question once, as an exam's `rag` looks it up."""
    found = []
    with opened_library(run) as library:
        for practice in questions:
            question = practice.question
            told = support(question, [library.search(f"{question.question} {' '.join(question.options)}", TOP)])
            units, _ = told.weightiest(JUDGED)
            found.append(Weighed(question.lang, told.options(), judged(engine, units, question), question.answer))
    return found


def _log_share(scores: Floats) -> Floats:
    return np.asarray(scores - scores.max() - np.log(np.exp(scores - scores.max()).sum()))


def table(questions: Sequence[Weighed]) -> str:
    """Right ones and log-probabilities by weight."""
    lines = []
    ways = [(f"{weight:.2f}", 1.0, weight) for weight in WEIGHTS] + [("alone", 0.0, 1.0)]
    for name, words, weight in ways:
        scores = [words * one.words + weight * one.judged for one in questions]
        right = np.mean([int(each.argmax()) == one.answer for each, one in zip(scores, questions, strict=True)])
        likely = np.mean([_log_share(each)[one.answer] for each, one in zip(scores, questions, strict=True)])
        lines.append(f"{name:>6} {right:.3f} {likely:.3f}")
    return "\n".join(lines)


def main() -> None:
    """Merge, ask, and say what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--adapter", type=Path, help="another than the run's sft/adapter")
    args = parser.parse_args()
    run = load_run(args.run)
    asked = load_practice(run.out / "questions" / "questions.jsonl")
    held = [one for one in asked if is_held(source_of(one), run.sft.held, run.seed)]
    adapter = read_adapter(args.adapter or run.out / "sft" / "adapter")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tuned.gguf"
        merge(resolve_model(run.base), adapter, model, storage="q8_0", keys={PROMPT_FORMAT_KEY: FORMAT})
        with Engine(model) as engine:
            found = weighed(run, engine, held)
    for lang in sorted({one.lang for one in found}):
        own = [one for one in found if one.lang == lang]
        print(f"{lang}: {len(own)} questions held out\n{table(own)}")


if __name__ == "__main__":
    main()

"""Whether a model reads what decides, and whether it matters where that stands: reading apart from finding and knowing.

    python -m benchmarks.reading_order MODEL [MODEL...] [--limit N]

Comes in: models (GGUF files or names), and benchmarks/questions/reading-en.jsonl: 155 questions on 31 passages about
products that do not exist, none of which is trained on; their wrong options say what is true of a neighbouring line, or
turn the deciding one round. Goes out: the share right with the deciding lines alone, before two neighbours or so, and
behind them. A model that was tuned on the prompt format judges each option; any other is scored by how much likelier
the lines make an option, per token. Chance is 0.25.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent import prompts
from agent.engine import Engine
from agent.exam import JUDGED, judged, wilson
from agent.models import resolve_model
from agent.records import Evidence, Question
from trainer.reading import as_evidence, as_question
from trainer.reading_records import load_passages
from trainer.sittings import likelier

PASSAGES = Path(__file__).parent / "questions" / "reading-en.jsonl"
PLACES = ("alone", "first", "last")
Put = tuple[Question, dict[str, list[Evidence]]]
"""A question, and the lines before it by where the deciding ones stand."""


def puts() -> Iterator[Put]:
    """Every question; the neighbours are drawn, the same at each call."""
    for passage in load_passages(PASSAGES):
        units = [as_evidence(number, line) for number, line in enumerate(passage.units)]
        for number, asked in enumerate(passage.questions):
            others = [at for at in range(len(units)) if at not in asked.deciding]
            random.Random(f"{passage.id}:{number}").shuffle(others)
            deciding = [units[at] for at in asked.deciding]
            beside = [units[at] for at in others[: max(0, JUDGED - len(deciding))]]
            yield (
                as_question(passage, number, asked),
                {"alone": deciding, "first": deciding + beside, "last": beside + deciding},
            )


def chosen(engine: Engine, units: Sequence[Evidence], question: Question) -> int:
    """The option that the model takes."""
    if engine.info.prompt_format == prompts.FORMAT:
        return int(judged(engine, units, question).argmax())
    return int(likelier(engine, prompts.exam_judgement(units, question.question), question).argmax())


def main() -> None:
    """Ask every model, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--limit", type=int, default=0, help="questions; 0: all")
    args = parser.parse_args()
    asked = list(puts())
    asked = asked[: args.limit or len(asked)]
    print(f"{len(asked)} questions\n\n| Model | {' | '.join(PLACES)} |\n| --- |{' --- |' * len(PLACES)}")
    for model in args.models:
        with Engine(resolve_model(model)) as engine:
            right = {
                place: sum(chosen(engine, lines[place], question) == question.answer for question, lines in asked)
                for place in PLACES
            }
        print(f"| {Path(model).stem} | {' | '.join(_told(right[place], len(asked)) for place in PLACES)} |", flush=True)


def _told(right: int, n: int) -> str:
    low, high = wilson(right, n)
    return f"{right / n:.3f} ({low:.2f}-{high:.2f})"


if __name__ == "__main__":
    main()

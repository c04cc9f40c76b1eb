"""What a model gets in an exam, from memory, with a search, as an agent, beside the usual ways in the same run.

    python -m benchmarks.exam_modes                 the JP1 bank's exam split in both languages, starter and Gemma
    python -m benchmarks.exam_modes --bank domains/jp1/bank/en.jsonl --models starter --modes agent --split study

Comes in: exam banks, and for each the pack's primer in its language, imported by the program itself with embeddings (or
`--library FOLDER`). Goes out: a table a bank: right ones with Wilson's interval, by level, searches and seconds a
question, and McNemar's exact test against "likelihood"; then where the agent's wrong answers were lost. The peers:

    letters      the best unit and the four options with letters in the prompt; the letter that is likeliest
    likelihood   the best unit in the prompt; the option whose text gains most by it per token (the rule before)
    words        what supports the options (agent/option_support.py) without any model

They search once, with question and options, as `rag` does. Needs the GGUF of each model (python -m benchmarks.models).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from agent import prompts
from agent.assistant import Assistant
from agent.bank import load_bank
from agent.engine import Engine, Score
from agent.exam import TOP, result, take
from agent.extractor import extract
from agent.loop import citation
from agent.option_support import support
from agent.records import ExamItem, ExamResult, Mode, Question
from benchmarks.answer_cases import Shelf
from benchmarks.models import model_file
from benchmarks.search_quality import CACHE
from index.library import Library

ROOT = Path(__file__).resolve().parent.parent
BANKS = (ROOT / "domains/jp1/bank/en.jsonl", ROOT / "domains/jp1/bank/ja.jsonl")
LETTERS = "ABCD"
LEVELS = ("engineer", "professional", "consultant")
OLD = "likelihood"

Peer = Callable[[Library, Engine, Question], tuple[int, str]]
"""Chooses an option, and says what it read."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    model: str
    name: str
    result: ExamResult


def letters(library: Library, engine: Engine, question: Question) -> tuple[int, str]:
    """The usual way: options with letters in the prompt, and the likeliest letter."""
    fact = _best_unit(library, question)
    options = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, question.options, strict=True))
    prompt = f"{fact}\nQuestion: {prompts.one_line(question.question)}\n{options}\nAnswer:"
    scores = engine.score(prompt, [f" {letter}" for letter in LETTERS])
    return max(range(4), key=lambda at: scores[at].logprob), fact


def likelihood(library: Library, engine: Engine, question: Question) -> tuple[int, str]:
    """The option whose text gains most per token by the best unit in the prompt."""
    fact = _best_unit(library, question)
    options = [prompts.exam_option(option) for option in question.options]
    asked = prompts.exam(question.question)
    without = engine.score(asked, options)
    told = engine.score(f"{fact}\n{asked}", options) if fact else without
    gain = [_per_token(one) - _per_token(other) for one, other in zip(told, without, strict=True)]
    return max(range(4), key=gain.__getitem__), fact


def words(library: Library, engine: Engine, question: Question) -> tuple[int, str]:
    """The option with the most support, by no model."""
    supported = support(question, [library.search(_query(question), TOP)])
    chosen = int(np.argmax(supported.options()))
    return chosen, " ".join(one.quote for one in supported.evidence(chosen, 1))


PEERS: dict[str, Peer] = {"letters": letters, OLD: likelihood, "words": words}


def _query(question: Question) -> str:
    return f"{question.question} {' '.join(question.options)}"


def _best_unit(library: Library, question: Question) -> str:
    query = _query(question)
    found = extract(query, library.search(query, TOP), language=question.lang).evidence
    return prompts.one_line(found[0].quote) if found else ""


def _per_token(score: Score) -> float:
    return score.logprob / max(1, score.tokens)


def peer_result(peer: Peer, questions: Sequence[Question], library: Library, engine: Engine) -> ExamResult:
    """A sitting by a peer."""
    items, started = [], time.perf_counter()
    for question in questions:
        begun = time.perf_counter()
        chosen, _ = peer(library, engine, question)
        right = chosen == question.answer
        items.append(ExamItem(question.id, chosen, question.answer, right, 1, (), time.perf_counter() - begun))
    return result(questions, items, time.perf_counter() - started)


def mcnemar(one: ExamResult, other: ExamResult) -> tuple[int, int, float]:
    """Questions that only `one` got right, that only `other` did, and the two-sided exact p of such a difference."""
    gained = sum(mine.right and not its.right for mine, its in zip(one.items, other.items, strict=True))
    lost = sum(its.right and not mine.right for mine, its in zip(one.items, other.items, strict=True))
    n, fewer = gained + lost, min(gained, lost)
    tail = sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n
    return gained, lost, min(1.0, 2 * tail)


def losses(questions: Sequence[Question], taken: ExamResult, library: Library) -> dict[str, int]:
    """Where wrong answers were lost, by the page that the bank names for each question: it was not among the hits that
    are read; it was, and no evidence for the chosen or the right option came from it; or it was read and misjudged."""
    lost = {"not found": 0, "not extracted": 0, "not ranked": 0}
    for question, item in zip(questions, taken.items, strict=True):
        if item.right:
            continue
        hits = library.search(_query(question), TOP)
        supported = support(question, [hits])
        read = [citation(one) for one in supported.evidence(question.answer, 2)] + list(item.citations)
        if not any(_is_page(hit.passage.source, question) for hit in hits):
            lost["not found"] += 1
        elif not any(_is_page(one.source, question) for one in read):
            lost["not extracted"] += 1
        else:
            lost["not ranked"] += 1
    return lost


def _is_page(source: str, question: Question) -> bool:
    return Path(source).stem == Path(question.section).stem


def table(rows: Sequence[Row], peers: dict[str, ExamResult]) -> str:
    """Markdown, a line a row; `peers` holds the rule before, by model."""
    lines = [
        "| model | way | right | 95 % | " + " / ".join(LEVELS) + " | searches | s | only this : only likelihood, p |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        taken = row.result
        low, high = taken.ci95
        levels = " / ".join(
            f"{taken.by_level[level].accuracy:.3f}" if level in taken.by_level else "-" for level in LEVELS
        )
        gained, lost, p = mcnemar(taken, peers[row.model])
        lines.append(
            f"| {row.model} | {row.name} | {taken.correct} of {taken.n} = {taken.accuracy:.3f} | {low:.2f}-{high:.2f} "
            f"| {levels} | {taken.searches_per_question:.2f} | {taken.seconds / max(1, taken.n):.2f} "
            f"| {gained} : {lost}, {p:.3f} |"
        )
    return "\n".join(lines)


def sit(bank: Path, library: Library, models: Sequence[str], modes: Sequence[Mode], split: str) -> None:
    """One bank: the table, and where the agent lost."""
    questions = [one for one in load_bank(bank) if split in ("all", one.split)]
    print(f"\n{bank} ({split}), n = {len(questions)}\n", flush=True)
    rows, old = [], {}
    lost: dict[str, dict[str, int]] = {}
    for model in models:
        with Engine(model_file(model)) as engine:
            for name, peer in PEERS.items():
                rows.append(Row(model, name, peer_result(peer, questions, library, engine)))
                if name == OLD:
                    old[model] = rows[-1].result
            for mode in modes:
                rows.append(Row(model, mode, take(questions, Assistant(library, engine), mode)))
                if mode != "closed":
                    lost[f"{model} {mode}"] = losses(questions, rows[-1].result, library)
    print(table(rows, old))
    for name, counts in lost.items():
        print(f"\n{name} lost: " + ", ".join(f"{count} {reason}" for reason, count in counts.items()), flush=True)


def main() -> None:
    """Sit every bank."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bank", nargs="+", type=Path, default=BANKS)
    parser.add_argument("--library", type=Path, help="a library's folder, for all banks (default: the pack's primer)")
    parser.add_argument("--models", nargs="+", default=["starter", "gemma"])
    parser.add_argument("--modes", nargs="+", choices=get_args(Mode), default=list(get_args(Mode)))
    parser.add_argument("--split", choices=("exam", "study", "all"), default="exam")
    asked = parser.parse_args()
    with Shelf(CACHE / "exam") as shelf:
        for bank in asked.bank:
            if asked.library:
                with Library.open(asked.library) as library:
                    sit(bank, library, asked.models, asked.modes, asked.split)
            else:
                language = load_bank(bank)[0].lang
                sit(bank, shelf.library(f"pack-{language}"), asked.models, asked.modes, asked.split)


if __name__ == "__main__":
    main()

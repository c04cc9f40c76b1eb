"""`tebiki exam take BANK.jsonl`: a model sits an exam."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from agent.errors import BankInvalid
from agent.records import ExamItem, ExamResult, Mode, Question, Split
from desktop.commands.asking import engine_for
from desktop.contract import exam_json
from desktop.first_start import default_library_ready
from desktop.opening import open_library
from desktop.terminal import (
    DataOption,
    JsonOption,
    LibraryOption,
    ModelOption,
    print_json,
    say,
    settings_and_folders,
    stoppable,
)
from index.records import Language

app = typer.Typer(help="Sit an exam from a question bank.", no_args_is_help=True)


@app.callback()
def exam() -> None:
    """Keeps `take` a verb of its own while there is only one."""


@app.command("take")
def take_command(
    bank: Annotated[Path, typer.Argument(metavar="BANK.jsonl", help="Question bank, one JSON object a line.")],
    library: LibraryOption = None,
    model: ModelOption = None,
    mode: Annotated[
        str, typer.Option("--mode", metavar="closed|rag|agent", help="What the model may look at.")
    ] = "agent",
    split: Annotated[
        str, typer.Option("--split", metavar="study|exam", help="Only the questions of this split.", show_default=False)
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the JSON there too.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a model sit an exam: from memory (closed), with one search (rag), or searching as it likes (agent)."""
    from agent.assistant import Assistant
    from agent.bank import load_bank
    from agent.exam import take

    chosen = exam_mode(mode)
    questions = of_split(load_bank(bank), split, bank)
    language = main_language(questions)
    settings, folders = settings_and_folders(library, data)
    if library is None:
        default_library_ready(folders)
    with open_library(folders) as opened, engine_for(settings, folders, model, language) as engine, stoppable() as stop:
        on_item = counter(len(questions)) if sys.stderr.isatty() else (lambda _: None)
        result = take(questions, Assistant(opened, engine), chosen, on_item=on_item, cancelled=stop.is_set)
    if out is not None:
        write_whole(out, json.dumps(exam_json(result), ensure_ascii=False, indent=1) + "\n")
    if as_json:
        print_json(exam_json(result))
    else:
        tell(result, chosen)


def exam_mode(name: str) -> Mode:
    for mode in get_args(Mode):
        if mode == name:
            return cast(Mode, mode)
    raise typer.BadParameter(f"'{name}' is not one of closed, rag, agent.", param_hint="--mode")


def of_split(questions: list[Question], split: str, bank: Path) -> list[Question]:
    """The questions of one split; all of them for "". Raises BankInvalid for a bank that has none of it."""
    if split and split not in get_args(Split):
        raise typer.BadParameter(f"'{split}' is not one of study, exam.", param_hint="--split")
    kept = [question for question in questions if not split or question.split == split]
    if not kept:
        raise BankInvalid(f'No question of {bank} is of the split "{split}": leave --split out.')
    return kept


def main_language(questions: list[Question]) -> Language:
    """The language of most questions: one model sits the whole exam."""
    japanese = sum(question.lang == "ja" for question in questions)
    return "ja" if 2 * japanese > len(questions) else "en"


def counter(total: int) -> Callable[[ExamItem], None]:
    """A callback that shows how many questions are answered and right so far."""
    seen: list[ExamItem] = []

    def show(item: ExamItem) -> None:
        seen.append(item)
        right = sum(one.right for one in seen)
        print(f"\r{len(seen)} / {total}, {right} right", end="\n" if len(seen) == total else "", file=sys.stderr)

    return show


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all: beside it, then moved into place."""
    beside = path.with_name(path.name + ".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def tell(result: ExamResult, mode: Mode) -> None:
    low, high = result.ci95
    print(f"{mode}: {result.correct} of {result.n} right = {result.accuracy:.3f} (95 %: {low:.3f} to {high:.3f})")
    for level, score in result.by_level.items():
        print(f"  {level:13} {score.correct:3d} of {score.n:3d} = {score.accuracy:.3f}")
    say(f"{result.searches_per_question:.2f} searches a question, {result.seconds:.0f} s")

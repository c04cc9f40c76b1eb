"""The stage of supervised fine-tuning: trajectories and practice questions in, the adapter out (`sft/adapter`).

Conversations are learnt where the assistant speaks, choice questions by the verdict on each option before what the
search brings (trainer.choices), or before a passage of no product (trainer.reading). What is held out for early
stopping is drawn by what it came from: a choice by its question's facts, a conversation by its question, in whatever
wording. A held-out choice may share a fact with a conversation that is learnt: enough to stop by, not to measure by.
Nothing of an exam's questions may stand in any of it.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from agent import exam, option_support
from agent.bank import load_bank
from agent.prompts import FORMAT, parse_turn
from index.errors import TebikiError
from trainer.base_files import base_hash, base_path
from trainer.contamination import copies, leaks
from trainer.corpus import QuestionsLeaked
from trainer.manifest import file_hash, is_current, is_first_process, write_manifest
from trainer.near_duplicates import Asked, as_asked, folded
from trainer.opening import library_hash, opened_library
from trainer.question_records import Practice, load_practice
from trainer.reading_records import Passage, load_passages
from trainer.run_config import OF_THE_MACHINE, Kind, Run
from trainer.trajectories import NAME as TRAJECTORIES
from trainer.trajectories import Trajectory, read

if TYPE_CHECKING:
    from trainer.bases import Base
    from trainer.fitting import FitFigures
    from trainer.samples import Unit

QUESTIONS = "questions.jsonl"
Drawn = TypeVar("Drawn", Trajectory, Practice, Passage)


class NothingToLearn(TebikiError):
    """The stages before made nothing of the kinds that the run wants; says which to run."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A unit, and the question that it came from in whatever wording."""

    source: str
    unit: Unit


def make_sft(run: Run, say: Callable[[str], None]) -> FitFigures | None:
    """Run the stage; None when what is there is current. Raises NothingToLearn, QuestionsLeaked, BaseMissing,
    AdapterUnusable, TrainingFailed."""
    from trainer.bases import load_base
    from trainer.fitting import fit, precision

    folder = run.out / "sft"
    talks, asked, passages = _talks(run), _asked(run), _passages(run)
    if not talks and not asked and not passages:
        raise NothingToLearn(
            f"There is nothing of the kinds {', '.join(run.sft.kinds)} in {run.out}: run the stages questions and "
            "trajectories first, or name other kinds in sft.kinds."
        )
    stop_on_leaks(run, talks, asked, passages)
    onto = run.out / "cpt" / "adapter" if run.sft.after_cpt and (run.out / "cpt" / "adapter").is_dir() else None
    if run.sft.after_cpt and onto is None:
        say(f"sft: there is no adapter in {run.out / 'cpt'}; it begins with the base itself (sft.after_cpt).")
    inputs = {
        "base": base_hash(run),
        "cpt": file_hash(onto / "adapter_model.safetensors") if onto else "",
        "library": _library(run) if asked else "",
        "data": {path.parent.name: file_hash(path) for path in _files(run) if path.is_file()},
        "reading": [file_hash(path) for path in run.sft.reading] if passages else [],
        "shown": [FORMAT, exam.TOP, exam.JUDGED, str(option_support.WEIGHTS), *map(file_hash, run.glossaries)],
        "settings": run.sft.model_dump(mode="json", exclude={"reading": True, "training": OF_THE_MACHINE}),
        "seed": run.seed,
    }
    if is_current(folder, inputs):
        say(f"sft: {folder} is current.")
        return None
    base = load_base(base_path(run), dtype=precision(run.sft.training))
    lessons = [*_conversations(run, base, talks, say), *_choices(run, base, asked, say), *_reading(run, base, passages)]
    units, held = split(lessons, run.sft.held, run.seed)
    if not units:
        raise NothingToLearn(
            f"None of what {run.out} holds can be learnt from: all of it is longer than sft.training.longest "
            f"({run.sft.training.longest} tokens), held out, or asks of another library than {run.library}."
        )
    say(f"sft: {len(units)} units to learn, {len(held)} held out{', after cpt' if onto else ''}.")
    figures = fit(
        folder, base, units, held, run.sft.lora, run.sft.training, onto=onto, inputs=inputs, seed=run.seed,
        say=lambda text: say(f"sft: {text}"),
    )  # fmt: skip
    if is_first_process():
        write_manifest(folder, "sft", inputs, asdict(figures) | {"kinds": _counted(talks, asked, passages)})
    say(f"sft: {figures.steps} steps, {figures.tokens_per_second:.0f} tokens/s, adapter in {folder / 'adapter'}.")
    return figures


def _files(run: Run) -> tuple[Path, Path]:
    return run.out / "trajectories" / TRAJECTORIES, run.out / "questions" / QUESTIONS


def _talks(run: Run) -> list[Trajectory]:
    """The conversations of the kinds that are wanted, at most so many of each, drawn by the seed."""
    path, _ = _files(run)
    found = [one for one in read(path) if one.kind in run.sft.kinds] if path.is_file() else []
    chosen = []
    for kind in dict.fromkeys(one.kind for one in found):
        most = run.sft.most.get(cast(Kind, kind))
        chosen += _drawn([one for one in found if one.kind == kind], most, run.seed)
    return chosen


def _asked(run: Run) -> list[Practice]:
    _, path = _files(run)
    some = "choice" in run.sft.kinds and path.is_file() and path.stat().st_size > 0
    found = load_practice(path) if some else []
    return _drawn(found, run.sft.most.get("choice"), run.seed)


def _passages(run: Run) -> list[Passage]:
    """The passages of which reading is learnt; `most` counts their questions."""
    if "reading" not in run.sft.kinds:
        return []
    found = [one for path in run.sft.reading for one in load_passages(path)]
    most = run.sft.most.get("reading")
    if most is None:
        return found
    each = sum(len(one.questions) for one in found) / max(1, len(found))
    return _drawn(found, round(most / max(1.0, each)), run.seed)


def _drawn(rows: list[Drawn], most: int | None, seed: int) -> list[Drawn]:
    return rows if most is None or most >= len(rows) else random.Random(seed).sample(rows, most)


def stop_on_leaks(
    run: Run, talks: Sequence[Trajectory], asked: Sequence[Practice], passages: Sequence[Passage] = ()
) -> None:
    """Raises QuestionsLeaked where an exam question's wording stands in what is to be learnt, or where nearly the same
    is asked there. Questions of a bank that may be studied are none."""
    asked_there = [one for bank in run.banks for one in load_bank(bank) if one.split != "study"]
    trajectories, questions = _files(run)
    texts = [(f"{one.id} of {trajectories}", "\n".join(text for _, text in one.messages)) for one in talks]
    texts += [
        (f"{one.question.id} of {questions}", "\n".join((one.question.question, *one.question.options)))
        for one in asked
    ]
    texts += [(one.id, "\n".join(one.texts())) for one in passages]
    found = list(leaks(texts, asked_there, run.corpus.shared_words, run.corpus.shared_characters))
    put = [(f"{one.id} of {trajectories}", said) for one in talks for said in _put(one)]
    put += [(f"{one.question.id} of {questions}", as_asked(one.question)) for one in asked]
    put += [(one.id, Asked(folded(said.question))) for one in passages for said in one.questions]
    found += copies(put, asked_there)
    if found:
        first = found[0]
        raise QuestionsLeaked(
            f"{len(found)} exam questions share wording with what is to be learnt, first {first.question} with "
            f"{first.text} ('{first.shared}'): take it out of the tasks or the practice questions."
        )


def _put(talk: Trajectory) -> Iterator[Asked]:
    """What a user asks in a conversation, with what the assistant answers in the end."""
    turns = [parse_turn(text) for role, text in talk.messages if role == "assistant"]
    answer = turns[-1][2] if turns and turns[-1] and turns[-1][1] == "answer" else ""
    for role, text in talk.messages:
        if role == "user" and not text.startswith("Observation:"):
            yield Asked(folded(text.removeprefix("Question:")), folded(answer))


def _library(run: Run) -> str:
    with opened_library(run) as library:
        return library_hash(library)


def _conversations(run: Run, base: Base, talks: Sequence[Trajectory], say: Callable[[str], None]) -> list[Lesson]:
    from trainer.rendering import conversation
    from trainer.samples import Text

    lessons = []
    for one in talks:
        row = conversation(base, one.messages, longest=run.sft.training.longest)
        if row is not None:
            lessons.append(Lesson(one.source or one.id, Text(row)))
    if len(lessons) < len(talks):
        say(f"sft: {len(talks) - len(lessons)} conversations of over {run.sft.training.longest} tokens are left out.")
    return lessons


def _choices(run: Run, base: Base, asked: Sequence[Practice], say: Callable[[str], None]) -> list[Lesson]:
    from trainer.choices import choice_units

    if not asked:
        return []
    sources = {one.question.id: source_of(one) for one in asked}
    with opened_library(run) as library:
        made = choice_units(base, library, asked, run.seed, exchanged=run.sft.exchanged)
    decided = len({one.question for one in made})
    if decided < len(asked):
        say(f"sft: {len(asked) - decided} questions are left out, for which the library brings nothing that decides.")
    longest = run.sft.training.longest
    return [Lesson(sources[one.question], one.unit) for one in made if len(one.unit.row.ids) <= longest]


def _reading(run: Run, base: Base, passages: Sequence[Passage]) -> list[Lesson]:
    from trainer.reading import reading_units

    made = reading_units(base, passages, run.seed) if passages else []
    return [Lesson(one.passage, one.unit) for one in made if len(one.unit.row.ids) <= run.sft.training.longest]


def split(lessons: Sequence[Lesson], share: float, seed: int) -> tuple[list[Unit], list[Unit]]:
    """What is learnt and what is held out: about `share`, and all of one source on one side."""
    held = [is_held(one.source, share, seed) for one in lessons]
    return (
        [one.unit for one, out in zip(lessons, held, strict=True) if not out],
        [one.unit for one, out in zip(lessons, held, strict=True) if out],
    )


def is_held(source: str, share: float, seed: int) -> bool:
    """Whether what comes of a source is held out. It is decided by the source's own hash, so that more lessons move
    none from one side to the other."""
    digest = hashlib.sha256(f"{seed}:{source}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def source_of(practice: Practice) -> str:
    """What a practice question comes from: its facts, or itself."""
    return " ".join(practice.facts) or practice.question.id


def _counted(talks: Sequence[Trajectory], asked: Sequence[Practice], passages: Sequence[Passage]) -> dict[str, Any]:
    kinds = {kind: sum(one.kind == kind for one in talks) for kind in sorted({one.kind for one in talks})}
    kinds |= {"choice": len(asked)} if asked else {}
    return kinds | ({"reading": sum(len(one.questions) for one in passages)} if passages else {})

"""Sittings: one model, one bank, one way of answering, question by question, on disk as they are done.

Comes in: an engine, a library, exam questions. Goes out: a line for each question in a file that is gone on with after
a kill. The ways ("modes"):

    letters        the usual prompt: evidence, question, options A to D; the likeliest letter, over all four rotations
    closed         from memory
    rag            the five best passages whole, and the model alone
    rag+extractor  `agent.exam`'s rag: the extractor's units, the words' support, the model
    agent          the same with more searches while it is close
    oracle         the unit that decides in hand, and the model alone: reading apart from finding
                   (`told` is False where the search of thirty hits brings nothing of the deciding page)

Searches are done anew for each variant: 31 ms a question and 17 for the words' support, of seconds for the model.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import cast

import numpy as np

from agent import exam, prompts
from agent.assistant import Assistant
from agent.engine import Engine
from agent.extractor import ranked_units
from agent.option_support import Floats, support
from agent.records import Evidence, Mode, Question
from index.library import Library
from index.records import Hit
from trainer.run_config import StudyMode

PASSAGES = 5
LONGEST = 300
"""Tokens of a passage in `rag`: five of them and the question fit in the engine's context of 2,048 tokens."""
RULES: dict[StudyMode, dict[str, str]] = {"rag": {"passages": f"{PASSAGES} of {LONGEST} tokens"}}
"""What a mode's sitting depends on beside its key: one that was sat under another rule is put aside."""
LETTERS = ("A", "B", "C", "D")
SAY_EVERY = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Sat:
    """How one question went. `right` is 1 or 0, in `letters` the share of rotations; `found` says whether the deciding
    page was among the hits, `shown` whether a unit of it stood before the model (None where nothing is looked up, or
    the bank does not name the page). `tokens` were read by the model, `seconds` passed."""

    id: str
    level: str
    answer: int
    chosen: int
    right: float
    searches: int
    tokens: int
    seconds: float
    found: bool | None = None
    shown: bool | None = None
    told: bool | None = None
    rotations: tuple[bool, ...] = ()


class _Watched:
    """A library that keeps the hits of the question in hand."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.hits: list[Sequence[Hit]] = []

    def search(self, query: str, top: int = 10) -> Sequence[Hit]:
        """As `Library.search`."""
        found = self._library.search(query, top)
        self.hits.append(found)
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self._library, name)


def sit(
    path: Path,
    key: dict[str, str],
    questions: Sequence[Question],
    engine: Engine,
    library: Library,
    mode: StudyMode,
    say: Callable[[str], None],
    *,
    tuned: bool,
) -> list[Sat]:
    """Sit the questions that the file at `path` does not hold yet; `key` says what of (a file of another key is put
    aside, and taken up again when its key comes back). Returns all of them in order. Raises EngineStopped."""
    key = key | RULES.get(mode, {})
    path.parent.mkdir(parents=True, exist_ok=True)
    _bring(path, key)
    done = read(path, key)
    _written(path, key, done.values())
    candidate = Candidate(engine, library, mode, tuned=tuned)
    said = time.monotonic()
    with path.open("a", encoding="utf-8") as file:
        for number, question in enumerate(questions, start=1):
            if question.id in done:
                continue
            done[question.id] = candidate.answer(question)
            file.write(json.dumps(asdict(done[question.id])) + "\n")
            file.flush()
            if time.monotonic() - said > SAY_EVERY:
                said = time.monotonic()
                say(f"{path.stem}: {number} of {len(questions)} questions.")
    return [done[question.id] for question in questions]


def read(path: Path, key: dict[str, str]) -> dict[str, Sat]:
    """What a file holds, by question; nothing where it is of another key. What was written half is passed over."""
    done: dict[str, Sat] = {}
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.is_file() else []
    if not lines or lines[0] != _head(key):
        return {}
    for line in lines[1:]:
        row = json.loads(line)
        done[row["id"]] = Sat(**(row | {"rotations": tuple(row["rotations"])}))
    return done


def _bring(path: Path, key: dict[str, str]) -> None:
    """Put what was sat under another key aside, hours of work perhaps, and what was sat under this one in its place."""
    head = path.read_text(encoding="utf-8").split("\n", 1)[0] if path.is_file() else _head(key)
    if head != _head(key):
        path.replace(_aside(path, head))
    before = _aside(path, _head(key))
    if before.is_file() and not path.is_file():
        before.replace(path)


def _aside(path: Path, head: str) -> Path:
    return path.with_suffix(f".{hashlib.sha256(head.encode()).hexdigest()[:8]}.jsonl")


def _written(path: Path, key: dict[str, str], done: Iterable[Sat]) -> None:
    """The file with its key and what is done, without a last line that was cut off; moved into place whole."""
    beside = path.with_suffix(".new")
    beside.write_text(
        "".join(f"{line}\n" for line in (_head(key), *(json.dumps(asdict(one)) for one in done))), "utf-8"
    )
    beside.replace(path)


def _head(key: dict[str, str]) -> str:
    return json.dumps({"key": key}, sort_keys=True)


def likelier(engine: Engine, prompt: str, question: Question) -> Floats:
    """How much likelier each option is after a prompt with evidence than after the question by itself, in
    log-probability per token: what an untuned model makes of the evidence."""
    options = [prompts.exam_option(option) for option in question.options]
    given, without = (
        np.array([score.logprob / max(1, score.tokens) for score in engine.score(text, options)])
        for text in (prompt, prompts.exam(question.question))
    )
    return np.asarray(given - without)


class Candidate:
    """A model at the desk, answering in one mode."""

    def __init__(self, engine: Engine, library: Library, mode: StudyMode, *, tuned: bool) -> None:
        self._engine, self._mode, self._tuned = engine, mode, tuned
        self._library = _Watched(library)
        self._assistant = Assistant(cast(Library, self._library), engine, tuned=tuned)

    def answer(self, question: Question) -> Sat:
        """Answer one question, and say how it came about."""
        self._library.hits = []
        started, read_before = time.perf_counter(), self._engine.tokens_read
        rotations: tuple[bool, ...] = ()
        told: bool | None = None
        match self._mode:
            case "letters":
                chosen, rotations = self._by_letters(question)
            case "rag":
                chosen = int(self._from_passages(question).argmax())
            case "oracle":
                scores, told = self._told(question)
                chosen = int(scores.argmax())
            case "rag+extractor":
                chosen = self._examined(question, "rag")
            case "closed" | "agent":
                chosen = self._examined(question, self._mode)
        seconds, tokens = time.perf_counter() - started, self._engine.tokens_read - read_before
        looked_up = bool(self._library.hits) and self._mode != "oracle"
        return Sat(
            id=question.id,
            level=question.level,
            answer=question.answer,
            chosen=chosen,
            right=sum(rotations) / len(rotations) if rotations else float(chosen == question.answer),
            searches=len(self._library.hits) if self._mode != "oracle" else 0,
            tokens=tokens,
            seconds=seconds,
            found=self._found(question) if looked_up else None,
            shown=self._shown(question) if looked_up else None,
            told=told,
            rotations=rotations,
        )

    def _examined(self, question: Question, mode: Mode) -> int:
        return exam.take([question], self._assistant, mode).items[0].chosen

    def _looked_up(self, question: Question) -> Sequence[Hit]:
        return self._library.search(f"{question.question} {' '.join(question.options)}", exam.TOP)

    def _by_letters(self, question: Question) -> tuple[int, tuple[bool, ...]]:
        """The option that most rotations choose, the first of equals, and whether each was right."""
        units, _ = support(question, [self._looked_up(question)]).weightiest(exam.JUDGED)
        chosen = []
        for turn in range(len(question.options)):
            order = [(place + turn) % len(question.options) for place in range(len(question.options))]
            listed = "\n".join(
                f"{letter}. {prompts.one_line(question.options[at])}" for letter, at in zip(LETTERS, order, strict=True)
            )
            told = prompts.exam_judgement(units, question.question).removesuffix("\nAnswer:")
            scores = self._engine.score(f"{told}\n{listed}\nAnswer:", [f" {letter}" for letter in LETTERS])
            chosen.append(order[int(np.argmax([score.logprob for score in scores]))])
        most = max(range(len(question.options)), key=chosen.count)
        return most, tuple(one == question.answer for one in chosen)

    def _from_passages(self, question: Question) -> Floats:
        passages = [self._cut(prompts.one_line(hit.passage.text)) for hit in self._looked_up(question)[:PASSAGES]]
        return self._alone("".join(f"{text}\n" for text in passages), question)

    def _cut(self, text: str) -> str:
        """At most LONGEST tokens of a text, from its beginning."""
        while (count := self._engine.count(text)) > LONGEST:
            text = text[: int(len(text) * min(0.98, LONGEST / count))]
        return text

    def _told(self, question: Question) -> tuple[Floats, bool]:
        """With the unit of the deciding page that answers best when it is asked with the right option; and whether
        there is one."""
        unit = self._deciding(question)
        if unit is None:
            return self._alone("", question), False
        told = prompts.exam_judgement([unit], "").split("\n", 1)[1].removesuffix(prompts.exam(""))
        return self._alone(told, question), True

    def _deciding(self, question: Question) -> Evidence | None:
        asked = f"{question.question} {question.options[question.answer]} {question.explanation}"
        hits = [hit for hit in self._library.search(asked, 30) if _is_of(hit.passage.source, question)]
        units = ranked_units(asked, hits, language=question.lang)
        return units[0] if units else None

    def _alone(self, told: str, question: Question) -> Floats:
        """The model's choice after a text, without the words' support: its judgement where it is tuned, else how much
        likelier the text makes each option, per token."""
        prompt = f"Manual:\n{told}{prompts.exam(question.question)}"
        if self._tuned:
            return exam.judged_after(self._engine, prompt, question.options)
        return likelier(self._engine, prompt, question)

    def _found(self, question: Question) -> bool | None:
        if not question.section:
            return None
        return any(_is_of(hit.passage.source, question) for hits in self._library.hits for hit in hits)

    def _shown(self, question: Question) -> bool | None:
        if not question.section:
            return None
        if self._mode == "rag":
            return any(_is_of(hit.passage.source, question) for hit in self._library.hits[0][:PASSAGES])
        most = exam.JUDGED if self._tuned else exam.READ
        units, _ = support(question, self._library.hits).weightiest(most)
        return any(_is_of(unit.source, question) for unit in units)


def _is_of(source: str, question: Question) -> bool:
    """Whether a source is the page that a bank names as the deciding one ("unit-status", "guide/sched.html#ports"):
    as many parts of its path as the bank gives, the last one with or without its suffix."""
    page = PurePosixPath(question.section.split("#")[0])
    path = PurePosixPath(source)
    own = path.parts[-len(page.parts) :]
    return own[:-1] == page.parts[:-1] and page.name in {path.name, path.stem}

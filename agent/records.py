"""The records that travel from a question to a cited answer, and the events on the way: frozen, without behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from index.records import Hit, Language


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verbatim stretch of the library that bears on the question, as the extractor chose it.

    `start` and `end` are offsets in the source text, so `quote` is found there again character by character.
    `score` is in 0..1, comparable within one question only. `context` is what the reader must know to understand the
    quote (table header, definition term); it is shown beside the quote, never as part of it.
    """

    passage_id: int
    section_id: int
    manual: str
    source: str
    heading: tuple[str, ...]
    anchor: str | None
    page: int | None
    quote: str
    start: int
    end: int
    score: float
    context: str = ""


@dataclass(frozen=True, slots=True)
class Extraction:
    """What the extractor made of the hits: evidence, best first, and how sure it is (0..1) that it suffices."""

    evidence: tuple[Evidence, ...]
    sufficiency: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A numbered reference of an answer; saved with it and never recomputed. `context` is the evidence's: what stands
    beside the quote (table header, definition term) and is no part of it."""

    manual: str
    source: str
    heading: tuple[str, ...]
    page: int | None
    quote: str
    start: int
    end: int
    section_id: int
    context: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of the search loop in ReAct's terms. `action` is `search[...]` or `answer[...]`."""

    thought: str
    action: str
    observation: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked before in the same conversation, and the text of the answer; oldest first in a history."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall time since the question was put: when evidence and the first token were there; how long the parts took."""

    search: float = 0.0
    extract: float = 0.0
    first_evidence: float = 0.0
    first_token: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """Prompt tokens in all, how many of them were found in the KV cache, and tokens generated; summed over steps."""

    prompt: int = 0
    reused: int = 0
    generated: int = 0


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A stretch of text, `start` to `end` in characters, with a number or name that neither evidence nor question
    holds: it is shown, and marked."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of the way. `text` is the answer, or the refusal when `abstained`, with `nearest` to go on from.

    `phrased` says that the model worded `text`; otherwise `text` is the evidence itself. `suggestion` is a refused
    question with its misspelt words as the library spells them; "" where they are fine. `unsupported` are the stretches
    of a worded `text` to be marked. `problem` is a sentence for the user that says what kept the model from wording it:
    its file can't be loaded, it stopped; "" where nothing went wrong.
    """

    question: str
    text: str
    abstained: bool
    language: Language
    citations: tuple[Citation, ...]
    steps: tuple[Step, ...]
    nearest: tuple[Hit, ...]
    seconds: Seconds
    tokens: Tokens
    model: str
    phrased: bool = False
    cancelled: bool = False
    suggestion: str = ""
    unsupported: tuple[Unsupported, ...] = ()
    problem: str = ""


# Events, in the order in which a question meets them. The window and the terminal show the same ones.


@dataclass(frozen=True, slots=True)
class Searching:
    """The loop searches the library with `query`."""

    query: str


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """The evidence that the answer will rest on, with its citations, before the model has read a word."""

    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The model reads its prompt: `done` of `total` tokens."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Wrote:
    """A piece of the answer's text, to be appended; `unsupported` are stretches of the piece, to be marked. What is not
    `phrased` is a refusal, or the evidence itself, which whoever follows has seen already."""

    text: str
    unsupported: tuple[Unsupported, ...] = ()
    phrased: bool = True


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step of the search loop is complete."""

    step: Step


Event = Searching | EvidenceFound | Reading | Wrote | Stepped


# Exams

Level = Literal["engineer", "professional", "consultant"]
Split = Literal["study", "exam"]
Mode = Literal["closed", "rag", "agent"]


@dataclass(frozen=True, slots=True)
class Question:
    """A single-choice exam question: four options, `answer` is the index of the right one.

    `split` says whether it may be trained on; None where the bank does not say.
    """

    id: str
    lang: Language
    level: Level
    question: str
    options: tuple[str, str, str, str]
    answer: int
    product: str = ""
    explanation: str = ""
    manual: str = ""
    section: str = ""
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class ExamItem:
    """How one question went."""

    id: str
    chosen: int
    answer: int
    right: bool
    searches: int
    citations: tuple[Citation, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class LevelScore:
    """Questions, right ones and their share at one level."""

    n: int
    correct: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class ExamResult:
    """A whole sitting by a model. `ci95` is the Wilson interval of `accuracy`."""

    n: int
    correct: int
    accuracy: float
    ci95: tuple[float, float]
    searches_per_question: float
    seconds: float
    by_level: dict[str, LevelScore] = field(default_factory=dict)
    items: tuple[ExamItem, ...] = ()

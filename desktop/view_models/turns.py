"""One question and what becomes of it: the agent's events in, the phase and the words to show out.

The state outlives the widget that shows it: a conversation can be left and reopened while its answer is being written.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from agent.records import Answer, Citation, Event, EvidenceFound, Reading, Searching, Step, Stepped, Unsupported, Wrote
from index.records import Hit

Phase = Literal[
    "waiting", "searching", "preparing", "reading", "writing", "answered", "refused", "stopped", "failed", "lost"
]
RUNNING: frozenset[Phase] = frozenset({"waiting", "searching", "preparing", "reading", "writing"})

QUERY = 60  # characters of a query in the status
SEEN = 180  # characters of a line of an observation

_SEARCH = re.compile(r"search\[(.*)\]\Z", re.DOTALL)
_MARKER = re.compile(r"\[(\d{1,2})\]")


@dataclass
class TurnState:
    """A turn as it is now. `text` is what the model has written so far, with what is `unsupported` in it; the evidence
    itself, which stands above, is no part of it until the end. `done` of `total` prompt tokens were read.
    `steps` are those of the search loop, `query` what it searches for after the first search found too little."""

    turn_id: int
    conversation_id: int
    question: str
    phase: Phase = "waiting"
    citations: tuple[Citation, ...] = ()
    text: str = ""
    done: int = 0
    total: int = 0
    answer: Answer | None = None
    error: str = ""
    references: list[str] = field(default_factory=list)
    steps: tuple[Step, ...] = ()
    query: str = ""
    unsupported: tuple[Unsupported, ...] = ()

    @property
    def running(self) -> bool:
        """Whether an answer is still awaited."""
        return self.phase in RUNNING

    def apply(self, event: Event) -> None:
        """Take in what the agent reports."""
        match event:
            case Searching(query):
                self.phase, self.query = "searching", query if self.steps else ""
            case EvidenceFound(citations):
                self.phase, self.citations = "preparing", citations
            case Reading(done, total):
                self.phase, self.done, self.total = "reading", done, total
            case Wrote(text, marks, phrased=True):
                self.phase = "writing"
                ahead = len(self.text)
                self.unsupported += tuple(Unsupported(ahead + one.start, ahead + one.end) for one in marks)
                self.text += text
            case Wrote():
                pass
            case Stepped(step):
                self.steps = (*self.steps, step)

    def finish(self, answer: Answer) -> None:
        """The answer is complete (or was stopped, or is a refusal)."""
        self.answer = answer
        self.citations = answer.citations
        self.text = answer.text
        self.unsupported = answer.unsupported
        self.steps = answer.steps
        self.phase = "stopped" if answer.cancelled else "refused" if answer.abstained else "answered"

    def fail(self, sentence: str) -> None:
        """It went wrong; `sentence` says how, for the user."""
        self.phase, self.error = "failed", sentence

    def status(self) -> tuple[str, dict[str, object]]:
        """The text key of the phase in words, and its values."""
        if self.phase == "reading":
            return "ask.phase_reading", {"done": self.done, "total": self.total}
        if self.phase == "searching" and self.query:
            return "ask.phase_searching_for", {"query": clipped(self.query, QUERY)}
        return f"ask.phase_{self.phase}", {}

    @property
    def wording(self) -> str:
        """What the model itself worded; empty where the answer is the evidence alone."""
        if self.answer is not None and not self.answer.phrased:
            return ""
        return self.text


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step for the reader: the thought, what was searched for ("" for the step that answers), and the lines seen."""

    thought: str
    query: str
    seen: tuple[str, ...]


def shown_step(step: Step) -> ShownStep:
    """A step of the search loop as the window shows it; long lines are cut."""
    found = _SEARCH.match(step.action)
    seen = tuple(clipped(line, SEEN) for line in step.observation.splitlines() if line.strip())
    return ShownStep(step.thought, found[1] if found else "", seen)


def clipped(text: str, most: int) -> str:
    """Text of at most `most` characters, with an ellipsis where it was cut."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def stretches(text: str, unsupported: Sequence[Unsupported]) -> list[str]:
    """What is marked in a text, in order, each once."""
    return list(dict.fromkeys(text[one.start : one.end] for one in unsupported))


def with_marks(text: str, unsupported: Sequence[Unsupported], mark: str = "⟨?⟩") -> str:
    """The text with a sign after each stretch that the evidence does not hold, for where no line can be drawn."""
    for one in sorted(unsupported, key=lambda one: -one.end):
        text = f"{text[: one.end]}{mark}{text[one.end :]}"
    return text


def citation_of(hit: Hit) -> Citation:
    """A found passage as something that can be opened and copied like a citation."""
    found = hit.passage
    return Citation(
        manual=found.manual,
        source=found.source,
        heading=found.heading,
        page=found.page,
        quote=found.text,
        start=found.start,
        end=found.end,
        section_id=found.section_id,
    )


def reference(citation: Citation, page: str) -> str:
    """A citation in one line, to copy: manual, heading path, page and file. `page` is the page in words ("p. 3")."""
    parts = [citation.manual, " › ".join(citation.heading), page if citation.page else "", citation.source]
    return ", ".join(part for part in parts if part)


def answer_html(text: str, citations: int) -> str:
    """The model's text as HTML; markers [1] to [`citations`] become links `cite:0` and on, others stay text."""

    def link(found: re.Match[str]) -> str:
        number = int(found[1])
        if not 1 <= number <= citations:
            return found[0]
        return f'<a href="cite:{number - 1}" style="text-decoration:none">[{number}]</a>'

    return "<br>".join(_MARKER.sub(link, html.escape(line)) for line in text.strip().split("\n"))

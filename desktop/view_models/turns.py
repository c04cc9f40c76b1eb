"""One question and what becomes of it: the agent's events in, the phase and the words to show out.

The state outlives the widget that shows it: a conversation can be left and reopened while its answer is being written.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Literal

from agent.records import Answer, Citation, Event, EvidenceFound, Reading, Searching, Stepped, Wrote
from index.records import Hit

Phase = Literal["waiting", "searching", "reading", "writing", "answered", "refused", "stopped", "failed", "lost"]
RUNNING: frozenset[Phase] = frozenset({"waiting", "searching", "reading", "writing"})

_MARKER = re.compile(r"\[(\d{1,2})\]")


@dataclass
class TurnState:
    """A turn as it is now. `text` is what the model has written so far; `done` of `total` prompt tokens were read."""

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

    @property
    def running(self) -> bool:
        """Whether an answer is still awaited."""
        return self.phase in RUNNING

    def apply(self, event: Event) -> None:
        """Take in what the agent reports."""
        match event:
            case Searching():
                self.phase = "searching"
            case EvidenceFound(citations):
                self.citations = citations
            case Reading(done, total):
                self.phase, self.done, self.total = "reading", done, total
            case Wrote(text):
                self.phase = "writing"
                self.text += text
            case Stepped():
                pass

    def finish(self, answer: Answer) -> None:
        """The answer is complete (or was stopped, or is a refusal)."""
        self.answer = answer
        self.citations = answer.citations
        self.text = answer.text
        self.phase = "stopped" if answer.cancelled else "refused" if answer.abstained else "answered"

    def fail(self, sentence: str) -> None:
        """It went wrong; `sentence` says how, for the user."""
        self.phase, self.error = "failed", sentence

    def status(self) -> tuple[str, dict[str, object]]:
        """The text key of the phase in words, and its values."""
        if self.phase == "reading":
            return "ask.phase_reading", {"done": self.done, "total": self.total}
        return f"ask.phase_{self.phase}", {}

    @property
    def wording(self) -> str:
        """What the model itself worded; empty where the answer is the evidence alone."""
        if self.answer is not None and not self.answer.phrased:
            return ""
        return self.text


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

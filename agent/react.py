"""A tuned model's turns in the search loop: it looks at what was found and proposes the next search, or stops.

Comes in: the question, the steps so far, an engine whose model was tuned on the prompt format. Goes out: proposals, at
most `TURNS`, each a thought and a query. The grammar keeps each turn in form; what is not in form all the same, repeats
an earlier search, or takes too long ends the model's part, and the loop goes on by its own rules. An `answer[...]` is a
proposal to stop searching: whether there is an answer is the gate's to say, never the model's. An untuned model is not
asked: the starter needed 0.7 s for a query that found nothing more in any question tried.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent import prompts
from agent.errors import NOT_WORDED
from agent.foreign_turns import said
from agent.records import Step, Tokens
from agent.rendering import render
from agent.terms import terms
from index.analyzer import query_language, tokens

if TYPE_CHECKING:
    from agent.engine import Engine

log = logging.getLogger(__name__)

TURNS = 2  # of the model at most, in one question
LONGEST_TURN = 64  # tokens
LONGEST_QUERY = 200  # characters


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the model would search for, and why, in its own words."""

    thought: str
    query: str


class ModelTurns:
    """Asks the model for its next turn, as long as it has something to say. `tokens` is what that took."""

    def __init__(
        self, engine: Engine | None, question: str, tuned: Callable[[], bool], cancelled: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._question = question
        self._tuned = tuned
        self._cancelled = cancelled
        self._left = TURNS
        self.tokens = Tokens()

    def propose(self, steps: Sequence[Step], searched: Collection[frozenset[str]]) -> Proposal | None:
        """The model's next search after these steps; None once it has none that is new. `searched` are the terms of the
        searches made."""
        if self._left == 0:
            return None
        self._left -= 1
        try:
            text = self.turn(steps)
        except NOT_WORDED as error:
            log.warning("no query proposed: %s", error)
            text = None
        proposal = _read(text) if text is not None else None
        if proposal is None or terms(proposal.query) in searched or _dictated(proposal.query, self._question, steps):
            self._left = 0
            return None
        return proposal

    def turn(self, steps: Sequence[Step]) -> str | None:
        """What the model writes; None where no model can be asked. Raises what may befall an engine at work. A teacher
        writes in its place when trajectories are made."""
        if self._engine is None or not self._tuned():
            return None
        if query_language(self._question) not in self._engine.info.languages:
            return None
        written = self._engine.generate(
            render(self._engine, prompts.transcript(self._question, steps, examples=False)),
            max_tokens=LONGEST_TURN,
            grammar=prompts.GRAMMAR_TURN,
            cancelled=self._cancelled,
        )
        self.tokens = Tokens(
            self.tokens.prompt + written.prompt_tokens,
            self.tokens.reused + written.reused_tokens,
            self.tokens.generated + written.generated_tokens,
        )
        return None if written.cancelled else written.text


def _dictated(query: str, question: str, steps: Sequence[Step]) -> bool:
    """Whether a query has words that stand in an action which a manual holds, and nowhere else."""
    seen = {word for step in steps for word in tokens(step.observation)}
    told = {word for step in steps for word in tokens(said(step.observation))}
    return bool(terms(query) & (seen - told - terms(question)))


def _read(text: str) -> Proposal | None:
    """The search of a turn; None if it is an answer, out of form, or no query."""
    turn = prompts.parse_turn(text)
    if turn is None:
        log.info("a turn out of form: %r", text[:200])
        return None
    thought, kind, content = turn
    query = prompts.one_line(content)
    if kind != "search" or len(query) > LONGEST_QUERY or not terms(query):
        return None
    return Proposal(prompts.one_line(thought), query)

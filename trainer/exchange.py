"""Two options change places in what the model reads, and with them which one is right.

Comes in: a question with its options, and texts that decide it. Goes out: the same question, its answer the other one,
and a renaming of the texts. A model that learnt the fact by heart is wrong on one of the two; only reading serves both
(entity substitution: Longpre et al. 2021, arXiv 2109.05052). So a small set of questions can be gone over more than
once without being learnt by heart (docs/training.md).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.records import Evidence, Question
from agent.terms import folded

SHORTEST = 2
"""Letters of an option that may be renamed: a single digit stands in too many places that mean something else."""

_SCRIPTS = (r"A-Za-z0-9_", r"ァ-ヺー", r"一-龯々")
"""A word ends where one of these turns into something else."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """The question as it stands after the renaming."""

    question: Question
    one: str
    other: str

    def text(self, text: str) -> str:
        """A text with the two names in each other's places."""
        pattern = f"({_word(self.one)})|({_word(self.other)})"
        return re.sub(pattern, lambda found: self.other if found[1] else self.one, text, flags=re.IGNORECASE)

    def evidence(self, unit: Evidence) -> Evidence:
        """A unit renamed, headings and context too; its offsets no longer lead to its source."""
        heading = tuple(map(self.text, unit.heading))
        return replace(unit, quote=self.text(unit.quote), heading=heading, context=self.text(unit.context))


def exchange(question: Question, deciding: Sequence[str], draw: random.Random) -> Exchange | None:
    """The right option and a wrong one that may stand for it, drawn; None where renaming would not make the wrong one
    right beyond doubt.

    The right option must stand in the deciding texts word for word. Neither of the two may stand in the question, in
    another option or in each other, which would be renamed as well, or would not.
    """
    names = [option.strip(" .。") for option in question.options]
    right = names[question.answer]
    if not _fit(right, question, names) or not any(_stands(right, text) for text in deciding):
        return None
    others = [at for at, name in enumerate(names) if at != question.answer and _fit(name, question, names)]
    if not others:
        return None
    chosen = draw.choice(others)
    return Exchange(replace(question, answer=chosen), right, names[chosen])


def _fit(name: str, question: Question, names: Sequence[str]) -> bool:
    beside = [question.question, *(other for other in names if other != name)]
    mine = folded(name)
    return len(name) >= SHORTEST and not any(mine in folded(text) for text in beside)


def _stands(name: str, text: str) -> bool:
    return re.search(_word(name), text, re.IGNORECASE) is not None


def _word(name: str) -> str:
    """The name as a whole word: not where its script goes on before or behind it."""
    before, behind = (
        next((f"[{kind}]" for kind in _SCRIPTS if re.match(f"[{kind}]", at)), "") for at in (name[0], name[-1])
    )
    return (f"(?<!{before})" if before else "") + re.escape(name) + (f"(?!{behind})" if behind else "")

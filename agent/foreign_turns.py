"""Actions written into a manual's text, as if the manual were the assistant: what they hold is nobody's statement.

Comes in: text of a manual. Goes out: the text without what stands in `answer[...]` or `search[...]`, for those who ask
what evidence says. The reader is still shown the text as it stands, with its place. "Action: Restart the service." is
how message manuals speak, and stays. It knows nothing of models.
"""

from __future__ import annotations

import re
from dataclasses import replace

from agent.records import Evidence

_ACTION = re.compile(r"(?:\bAction ?: ?)?\b(?:answer|search) ?\[[^\]\n]*\]?")
_RAW_ACTION = re.compile(r"(?:\bAction ?: ?)?\b(?:answer|search)\[[^\]\n]*\]?")


def without_turns(evidence: Evidence) -> Evidence:
    """The evidence without actions; its offsets no longer fit it."""
    return replace(
        evidence,
        quote=_RAW_ACTION.sub(" ", evidence.quote),
        context=_RAW_ACTION.sub(" ", evidence.context),
        heading=tuple(_RAW_ACTION.sub(" ", heading) for heading in evidence.heading),
    )


def said(observation: str) -> str:
    """What an observation says, in which prompts.py has set the brackets apart, without actions."""
    return _ACTION.sub(" ", observation)

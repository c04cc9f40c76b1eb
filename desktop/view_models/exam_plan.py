"""The rules of an exam: how many questions in what time, which ones, and how a sitting is scored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.bank import SITTINGS
from agent.bank import draw as draw_level
from agent.records import Level, LevelScore, Question
from index.records import Language

LEVELS: tuple[Level, ...] = tuple(SITTINGS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sitting will be. `seconds` is cut in proportion where the bank has fewer questions than the format."""

    language: Language
    level: Level
    questions: int
    seconds: int


def plan(bank: Sequence[Question], language: Language, level: Level) -> Plan | None:
    """The sitting that this bank allows; None where it has no question of that language and level."""
    have = sum(1 for one in bank if one.lang == language and one.level == level)
    full = SITTINGS[level]
    if not have:
        return None
    count = min(have, full.questions)
    return Plan(language, level, count, math.ceil(full.minutes * count / full.questions) * 60)


def draw(bank: Sequence[Question], chosen: Plan, seed: int) -> list[Question]:
    """The questions of one sitting, in random order; the same seed draws the same ones."""
    return draw_level([one for one in bank if one.lang == chosen.language], chosen.level, chosen.questions, seed)


@dataclass(frozen=True, slots=True)
class Score:
    """`correct` of `n`; unanswered questions count as wrong. `passing` is the share that passes."""

    n: int
    correct: int
    by_level: Mapping[Level, LevelScore]
    passing: float

    @property
    def share(self) -> float:
        """Right answers as a share, 0..1."""
        return self.correct / self.n if self.n else 0.0

    @property
    def passed(self) -> bool:
        """Whether the share reaches the pass mark."""
        return self.n > 0 and self.correct >= math.ceil(self.passing * self.n - 1e-9)


def score(questions: Sequence[Question], chosen: Mapping[int, int]) -> Score:
    """Score a sitting; `chosen` maps a question's position to the option taken."""
    by_level: dict[Level, LevelScore] = {}
    for level in LEVELS:
        places = [place for place, one in enumerate(questions) if one.level == level]
        right = sum(1 for place in places if chosen.get(place) == questions[place].answer)
        if places:
            by_level[level] = LevelScore(len(places), right, right / len(places))
    passing = max((SITTINGS[level].passing for level in by_level), default=1.0)
    return Score(len(questions), sum(one.correct for one in by_level.values()), by_level, passing)


def clock(seconds: float) -> str:
    """A time left as `m:ss`."""
    whole = max(math.ceil(seconds), 0)
    return f"{whole // 60}:{whole % 60:02d}"

"""Exam sittings on disk: each choice is stored as it is made, so that a crash costs nothing that was answered.

The questions are stored with the sitting: a bank that changes later changes no result.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from agent.records import Level, Question
from desktop.database import Database, now
from desktop.view_models.exam_plan import Plan
from index.records import Language

_QUESTIONS = TypeAdapter(list[Question])


@dataclass
class Sitting:
    """A sitting under way or done. `seconds` are allowed, `used` are gone; `chosen` and `flagged` go by position."""

    id: int
    bank: str
    language: Language
    level: Level
    questions: list[Question]
    seconds: int
    used: float
    place: int
    chosen: dict[int, int]
    flagged: set[int]
    started_at: str
    finished_at: str | None


class Sittings:
    """The sittings of one data folder."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, bank: str, plan: Plan, questions: Sequence[Question]) -> Sitting:
        """Store a new sitting with its questions."""
        moment = now()
        with self._database.writing() as connection:
            sitting_id = connection.execute(
                "INSERT INTO sitting (bank, language, level, questions, seconds, started_at) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    bank,
                    plan.language,
                    plan.level,
                    _QUESTIONS.dump_json(list(questions)).decode(),
                    plan.seconds,
                    moment,
                ),
            ).lastrowid
        assert sitting_id is not None
        return Sitting(
            sitting_id,
            bank,
            plan.language,
            plan.level,
            list(questions),
            plan.seconds,
            0.0,
            0,
            {},
            set(),
            moment,
            None,
        )

    def save_choice(self, sitting: Sitting, place: int) -> None:
        """Store what was chosen and flagged at one position, with the time used."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO choice (sitting_id, place, chosen, flagged) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET chosen = excluded.chosen, flagged = excluded.flagged",
                (sitting.id, place, sitting.chosen.get(place), place in sitting.flagged),
            )
            self._save_clock(connection, sitting)

    def save_clock(self, sitting: Sitting) -> None:
        """Store the time used and the question at hand."""
        with self._database.writing() as connection:
            self._save_clock(connection, sitting)

    @staticmethod
    def _save_clock(connection: sqlite3.Connection, sitting: Sitting) -> None:
        connection.execute(
            "UPDATE sitting SET used = ?, place = ? WHERE id = ?", (sitting.used, sitting.place, sitting.id)
        )

    def finish(self, sitting: Sitting) -> None:
        """Mark a sitting as done."""
        sitting.finished_at = now()
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE sitting SET finished_at = ?, used = ? WHERE id = ?",
                (sitting.finished_at, sitting.used, sitting.id),
            )

    def drop(self, sitting: Sitting) -> None:
        """Forget a sitting."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM sitting WHERE id = ?", (sitting.id,))

    def unfinished(self) -> Sitting | None:
        """The newest sitting that was begun and not finished."""
        found = self._database.rows("SELECT * FROM sitting WHERE finished_at IS NULL ORDER BY id DESC LIMIT 1")
        return self._read(found[0]["id"]) if found else None

    def finished(self, limit: int = 8) -> list[Sitting]:
        """The newest finished sittings, newest first."""
        rows = self._database.rows(
            "SELECT id FROM sitting WHERE finished_at IS NOT NULL ORDER BY finished_at DESC, id DESC LIMIT ?", limit
        )
        return [self._read(row["id"]) for row in rows]

    def _read(self, sitting_id: int) -> Sitting:
        row = self._database.rows("SELECT * FROM sitting WHERE id = ?", sitting_id)[0]
        choices = self._database.rows("SELECT * FROM choice WHERE sitting_id = ?", sitting_id)
        return Sitting(
            row["id"],
            row["bank"],
            row["language"],
            row["level"],
            _QUESTIONS.validate_json(row["questions"]),
            row["seconds"],
            row["used"],
            row["place"],
            {one["place"]: one["chosen"] for one in choices if one["chosen"] is not None},
            {one["place"] for one in choices if one["flagged"]},
            row["started_at"],
            row["finished_at"],
        )

"""Conversations on disk, turn by turn: a question is stored when it is asked, its answer when it is complete.

An answer is stored as it was given, citations included, and is never computed again; what the file says is what the
user saw. Deleting hides a conversation until `purge`, so that it can be undone.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from agent.records import Answer
from desktop.database import Database, now

TITLE_LENGTH = 80

_ANSWER = TypeAdapter(Answer)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A line of the list of conversations; times are UTC in ISO 8601."""

    id: int
    title: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class SavedTurn:
    """A stored turn. Without answer and error it was cut short: the program ended before the answer did."""

    id: int
    conversation_id: int
    question: str
    answer: Answer | None
    error: str


class Chats:
    """The conversations of one data folder."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def conversations(self) -> list[Conversation]:
        """All that are not deleted, the newest first."""
        return [
            Conversation(row["id"], row["title"], row["updated_at"])
            for row in self._database.rows(
                "SELECT id, title, updated_at FROM conversation WHERE deleted_at IS NULL "
                "ORDER BY updated_at DESC, id DESC"
            )
        ]

    def turns(self, conversation_id: int) -> list[SavedTurn]:
        """The turns of one conversation in order."""
        return [
            SavedTurn(
                row["id"],
                conversation_id,
                row["question"],
                _ANSWER.validate_json(row["answer"]) if row["answer"] else None,
                row["error"],
            )
            for row in self._database.rows("SELECT * FROM turn WHERE conversation_id = ? ORDER BY id", conversation_id)
        ]

    def ask(self, question: str, conversation_id: int | None = None) -> SavedTurn:
        """Store a question: in a conversation, or as the first of a new one, which it gives its title."""
        moment = now()
        with self._database.writing() as connection:
            if conversation_id is None:
                title = " ".join(question.split())[:TITLE_LENGTH]
                conversation_id = connection.execute(
                    "INSERT INTO conversation (title, created_at, updated_at) VALUES (?, ?, ?)", (title, moment, moment)
                ).lastrowid
            else:
                connection.execute("UPDATE conversation SET updated_at = ? WHERE id = ?", (moment, conversation_id))
            turn_id = connection.execute(
                "INSERT INTO turn (conversation_id, question, asked_at) VALUES (?, ?, ?)",
                (conversation_id, question, moment),
            ).lastrowid
        assert turn_id is not None
        assert conversation_id is not None
        return SavedTurn(turn_id, conversation_id, question, None, "")

    def answered(self, turn_id: int, answer: Answer) -> None:
        """Store the answer of a turn."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE turn SET answer = ?, error = '' WHERE id = ?", (_ANSWER.dump_json(answer).decode(), turn_id)
            )

    def failed(self, turn_id: int, sentence: str) -> None:
        """Store why a turn has no answer."""
        with self._database.writing() as connection:
            connection.execute("UPDATE turn SET error = ? WHERE id = ?", (sentence, turn_id))

    def delete(self, conversation_id: int) -> None:
        """Hide a conversation; `restore` brings it back until `purge`."""
        with self._database.writing() as connection:
            connection.execute("UPDATE conversation SET deleted_at = ? WHERE id = ?", (now(), conversation_id))

    def restore(self, conversation_id: int) -> None:
        """Undo `delete`."""
        with self._database.writing() as connection:
            connection.execute("UPDATE conversation SET deleted_at = NULL WHERE id = ?", (conversation_id,))

    def purge(self) -> None:
        """Remove deleted conversations for good."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM conversation WHERE deleted_at IS NOT NULL")

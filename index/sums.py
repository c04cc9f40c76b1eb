"""Sums over the truth, so that damage which SQLite itself can't see (it keeps no page checksums) is noticed and named.

Each file's row carries the SHA-256 of all that was read out of it, each embedding a CRC-32, and `meta` one sum over the
manuals and itself. Comes in: a connection. Goes out: sums, and sentences on what does not match. Row ids are not part
of a sum, so that rows can be copied into another library as they are.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

SEAL = "seal"
"""Where `meta` keeps the sum over the manuals and the rest of `meta`."""

_OF_FILE = (
    "SELECT name, source, digest, bytes, title, language, meta, added_at FROM files WHERE id = ?",
    "SELECT ordinal, heading, anchor, page, start, text, blocks FROM sections WHERE file_id = ? ORDER BY ordinal",
    """
    SELECT s.ordinal, p.ordinal, p.start, p."end", p.context FROM sections s JOIN passages p ON p.section_id = s.id
    WHERE s.file_id = ? ORDER BY s.ordinal, p.ordinal
    """,
)
_OF_CATALOGUE = (
    "SELECT id, group_key, title, language, product, version, root FROM manuals ORDER BY id",
    f"SELECT key, value FROM meta WHERE key <> '{SEAL}' ORDER BY key",
)


def sum_of_file(db: sqlite3.Connection, file_id: int) -> str:
    """The sum over one file as it is stored now: its row, its sections and its passages."""
    return _sum(db, _OF_FILE, (file_id,))


def sum_of_catalogue(db: sqlite3.Connection) -> str:
    """The sum over all manuals and over `meta`."""
    return _sum(db, _OF_CATALOGUE, ())


def sum_of_vector(vector: bytes) -> int:
    """The sum over one embedding."""
    return zlib.crc32(vector)


def seal_file(db: sqlite3.Connection, file_id: int) -> None:
    """Note the sum of a file; to be called, in the same transaction, whenever its rows were written."""
    db.execute("UPDATE files SET sum = ? WHERE id = ?", (sum_of_file(db, file_id), file_id))


def seal_catalogue(db: sqlite3.Connection) -> None:
    """Note the sum of the manuals and of `meta`; every transaction ends with it."""
    made = sum_of_catalogue(db)
    if db.execute("SELECT value FROM meta WHERE key = ?", (SEAL,)).fetchone() != (made,):
        db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (SEAL, made))


def add_sums(db: sqlite3.Connection) -> None:
    """The step of the schema that brings sums: the columns, and the sums of what is stored already."""
    db.execute("ALTER TABLE files ADD COLUMN sum TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE embeddings ADD COLUMN sum INTEGER NOT NULL DEFAULT 0")
    for (file_id,) in db.execute("SELECT id FROM files").fetchall():
        seal_file(db, file_id)
    for (id_,) in db.execute("SELECT id FROM embeddings").fetchall():
        (vector,) = db.execute("SELECT vector FROM embeddings WHERE id = ?", (id_,)).fetchone()
        db.execute("UPDATE embeddings SET sum = ? WHERE id = ?", (sum_of_vector(vector), id_))
    seal_catalogue(db)


def damaged_files(db: sqlite3.Connection) -> Iterator[tuple[int, int, str]]:
    """Row, manual's row and source of each file that is not as it was stored."""
    ids = [row[0] for row in db.execute("SELECT id FROM files ORDER BY id")]
    for id_ in ids:
        try:
            manual, source, noted = db.execute(
                "SELECT manual_id, source, sum FROM files WHERE id = ?", (id_,)
            ).fetchone()
            whole = noted == sum_of_file(db, id_)
        except (sqlite3.DatabaseError, UnicodeError, TypeError):  # text that is no UTF-8 any more, or a row gone
            manual, source, whole = 0, f"row {id_}", False
        if not whole:
            yield id_, manual, source


def damaged_embeddings(db: sqlite3.Connection) -> Iterator[int]:
    """Row of each embedding that is not as it was stored."""
    for id_, vector, noted in db.execute("SELECT id, vector, sum FROM embeddings"):
        if not isinstance(vector, bytes) or sum_of_vector(vector) != noted:
            yield id_


def damage(db: sqlite3.Connection, path: Path) -> Iterator[str]:
    """What is not as it was stored, a sentence each."""
    if not catalogue_is_whole(db):
        yield f"The list of manuals in {path} is not as it was stored: put back a backup."
    for _, manual, source in damaged_files(db):
        yield f"{source} of manual {manual} is not as it was stored: put back a backup, or rebuild and import it again."
    damaged = sum(1 for _ in damaged_embeddings(db))
    if damaged:
        yield f"{damaged} embeddings are not as they were stored: rebuild the library, and they are made again."


def leave_out_embeddings(db: sqlite3.Connection) -> None:
    """Take the embeddings out of a copy, which shrinks by them. A matrix made of them is not taken for the copy's."""
    db.execute("BEGIN")
    db.execute("DELETE FROM embeddings")
    if db.execute("SELECT 1 FROM meta WHERE key = 'embedder'").fetchone():
        db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('vectors_from', ?)", (secrets.token_hex(8),))
        if db.execute("SELECT 1 FROM meta WHERE key = ?", (SEAL,)).fetchone():
            seal_catalogue(db)
    db.execute("COMMIT")
    db.execute("VACUUM")


def take_embeddings(db: sqlite3.Connection, other: Path) -> int:
    """Take those embeddings of `other`, a state of the same library, that are whole and whose text is the same here;
    returns how many. Raises sqlite3.DatabaseError, with nothing taken, where `other` can't be read."""
    db.create_function("crc", 1, zlib.crc32, deterministic=True)
    db.execute("ATTACH DATABASE ? AS other", (f"{other.resolve().as_uri()}?mode=ro",))
    try:
        db.execute("BEGIN")
        db.execute("INSERT OR IGNORE INTO main.meta SELECT key, value FROM other.meta WHERE key = 'embedder'")
        db.execute("INSERT OR REPLACE INTO main.meta (key, value) VALUES ('vectors_from', ?)", (secrets.token_hex(8),))
        seal_catalogue(db)
        before = db.total_changes
        db.execute(
            """
            INSERT OR IGNORE INTO main.embeddings (passage_id, vector, sum)
            SELECT e.passage_id, e.vector, e.sum FROM other.embeddings e
            JOIN other.passages p ON p.id = e.passage_id JOIN other.sections s ON s.id = p.section_id
            JOIN other.files f ON f.id = s.file_id
            JOIN main.passages q ON q.id = p.id JOIN main.sections t ON t.id = q.section_id
            JOIN main.files g ON g.id = t.file_id
            WHERE g.sum = f.sum AND t.ordinal = s.ordinal AND q.ordinal = p.ordinal AND crc(e.vector) = e.sum
            AND (SELECT value FROM main.meta WHERE key = 'embedder')
                = (SELECT value FROM other.meta WHERE key = 'embedder')
            ORDER BY e.id
            """
        )
        taken = db.total_changes - before
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    finally:
        db.execute("DETACH DATABASE other")
    return taken


def catalogue_is_whole(db: sqlite3.Connection) -> bool:
    """Whether manuals and `meta` are as they were stored; true too while nothing was."""
    noted = db.execute("SELECT value FROM meta WHERE key = ?", (SEAL,)).fetchone()
    return noted == (sum_of_catalogue(db),) if noted else not db.execute("SELECT 1 FROM manuals").fetchone()


def _sum(db: sqlite3.Connection, queries: tuple[str, ...], parameters: tuple[int, ...]) -> str:
    whole = hashlib.sha256()
    for query in queries:
        for row in db.execute(query, parameters):
            whole.update(json.dumps(row).encode())
        whole.update(b"\n")
    return whole.hexdigest()

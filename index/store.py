"""The truth on disk: one SQLite file that holds manuals, files, sections, passages and embeddings.

Comes in: documents as read, and where their passages lie. Goes out: records, verbatim. What a transaction reported done
survives a power cut (WAL, synchronous=FULL); a file is replaced in one transaction, so it is never missing. It knows
nothing of Whoosh, of matrices or of models: those are derived from it and catch up by `State`.

The *source text* of a file, in which all offsets count, is its sections' texts in order with `SEPARATOR` between them.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from index import entries, errors
from index.database import Database
from index.entries import Place
from index.records import Block, Document, Language, Manual, Passage, PassageSpan, Section
from index.rows import read_passages, read_sections
from index.spelling import put_words
from index.sums import seal_file, sum_of_vector
from index.versions import Book

SEPARATOR = "\n\n"
"""Stands between two sections in the source text; no passage reaches across it."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as the store knows it: its manual's row, its name within the manual, its path as shown, what its
    content is recognised by, and what it says of itself."""

    manual_id: int
    name: str
    source: str
    digest: str
    title: str
    meta: dict[str, str]


@dataclass(frozen=True, slots=True)
class ManualFacts:
    """What is written about a manual when one of its files is stored; the newest word stands."""

    title: str
    product: str
    version: str
    root: str


class Store(Database):
    """One connection to a library's SQLite file; use it from one thread at a time, and close it.

    Writing calls are each one transaction, or part of the one around them, and raise DiskFull when the disk is;
    nothing of them is then kept.
    """

    # -- manuals and files --------------------------------------------------------------------------------------------

    def manuals(self) -> list[Manual]:
        """Every manual, by title."""
        rows = self._db.execute(
            """
            SELECT m.id, m.title, m.language, m.product, m.version, m.root,
                   (SELECT count(*) FROM files WHERE manual_id = m.id),
                   (SELECT count(*) FROM files f JOIN sections s ON s.file_id = f.id WHERE f.manual_id = m.id),
                   count(p.id), count(e.id), m.added_at
            FROM manuals m
            LEFT JOIN files f ON f.manual_id = m.id LEFT JOIN sections s ON s.file_id = f.id
            LEFT JOIN passages p ON p.section_id = s.id LEFT JOIN embeddings e ON e.passage_id = p.id
            GROUP BY m.id ORDER BY m.title, m.id
            """
        )
        return [Manual(*row) for row in rows]

    def books(self) -> list[Book]:
        """Every manual in the order of import, without counting what it holds."""
        return [Book(*row) for row in self._db.execute("SELECT id, title, language, product, version FROM manuals")]

    def manuals_of_group(self, group: str) -> dict[int, str]:
        """The manuals that were imported from this folder or file, the oldest first, and the version of each."""
        rows = self._db.execute("SELECT id, version FROM manuals WHERE group_key = ? ORDER BY id", (storable(group),))
        return dict(rows.fetchall())

    def files(self, manual_id: int) -> list[StoredFile]:
        """The files of one manual, by source."""
        return self._files("manual_id = ?", manual_id)

    def manuals_sharing(self, names: Sequence[str]) -> list[int]:
        """The manuals more than half of whose files have one of these names, and have more than half of these names."""
        rows = self._db.execute(
            "SELECT manual_id FROM files GROUP BY manual_id HAVING 2 * sum(name IN (SELECT value FROM json_each(?)))"
            " > max(count(*), ?) ORDER BY manual_id",
            (json.dumps(list(names)), len(names)),
        )
        return [row[0] for row in rows]

    def manuals_with(self, digests: Sequence[str]) -> list[int]:
        """The manuals that hold a file of one of these contents."""
        rows = self._db.execute(
            "SELECT DISTINCT manual_id FROM files WHERE digest IN (SELECT value FROM json_each(?)) ORDER BY manual_id",
            (json.dumps(list(digests)),),
        )
        return [row[0] for row in rows]

    def add_manual(self, group: str, facts: ManualFacts) -> int:
        """Make an empty manual for `group` and give its id."""
        values = (group, facts.title, facts.product, facts.version, facts.root)
        with self._writing():
            cursor = self._db.execute(
                "INSERT INTO manuals (group_key, title, language, product, version, root, added_at)"
                " VALUES (?, ?, 'en', ?, ?, ?, ?)",
                (*map(storable, values), _now()),
            )
        return int(cursor.lastrowid or 0)

    def describe_manual(self, manual_id: int, facts: ManualFacts) -> None:
        """Write what is known of the manual now; its language is that of most of its files."""
        with self._writing():
            self._db.execute(
                """
                UPDATE manuals SET title = ?, product = ?, version = ?, root = ?, language = coalesce((
                    SELECT language FROM files WHERE manual_id = manuals.id
                    GROUP BY language ORDER BY count(*) DESC, language LIMIT 1), language)
                WHERE id = ?
                """,
                (*map(storable, (facts.title, facts.product, facts.version, facts.root)), manual_id),
            )

    def move_manual(self, manual_id: int, group: str, root: str) -> None:
        """Note that the manual's files lie elsewhere now."""
        with self._writing():
            self._db.execute(
                "UPDATE manuals SET group_key = ?, root = ? WHERE id = ?", (storable(group), storable(root), manual_id)
            )

    def put_file(
        self,
        manual_id: int,
        name: str,
        document: Document,
        digest: str,
        size: int,
        spans: Sequence[Sequence[PassageSpan]],
    ) -> None:
        """Store a file, in place of the one of that name in the manual if there is one. `spans[i]` are the passages of
        `document.sections[i]`; `size` is in bytes."""
        meta, name = json.dumps(dict(document.meta)), storable(name)
        with self._writing():
            old = self._db.execute(
                "SELECT id FROM files WHERE manual_id = ? AND name = ?", (manual_id, name)
            ).fetchone()
            if old:
                self._remove_passages("f.id = ?", old[0])
                self._db.execute("DELETE FROM files WHERE id = ?", old)
            cursor = self._db.execute(
                "INSERT INTO files (manual_id, name, source, digest, bytes, title, language, meta, added_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    manual_id,
                    name,
                    storable(document.source),
                    digest,
                    size,
                    storable(document.title),
                    document.language,
                    meta,
                    _now(),
                ),
            )
            self._put_sections(int(cursor.lastrowid or 0), document, spans)
            put_words(self._db, document.sections)
            seal_file(self._db, int(cursor.lastrowid or 0))
            self._advance()

    def remove_manual(self, manual_id: int) -> Manual:
        """Take out a manual with all that hangs on it; returns what it was. Raises LibraryMissing for an unknown id."""
        found = [manual for manual in self.manuals() if manual.id == manual_id]
        if not found:
            raise errors.LibraryMissing(
                f"The library holds no manual {manual_id}: 'library list' shows which there are."
            )
        with self._writing():
            self._remove_passages("f.manual_id = ?", manual_id)
            self._db.execute("DELETE FROM manuals WHERE id = ?", (manual_id,))
            self._advance()
        return found[0]

    # -- sections and passages ----------------------------------------------------------------------------------------

    def section(self, section_id: int) -> Section | None:
        """One section by its id."""
        return next(read_sections(self._db, "s.id = ?", (section_id,)), None)

    def sections(self, manual_id: int, source: str) -> list[Section]:
        """The sections of one file in order; [] for a file that is not held."""
        return list(read_sections(self._db, "f.manual_id = ? AND f.source = ?", (manual_id, source)))

    def blocks(self, section_id: int) -> tuple[Block, ...]:
        """The blocks of one section, as its reader found them."""
        row = self._db.execute("SELECT blocks FROM sections WHERE id = ?", (section_id,)).fetchone()
        return tuple(Block(*block) for block in json.loads(row[0])) if row else ()

    def passages(self, ids: Sequence[int]) -> dict[int, Passage]:
        """The passages with these ids; those that are gone are left out."""
        wanted = json.dumps(list(ids))
        found = read_passages(self._db, "p.id IN (SELECT value FROM json_each(?))", (wanted,))
        return {passage.id: passage for passage in found}

    def passages_of(self, section_id: int) -> list[Passage]:
        """The passages of one section in order."""
        return list(read_passages(self._db, "p.section_id = ?", (section_id,)))

    def passages_after(self, passage_id: int) -> Iterator[Passage]:
        """Every passage with a greater id, ascending."""
        return read_passages(self._db, "p.id > ?", (passage_id,))

    def places(
        self,
        key: str,
        *,
        prefix: bool = False,
        manuals: Collection[int] | None = None,
        language: Language | None = None,
    ) -> list[Place]:
        """Where a name stands as an entry, best rank first (see `index.entries.places`)."""
        return entries.places(self._db, key, prefix=prefix, manuals=manuals, language=language)

    def words(self) -> list[tuple[str, str]]:
        """Every word of the texts: folded, and as it is written."""
        return self._db.execute("SELECT folded, word FROM words").fetchall()

    def fill_entries(self) -> None:
        """Find the entries and words of all texts anew."""
        with self._writing():
            entries.fill(self._db)

    def passage_count(self) -> int:
        """How many passages there are."""
        return int(self._db.execute("SELECT count(*) FROM passages").fetchone()[0])

    def last_passage(self) -> int:
        """The greatest passage id; 0 for none."""
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM passages").fetchone()[0])

    def counts(self) -> tuple[int, int, int, int]:
        """Manuals, sections, passages, and passages that have an embedding."""
        row = self._db.execute(
            "SELECT (SELECT count(*) FROM manuals), (SELECT count(*) FROM sections),"
            " (SELECT count(*) FROM passages), (SELECT count(*) FROM embeddings)"
        ).fetchone()
        return row[0], row[1], row[2], row[3]

    # -- embeddings ---------------------------------------------------------------------------------------------------

    def embedder(self) -> str | None:
        """The fingerprint of what made the stored embeddings; None while there are none."""
        return self._meta("embedder")

    def set_embedder(self, fingerprint: str) -> None:
        """Make `fingerprint` the one embedder of this library; embeddings of any other are dropped."""
        with self._writing():
            if self._meta("embedder") != fingerprint:
                self._db.execute("DELETE FROM embeddings")
                self._set_meta("embedder", fingerprint)
                self._set_meta("vectors_from", secrets.token_hex(8))
                self._advance()

    def vectors_from(self) -> str:
        """Changes whenever all embeddings were dropped, so that a matrix of the old ones is known as such."""
        return self._meta("vectors_from") or ""

    def unembedded(self, limit: int, after: int = 0) -> list[Passage]:
        """Up to `limit` passages with ids greater than `after` that have no embedding yet, ascending by id."""
        missing = (
            "p.id IN (SELECT q.id FROM passages q LEFT JOIN embeddings e ON e.passage_id = q.id"
            " WHERE e.id IS NULL AND q.id > ? ORDER BY q.id LIMIT ?)"
        )
        return list(read_passages(self._db, missing, (after, limit)))

    def embedded(self) -> Iterator[Passage]:
        """Every passage that has an embedding, ascending by id."""
        return read_passages(self._db, "p.id IN (SELECT passage_id FROM embeddings)", ())

    def vectors_of(self, ids: Sequence[int]) -> dict[int, bytes]:
        """The stored embeddings of these passages, little-endian float32; those that have none are left out."""
        wanted = json.dumps(list(ids))
        found = self._db.execute(
            "SELECT passage_id, vector FROM embeddings WHERE passage_id IN (SELECT value FROM json_each(?))", (wanted,)
        )
        return dict(found.fetchall())

    def put_vectors(self, fingerprint: str, ids: Sequence[int], vectors: Vectors) -> int:
        """Store the embeddings of passages (rows of `vectors`, in the order of `ids`); passages removed meanwhile are
        left out. Returns how many were new. Raises EmbedderMismatch for another embedder than the library's."""
        if self.embedder() != fingerprint:
            raise errors.EmbedderMismatch(
                "The embeddings in this library were made by another model: make them anew with the one in use."
            )
        with self._writing():
            before = self._db.total_changes
            self._db.executemany(
                "INSERT OR IGNORE INTO embeddings (passage_id, vector, sum) SELECT id, ?, ? FROM passages WHERE id = ?",
                [
                    (stored := np.ascontiguousarray(row, dtype="<f4").tobytes(), sum_of_vector(stored), id_)
                    for id_, row in zip(ids, vectors, strict=True)
                ],
            )
            made = self._db.total_changes - before
            self._advance()
        return made

    def vectors_after(self, embedding_id: int) -> Iterator[tuple[int, int, int, Language, bytes]]:
        """Embedding id, passage id, manual id, language and little-endian float32 bytes of every later embedding,
        ascending."""
        return iter(
            self._db.execute(
                "SELECT e.id, e.passage_id, f.manual_id, f.language, e.vector"
                " FROM embeddings e JOIN passages p ON p.id = e.passage_id"
                " JOIN sections s ON s.id = p.section_id JOIN files f ON f.id = s.file_id"
                " WHERE e.id > ? ORDER BY e.id",
                (embedding_id,),
            )
        )

    # -- inside -------------------------------------------------------------------------------------------------------

    def _files(self, where: str, value: object) -> list[StoredFile]:
        rows = self._db.execute(
            f"SELECT manual_id, name, source, digest, title, meta FROM files WHERE {where} ORDER BY source", (value,)
        )
        return [
            StoredFile(manual_id, name, source, digest, title, json.loads(meta))
            for manual_id, name, source, digest, title, meta in rows
        ]

    def _remove_passages(self, where: str, value: int) -> None:
        """Note every passage that is about to go, for the derived files; the rows go with their file."""
        self._db.execute(
            "INSERT INTO removed (passage_id, generation) SELECT p.id, ? FROM passages p"
            f" JOIN sections s ON s.id = p.section_id JOIN files f ON f.id = s.file_id WHERE {where}",
            (self.state().generation + 1, value),
        )

    def _put_sections(self, file_id: int, document: Document, spans: Sequence[Sequence[PassageSpan]]) -> None:
        start = 0
        explained = entries.of_document(document.sections, spans)
        for ordinal, (section, cuts) in enumerate(zip(document.sections, spans, strict=True)):
            blocks = [[block.start, block.end, block.kind, block.header] for block in section.blocks]
            heading = json.dumps([storable(part) for part in section.heading], ensure_ascii=False)
            cursor = self._db.execute(
                "INSERT INTO sections (file_id, ordinal, heading, anchor, page, start, text, blocks)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    file_id,
                    ordinal,
                    heading,
                    section.anchor,
                    section.page,
                    start,
                    storable(section.text),
                    json.dumps(blocks),
                ),
            )
            self._db.executemany(
                'INSERT INTO passages (section_id, ordinal, start, "end", context) VALUES (?, ?, ?, ?, ?)',
                [
                    (cursor.lastrowid, i, start + cut.start, start + cut.end, storable(cut.context))
                    for i, cut in enumerate(cuts)
                ],
            )
            entries.put(self._db, int(cursor.lastrowid or 0), explained[ordinal])
            start += len(section.text) + len(SEPARATOR)


def storable(text: str) -> str:
    """`text` as SQLite can keep and cut it: NUL and lone surrogates replaced, one for one, so that offsets hold."""
    return _UNSTORABLE.sub("\ufffd", text)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

"""Takes the manuals of one library into another, with all that hangs on them, in one transaction.

Comes in: an open store and the SQLite file of another library of the same schema. Goes out: the store with the other's
manuals in it, under new ids, and what became of each. It knows nothing of packs, keys or derived files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from index.database import WAS
from index.store import Store

_TAKEN = "SELECT id FROM temp.taken"
_FILES = f"SELECT id FROM other.files WHERE manual_id IN ({_TAKEN})"
_SECTIONS = f"SELECT id FROM other.sections WHERE file_id IN ({_FILES})"
_PASSAGES = f"SELECT id FROM other.passages WHERE section_id IN ({_SECTIONS})"
_COPIED: Mapping[str, str] = {  # each table after those it refers to, and which of its rows belong to taken manuals
    "manuals": f"id IN ({_TAKEN})",
    "files": f"manual_id IN ({_TAKEN})",
    "sections": f"file_id IN ({_FILES})",
    "passages": f"section_id IN ({_SECTIONS})",
    "entries": f"passage_id IN ({_PASSAGES})",
    "embeddings": f"passage_id IN ({_PASSAGES})",
}
_REFERENCES = {"manual_id": "manuals", "file_id": "files", "section_id": "sections", "passage_id": "passages"}
_ORIGIN = "pack:"
CONTENT = frozenset({*_COPIED, "words", "meta", "generations", "removed"})
"""The tables that say what a library holds; the others are about the machine it lies on (imports, watched folders)."""


@dataclass(frozen=True, slots=True)
class Merged:
    """How many of the other library's manuals were new, took the place of one, or were there already."""

    added: int
    replaced: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """Ids of the other's manuals to take, of those here to go, and how many the other has."""

    taken: list[int]
    replaced: list[int]
    all: int

    @property
    def outcome(self) -> Merged:
        return Merged(len(self.taken) - len(self.replaced), len(self.replaced), self.all - len(self.taken))


class MergingStore(Store):
    """A store that can take in another one; for the writer alone."""

    def absorb(self, other: Path, *, other_wins: bool) -> Merged:
        """Take in the manuals of the library file `other`.

        A manual that is here with the same files is left alone. One of the same origin with other files takes the place
        of the one here if `other_wins`, and is left out if not. Embeddings come along where both libraries' are made
        by the same model, or this one has none.
        """
        with self._attached(other), self._writing():
            plan = self._plan(other_wins=other_wins)
            for manual_id in plan.replaced:
                self._remove_passages("f.manual_id = ?", manual_id)
                self._db.execute("DELETE FROM manuals WHERE id = ?", (manual_id,))
            self._copy(plan.taken)
            if plan.taken:
                self._advance()
        return plan.outcome

    def compare(self, other: Path, *, other_wins: bool) -> Merged:
        """What `absorb` would do; changes nothing."""
        with self._attached(other):
            return self._plan(other_wins=other_wins).outcome

    def copy_to(self, file: Path) -> None:
        """Write the library as it is at this moment to a new file, whoever else reads or writes it."""
        self._db.execute("VACUUM INTO ?", (str(file),))

    def take_over(self, other: Path) -> None:
        """Have the other library's rows in every table that is not CONTENT, in place of one's own, and remember the
        states that it went through: a log that goes on from one of them is this library's (see database.py)."""
        with self._attached(other), self._writing():
            states = self._db.execute(
                "SELECT generation, mark FROM other.generations ORDER BY generation DESC LIMIT 5000"
            )
            self._set_meta(WAS, " ".join(f"{generation}:{mark}" for generation, mark in states))
            for table in self._tables():
                if table not in CONTENT:
                    self._db.execute(f"DELETE FROM main.{table}")
                    self._db.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table}")

    def strip(self, name: str) -> None:
        """Leave nothing in the file that says where and when it was made but its contents: for a copy to be given away.

        Manuals keep a name for their origin by which the next copy of them is recognised, but not the path it is.
        """
        self.fill_entries()  # the list of words may still hold those of manuals that were removed
        with self._writing():
            for table in self._tables():
                if table not in CONTENT:
                    self._db.execute(f"DELETE FROM {table}")
            self._db.create_function("origin", 1, _origin, deterministic=True)
            self._db.execute("UPDATE manuals SET group_key = origin(group_key), root = ?", (name,))
            self._db.execute("DELETE FROM meta WHERE key NOT IN ('embedder', 'vectors_from', 'forgotten')")
        self._db.execute("VACUUM")  # what was deleted must not be readable in the file's free pages

    def become(self, other: MergingStore) -> None:
        """Hold just what `other` holds, in one step; whoever reads this library meanwhile goes on reading."""
        other._db.backup(self._db)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _plan(self, *, other_wins: bool) -> _Plan:
        here, there = self._contents("main"), self._contents("other")
        origins = {origin: id_ for id_, (origin, _) in here.items()}
        held = {files for _, files in here.values()}
        new = {id_: origin for id_, (origin, files) in there.items() if files not in held}
        clashing = {id_: origins[origin] for id_, origin in new.items() if origin in origins}
        if other_wins:
            return _Plan(sorted(new), sorted(clashing.values()), len(there))
        return _Plan(sorted(new.keys() - clashing.keys()), [], len(there))

    @contextmanager
    def _attached(self, other: Path) -> Iterator[None]:
        self._db.execute("ATTACH DATABASE ? AS other", (str(other),))
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS taken (id INTEGER PRIMARY KEY)")
        try:
            yield
        finally:
            self._db.execute("DELETE FROM temp.taken")
            self._db.execute("DETACH DATABASE other")

    def _tables(self) -> list[str]:
        rows = self._db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return [row[0] for row in rows]

    def _contents(self, library: str) -> dict[int, tuple[tuple[str, ...], frozenset[tuple[str, str]]]]:
        """Each manual's origin, and the names and digests of its files."""
        files: dict[int, set[tuple[str, str]]] = {}
        for manual_id, name, digest in self._db.execute(f"SELECT manual_id, name, digest FROM {library}.files"):
            files.setdefault(manual_id, set()).add((name, digest))
        rows = self._db.execute(f"SELECT id, group_key, version FROM {library}.manuals").fetchall()
        return {id_: ((_origin(key), version), frozenset(files.get(id_, ()))) for id_, key, version in rows}

    def _copy(self, manuals: list[int]) -> None:
        self._db.executemany("INSERT INTO temp.taken VALUES (?)", [(id_,) for id_ in manuals])
        held = set(self._tables())
        beyond = {table: self._greatest(table) for table in (*_COPIED,) if table in held}
        for table, rows in _COPIED.items():
            if table not in held or (table == "embeddings" and not self._share_embedder()):
                continue
            columns = [(row[1], row[5]) for row in self._db.execute(f"PRAGMA main.table_info({table})")]
            values = []
            for column, key in columns:
                of = table if column == "id" and key else _REFERENCES.get(column)
                values.append(f'"{column}" + {beyond[of]}' if of else f'"{column}"')
            names = ", ".join(f'"{column}"' for column, _ in columns)
            self._db.execute(
                f"INSERT INTO main.{table} ({names}) SELECT {', '.join(values)} FROM other.{table} WHERE {rows}"
            )
        self._db.execute("INSERT OR IGNORE INTO main.words (folded, word) SELECT folded, word FROM other.words")

    def _greatest(self, table: str) -> int:
        """The greatest id that the table ever gave; ids are not used twice."""
        row = self._db.execute("SELECT seq FROM main.sqlite_sequence WHERE name = ?", (table,)).fetchone()
        has_id = any(column[1] == "id" for column in self._db.execute(f"PRAGMA main.table_info({table})"))
        most = self._db.execute(f"SELECT coalesce(max(id), 0) FROM main.{table}").fetchone()[0] if has_id else 0
        return max(row[0] if row else 0, most)

    def _share_embedder(self) -> bool:
        theirs = dict(self._db.execute("SELECT key, value FROM other.meta WHERE key IN ('embedder', 'vectors_from')"))
        mine = self._meta("embedder")
        if mine is None and "embedder" in theirs:
            for key, value in theirs.items():
                self._set_meta(key, value)
        return "embedder" in theirs and mine in (None, theirs["embedder"])


def _origin(group: str) -> str:
    """What a manual's group is called where its path must not be told; the same for the same path, each time."""
    if group.startswith(_ORIGIN):
        return group
    return _ORIGIN + hashlib.sha256(group.encode("utf-8", "surrogatepass")).hexdigest()[:32]

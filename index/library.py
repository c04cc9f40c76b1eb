"""A library of manuals: search it, read it, list it, mend it. The one door to the store and the files derived from it.

Comes in: a folder, and questions. Goes out: records. Words and meaning are fused here; whatever is wrong with a derived
file is mended on the way and never fails a search. It knows nothing of readers (see importing.py) or writing models.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from index import analyzer, errors, fusion
from index.dense import Dense
from index.embedder import Embedder, default_embedder, text_of
from index.lexical import Lexical
from index.records import Block, Hit, ImportProgress, Language, Manual, Passage, Section
from index.store import SEPARATOR, Store, Vectors
from index.writer_lock import WriterLock, writing_process

_log = logging.getLogger(__name__)

POOL = 200
"""Candidates that each of the two rankings puts forward for the fused list."""

BATCH = 8
"""Passages embedded in one go: about a second, after which they are stored and can be found."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a library holds; `embedded` of its `passages` can be found by meaning."""

    manuals: int
    sections: int
    passages: int
    embedded: int


class Library:
    """An open library; a context manager. Its methods may be called from any thread and take turns.

    `embedder` is loaded when it is first needed; a library without embeddings never needs it for searching.
    """

    def __init__(self, folder: Path, store: Store, derived: Path, embedder: Embedder | None) -> None:
        """Use `Library.open` or `Library.create`."""
        self.folder = folder
        self._store = store
        self._derived = derived
        self._lexical = Lexical(derived)
        self._dense = Dense(derived)
        self._embedder = embedder
        self._turn = threading.RLock()

    @classmethod
    def open(cls, folder: Path, *, embedder: Embedder | None = None) -> Library:
        """Open the library in `folder` and bring its derived files up to date, if nobody else is writing it.

        A library on read-only media is opened too; what would have to be mended in it is kept in a temporary folder.
        Raises LibraryMissing, LibraryNewer, LibraryDamaged.
        """
        # A folder that is only being made is not read-only: reading past its locks would show half-written pages.
        read_only = folder.is_dir() and not os.access(folder, os.W_OK)
        store = Store.open(folder, read_only=read_only)
        library = cls(folder, store, folder, embedder)
        try:
            library._mend()
        except BaseException:
            library.close()
            raise
        return library

    @classmethod
    def create(cls, folder: Path, *, embedder: Embedder | None = None) -> Library:
        """Open the library in `folder`, making an empty one if there is none. Raises LibraryUnwritable too."""
        Store.open(folder, create=True).close()
        return cls.open(folder, embedder=embedder)

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give all files back. Calling it twice does nothing more."""
        with self._turn:
            self._lexical.close()
            self._dense.close()
            self._store.close()
            if self._derived != self.folder:
                shutil.rmtree(self._derived, ignore_errors=True)

    # -- search -------------------------------------------------------------------------------------------------------

    def search(self, query: str, top: int = 10, *, language: Language | None = None) -> list[Hit]:
        """The at most `top` passages that answer `query` best, by words and meaning, best first.

        `language` keeps to manuals in that language. Passages without an embedding are found by their words; a query
        none of whose words the library knows is answered by meaning alone, if there are embeddings. Equal scores stand
        in the order of import. The words are terms only: no query is a syntax error.
        """
        if top < 1 or not query.strip():
            return []
        with self._turn:
            lexical = dict(self._by_words(query, max(POOL, top), language))
            cosine = self._by_meaning(query, max(POOL, top), language, lexical)
            weight = fusion.WORDS_WEIGHT[analyzer.query_language(query)]
            if analyzer.is_identifier(query):
                weight = fusion.NAME_WEIGHT
            ranked = fusion.weighted(lexical, cosine, weight)
            held = self._store.passages([id_ for id_, _ in ranked])  # a derived file may still name what was removed
        kept = [(held[id_], score) for id_, score in ranked if id_ in held][:top]
        return [Hit(passage, score, lexical.get(passage.id, 0.0), cosine.get(passage.id)) for passage, score in kept]

    def _by_words(self, query: str, top: int, language: Language | None) -> list[tuple[int, float]]:
        # Another process may swap the index just now: open it again. Else it is broken: make it anew.
        for mend in (self._lexical.close, partial(self._mend, anew=True), None):
            try:
                return self._lexical.search(query, top, language=language)
            except Exception as error:  # Whoosh fails in many ways on a broken file
                _log.warning("Search by words failed: %s: %s", type(error).__name__, error)
                if mend is not None:
                    mend()
        return []

    def _by_meaning(self, query: str, top: int, language: Language | None, also: dict[int, float]) -> dict[int, float]:
        embedder = self._embedder_in_use()
        if embedder is None:
            return {}
        self._dense.follow(self._store)
        vector = embedder.queries([query])[0]
        nearest = dict(self._dense.search(vector, top, language=language))
        return nearest | self._dense.cosines(vector, also.keys() - nearest.keys())

    def _embedder_in_use(self) -> Embedder | None:
        """The embedder that made the stored embeddings; None where there are none, or it is another or not installed:
        words go on without it."""
        made_by = self._store.embedder()
        if made_by is None:
            return None
        with contextlib.suppress(errors.EmbedderMissing):
            embedder = self._embedder or default_embedder()
            if embedder.fingerprint == made_by:
                return embedder
        return None

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def counts(self) -> Counts:
        """How much the library holds now."""
        with self._turn:
            return Counts(*self._store.counts())

    def manuals(self) -> list[Manual]:
        """Every manual, by title."""
        with self._turn:
            return self._store.manuals()

    def section(self, section_id: int) -> Section:
        """One section, whole. Raises LibraryMissing where it is gone (its manual was removed or imported anew)."""
        with self._turn:
            section = self._store.section(section_id)
        if section is None:
            raise errors.LibraryMissing(f"Section {section_id} is no longer in the library: search for it again.")
        return section

    def sections(self, manual_id: int, source: str) -> list[Section]:
        """The sections of one file in order; [] for a file that the library does not hold."""
        with self._turn:
            return self._store.sections(manual_id, source)

    def source_text(self, manual_id: int, source: str) -> str:
        """The text of one file in which all offsets count; "" for a file that the library does not hold."""
        return SEPARATOR.join(section.text for section in self.sections(manual_id, source))

    def sources(self, manual_id: int) -> list[str]:
        """The files of one manual, sorted."""
        with self._turn:
            return [file.source for file in self._store.files(manual_id)]

    def blocks(self, section_id: int) -> tuple[Block, ...]:
        """The paragraphs, lists, tables ... of one section; offsets within the section."""
        with self._turn:
            return self._store.blocks(section_id)

    def passages_of(self, section_id: int) -> list[Passage]:
        """The passages of one section in order."""
        with self._turn:
            return self._store.passages_of(section_id)

    # -- writing ------------------------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The truth itself, for whoever writes it while holding the writer's lock."""
        return self._store

    @property
    def dense(self) -> Dense:
        """The embeddings as they are searched; after a search, as the store has them."""
        return self._dense

    def catch_up(self) -> None:
        """Have search find what was stored since; the caller holds the writer's lock."""
        with self._turn:
            self._bring_up()

    def remove(self, manual_id: int) -> Manual:
        """Take a manual out with all that hangs on it, and say what it was.

        Raises LibraryMissing for an unknown id, LibraryBusy, LibraryUnwritable, DiskFull.
        """
        with WriterLock(self.folder, patience=2.0), self._turn:
            removed = self._store.remove_manual(manual_id)
            self._bring_up()
        return removed

    def embed(
        self,
        progress: Callable[[ImportProgress], None],
        cancelled: Callable[[], bool],
        *,
        held: Callable[[], bool] = lambda: False,
    ) -> int:
        """Make the embeddings that are missing, a batch at a time, until none is or `cancelled()`; returns how many.

        Each batch is stored before the next begins, so it can be stopped anywhere, and searching goes on meanwhile.
        While `held()` is true, and while another process writes the library, it waits. Raises EmbedderMissing,
        EmbedderMismatch (see `embed_anew`).
        """
        embedder = self._embedder or default_embedder()
        self._claim(embedder)
        made = 0
        while not cancelled():
            if held() or writing_process(self.folder) not in (None, os.getpid()):
                time.sleep(0.1)
                continue
            with self._turn:
                batch = self._store.unembedded(BATCH)
                *_, passages, embedded = self._store.counts()
            if not batch:
                break
            progress(ImportProgress("embedding", embedded, passages, batch[0].source))
            vectors = embedder.passages([text_of(passage) for passage in batch])
            made += self._keep(embedder.fingerprint, [passage.id for passage in batch], vectors, cancelled)
        if made:
            with WriterLock(self.folder, patience=60.0), self._turn:
                self._dense.bring_up(self._store)
            counts = self.counts
            progress(ImportProgress("embedding", counts.embedded, counts.passages))
        return made

    def _keep(self, fingerprint: str, ids: list[int], vectors: Vectors, cancelled: Callable[[], bool]) -> int:
        """Store embeddings once nobody else writes; an import that began meanwhile is waited for, unless stopped."""
        while True:
            try:
                with WriterLock(self.folder, patience=1.0), self._turn:
                    return self._store.put_vectors(fingerprint, ids, vectors)
            except errors.LibraryBusy:
                if cancelled():
                    return 0

    def embed_anew(self, embedder: Embedder) -> None:
        """Drop all embeddings and have `embed` make them with this model from now on."""
        with WriterLock(self.folder, patience=2.0), self._turn:
            self._embedder = embedder
            self._store.set_embedder(embedder.fingerprint)
            self._dense.bring_up(self._store, anew=True)

    def _claim(self, embedder: Embedder) -> None:
        """See that this library's embeddings are, or will be, this embedder's."""
        with self._turn:
            made_by = self._store.embedder()
        if made_by is None:
            with WriterLock(self.folder, patience=60.0), self._turn:
                self._store.set_embedder(embedder.fingerprint)
        elif made_by != embedder.fingerprint:
            raise errors.EmbedderMismatch(
                f"The embeddings in {self.folder} were made by another model ({made_by.split('|')[0]}), not by "
                f"{embedder.name}: make them anew with the model in use."
            )

    # -- care ---------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Bring the derived files up to date if nobody else is writing; what an import by another process left open."""
        self._mend()

    def verify(self) -> list[str]:
        """Everything that is damaged, a sentence each; [] for a library that is whole. Changes nothing."""
        from index.checking import damage

        with self._turn:
            return list(damage(self._store, self._lexical, self._dense))

    def rebuild(self) -> None:
        """Make every derived file anew from the store. Raises LibraryBusy, LibraryUnwritable, DiskFull."""
        with WriterLock(self.folder, patience=2.0), self._turn:
            self._bring_up(anew=True)
            self._store.forget_removed()

    def _bring_up(self, *, anew: bool = False) -> None:
        self._lexical.bring_up(self._store, anew=anew)
        self._dense.bring_up(self._store, anew=anew)

    def _mend(self, *, anew: bool = False) -> None:
        """Bring the derived files up where that is needed and possible; elsewhere search does with what there is."""
        with self._turn:
            if self._lexical.is_current(self._store) and self._dense.is_current(self._store) and not anew:
                return
            if self._store.read_only:
                self._derive_elsewhere()
                self._lexical.bring_up(self._store)
                return
            with contextlib.suppress(errors.TebikiError, OSError), WriterLock(self.folder):
                self._bring_up(anew=anew)

    def _derive_elsewhere(self) -> None:
        if self._derived == self.folder:
            self._derived = Path(tempfile.mkdtemp(prefix="tebiki-"))
            self._lexical = Lexical(self._derived)

"""A library of manuals: search it, read it, list it, mend it. The one door to the store and the files derived from it.

Comes in: a folder, and questions. Goes out: records. How a question is answered is told in searching.py; whatever is
wrong with a derived file is mended here. It knows nothing of readers (see importing.py) or writing models.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from index import errors, versions
from index.backups import before_removal
from index.dense import Dense
from index.derived import is_broken
from index.embedder import Embedder, default_embedder
from index.embedding import WINDOW, Embedded, next_batch, vectors_of
from index.glossary import Glossary
from index.lexical import Lexical
from index.records import Block, Hit, ImportProgress, Language, Manual, Passage, Scope, Section
from index.searching import Parts, Searching
from index.store import SEPARATOR, Store, Vectors
from index.writer_lock import WriterLock, writing_process

if TYPE_CHECKING:
    from index.whoosh_index import WhooshIndex


@dataclass(frozen=True, slots=True)
class Counts:
    """What a library holds; `embedded` of its `passages` can be found by meaning."""

    manuals: int
    sections: int
    passages: int
    embedded: int


class Library:
    """An open library; a context manager. Its methods may be called from any thread and take turns.

    `embedder` is loaded when it is first needed; a library without embeddings never needs it for searching. `glossary`
    adds to a query what its terms are called elsewhere.
    """

    def __init__(
        self, folder: Path, store: Store, derived: Path, embedder: Embedder | None, glossary: Glossary | None = None
    ) -> None:
        """Use `Library.open` or `Library.create`."""
        self.folder = folder
        self._store = store
        self._derived = derived
        self._lexical = Lexical(derived)
        self._dense = Dense(derived)
        self._whoosh: WhooshIndex | None = None
        self._embedder = embedder
        self._searching = Searching(glossary or Glossary(), self._embedder_in_use, self._mended_parts)
        self._turn = threading.RLock()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        embedder: Embedder | None = None,
        glossary: Glossary | None = None,
        mend: bool = True,
    ) -> Library:
        """Open the library in `folder` and bring its derived files up to date, if nobody else is writing it and `mend`.

        A library on read-only media is opened too; what would have to be mended in it is kept in a temporary folder.
        Raises LibraryMissing, LibraryNewer, LibraryDamaged.
        """
        # A folder that is only being made is not read-only: reading past its locks would show half-written pages.
        read_only = folder.is_dir() and not os.access(folder, os.W_OK)
        try:
            store = Store.open(folder, read_only=read_only)
        except errors.DiskFull as error:  # even the memory that readers share has no room: read alone, without it
            if writing_process(folder) is not None:
                raise
            store = Store.open(folder, read_only=True)
            store.refusal = error
        library = cls(folder, store, folder, embedder, glossary)
        try:
            if mend:
                library._mend()
                library._forget_broken_whoosh()
        except BaseException:
            library.close()
            raise
        return library

    @classmethod
    def create(cls, folder: Path, *, embedder: Embedder | None = None, glossary: Glossary | None = None) -> Library:
        """Open the library in `folder`, making an empty one if there is none. Raises LibraryUnwritable too."""
        Store.open(folder, create=True).close()
        return cls.open(folder, embedder=embedder, glossary=glossary)

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
            if self._whoosh is not None:
                self._whoosh.close()
            self._store.close()
            if self._derived != self.folder:
                shutil.rmtree(self._derived, ignore_errors=True)

    def use_glossary(self, glossary: Glossary) -> None:
        """Search with another glossary from now on."""
        with self._turn:
            self._searching.glossary = glossary

    @property
    def glossary(self) -> Glossary:
        """The glossary that searches use."""
        return self._searching.glossary

    # -- search -------------------------------------------------------------------------------------------------------

    def search(
        self, query: str, top: int = 10, *, language: Language | None = None, scope: Scope | None = None
    ) -> list[Hit]:
        """The at most `top` passages that answer `query` best, by words and meaning, best first.

        A query that is a name (a message id, an option, a command) is led to the entries of that name; names within a
        question lift theirs. The newest edition of a manual stands before older ones, unless the query names a
        version; what several manuals say alike is listed once. `scope` keeps to some manuals, `language` (or the
        scope's) to passages in that language. Passages without an embedding are found by their words; a query none of
        whose words the library knows is answered by meaning alone, if there are embeddings. Equal scores stand in the
        order of import. The words are terms only: no query is a syntax error.

        A query all in quotation marks finds the passages in which just that stands, and a name with an asterisk
        ("KAVS02*") those with a name of that shape (see exact.py).
        """
        scope = scope or Scope()
        scope = replace(scope, language=scope.language or language)
        with self._turn:
            self._reopen_if_moved()
            return self._searching.search(self._parts(), query, top, scope)

    def entries(self, identifier: str, *, scope: Scope | None = None) -> list[Passage]:
        """The passages that explain a name, best first: as a term, a heading, a table's row; exact, else as the
        beginning of longer names. Of "sbatch -t" those on sbatch's page. [] where nothing explains it."""
        with self._turn:
            return self._searching.entries(self._parts(), identifier, scope or Scope())

    def suggest(self, query: str) -> str | None:
        """The query as it was probably meant: unknown words replaced by near ones that the library knows. None where
        all words are known or nothing is near. It is for offering only; `search` never changes a query."""
        with self._turn:
            return self._searching.suggest(self._parts(), query)

    def _parts(self) -> Parts:
        return Parts(self._store, self._lexical, self._dense, self._whoosh_index)

    def _whoosh_index(self) -> WhooshIndex:
        """Opened when it is first needed: a plain search needs it not, and loading it takes longer than the search."""
        if self._whoosh is None:
            from index.whoosh_index import WhooshIndex

            self._whoosh = WhooshIndex(self._derived)
        return self._whoosh

    def _mended_parts(self) -> Parts:
        self._mend(anew=True)
        return self._parts()

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
        """Every manual, by title; `older` says that a newer version of it is there too."""
        with self._turn:
            manuals = self._store.manuals()
        older = versions.older(manuals)
        return [replace(manual, older=manual.id in older) for manual in manuals]

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
            self._reopen_if_moved()
            before_removal(self.folder)
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

        A text that was embedded before is not embedded again, wherever it stands. Each batch is stored before the next
        begins, so it can be stopped anywhere, and searching goes on meanwhile. It waits while `held()` is true, and
        while another process writes the library. Raises EmbedderMissing, EmbedderMismatch (see `embed_anew`).
        """
        self._take_into_whoosh(cancelled, held)
        embedder = self._embedder or default_embedder()
        self._claim(embedder)
        made = last = 0
        seen: Embedded | None = None
        while not cancelled():
            if held() or writing_process(self.folder) not in (None, os.getpid()):
                time.sleep(0.1)
                continue
            with self._turn:
                batch = next_batch(self._store.unembedded(WINDOW, last))
                if not batch and last:  # whatever came meanwhile, or was not stored
                    last = 0
                    continue
                if not batch:
                    break
                seen = seen or Embedded(self._store)
                same = seen.vectors(self._store, batch)
                *_, passages, embedded = self._store.counts()
            progress(ImportProgress("embedding", embedded, passages, batch[0].source))
            vectors = vectors_of(batch, same, embedder)
            made += self._keep(embedder.fingerprint, [passage.id for passage in batch], vectors, cancelled)
            seen.add(batch)
            last = batch[-1].id
        if made:
            with WriterLock(self.folder, patience=60.0), self._turn:
                self._dense.bring_up(self._store)
            counts = self.counts
            progress(ImportProgress("embedding", counts.embedded, counts.passages))
        return made

    def _take_into_whoosh(self, cancelled: Callable[[], bool], held: Callable[[], bool]) -> None:
        """Have Whoosh hold every passage, a step at a time, between which others may write."""
        whoosh = self._whoosh_index()
        while not cancelled():
            if held() or writing_process(self.folder) not in (None, os.getpid()):
                time.sleep(0.1)
                continue
            with self._turn:
                if whoosh.is_current(self._store):
                    break
            with contextlib.suppress(errors.LibraryBusy), WriterLock(self.folder, patience=1.0), self._turn:
                whoosh.bring_up(self._store)

    def _keep(self, fingerprint: str, ids: list[int], vectors: Vectors, cancelled: Callable[[], bool]) -> int:
        """Store embeddings once nobody else writes; an import that began meanwhile is waited for, unless stopped."""
        while True:
            try:
                with WriterLock(self.folder, patience=1.0), self._turn:
                    return self._store.put_vectors(fingerprint, ids, vectors)
            except errors.LibraryBusy:
                if cancelled():
                    return 0

    def embed_anew(self, embedder: Embedder | None = None) -> None:
        """Have `embed` make the embeddings by this model, or the one in use, from now on; another's are dropped.

        Raises EmbedderMissing, LibraryBusy, LibraryUnwritable, DiskFull.
        """
        embedder = embedder or self._embedder or default_embedder()
        if self._store.embedder() == embedder.fingerprint:
            return
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
                f"{embedder.name}: make them anew with the model in use (tebiki library embed --anew)."
            )

    # -- care ---------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Bring the derived files up to date if nobody else is writing; what an import by another process left open."""
        with self._turn:
            self._reopen_if_moved()
            self._mend()

    def verify(self) -> list[str]:
        """Everything that is damaged, a sentence each; [] for a library that is whole. Damage is left as it is; what
        is only behind is brought up."""
        from index.checking import damage

        with self._turn:
            self._reopen_if_moved()
            found = list(damage(self._store, self._lexical, self._dense, self._mend))
            return found + self._whoosh_index().damage()

    def rebuild(self) -> None:
        """Make every derived file anew from the store, and mend the store as far as that can be (see mending.py).
        Raises LibraryBusy, LibraryUnwritable, DiskFull, LibraryDamaged."""
        from index.mending import mend

        with WriterLock(self.folder, patience=2.0), self._turn:
            self._reopen_if_moved()
            mend(self._store)
            self._bring_up(anew=True)
            complete = self._whoosh_index().bring_up(self._store, anew=True)
            while not complete:
                complete = self._whoosh_index().bring_up(self._store)
            self._store.fill_entries()
            self._store.forget_removed()

    def _reopen_if_moved(self) -> None:
        """Follow a library whose file was replaced (a backup was put back). Raises what `open` raises, and then goes on
        with the file as it was."""
        if self._store.is_moved():
            try:
                store = Store.open(self.folder, read_only=self._store.read_only)
            except errors.LibraryMissing as error:
                raise errors.LibraryMoved(
                    f"The library in {self.folder} is gone: its folder was moved or deleted, or its disk taken out."
                    " Bring it back, and go on."
                ) from error
            self._lexical.close()
            self._dense.close()
            self._whoosh = None
            self._store.close()
            self._store = store
            self._mend()

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

    def _forget_broken_whoosh(self) -> None:
        """Whoosh's index takes too long to be made while somebody waits: it is filled behind (see `embed`)."""
        if not self._store.read_only and is_broken(self.folder / "whoosh.json"):
            with contextlib.suppress(errors.TebikiError, OSError), WriterLock(self.folder), self._turn:
                self._whoosh_index().forget_if_broken()

    def _derive_elsewhere(self) -> None:
        if self._derived == self.folder:
            self._derived = Path(tempfile.mkdtemp(prefix="tebiki-"))
            self._lexical = Lexical(self._derived)
            self._whoosh = None

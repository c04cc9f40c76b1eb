"""Says which manual of the library a file belongs to: a new one, the one known from its folder, or its next edition.

Comes in: the files of one *group* (a folder of pages, or one PDF or DOCX), and what the pages say of their version.
Goes out: for each file, that it is held as it is, or the manual into which it goes. It reads no file itself.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from index import errors
from index.archive import readable_name
from index.jobs import Jobs
from index.listing import Candidate
from index.manual_facts import facts_of
from index.records import Document, PassageSpan
from index.store import Store, StoredFile, storable
from index.versions import version_key

Read = Callable[[Candidate], Document]

MOST_LOOKED_AT = 64
"""Pages read ahead, at most, to find one that names its version; they are not read twice."""

FEW_FILES = 8
"""A folder of thousands of PDFs is as many manuals: each must be told from those known without reading all names."""


class Editions:
    """The manuals of one group while a job takes its files in.

    Where the folder was imported before and its pages name another version now, they go into a new manual and the old
    one stays as it is; pages of the version that is held replace theirs in place. A page that names no version goes
    where the first page goes that names one. A folder that is new is one manual, whatever its pages say.
    """

    def __init__(self, store: Store, jobs: Jobs, job: int, members: Sequence[Candidate], read: Read) -> None:
        self._store, self._jobs, self._job, self._members = store, jobs, job, members
        self.group, self.root = members[0].group, members[0].root
        self._read = read
        self._looked_at: dict[Candidate, Document | errors.ManualUnreadable] = {}
        self._digests: dict[Candidate, str] = {}
        known = store.manuals_of_group(self.group)
        opened, leading = jobs.opened(job, self.group)
        self._decided = bool(opened or leading)
        self._opened = opened if opened in known else 0
        self._before = {id_: version for id_, version in known.items() if id_ != self._opened}
        if not known and (moved := self._moved_here()):
            self._before = {moved: store.manuals_of_group(self.group)[moved]}
        ids = [*self._before, *filter(None, [self._opened])]
        self._held = {id_: {file.name: file for file in store.files(id_)} for id_ in ids}
        self._leading = leading if leading in self._held else self._find_leading()

    def holds(self, candidate: Candidate) -> bool:
        """Whether the library has this content in the manual where it belongs."""
        digest = self.digest(candidate)
        for id_, files in self._held.items():
            file = files.get(name_of(candidate))
            if file is not None and digest and file.digest == digest:
                version = file.meta.get("version", "").strip()
                if id_ == self._leading or (version and self._route(version) == id_):
                    return True
        return False

    def wants(self, candidate: Candidate) -> bool:
        """Whether `document` will have the file read, as things stand."""
        return candidate not in self._looked_at and not self.holds(candidate)

    def document(self, candidate: Candidate) -> Document:
        """The file, read. Raises ManualUnreadable."""
        found = self._looked_at.pop(candidate, None)
        if isinstance(found, errors.ManualUnreadable):
            raise found
        return found or self._read(candidate)

    def put(self, candidate: Candidate, document: Document, spans: Sequence[Sequence[PassageSpan]]) -> int:
        """Store a file where it belongs, inside the caller's transaction; returns its manual."""
        name, digest = name_of(candidate), self.digest(candidate)
        meta = dict(document.meta)
        id_ = self._route(meta.get("version", "").strip())
        opened = self._opened
        if not id_:
            alone = StoredFile(0, name, document.source, digest, document.title, meta)
            id_ = opened = self._store.add_manual(self.group, facts_of([alone], self.group, self.root))
        self._store.put_file(id_, name, document, digest, candidate.size, spans)
        if opened != self._opened or not self._decided:
            self._opened, self._leading, self._decided = opened, self._leading or opened, True
            self._held.setdefault(id_, {})
            self._jobs.set_opened(self._job, self.group, self._opened, self._leading)
        return id_

    def describe(self) -> None:
        """Write what all the files together say of each manual; also where none is new, as an import before may have
        been cut short."""
        describe(self._store, self.group, self.root)

    def digest(self, candidate: Candidate) -> str:
        """What the content is recognised by; taken once, before the file is read."""
        if candidate not in self._digests:
            self._digests[candidate] = digest_of(candidate)
        return self._digests[candidate]

    def _route(self, version: str) -> int:
        """The manual for a page that says `version`; 0 for the one that is still to be opened."""
        if not self._before:
            return self._opened
        if not version:
            return self._leading
        same = [id_ for id_, held in self._before.items() if _same(held, version)]
        if same:
            return same[-1]
        newest, of_newest = list(self._before.items())[-1]
        return self._opened if of_newest else newest

    def _find_leading(self) -> int:
        """The manual for pages that name no version: that of the first page that names one; 0: not opened."""
        if not any(self._before.values()):
            return max(self._before, default=0)
        for candidate in self._members:
            version = self._says(candidate)
            if version:
                return self._route(version)
            if version is None:
                break
        return max(self._before)

    def _says(self, candidate: Candidate) -> str | None:
        """The version that a page names; "" for none, None if too many were read to find out."""
        digest = self.digest(candidate)
        for files in self._held.values():
            file = files.get(name_of(candidate))
            if file is not None and digest and file.digest == digest:
                return file.meta.get("version", "").strip()
        if len(self._looked_at) >= MOST_LOOKED_AT:
            return None
        try:
            document = self._looked_at[candidate] = self._read(candidate)
        except errors.ManualUnreadable as error:
            self._looked_at[candidate] = error
            return ""
        return dict(document.meta).get("version", "").strip()

    def _moved_here(self) -> int:
        """The manual that these files were imported as from another place, if they are the same; else 0.

        The same means: no file of a shared name differs, and more than half of either side's files are shared. The
        next edition of a manual in a folder beside it shares a few pages at most, and stays a manual of its own.
        """
        named = {name_of(candidate): candidate for candidate in self._members}
        if len(named) <= FEW_FILES:  # by the index on contents; else by one look at all names
            likely = self._store.manuals_with([self.digest(candidate) for candidate in self._members])
        else:
            likely = self._store.manuals_sharing(list(named))
        for id_ in likely:
            theirs = {file.name: file.digest for file in self._store.files(id_)}
            shared = named.keys() & theirs.keys()
            if len(shared) * 2 > max(len(named), len(theirs)) and all(
                self.digest(named[name]) == theirs[name] for name in shared
            ):
                self._store.move_manual(id_, self.group, self.root)
                return id_
        return 0


def _same(version: str, other: str) -> bool:
    """Whether two versions are one, however written; of manuals for "8, 9, 12" each."""
    keys = [{version_key(part) or (part.strip(),) for part in text.split(",")} for text in (version, other)]
    return version == other or (bool(version) and bool(other) and not keys[0].isdisjoint(keys[1]))


def describe(store: Store, group: str, root: str) -> None:
    """Write what the files of each manual of a group say of it."""
    for id_ in store.manuals_of_group(group):
        store.describe_manual(id_, facts_of(store.files(id_), group, root))


def name_of(candidate: Candidate) -> str:
    """A file's name within its manual, the same whichever folder above it was given to import, and packed or not."""
    name = PurePosixPath(candidate.entry).name if candidate.entry else candidate.path.name
    return storable(name[:-3] if name.lower().endswith(".gz") else name)


def digest_of(candidate: Candidate) -> str:
    """What the content is recognised by; "" where it can't be had, and the reader will say why.

    For a file its SHA-256. An entry of a ZIP is not unpacked here, which is left to the child process and its limits:
    the archive's directory says its checksum and size.
    """
    try:
        if candidate.entry:
            return _directory(candidate.path, candidate.path.stat().st_mtime_ns).get(candidate.entry, "")
        with candidate.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, zipfile.BadZipFile):
        return ""


@lru_cache(maxsize=4)
def _directory(path: Path, modified_ns: int) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {readable_name(info): f"crc32:{info.CRC:08x}:{info.file_size}" for info in archive.infolist()}

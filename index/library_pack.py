"""A library, or some of its manuals, as one signed file: one person imports, and everybody else loads it in seconds.

Comes in: a library's folder. Goes out: a pack, and another library that holds its manuals, passages and embeddings. The
pack carries the word index too, so that a library which was empty or small need not make it. It says nothing of the
machine it was made on: no paths, no imports. What is trusted is the caller's matter (see signing.py).
"""

from __future__ import annotations

import errno
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from index import errors
from index.database import FILE
from index.dense import KIND as DENSE
from index.derived import read_pointer, sweep, write_pointer
from index.lexical import Lexical
from index.library import Library
from index.merging import Merged, MergingStore
from index.schema import SCHEMA_VERSION
from index.sealed import Sealed, seal
from index.signing import KeyRing, Signer, same_fingerprint
from index.writer_lock import WriterLock

SUFFIX = ".tebiki"


@dataclass(frozen=True, slots=True)
class PackedManual:
    """What a pack says of one of its manuals before it is imported."""

    title: str
    language: str
    product: str
    version: str
    files: int
    passages: int
    embedded: int


@dataclass(frozen=True, slots=True)
class PackContents:
    """What a pack holds, as its signed manifest says; `made_at` is in UTC."""

    name: str
    made_at: str
    schema: int
    manuals: tuple[PackedManual, ...]
    bytes: int
    signer: Signer

    @property
    def passages(self) -> int:
        """Passages of all its manuals."""
        return sum(manual.passages for manual in self.manuals)


@dataclass(frozen=True, slots=True)
class PackReport:
    """What became of a pack's manuals: new, in place of an older copy, or there already. `passages` and `embedded` are
    the library's own figures afterwards; `seconds` is wall time."""

    added: int
    replaced: int
    unchanged: int
    passages: int
    embedded: int
    seconds: float


def export_pack(
    library_folder: Path, pack: Path, keys: KeyRing, *, name: str = "", manuals: Collection[int] = ()
) -> PackContents:
    """Write the library, or those of its `manuals`, to the file `pack`, signed with one's own key.

    An older file of that name stays until the new one is whole. `name` is what the pack calls itself and its maker.
    Raises LibraryMissing (also for a manual that is not there), LibraryBusy, LibraryUnwritable, DiskFull, KeyUnusable.
    """
    key = keys.own()
    name = name or pack.stem
    with _plain_errors(pack), _beside(pack.parent.absolute()) as work:
        copy = work / "library"
        with Library.open(library_folder) as library:
            _check_held(library, manuals)
            with WriterLock(library_folder, patience=10.0):
                library.catch_up()
                copy.mkdir()
                with closing(MergingStore.open(library_folder)) as store:
                    store.copy_to(copy / FILE)
                if not manuals:
                    _copy_derived(library_folder, copy)
        with Library.open(copy) as cut:
            for manual in cut.manuals() if manuals else ():
                if manual.id not in manuals:
                    cut.remove(manual.id)
        with closing(MergingStore.open(copy)) as store:
            store.strip(name)
        with Library.open(copy) as whole:
            whole.rebuild() if manuals else whole.refresh()
            facts = _facts(whole, name)
        members = {FILE: copy / FILE, **_derived_files(copy)}
        made = work / "made"
        seal(made, members, facts, key, name)
        made.replace(pack)
    return contents_of(Sealed.open(pack))


def contents_of(sealed: Sealed) -> PackContents:
    """What a pack holds. Raises LibraryPackRefused for facts of another form."""
    facts = sealed.facts
    try:
        manuals = tuple(PackedManual(**manual) for manual in facts["manuals"])
        size = sealed.path.stat().st_size
        return PackContents(facts["name"], facts["made_at"], int(facts["schema"]), manuals, size, sealed.signer)
    except (KeyError, TypeError, ValueError) as error:
        raise errors.LibraryPackRefused(
            f"{sealed.path} holds a library in a form that is not known: update this program."
        ) from error


def import_pack(library_folder: Path, pack: Path, keys: KeyRing, *, trust: str = "") -> PackReport:
    """Take the manuals of a pack into the library, which is made if there is none.

    Its signer must be trusted: one's own key is; another is once its fingerprint was given as `trust`, and from then
    on. A manual of the same origin and version that is here with other content is replaced.
    Raises LibraryPackRefused, KeyUnusable, LibraryBusy, LibraryUnwritable, DiskFull.
    """
    began = time.monotonic()
    sealed = Sealed.open(pack)
    contents = contents_of(sealed)
    _check_trust(pack, sealed.signer, keys, trust)
    if contents.schema > SCHEMA_VERSION:
        raise errors.LibraryPackRefused(f"{pack} was made by a newer version of this program: update this one.")
    Library.create(library_folder).close()
    with _plain_errors(library_folder), WriterLock(library_folder, patience=10.0), _beside(library_folder) as work:
        sealed.unpack(work)
        _check_tables(pack, work / FILE)
        merged = _take_in(library_folder, work)
    with Library.open(library_folder) as library:
        counts = library.counts
    seconds = round(time.monotonic() - began, 3)
    return PackReport(merged.added, merged.replaced, merged.unchanged, counts.passages, counts.embedded, seconds)


def _take_in(folder: Path, unpacked: Path) -> Merged:
    """Bring the smaller of the two into the larger one, whose word index is then good for nearly all of it."""
    with closing(MergingStore.open(folder)) as here, closing(MergingStore.open(unpacked)) as there:
        if here.passage_count() >= there.passage_count():
            merged = here.absorb(unpacked / FILE, other_wins=True)
        else:
            merged = here.compare(unpacked / FILE, other_wins=True)
            there.absorb(folder / FILE, other_wins=False)
            there.take_over(folder / FILE)
            with closing(Lexical(unpacked)) as words:
                words.bring_up(there)
            here.become(there)
            _move_derived(unpacked, folder)
    with Library.open(folder) as library:
        library.catch_up()
    return merged


def _check_trust(pack: Path, signer: Signer, keys: KeyRing, trust: str) -> None:
    if keys.accepts(signer):
        return
    if same_fingerprint(trust, signer.fingerprint):
        keys.trust(signer)
        return
    said = f'"{signer.name}", whose key has the fingerprint {signer.fingerprint}'
    if trust:
        raise errors.LibraryPackRefused(f"{pack} is signed by another key than the one you trust: by {said}.")
    raise errors.LibraryPackRefused(
        f"{pack} is signed by {said}, who is not trusted here: compare the fingerprint with its maker's "
        "('tebiki library key'), then repeat with --trust FINGERPRINT."
    )


def _check_tables(pack: Path, file: Path) -> None:
    """A pack's database is rows: nothing in it may act by itself when it is opened or written."""
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        db.execute("PRAGMA trusted_schema = OFF")
        (acting,) = db.execute("SELECT count(*) FROM sqlite_master WHERE type NOT IN ('table', 'index')").fetchone()
    if acting:
        raise errors.LibraryPackRefused(f"{pack} holds a database with triggers or views, which no export writes.")


def _check_held(library: Library, manuals: Collection[int]) -> None:
    held = {manual.id for manual in library.manuals()}
    for manual_id in manuals:
        if manual_id not in held:
            raise errors.LibraryMissing(
                f"The library holds no manual {manual_id}: 'library list' shows which there are."
            )
    if not held:
        raise errors.LibraryMissing(f"The library in {library.folder} is empty: import manuals first.")


def _facts(library: Library, name: str) -> Mapping[str, Any]:
    manuals = [
        asdict(PackedManual(one.title, one.language, one.product, one.version, one.files, one.passages, one.embedded))
        for one in library.manuals()
    ]
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"name": name, "made_at": made_at, "schema": SCHEMA_VERSION, "manuals": manuals}


def _pointers(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Each derived file's pointer and folder, but for the embedding matrix, which is quickly made from the rows."""
    for path in sorted(folder.glob("*.json")):
        pointer = read_pointer(path)
        if pointer is not None and path.stem != DENSE and (folder / pointer.folder).is_dir():
            yield path, folder / pointer.folder


def _derived_files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path, derived in _pointers(folder):
        found[path.name] = path
        found |= {f"{derived.name}/{file.name}": file for file in sorted(derived.iterdir()) if file.is_file()}
    return found


def _copy_derived(folder: Path, copy: Path) -> None:
    for name, file in _derived_files(folder).items():
        (copy / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(file, copy / name)


def _move_derived(unpacked: Path, folder: Path) -> None:
    for path, derived in list(_pointers(unpacked)):
        pointer = read_pointer(path)
        assert pointer is not None
        name = f"{path.stem}-{secrets.token_hex(4)}"  # its own may be taken, by the pack that was imported last time
        derived.replace(folder / name)
        write_pointer(folder / path.name, replace(pointer, folder=name))
        sweep(folder, path.stem, name)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A folder to work in on the same disk, gone afterwards."""
    work = Path(tempfile.mkdtemp(prefix=".pack-", dir=folder))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise errors.DiskFull(
                f"The disk of {path} is full: free some space and go on; nothing was changed."
            ) from error
        why = error.strerror or str(error)
        raise errors.LibraryUnwritable(f"{path} can't be written ({why}): check the disk and the folder.") from error

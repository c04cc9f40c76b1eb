"""Every failure that a user can meet, as a type whose message is one sentence: what happened, to what, and the mend.

They are raised where the cause is known and shown in one place (the command line's edge, the window's message bar).
"""

from __future__ import annotations


class TebikiError(Exception):
    """Base of the errors meant for the user's eye; `str(error)` is the sentence shown."""


class ManualUnreadable(TebikiError):
    """A file, or one entry of an archive, can't be read as a manual; the import goes on without it."""


class NothingToImport(TebikiError):
    """A path given to import is missing, empty, or holds no file of a kind that is read."""


class LibraryMissing(TebikiError):
    """The folder named as a library holds none."""


class LibraryNewer(TebikiError):
    """The library was written by a newer version, whose schema this one does not know."""


class LibraryBusy(TebikiError):
    """Another process is writing this library."""


class LibraryDamaged(TebikiError):
    """The library's truth (its SQLite file) can't be read; derived files are mended without an error."""


class EmbedderMismatch(TebikiError):
    """Stored embeddings were made by another model, prefix, pooling or dimension; they are never mixed."""


class PackInvalid(TebikiError):
    """A domain pack breaks its own form; names file, line and reason."""


class LibraryUnwritable(TebikiError):
    """The library's folder can't be made or written: permissions, or read-only media."""


class LibraryUnreachable(TebikiError):
    """The disk or stick that holds the library went away or fails; what was stored is kept on it."""


class LibraryMoved(TebikiError):
    """The library's file is no longer the one that was opened: it was replaced, moved or deleted meanwhile."""


class DiskFull(TebikiError):
    """The disk that holds the library is full; what was stored before is whole."""


class EmbedderMissing(TebikiError):
    """The model for search by meaning, or what runs it, is not installed; search by words works without."""


class KeyUnusable(TebikiError):
    """A signing key, or the list of trusted signers, can't be read or written."""


class LibraryPackRefused(TebikiError):
    """A library pack is damaged, its signature is wrong, its signer is not trusted, or it is from a newer version."""


class JobMissing(TebikiError):
    """No import job of that number is kept, or none is left to resume."""


class ManualsGone(TebikiError):
    """The folder or drive that an import reads from went away; the job waits for it."""

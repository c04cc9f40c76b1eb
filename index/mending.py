"""Mends what can be mended in the truth itself: SQLite's own indexes, embeddings, and what an import takes for known.

Comes in: a store whose writer's lock the caller holds. Goes out: the store, with nothing taken out that can't be made
again. Text that is damaged stays until a backup is put back or its file is imported again, which is made possible here.
"""

from __future__ import annotations

import logging

from index import sums
from index.store import Store

_log = logging.getLogger(__name__)


def mend(store: Store) -> None:
    """Make SQLite's indexes anew where they are damaged, drop embeddings that are not as they were stored (they are
    made again), and have the next import take in anew what it would pass over as unchanged though it is damaged.

    Raises LibraryDamaged where SQLite can't read the file.
    """
    db = store.connection
    if db.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        with store.transaction():
            db.execute("REINDEX")
    embeddings = list(sums.damaged_embeddings(db))
    files = [row for row, _, _ in sums.damaged_files(db)]
    with store.transaction():
        db.executemany("DELETE FROM embeddings WHERE id = ?", [(id_,) for id_ in embeddings])
        db.executemany("UPDATE files SET digest = '' WHERE id = ?", [(id_,) for id_ in files])
        if not sums.catalogue_is_whole(db):
            _log.warning("The list of manuals in %s was not as it was stored; it is kept as it is now.", store.path)
            sums.seal_catalogue(db)

"""How long it takes to have a library from a pack, beside importing its manuals.

    python -m benchmarks.pack_speed                 all cached corpora
    python -m benchmarks.pack_speed slurm           one

Each passage gets a random unit vector for its embedding (384 numbers, as many bytes as a real one): making real ones
takes hours and would be the peer's time only. Goes out: a Markdown table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import corpora
from index.importing import import_manuals
from index.library import Library
from index.library_pack import export_pack, import_pack
from index.signing import KeyRing
from index.writer_lock import WriterLock

PRIMER = Path(__file__).resolve().parent.parent / "domains" / "jp1" / "primer" / "en"


def fill_with_vectors(folder: Path, fingerprint: str = "random|384") -> None:
    """Give every passage a random unit vector."""
    generator = np.random.default_rng(7)
    with Library.open(folder) as library, WriterLock(folder):
        library.store.set_embedder(fingerprint)
        last = 0
        while batch := library.store.unembedded(1000, last):
            last = batch[-1].id
            rows = generator.standard_normal((len(batch), 384)).astype(np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            library.store.put_vectors(fingerprint, [passage.id for passage in batch], rows)


def bring_in(folder: Path, *paths: Path) -> None:
    """Import in silence."""
    import_manuals(folder, paths, progress=lambda _: None, cancelled=lambda: False)


def main() -> int:
    """Measure and print the table; 1 where no corpus is cached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="corpora; default: all that are cached")
    cached = (
        [place for place in sorted(corpora.cache().iterdir()) if place.is_dir()] if corpora.cache().is_dir() else []
    )
    wanted = parser.parse_args().names
    folders = [place for place in cached if not wanted or any(name in place.name for name in wanted)]
    if not folders:
        print("No corpus is cached: bring them with python -m benchmarks.corpora", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        work, rows = Path(name), []
        began = time.perf_counter()
        bring_in(work / "made", *folders)
        rows.append(("import of the manuals (without embeddings)", time.perf_counter() - began))
        fill_with_vectors(work / "made")
        began = time.perf_counter()
        contents = export_pack(work / "made", work / "all.tebiki", KeyRing(work / "keys"))
        rows.append(("export to a pack, with embeddings", time.perf_counter() - began))
        began = time.perf_counter()
        import_pack(work / "empty", work / "all.tebiki", KeyRing(work / "keys"))
        rows.append(("import of the pack into a new library", time.perf_counter() - began))
        bring_in(work / "primer", PRIMER)
        began = time.perf_counter()
        import_pack(work / "primer", work / "all.tebiki", KeyRing(work / "keys"))
        rows.append(("import of the pack beside the primer", time.perf_counter() - began))
        began = time.perf_counter()
        with Library.open(work / "primer") as library:
            library.search("configuration file", 10)
        rows.append(("open it and search once", time.perf_counter() - began))
        manuals, size = len(contents.manuals), contents.bytes / 1e6
        print(f"{contents.passages:,} passages of {manuals} manuals; the pack has {size:,.0f} MB.\n")
        print("| what | seconds |\n| --- | --- |")
        for what, seconds in rows:
            print(f"| {what} | {seconds:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

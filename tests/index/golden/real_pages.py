"""Real manual pages and what is to be read of them, where the manuals are cached (see benchmarks/corpora.py).

The pages stay in the cache: their licences are their own. Kept here of each page: its own digest, the digest of the
whole reading as `rendering` writes it, and a few lines of that reading which a person can check.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from benchmarks import corpora
from index.reading import read_file
from index.records import Block, Document, DocumentSection
from tests.index.golden.rendering import rendered

EXPECTED = Path(__file__).parent / "real_pages.json"

PAGES = {
    "slurm-wlm-doc": [
        *("network.html", "job_exit_code.html", "tres.html", "gres.conf.html", "licenses.html", "job_array.html"),
        *("scancel.html", "cpu_management.html", "openapi_release_notes.html", "documentation.html"),
    ],
    "postgresql-doc-15": [
        *("app-createdb.html", "sql-vacuum.html", "datatype-numeric.html", "auth-pg-hba-conf.html", "bookindex.html"),
        *("runtime-config-wal.html", "catalog-pg-class.html", "errcodes-appendix.html", "functions-formatting.html"),
        "libpq-envars.html",
    ],
    "bacula-doc": [
        *("Autochanger_Resource.html", "Messages_Resource.html", "Supported_Tape_Drives.html", "Data_Spooling.html"),
        *(
            "Bootstrap_File.html",
            "Console_Configuration.html",
            "Configuring_Director.html",
            "Windows_Version_Bacula.html",
        ),
        *("Migration_Copy.html", "Contents.html"),
    ],
    "debian-reference-ja": [
        *("index.ja.html", "pr01.ja.html", "apa.ja.html", "ch02.ja.html", "ch03.ja.html", "ch05.ja.html"),
        *("ch06.ja.html", "ch08.ja.html", "ch09.ja.html", "ch12.ja.html"),
    ],
}

_SHOWN = 160  # characters of a block


def reading(path: Path) -> dict[str, Any]:
    """What is kept of one page."""
    document = read_file(path, path.name)
    blocks = [(section, block) for section in document.sections for block in section.blocks]
    return {
        "page": hashlib.sha256(path.read_bytes()).hexdigest()[:16],
        "reading": hashlib.sha256(rendered(document).encode()).hexdigest()[:16],
        "title": document.title,
        "meta": {key: value for key, value in document.meta if key in ("manual", "product", "version")},
        "sections": len(document.sections),
        "blocks": _counted(document),
        "first": _shown(*blocks[0]) if blocks else [],
        "last": _shown(*blocks[-1]) if blocks else [],
        "table": next((_rows(*each) for each in blocks if each[1].kind == "table"), []),
    }


def _counted(document: Document) -> dict[str, int]:
    kinds = [block.kind for section in document.sections for block in section.blocks]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def _shown(section: DocumentSection, block: Block) -> list[str]:
    anchor = f" #{section.anchor}" if section.anchor else ""
    return [" > ".join(section.heading) + anchor, block.kind, section.text[block.start : block.end][:_SHOWN]]


def _rows(section: DocumentSection, block: Block) -> list[str]:
    return [row[:_SHOWN] for row in section.text[block.start : block.end].split("\n")[:3]]


def write() -> None:
    """Read the pages that are cached and keep what is read; what is kept of manuals that are not cached stays."""
    kept = json.loads(EXPECTED.read_text(encoding="utf-8")) if EXPECTED.is_file() else {}
    for package, names in PAGES.items():
        folder = corpora.folder(package)
        if folder.is_dir():
            kept[package] = {name: reading(folder / name) for name in names}
    EXPECTED.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

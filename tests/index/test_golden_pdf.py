"""Ten pages each of two real PDFs, exactly as they are read. What is expected was compared by eye with the pages drawn.

python -m tests.index.test_golden_pdf      writes the expectations anew: look at the difference, and at the pages
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from benchmarks import corpora
from index.reading import read_file
from index.records import Document

pytestmark = pytest.mark.corpora

GOLDEN = Path(__file__).parent / "golden_pdf"
BOOKS = {
    "debian-reference-ja": (
        "usr/share/debian-reference/debian-reference.ja.pdf",
        (32, 37, 41, 48, 51, 55, 57, 78, 100, 150),
    ),
    "bacula-doc": (
        "usr/share/doc/bacula-doc/pdf/main.pdf.gz",
        (40, 100, 130, 132, 181, 196, 197, 198, 288, 371),
    ),
}


@lru_cache(maxsize=2)
def book(package: str) -> Document:
    path = corpora.cache() / package / BOOKS[package][0]
    if not path.is_file():
        pytest.skip(f"{package} is not cached; bring it with: python -m benchmarks.corpora {package}")
    return read_file(path, path.name)


def shown(document: Document, page: int) -> str:
    """What begins on a page: each section's heading path, and its blocks with their kinds."""
    parts = []
    for section in document.sections:
        if section.page != page:
            continue
        parts.append(f"# {' > '.join(section.heading)}")
        for block in section.blocks:
            header = f", header {block.header}" if block.header else ""
            parts.append(f"[{block.kind}{header}]\n{section.text[block.start : block.end]}")
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize(
    ("package", "page"), [(package, page) for package, (_, pages) in BOOKS.items() for page in pages]
)
def test_a_page_is_read_as_it_stands_on_paper(package: str, page: int) -> None:
    expected = (GOLDEN / f"{package}-{page}.txt").read_text(encoding="utf-8")
    assert shown(book(package), page) == expected


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for package, (_, pages) in BOOKS.items():
        for page in pages:
            (GOLDEN / f"{package}-{page}.txt").write_text(shown(book(package), page), encoding="utf-8")

"""Measure how well the same book in another format is told from another book, on real manuals of Debian packages.

    python -m benchmarks.same_text      prints a Markdown table

Comes in: manuals that are cached as HTML, text, PDF and EPUB (`python -m benchmarks.corpora`). Goes out: for each
pair of formats the share of sentences that the one holds of the other; the peer is a comparison of passages, word for
word (five-grams), which each format cuts in its own way.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import corpora
from index.errors import ManualUnreadable
from index.passages import split
from index.reading import read_file
from index.records import Document
from index.same_text import is_same, prose_of, sentences_of, share_held

BOOKS = {
    "debian-reference-ja": {
        "HTML": "usr/share/debian-reference/*.ja.html",
        "PDF": "usr/share/debian-reference/*.pdf",
        "text": "usr/share/debian-reference/*.txt.gz",
    },
    "debian-policy": {
        "HTML": "usr/share/doc/debian-policy/policy.html/*.html",
        "EPUB": "usr/share/doc/debian-policy/policy.epub",
        "PDF": "usr/share/doc/debian-policy/policy.pdf.gz",
        "text": "usr/share/doc/debian-policy/policy.txt.gz",
    },
    "developers-reference-ja": {
        "HTML": "usr/share/developers-reference/ja/*.html",
        "EPUB": "usr/share/developers-reference/ja/*.epub",
        "PDF": "usr/share/developers-reference/ja/*.pdf",
        "text": "usr/share/developers-reference/ja/*.txt.gz",
    },
    "bacula-doc": {
        "PDF (main)": "usr/share/doc/bacula-doc/pdf/main.pdf.gz",
        "PDF (console)": "usr/share/doc/bacula-doc/pdf/console.pdf.gz",
        "HTML (main)": "usr/share/doc/bacula-doc/html/main/*.html",
    },
}
_GRAM = 5
_ALIKE = 0.9


def main() -> int:
    """Print the table; 1 where no manual is cached."""
    rows = []
    for package, formats in BOOKS.items():
        books = {name: documents for name, pattern in formats.items() if (documents := _documents(package, pattern))}
        best = next(iter(name for name in books if name.startswith("HTML")), "")
        if not best:
            continue
        began = time.process_time()
        held = sentences_of(section.text for document in books[best] for section in document.sections)
        seconds = time.process_time() - began
        grams = list(_grams(books[best]))
        for name, documents in books.items():
            if name == best:
                continue
            own = sentences_of(text for document in documents for text in prose_of(document))
            told = "the same" if is_same(own, held) else "another"
            alike = _alike(list(_grams(documents)), grams)
            rows.append(
                f"| {package} | {name} in {best} | {share_held(own, held):.3f} | {told} | {alike:.3f} | {seconds:.2f} |"
            )
    print("| Manual | Books | Share of sentences | Said to be | Passages alike (peer) | CPU seconds for the HTML |")
    print("| --- | --- | --- | --- | --- | --- |")
    print("\n".join(rows))
    return 0 if rows else 1


def _documents(package: str, pattern: str) -> list[Document]:
    found = []
    for path in sorted((corpora.cache() / package).glob(pattern)):
        try:
            found.append(read_file(Path(path), path.name))
        except ManualUnreadable as error:
            print(error, file=sys.stderr)
    return found


def _grams(documents: list[Document]) -> Iterator[frozenset[str]]:
    for document in documents:
        for section in document.sections:
            for span in split(section, document.language):
                text = "".join(section.text[span.start : span.end].split())
                yield frozenset(text[at : at + _GRAM] for at in range(max(1, len(text) - _GRAM + 1)))


def _alike(passages: list[frozenset[str]], others: list[frozenset[str]]) -> float:
    """The share of passages that are nine tenths the same as one of the others."""
    holding: dict[str, list[int]] = {}
    for number, other in enumerate(others):
        for gram in list(other)[:: max(1, len(other) // 40)]:
            holding.setdefault(gram, []).append(number)
    alike = 0
    for passage in passages:
        near = {number for gram in passage for number in holding.get(gram, ())[:20]}
        alike += any(len(passage & others[n]) >= _ALIKE * len(passage | others[n]) for n in near)
    return alike / max(1, len(passages))


if __name__ == "__main__":
    sys.exit(main())

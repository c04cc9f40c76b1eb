"""Says whether a book is there twice, in two formats: measured by the sentences that both hold, never by names.

Comes in: texts. Goes out: sets of sentences, and which share of one set the other holds. Formats break lines, pages and
tables each in their own way, but sentences stay: a sentence here is what stands between two full stops, reduced to its
letters and digits. Knows nothing of files and libraries.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator

from index.records import Document

Sentences = frozenset[int]
"""Checksums of a text's sentences."""

SAME = 0.7
"""The share of its running text's sentences that another format of the same book holds at least. Measured 0.75 to 0.99;
two books of one product share 0.03 (docs/benchmarks.md). Two versions of a book share as much as two formats: only what
they say of their versions tells them apart."""

FEWEST = 40
"""Sentences; a shorter text is no book, and never said to be another's."""

_END = re.compile(r"[。．！？!?]+|\.(?=\s|$)|\n+")
_NOT_WORDS = re.compile(r"[\W_]+")
_PROSE = frozenset({"paragraph", "list", "note", "definition"})
_SHORTEST = 15  # letters and digits; shorter ones stand in any book


def sentences_of(texts: Iterable[str]) -> Sentences:
    """The sentences of all the texts of a book."""
    found = set()
    for text in texts:
        for sentence in _END.split(unicodedata.normalize("NFKC", text)):
            letters = _NOT_WORDS.sub("", sentence).casefold()
            if len(letters) >= _SHORTEST:
                found.add(zlib.crc32(letters.encode("utf-8", errors="replace")))
    return frozenset(found)


def prose_of(document: Document) -> Iterator[str]:
    """The running text of a document. Tables and code are left aside: each format draws them in its own way."""
    for section in document.sections:
        for block in section.blocks:
            if block.kind in _PROSE:
                yield section.text[block.start : block.end]


def share_held(book: Sentences, other: Sentences) -> float:
    """The share of a book's sentences that another holds, 0..1."""
    return len(book & other) / len(book) if book else 0.0


def is_same(book: Sentences, other: Sentences) -> bool:
    """Whether a book says nothing that the other doesn't say too, but for what a format garbles."""
    return len(book) >= FEWEST and share_held(book, other) >= SAME

"""Offers the word that was meant for one that the library does not know: "did you mean".

Comes in: the words of the library as they are written, and a query. Goes out: the query with its unknown words
replaced by near ones, or None. Near is counted in slips of typing (a letter wrong, missing, too
many, or two swapped: Damerau and Levenshtein's distance); among equally near words the
more frequent is meant. It only offers: what is searched is decided elsewhere.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator

from rapidfuzz import process
from rapidfuzz.distance import OSA

from index import analyzer
from index.records import DocumentSection

_WORD = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ0-9_]*(?:[-._/:@+\\]{1,2}[A-Za-zÀ-ɏ0-9_]+)*|[ァ-ヺー]{3,}")
_PARTS = re.compile(r"[-._/:@+\\]+")
_KATAKANA = re.compile(r"[ァ-ヺ]")
LONGEST = 40  # characters
SHORTEST = 4  # letters; shorter Latin words have too many neighbours

RARER = 20
"""How many times rarer than what it may be meant for a word of katakana must be, to count as unknown: its pairs of
characters stand in other words too."""

Frequency = Callable[[str], int]
"""In how many passages a term, as `analyzer.tokens` gives it, stands."""


def words_of(text: str) -> Iterator[str]:
    """Every word and name in `text` from which a misspelt one can be mended: Latin words, whole identifiers and their
    parts, and runs of katakana, as written."""
    for found in _WORD.finditer(analyzer.normalise(text)):
        word = found[0]
        if len(word) > LONGEST:
            continue
        yield word
        parts = _PARTS.split(word)
        if len(parts) > 1:
            yield from (part for part in parts if len(part) >= SHORTEST and part[0].isalpha())


def put_words(db: sqlite3.Connection, sections: Iterable[DocumentSection]) -> None:
    """Keep the words of a file. Words of removed files stay until the table is filled anew; they are not offered,
    because what is offered must have a frequency."""
    words: dict[str, str] = {}
    for section in sections:
        for text in (*section.heading[-1:], section.text):
            for word in words_of(text):
                folded = analyzer.fold(word)
                if len(folded) >= 3 and (folded not in words or word.islower()):
                    words[folded] = word
    db.executemany("INSERT OR IGNORE INTO words (folded, word) VALUES (?, ?)", words.items())


class Speller:
    """The words of a library, by length, so that a word is only compared with those that can be near."""

    def __init__(self, words: Iterable[tuple[str, str]]) -> None:
        """`words`: each folded, and as written."""
        self._written: dict[str, str] = {}
        self._by_length: dict[int, list[str]] = {}
        for folded, written in words:
            self._written[folded] = written
            self._by_length.setdefault(len(folded), []).append(folded)

    def suggest(self, query: str, frequency: Frequency) -> str | None:
        """The query with each unknown word that has a near known one replaced; None where there is no such word."""
        text = analyzer.normalise(query)
        mended, at = "", 0
        for found in _WORD.finditer(text):
            better = self._mended(found[0], frequency)
            if better is not None:
                mended += text[at : found.start()] + better
                at = found.end()
        return mended + text[at:] if at else None

    def _mended(self, word: str, frequency: Frequency) -> str | None:
        folded = analyzer.fold(word)
        slips = _slips(folded)
        count = _count(word, frequency)
        if not slips or (count and (folded in self._written or not _KATAKANA.search(folded))):
            return None
        parts = _PARTS.split(word)
        if (
            len(parts) > 1
            and "_" not in word
            and all(part.isalpha() and (len(part) < SHORTEST or _count(part, frequency)) for part in parts)
        ):
            return None  # "fault-tolerant" is made of known words; only a name's own form could be wrong, and is not
        near = sorted(
            (slip + (candidate[0] != folded[0]), -_count(self._written[candidate], frequency), candidate)
            for candidate, slip in self._near(folded, slips)
        )
        known = [self._written[candidate] for _, often, candidate in near if -often > RARER * count]
        return _cased(known[0], word) if known else None

    def _near(self, folded: str, slips: int) -> Iterator[tuple[str, int]]:
        katakana = bool(_KATAKANA.search(folded))
        for length in range(len(folded) - slips, len(folded) + slips + 1):
            found = process.extract(
                folded,
                self._by_length.get(length, ()),
                scorer=OSA.distance,
                processor=None,
                score_cutoff=slips,
                limit=None,
            )
            for candidate, slip, _ in found:
                if bool(_KATAKANA.search(candidate)) == katakana:
                    yield candidate, int(slip)


def _count(word: str, frequency: Frequency) -> int:
    """In how many passages a word stands: a Latin one as a whole, one of katakana by its rarest pair."""
    terms = analyzer.tokens(word, query=True)
    if _KATAKANA.search(word):
        return min(map(frequency, terms), default=0)
    return frequency(terms[0]) if terms else 0


def _slips(folded: str) -> int:
    """How many slips of the keyboard are believed in a word of this length; 0: it is not mended."""
    if _KATAKANA.search(folded):
        return 1 if len(folded) < 8 else 2
    if len(folded) < SHORTEST:
        return 0
    return 1 if len(folded) < 8 or re.search(r"\d", folded) else 2  # two digits changed are another message


def _cased(known: str, typed: str) -> str:
    return known.lower() if known.istitle() and typed.islower() else known

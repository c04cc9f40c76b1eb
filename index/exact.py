"""Queries that ask for letters, not for words: a phrase in quotation marks, a name with an asterisk in it.

    "start condition"      passages in which just this stands
    KAVS02*, jajs_*_stop   passages with a name of this shape

Comes in: a query. Goes out: what it asks for exactly, or None for any other query (a question that merely quotes
something is a question). It knows nothing of where passages are found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from index import analyzer
from index.records import Passage

LEAST_PREFIX = 2
"""Letters before the first asterisk; with fewer, half of the library's names are meant."""

_QUOTED = re.compile(r'\s*["“”„＂]([^"“”„＂]+)["“”„＂]\s*')
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Phrase:
    """The text asked for, folded as `folded` does."""

    text: str

    @property
    def terms(self) -> tuple[str, ...]:
        """Terms that every passage with the phrase holds."""
        return tuple(dict.fromkeys(analyzer.tokens(self.text, query=True)))

    def stands_in(self, passage: Passage) -> bool:
        """Whether the passage, or the heading above it, says just this."""
        return any(self.text in folded(text) for text in (passage.text, passage.context, *passage.heading))


@dataclass(frozen=True, slots=True)
class Shape:
    """A name with asterisks for any letters, folded; `prefix` is what stands before the first."""

    pattern: str

    @property
    def prefix(self) -> str:
        """The letters that all its names begin with."""
        return self.pattern.split("*", 1)[0]

    def fits(self, term: str) -> bool:
        """Whether a term of the analyzer has this shape."""
        return fnmatchcase(term, self.pattern)


def exact(query: str) -> Phrase | Shape | None:
    """What the query asks for to the letter; None where it asks in words."""
    quoted = _QUOTED.fullmatch(query)
    if quoted:
        text = folded(quoted[1])
        return Phrase(text) if text else None
    words = query.split()
    if len(words) == 1 and "*" in words[0]:
        # A question mark or a bracket is a letter here: only the asterisk stands for others.
        pattern = re.sub(r"([?\[])", "[\\1]", analyzer.fold(analyzer.normalise(re.sub(r"\*+", "*", words[0]))))
        if len(pattern.split("*", 1)[0]) >= LEAST_PREFIX:
            return Shape(pattern)
    return None


def folded(text: str) -> str:
    """Without case, width and kinds of blanks, so that what looks the same is the same."""
    return _BLANKS.sub(" ", analyzer.fold(analyzer.normalise(text))).strip()

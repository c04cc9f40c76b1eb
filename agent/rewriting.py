"""Other queries for a question whose evidence is too thin: as it was probably spelt, by its names, by fewer words.

Comes in: the question, the hits of its first search, and the library's knowledge of words and names. Goes out:
`Rewrite`s, lazily, the most promising first. A rewrite that only searches otherwise ("names") is judged by the question
as it was asked; one that reads the question otherwise ("spelling") says so and is judged by its own reading. Which ways
are used, and in which order, was measured (`python -m benchmarks.rewrites`). It searches nothing itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.slots import PLATFORM, VERSION, kin
from agent.terms import content_words, folded, holds, identifiers, terms
from index.analyzer import query_language, tokens
from index.records import Hit

if TYPE_CHECKING:
    from index.library import Library

NEAREST = 2  # hits whose headings are borrowed
HEADING_WORDS = 6  # of them


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Another query. `asked` is the question by which what it finds is judged."""

    way: str
    query: str
    asked: str


Way = Callable[["Library", str, Sequence[Hit]], Rewrite | None]


def spelling(library: Library, asked: str, hits: Sequence[Hit]) -> Rewrite | None:
    """Unknown words as the library spells them; an identifier is left alone, because another one is another matter."""
    better = library.suggest(asked)
    if better is None or set(map(folded, identifiers(better))) != set(map(folded, identifiers(asked))):
        return None
    return Rewrite("spelling", better, better)


def platform(library: Library, asked: str, hits: Sequence[Hit]) -> Rewrite | None:
    """Linux as UNIX, which is where manuals file it."""
    found = PLATFORM.search(asked)
    wider = kin(found[0]) if found else ""
    if not found or not wider or any(wider == word.lower() for word in asked.split()):
        return None
    better = f"{asked[: found.start()]}{wider.upper()}{asked[found.end() :]}"
    return Rewrite("platform", better, better)


def names(library: Library, asked: str, hits: Sequence[Hit]) -> Rewrite | None:
    """The identifiers alone, if each stands in a hit: what is said of others is not what was asked. Neither a version
    nor a name that most hits hold, as a product's, tells one passage from another."""
    texts = [folded(_read(hit)) for hit in hits]
    count = {name: sum(holds(text, name) for text in texts) for name in identifiers(asked)}
    told = [name for name, often in count.items() if not VERSION.fullmatch(name) and often <= len(hits) / 2]
    if not told or not all(count[name] for name in told):
        return None
    return Rewrite("names", " ".join(told), asked)


def content(library: Library, asked: str, hits: Sequence[Hit]) -> Rewrite | None:
    """Without the words by which one asks."""
    return Rewrite("content", content_words(asked), asked)


def seen(library: Library, asked: str, hits: Sequence[Hit]) -> Rewrite | None:
    """Without the words that no hit holds."""
    known = {word for hit in hits for word in tokens(_read(hit))}
    kept = [word for word in content_words(asked).split() if set(tokens(word, query=True)) & known]
    return Rewrite("seen", " ".join(kept), asked) if kept else None


def rare(library: Library, asked: str, hits: Sequence[Hit]) -> Rewrite | None:
    """The rarer half of the words, as the hits have them."""
    often = Counter(word for hit in hits for word in set(tokens(_read(hit))))
    words = content_words(asked).split()
    if len(words) < 3:
        return None

    def count(word: str) -> int:
        return min((often[one] or len(hits) for one in tokens(word, query=True)), default=len(hits))

    kept = sorted(range(len(words)), key=lambda at: count(words[at]))[: (len(words) + 1) // 2]
    return Rewrite("rare", " ".join(words[at] for at in sorted(kept)), asked)


def headings(library: Library, asked: str, hits: Sequence[Hit]) -> Rewrite | None:
    """With the words of the nearest headings: what the manual calls the matter."""
    known = terms(asked)
    borrowed: dict[str, None] = {}
    for hit in hits[:NEAREST]:
        for word in " ".join(hit.passage.heading[-2:]).split():
            if set(tokens(word, query=True)) - known:
                borrowed.setdefault(word.strip(".,;:()"))
    if not borrowed:
        return None
    return Rewrite("headings", f"{content_words(asked)} {' '.join(list(borrowed)[:HEADING_WORDS])}", asked)


def glossary(library: Library, asked: str, hits: Sequence[Hit]) -> Rewrite | None:
    """With other names of what it names, in its own language and as they were typed."""
    language = query_language(asked)
    more = [name for name in library.glossary.expand(asked) if query_language(name) == language]
    return Rewrite("glossary", " ".join([content_words(asked), *more]), asked) if more else None


WAYS: dict[str, Way] = {
    "spelling": spelling,
    "platform": platform,
    "names": names,
    "content": content,
    "seen": seen,
    "rare": rare,
    "headings": headings,
    "glossary": glossary,
}
USED = ("spelling", "platform")
"""In the order in which they are tried: the two that read the question otherwise. Of those that only search otherwise
none gained enough for what it let through wrongly; that hangs on the gate, so they stay for the benchmark."""


def rewrites(library: Library, asked: str, hits: Sequence[Hit], ways: Sequence[str] = USED) -> Iterator[Rewrite]:
    """Other queries for a question, each worked out when it is wanted. Repeats included; `hits` of its first search."""
    for name in ways:
        rewrite = WAYS[name](library, asked, hits)
        if rewrite is not None and rewrite.query.strip():
            yield rewrite


def _read(hit: Hit) -> str:
    return " ".join((*hit.passage.heading, hit.passage.context, hit.passage.text))

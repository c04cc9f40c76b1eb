"""Keeps one text from filling a result list: older editions stand back, and what says the same is shown once.

Comes in: hits in order, and which manuals stand back (versions.py). Goes out: hits in order, fewer. It looks at texts
and headings only; it knows nothing of how they were found.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from index import analyzer
from index.records import Hit, Passage

OLDER = 0.7
"""What the score of a passage from an older edition counts where the newer one says something else."""

SAME = 0.9
"""Share of five-grams from which two passages are the same; manuals of two versions often differ in a number alone."""

LOOKED_AT = 30
"""Hits compared with each other; below them nobody sees what is repeated."""

_GRAM = 5
_NUMBERING = re.compile(r"^[\W\d]+|(?<=\w)[\d.]+$")

Shingles = frozenset[str]


def newest_first(hits: Sequence[Hit], back: Collection[int]) -> list[Hit]:
    """Hits of the manuals in `back` give way: one that says what a newer edition says in the same place is dropped,
    any other counts `OLDER` as much and stands below what the newer edition has in that place."""
    if not any(hit.passage.manual_id in back for hit in hits):
        return list(hits)
    newer: dict[tuple[str, ...], list[Hit]] = {}
    for hit in hits:
        if hit.passage.manual_id not in back:
            newer.setdefault(_place(hit.passage), []).append(hit)
    kept = []
    for hit in hits:
        if hit.passage.manual_id in back:
            beside = newer.get(_place(hit.passage), [])
            if any(are_same(hit.passage, other.passage) for other in beside):
                continue
            most = min([hit.score, *(other.score for other in beside)])
            hit = replace(hit, score=OLDER * most)
        kept.append(hit)
    return sorted(kept, key=lambda hit: (-hit.score, hit.passage.id))


def without_repeats(hits: Sequence[Hit]) -> list[Hit]:
    """Of the hits that say the same in several manuals only the first; within one manual headings tell them apart."""
    top = hits[:LOOKED_AT]
    shingles = [_shingles(hit.passage.text) for hit in top]
    kept: list[int] = []
    for number, hit in enumerate(top):
        others = (n for n in kept if top[n].passage.manual_id != hit.passage.manual_id)
        if not any(_share(shingles[number], shingles[other]) >= SAME for other in others):
            kept.append(number)
    return [*(top[number] for number in kept), *hits[LOOKED_AT:]]


def are_same(one: Passage, two: Passage) -> bool:
    """Whether two passages say nearly the same, word for word."""
    return _share(_shingles(one.text), _shingles(two.text)) >= SAME


def _place(passage: Passage) -> tuple[str, ...]:
    """The heading path without its numbering, which editions change, and without the book's or page's own title."""
    path = passage.heading[1:] or passage.heading
    return tuple(_NUMBERING.sub("", analyzer.fold(part)).strip() for part in path)


def _shingles(text: str) -> Shingles:
    folded = "".join(analyzer.fold(text).split())
    return frozenset(_grams(folded)) or frozenset({folded})


def _grams(text: str) -> Iterable[str]:
    return (text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1))


def _share(one: Shingles, two: Shingles) -> float:
    fewer, more = sorted((len(one), len(two)))
    if fewer < SAME * more:
        return 0.0
    common = len(one & two)
    return common / (len(one) + len(two) - common)

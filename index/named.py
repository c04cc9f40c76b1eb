"""Says what a query names, and lifts the entries of those names in a ranking.

Comes in: a query, and how to look names up (entries.py). Goes out: `Named`, by which a ranking is put in order: of a
query that is a name and nothing else the entries come first, in a question that holds names their entries rise. It
knows nothing of words and meanings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from index import entries, fusion
from index.entries import CELL, DEFINITION, HEADING, PAGE, ROW, Place

LIFT = 0.1
"""What the entry of a name in a question gains, as a share of the best score. Measured in
benchmarks/named_lookup.py: more moves other passages off the first place."""

_WORTH = {PAGE: 0.4, DEFINITION: 1.0, HEADING: 0.4, ROW: 0.6, CELL: 0.0}
"""What each rank gains in a question. One that names a command asks for something on its page, seldom for its head."""

_LEVELS = len(_WORTH) + 1  # the ranks, and mentions below them
MANY = 12
"""More places than this, and a name is one that is mentioned in tables and lists, not explained."""

Find = Callable[[str], list[Place]]
"""The places of a key, best rank first."""


@dataclass(frozen=True, slots=True)
class Named:
    """The passages that explain what a query names. `whole`: the query is the name, and `ranks` orders them; else
    `lifts` says what each gains (0..`LIFT`)."""

    whole: bool = False
    ranks: Mapping[int, int] = field(default_factory=dict)
    lifts: Mapping[int, float] = field(default_factory=dict)

    @property
    def passages(self) -> frozenset[int]:
        """All of them."""
        return frozenset(self.ranks) | frozenset(self.lifts)

    def lifted(self, ranked: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
        """The ranking (ids and scores in 0..1) with the entries in their place; scores stay in 0..1."""
        scores = dict.fromkeys(self.passages, 0.0) | dict(ranked)
        if self.whole:
            level = {id_: _LEVELS - 1 - rank for id_, rank in self.ranks.items()}
            return fusion.by_score({id_: (level.get(id_, 0) + score) / _LEVELS for id_, score in scores.items()})
        if not self.lifts:
            return list(ranked)
        most = 1 + max(self.lifts.values())
        return fusion.by_score({id_: (score + self.lifts.get(id_, 0.0)) / most for id_, score in scores.items()})


def named(query: str, find: Find, find_prefix: Find) -> Named:
    """What `query` names. A name with many places that no term or heading explains is a mention and left out."""
    names = entries.names_in(query)
    keys = {name: entries.key(name) for name in names if entries.key(name)}
    if 1 <= len(keys) <= 2 and entries.is_all_names(query):
        return _whole(list(keys), keys, find, find_prefix)
    lifts: dict[int, float] = {}
    for name in (name for name in keys if entries.is_shaped(name)):
        places = _told(entries.of_page(find(keys[name]), set(keys.values()) - {keys[name]}))
        for place in places:
            worth = LIFT * _WORTH[place.rank] / len(places) ** 0.5
            lifts[place.passage_id] = max(worth, lifts.get(place.passage_id, 0.0))
    return Named(lifts=lifts)


def look_up(identifier: str, find: Find, find_prefix: Find) -> list[Place]:
    """The places of an identifier: exact, else as the beginning of others; of "sbatch -t" those on sbatch's page."""
    names = {name: entries.key(name) for name in entries.names_in(identifier) if entries.key(name)}
    if not names:
        return []
    asked = next((name for name in reversed(names) if name.startswith("-")), next(iter(names)))
    others = set(names.values()) - {names[asked]}
    return entries.of_page(find(names[asked]) or find_prefix(names[asked]), others)


def _whole(names: Sequence[str], keys: Mapping[str, str], find: Find, find_prefix: Find) -> Named:
    if len(names) == 2:
        places = look_up(" ".join(names), find, lambda _: [])
        owner = {keys[name] for name in names if not name.startswith("-")}
        option = any(name.startswith("-") for name in names)
        if not option or not any(place.page & owner for place in places):
            return Named()
        return Named(whole=True, ranks={place.passage_id: place.rank for place in places})
    name = names[0]
    shaped = entries.is_shaped(name) or name.isdecimal()
    places = find(keys[name]) or (find_prefix(keys[name]) if shaped and len(name) > 2 else [])
    if not shaped:  # "options" heads a section on every page, "sbatch" one
        places = [place for place in places if place.rank <= HEADING]
        places = places if len(places) <= MANY else []
    return Named(whole=bool(places), ranks={place.passage_id: place.rank for place in places})


def _told(places: Sequence[Place]) -> list[Place]:
    if len(places) <= MANY:
        return list(places)
    return [place for place in places if place.rank <= HEADING]

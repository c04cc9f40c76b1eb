"""Which passages are embedded next, and which need not be: equal texts have equal embeddings.

Comes in: passages without an embedding, and the store. Goes out: batches of about half a second's work, and their
vectors. It writes nothing and knows no locks (see `Library.embed`). Most texts of a manual's next edition are equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from index.embedder import Embedder, Vectors, text_of
from index.records import Passage
from index.store import Store

WINDOW = 64
"""Passages looked at for a batch; more of them are taken only where their texts are very short."""

CHARACTERS = 8_000
"""Of a batch: about half a second on two cores, after which it is stored, can be found, and a stop or hold is heeded.
Passages are taken as they come: each is run by itself, so that sorting them by length brings nothing."""


def next_batch(waiting: Sequence[Passage]) -> list[Passage]:
    """The first of `waiting`, one at least, up to `CHARACTERS` together."""
    batch: list[Passage] = []
    characters = 0
    for passage in waiting:
        characters += len(text_of(passage))
        if batch and characters > CHARACTERS:
            break
        batch.append(passage)
    return batch


class Embedded:
    """Texts that have an embedding, by their digests."""

    def __init__(self, store: Store) -> None:
        """Reads every embedded passage once: about a second for 50,000."""
        self._passage: dict[bytes, int] = {}
        self.add(store.embedded())

    def add(self, passages: Iterable[Passage]) -> None:
        """These have embeddings now."""
        for passage in passages:
            self._passage[_digest(text_of(passage))] = passage.id

    def vectors(self, store: Store, batch: Sequence[Passage]) -> dict[str, Vectors]:
        """The vectors of those texts of `batch` that another passage has, by text."""
        holder = {text: self._passage.get(_digest(text)) for text in map(text_of, batch)}
        stored = store.vectors_of([id_ for id_ in holder.values() if id_ is not None])
        return {text: np.frombuffer(stored[id_], "<f4") for text, id_ in holder.items() if id_ in stored}


def vectors_of(batch: Sequence[Passage], held: dict[str, Vectors], embedder: Embedder) -> Vectors:
    """One row a passage of `batch`; only texts that are not in `held` are embedded, each once."""
    texts = [text_of(passage) for passage in batch]
    new = [text for text in dict.fromkeys(texts) if text not in held]
    made = held | dict(zip(new, embedder.passages(new), strict=True)) if new else held
    return np.stack([made[text] for text in texts])


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()

"""Embeddings are filled in behind: in small batches, no text twice, held while somebody asks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index import embedding
from index.embedder import Vectors
from index.library import Library
from index.records import Document, DocumentSection, ImportProgress, PassageSpan
from index.store import ManualFacts
from tests.conftest import Tebiki


class Counting:
    """A model that remembers what it was asked for; a text's vector hangs on the text alone."""

    name = "counting"
    dimension = 8
    fingerprint = "counting|||8|l2"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self.passages(texts)

    def passages(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        rows = [np.random.default_rng(list(text.encode())).standard_normal(8) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], np.float32).reshape(-1, 8)

    @property
    def texts(self) -> list[str]:
        return [text for batch in self.asked for text in batch]


def put(library: Library, name: str, texts: Sequence[str], version: str = "1") -> None:
    store = library.store
    manual = store.add_manual(f"group {version}", ManualFacts("Guide", "", version, f"/guide{version}"))
    page = Document(f"{name}.html", name, "en", tuple(DocumentSection((), text, ()) for text in texts))
    store.put_file(manual, name, page, name, 1, [[PassageSpan(0, len(text))] for text in texts])
    library.catch_up()


def fill(library: Library) -> int:
    return library.embed(lambda progress: None, lambda: False)


def test_a_text_is_embedded_once_wherever_it_stands(tmp_path: Path) -> None:
    model = Counting()
    with Library.create(tmp_path, embedder=model) as library:
        put(library, "old", ["ports are closed", "restart the agent", "ports are closed"])
        assert fill(library) == 3
        assert sorted(model.texts) == ["ports are closed", "restart the agent"]
    model.asked.clear()
    with Library.open(tmp_path, embedder=model) as library:  # another start; the manual's next edition
        put(library, "new", ["ports are closed", "restart the manager", "restart the agent"], version="2")
        assert fill(library) == 3
        assert model.texts == ["restart the manager"]
        assert library.counts.embedded == library.counts.passages == 6
        wanted = model.passages(["restart the agent", "restart the manager", "ports are closed"])
        stored = [np.frombuffer(row, "<f4") for row in library.store.vectors_of([5, 6, 4]).values()]
        assert {row.tobytes() for row in stored} == {row.tobytes() for row in wanted}
        assert library.verify() == []


def test_a_batch_is_small_whatever_the_length_of_its_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "CHARACTERS", 100)
    model = Counting()
    texts = [f"{i} " + "x" * length for i, length in enumerate([10, 500, 500, 20, 20, 20, 40, 90])]
    with Library.create(tmp_path, embedder=model) as library:
        put(library, "page", texts)
        assert fill(library) == len(texts)
    assert model.texts == texts
    assert all(len(batch) == 1 or sum(map(len, batch)) <= 100 for batch in model.asked)
    assert len(model.asked) < len(texts)


def test_nothing_is_computed_while_the_operator_asks(tmp_path: Path) -> None:
    model = Counting()
    asking, waiting = threading.Event(), threading.Event()
    asking.set()

    def held() -> bool:
        waiting.set()
        return asking.is_set()

    with Library.create(tmp_path, embedder=model) as library:
        put(library, "page", ["one", "two"])
        filling = threading.Thread(target=lambda: library.embed(lambda at: None, lambda: False, held=held))
        filling.start()
        assert waiting.wait(30)
        assert model.asked == []
        asking.clear()
        filling.join(30)
        assert library.counts.embedded == 2


def test_progress_tells_how_many_passages_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "CHARACTERS", 1)
    told: list[ImportProgress] = []
    with Library.create(tmp_path, embedder=Counting()) as library:
        put(library, "page", ["one", "two", "three"])
        library.embed(told.append, lambda: False)
    assert [(at.done, at.total) for at in told] == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_passage_that_comes_while_others_are_embedded_is_not_left_out(tmp_path: Path) -> None:
    model = Counting()
    with Library.create(tmp_path, embedder=model) as library:
        put(library, "page", ["one", "two"])

        def arrives(progress: ImportProgress) -> None:
            if progress.done == 0:
                put(library, "late", ["three"], version="2")

        assert library.embed(arrives, lambda: False) == 3
        assert library.counts.embedded == 3


def test_embeddings_of_a_model_that_is_gone_are_made_anew_on_demand(tmp_path: Path, tebiki: Tebiki) -> None:
    with Library.create(tmp_path, embedder=Counting()) as library:
        put(library, "page", ["ports are closed", "restart the agent"])
        fill(library)
    refused = tebiki("library", "embed", "--library", tmp_path)
    assert refused.status == 1
    assert "--anew" in refused.reason
    assert tebiki("search", "restart", "--library", tmp_path, "--json").json, "words go on alone"
    assert tebiki("library", "embed", "--anew", "--library", tmp_path, "--json").json == {"embedded": 2}
    assert tebiki("library", "embed", "--anew", "--library", tmp_path, "--json").json == {"embedded": 0}
    with Library.open(tmp_path) as library:
        assert library.search("restart")[0].cosine is not None

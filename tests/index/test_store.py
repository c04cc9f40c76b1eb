"""The truth: whole files, verbatim offsets, and refusals that say what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import errors
from index.database import FILE
from index.records import Document, DocumentSection, PassageSpan
from index.schema import SCHEMA_VERSION
from index.store import SEPARATOR, ManualFacts, Store
from index.writer_lock import WriterLock

FACTS = ManualFacts("Guide", "Scheduler", "13", "/manuals/guide")


def document(*texts: str, source: str = "a.html") -> Document:
    sections = tuple(DocumentSection((f"{n}. Heading", "子"), text, ()) for n, text in enumerate(texts))
    return Document(source, "A page", "en", sections, (("product", "Scheduler"),))


def halves(page: Document) -> list[list[PassageSpan]]:
    """Each section cut in the middle."""
    return [
        [PassageSpan(0, len(s.text) // 2), PassageSpan(len(s.text) // 2, len(s.text), "context")] for s in page.sections
    ]


def stored(folder: Path, *texts: str) -> Store:
    store = Store.open(folder, create=True)
    page = document(*texts)
    store.put_file(store.add_manual("group", FACTS), "a.html", page, "digest", 10, halves(page))
    return store


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.lists(st.text(min_size=2, max_size=40), min_size=1, max_size=4))
def test_offsets_are_verbatim_in_the_source_text_whatever_it_holds(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    store = stored(tmp_path_factory.mktemp("store"), *texts)
    sections = store.sections(1, "a.html")
    source_text = SEPARATOR.join(section.text for section in sections)
    assert [len(section.text) for section in sections] == [len(text) for text in texts]
    passages = list(store.passages_after(0))
    assert len(passages) == 2 * len(texts)
    assert all(source_text[passage.start : passage.end] == passage.text for passage in passages)
    assert all(source_text[s.start : s.start + len(s.text)] == s.text for s in sections)
    store.close()


def test_what_sqlite_cannot_hold_is_replaced_one_for_one(tmp_path: Path) -> None:
    with_odd = stored(tmp_path, "before\0after \ud800 end")
    assert "".join(passage.text for passage in with_odd.passages_of(1)) == "before\ufffdafter \ufffd end"
    with_odd.close()


def test_a_file_is_replaced_whole_and_its_old_passages_are_remembered_as_removed(tmp_path: Path) -> None:
    store = stored(tmp_path, "old text", "more old text")
    before, old = store.state(), [passage.id for passage in store.passages_after(0)]
    page = document("new text")
    store.put_file(1, "a.html", page, "digest 2", 12, halves(page))
    assert [section.text for section in store.sections(1, "a.html")] == ["new text"]
    assert store.removed_since(before.generation) == old
    assert min(passage.id for passage in store.passages_after(0)) > max(old), "ids are never used twice"
    assert store.knows(before)
    store.close()


def test_a_file_that_cannot_be_stored_leaves_the_old_one_standing(tmp_path: Path) -> None:
    store = stored(tmp_path, "old text")
    page = document("new text")
    with pytest.raises(ValueError, match="zip"):
        store.put_file(1, "a.html", page, "digest 2", 12, [])
    assert [section.text for section in store.sections(1, "a.html")] == ["old text"]
    assert list(store.damage()) == []
    store.close()


def test_a_full_disk_is_said_in_plain_words_and_costs_nothing_stored(tmp_path: Path) -> None:
    store = stored(tmp_path, "old text")
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to be full
    page = document("new text " * 50_000)
    with pytest.raises(errors.DiskFull, match="free some space"):
        store.put_file(1, "a.html", page, "digest 2", 12, halves(page))
    assert [section.text for section in store.sections(1, "a.html")] == ["old text"]
    assert list(store.damage()) == []
    store.close()


def test_removing_a_manual_takes_all_that_hangs_on_it(tmp_path: Path) -> None:
    store = stored(tmp_path, "some text")
    store.set_embedder("model")
    store.put_vectors("model", [1, 2], np.eye(2, dtype=np.float32))
    assert store.remove_manual(1).title == "Guide"
    assert store.counts() == (0, 0, 0, 0)
    with pytest.raises(errors.LibraryMissing):
        store.remove_manual(1)
    store.close()


def test_a_restored_backup_that_went_on_is_not_taken_for_the_library_it_was(tmp_path: Path) -> None:
    store = stored(tmp_path, "text")
    backup = sqlite3.connect(tmp_path / "backup.sqlite")
    store._db.backup(backup)
    page = document("one way on")
    store.put_file(1, "b.html", document("one way on", source="b.html"), "d", 1, halves(page))
    went_on = store.state()
    store.close()
    backup.close()
    (tmp_path / "other").mkdir()
    (tmp_path / "backup.sqlite").rename(tmp_path / "other" / FILE)
    restored = Store.open(tmp_path / "other")
    restored.put_file(1, "b.html", document("other way on", source="b.html"), "d", 1, halves(page))
    assert restored.state().generation == went_on.generation
    assert not restored.knows(went_on)
    restored.close()


def test_embeddings_of_two_models_are_never_mixed(tmp_path: Path) -> None:
    store = stored(tmp_path, "some text")
    store.set_embedder("one|query: |mean|2")
    store.put_vectors("one|query: |mean|2", [1], np.ones((1, 2), np.float32))
    with pytest.raises(errors.EmbedderMismatch):
        store.put_vectors("other|query: |mean|2", [2], np.ones((1, 2), np.float32))
    store.set_embedder("other|query: |mean|2")
    assert store.counts()[3] == 0
    store.close()


def test_an_embedding_for_a_passage_removed_meanwhile_is_left_out(tmp_path: Path) -> None:
    store = stored(tmp_path, "some text")
    store.set_embedder("model")
    assert store.put_vectors("model", [1, 99], np.ones((2, 2), np.float32)) == 1
    store.close()


def test_no_library_a_newer_one_and_a_broken_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(errors.LibraryMissing, match="import"):
        Store.open(tmp_path)
    stored(tmp_path, "text").close()
    newer = sqlite3.connect(tmp_path / FILE)
    newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    newer.close()
    with pytest.raises(errors.LibraryNewer, match="newer version"):
        Store.open(tmp_path)
    (tmp_path / FILE).write_bytes(b"this was never a database, but it is long enough to look" * 100)
    with pytest.raises(errors.LibraryDamaged, match="copy"):
        Store.open(tmp_path)


def test_a_library_on_read_only_media_is_read_and_refuses_to_be_written(tmp_path: Path) -> None:
    stored(tmp_path, "some text").close()
    store = Store.open(tmp_path, read_only=True)
    assert store.passage_count() == 2
    with pytest.raises(errors.LibraryUnwritable):
        store.remove_manual(1)
    store.close()


def test_one_writer_at_a_time_and_the_other_is_told_who(tmp_path: Path) -> None:
    import os

    with WriterLock(tmp_path), pytest.raises(errors.LibraryBusy, match=str(os.getpid())), WriterLock(tmp_path):
        pass
    with WriterLock(tmp_path):
        pass

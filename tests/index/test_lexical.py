"""Search by words: on real files, caught up, mended, never a syntax error."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.derived import read_pointer, write_pointer
from index.lexical import Lexical
from index.records import Document, DocumentSection, PassageSpan
from index.store import ManualFacts, Store

FACTS = ManualFacts("Guide", "", "", "/guide")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path, create=True)
    opened.add_manual("group", FACTS)
    put(opened, "ports", "The manager listens on 20243/tcp.", "Ports")
    put(opened, "messages", "The jobnet could not be registered.", "KAVS0243-E")
    put(opened, "stop", "サービスを停止するコマンドです。値は 8 です。", "停止")
    yield opened
    opened.close()


def put(store: Store, name: str, text: str, heading: str) -> None:
    page = Document(f"{name}.html", name, "ja" if name == "stop" else "en", (DocumentSection((heading,), text, ()),))
    store.put_file(1, name, page, text, 1, [[PassageSpan(0, len(text))]])


def found(lexical: Lexical, store: Store, query: str, **options: object) -> list[str]:
    ids = [id_ for id_, _ in lexical.search(query, 10, **options)]  # type: ignore[arg-type]
    held = store.passages(ids)
    return [held[id_].source.removesuffix(".html") for id_ in ids if id_ in held]


@pytest.fixture
def lexical(store: Store, tmp_path: Path) -> Iterator[Lexical]:
    index = Lexical(tmp_path)
    index.bring_up(store)
    yield index
    index.close()


@pytest.mark.parametrize(
    ("query", "source"),
    [
        ("which port does the manager listen on", "ports"),
        ("20243/tcp", "ports"),
        ("KAVS0243-E", "messages"),
        ("kavs0243", "messages"),
        ("registering jobnets", "messages"),
        ("サービスの停止", "stop"),
        ("値", "stop"),
    ],
)
def test_words_identifiers_and_japanese_are_found(lexical: Lexical, store: Store, query: str, source: str) -> None:
    assert found(lexical, store, query)[0] == source


def test_the_command_asked_about_comes_before_the_words_around_it(lexical: Lexical, store: Store) -> None:
    put(store, "submit", "submit -a は予定を登録し、submit -n はすぐに登録します。", "submit:登録する")
    for other in ("report", "status", "backup", "restore", "calendar", "agent"):
        put(store, other, f"オプション | 意味\n-n | {other} -n は時刻を省略します。", f"{other}:オプションの意味")
    lexical.bring_up(store)
    for query in ("submit の -n オプションの意味は?", "submitの-nオプションの意味は何ですか"):
        assert found(lexical, store, query)[0] == "submit"


def test_a_language_can_be_kept_to(lexical: Lexical, store: Store) -> None:
    assert found(lexical, store, "8 20243/tcp", language="ja") == ["stop"]
    assert found(lexical, store, "値 20243/tcp", language="en") == ["ports"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(
    st.text(max_size=60) | st.sampled_from(['"', "a AND", "NOT", "body:", "(((", "*", "^2", "[a TO", "\\", "値" * 500])
)
def test_no_query_is_a_syntax_error(lexical: Lexical, query: str) -> None:
    lexical.search(query, 5)


def test_new_and_removed_passages_are_caught_up_with(lexical: Lexical, store: Store, tmp_path: Path) -> None:
    folder = read_pointer(tmp_path / "lexical.json")
    put(store, "ports", "The manager listens on 30000/tcp now.", "Ports")
    assert not lexical.is_current(store)
    lexical.bring_up(store)
    assert lexical.is_current(store)
    assert found(lexical, store, "30000/tcp") == ["ports"]
    assert found(lexical, store, "20243/tcp") == ["ports"]  # by the part "tcp" of the new text
    assert lexical.ids() == {passage.id for passage in store.passages_after(0)}
    now = read_pointer(tmp_path / "lexical.json")
    assert folder is not None
    assert now is not None
    assert len(now.sums.keys() - folder.sums.keys()) == 1, "what was there already was not made anew"


def test_another_reader_sees_what_was_caught_up(lexical: Lexical, store: Store, tmp_path: Path) -> None:
    reader = Lexical(tmp_path)
    assert reader.search("zebra", 5) == []
    put(store, "zebra", "A zebra.", "Animals")
    lexical.bring_up(store)
    assert len(reader.search("zebra", 5)) == 1
    reader.close()


def test_a_catch_up_that_was_cut_short_is_taken_up_without_doubles(
    store: Store, lexical: Lexical, tmp_path: Path
) -> None:
    path = tmp_path / "lexical.json"
    before = read_pointer(path)
    assert before is not None
    put(store, "new", "Something new.", "New")
    lexical.bring_up(store)
    lexical.close()
    unsettled = json.loads(path.read_text()) | {
        "settled": False,
        "last": before.last,
        "generation": before.generation,
        "mark": before.mark,
    }
    path.write_text(json.dumps(unsettled))  # as if the power went before the pointer was written
    mended = Lexical(tmp_path)
    mended.bring_up(store)
    assert len(mended.search("something", 5)) == 1
    assert mended.is_current(store)
    mended.close()


@pytest.mark.parametrize("wrong", ["pointer gone", "pointer garbage", "folder gone", "file cut", "from elsewhere"])
def test_whatever_is_wrong_with_the_index_it_is_made_anew(
    store: Store, lexical: Lexical, tmp_path: Path, wrong: str
) -> None:
    lexical.close()
    path = tmp_path / "lexical.json"
    pointer = read_pointer(path)
    assert pointer is not None
    folder = tmp_path / pointer.folder
    if wrong == "pointer gone":
        path.unlink()
    elif wrong == "pointer garbage":
        path.write_bytes(b"\0\0\0{")
    elif wrong == "folder gone":
        shutil.rmtree(folder)
    elif wrong == "file cut":
        for file in folder.glob("*.seg"):
            file.write_bytes(file.read_bytes()[:40])
    else:
        write_pointer(path, type(pointer)(pointer.folder, pointer.generation, "another library", 0, pointer.maker))
    put(store, "zebra", "A zebra.", "Animals")
    mended = Lexical(tmp_path)
    mended.bring_up(store)
    assert found(mended, store, "zebra") == ["zebra"]
    assert found(mended, store, "KAVS0243-E")[0] == "messages"
    assert mended.ids() == {passage.id for passage in store.passages_after(0)}
    mended.close()


def test_a_query_longer_than_a_page_is_cut_to_its_rarest_words(lexical: Lexical, store: Store) -> None:
    assert (
        found(lexical, store, "manager " * 50 + " ".join(f"w{i}" for i in range(500)) + " KAVS0243-E")[0] == "messages"
    )

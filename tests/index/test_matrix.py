"""The word index follows the store: whatever is added, taken out, broken or swapped, search finds what is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import matrix
from index.derived import read_pointer
from index.lexical import Lexical
from index.records import Document, DocumentSection, PassageSpan
from index.store import ManualFacts, Store
from tests.conftest import ROOT

WORDS = ["port", "queue", "jobnet", "node", "値", "停止"]


@pytest.fixture(autouse=True)
def no_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here, and waiting for the disk would be most of the time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = new_store(tmp_path)
    yield opened
    opened.close()


def new_store(folder: Path) -> Store:
    store = Store.open(folder, create=True)
    store._db.execute("PRAGMA synchronous = OFF")  # no power is cut here
    for name in ("one", "two"):
        store.add_manual(name, ManualFacts(name, "", "", f"/{name}"))
    return store


def put(store: Store, name: str, *texts: str, manual: int = 1) -> None:
    sections = tuple(DocumentSection((name,), text, ()) for text in texts)
    page = Document(f"{name}.html", name, "en", sections)
    store.put_file(manual, name, page, name, 1, [[PassageSpan(0, len(text))] for text in texts])


def segments(folder: Path) -> list[str]:
    pointer = read_pointer(folder / "lexical.json")
    assert pointer is not None
    return [name for name in pointer.sums if name.endswith(".seg")]


changes = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "remove", "bring up"]),
        st.integers(0, 5),
        st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join), min_size=1, max_size=5),
    ),
    max_size=9,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes)
def test_followed_step_by_step_or_made_anew_the_results_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, list[str]]]
) -> None:
    folder = tmp_path_factory.mktemp("library")
    store, lexical, fresh = new_store(folder), Lexical(folder), Lexical(tmp_path_factory.mktemp("fresh"))
    lexical.bring_up(store)
    for what, number, texts in changes:
        if what == "put":
            put(store, f"page{number}", *texts, manual=1 + number % 2)
        elif what == "remove" and number < 2 and len(store.manuals()) == 2:
            store.remove_manual(1 + number)
            store.add_manual(f"again {len(texts)}", ManualFacts("again", "", "", "/again"))
            break
        else:
            lexical.bring_up(store)
    lexical.bring_up(store)
    fresh.bring_up(store)
    assert lexical.is_current(store)
    assert lexical.ids() == fresh.ids() == {passage.id for passage in store.passages_after(0)}
    assert lexical.damage() == []
    for query in (*WORDS, "port queue jobnet", "値 停止 node"):
        assert lexical.search(query, 5) == fresh.search(query, 5)
        assert lexical.search(query, 5, manuals=[2]) == fresh.search(query, 5, manuals=[2])
    store.close()


def test_many_small_additions_leave_few_files_and_touch_no_large_one(store: Store, tmp_path: Path) -> None:
    lexical = Lexical(tmp_path)
    for number in range(3):
        put(store, f"large{number}", *[f"port {n} w{number}" for n in range(200)])
    lexical.bring_up(store)
    (large,) = segments(tmp_path)
    for number in range(40):
        put(store, f"small{number}", f"jobnet x{number}")
        lexical.bring_up(store)
        assert len(lexical.search(f"x{number}", 5)) == 1
    assert large in segments(tmp_path)
    assert len(segments(tmp_path)) <= 12
    assert len(lexical.ids()) == 640


def test_removed_passages_are_never_found_and_leave_the_files_in_time(store: Store, tmp_path: Path) -> None:
    lexical = Lexical(tmp_path)
    put(store, "gone", *[f"queue {n}" for n in range(30)], manual=2)
    put(store, "here", *[f"queue node {n}" for n in range(20)])
    lexical.bring_up(store)
    (before,) = segments(tmp_path)
    store.remove_manual(2)
    lexical.bring_up(store)
    here = {passage.id for passage in store.passages_after(0)}
    assert {id_ for id_, _ in lexical.search("queue", 99)} == here == lexical.ids()
    assert before not in segments(tmp_path), "most of it was gone: it is written anew without"
    assert lexical.frequency("node") == 20


@pytest.mark.parametrize(
    "wrong",
    [
        "cut",
        "empty",
        "zeros",
        "gone",
        "one too many",
        "list gone",
        "list cut",
        "other fields",
        "pointer cut",
        "flipped",
    ],
)
def test_whatever_is_wrong_with_its_files_it_is_made_anew(store: Store, tmp_path: Path, wrong: str) -> None:
    put(store, "a", "port queue")
    Lexical(tmp_path).bring_up(store)
    pointer = read_pointer(tmp_path / "lexical.json")
    assert pointer is not None
    (segment,) = (tmp_path / pointer.folder).glob("*.seg")
    data = bytearray(segment.read_bytes())
    if wrong == "cut":
        segment.write_bytes(data[:-9])
    elif wrong == "empty":
        segment.write_bytes(b"")
    elif wrong == "zeros":
        segment.write_bytes(bytes(len(data)))
    elif wrong == "gone":
        segment.unlink()
    elif wrong == "one too many":
        shutil.copy(segment, segment.with_name("other.seg"))
    elif wrong == "list gone":
        (segment.parent / matrix.GONE).unlink()
    elif wrong == "list cut":
        (segment.parent / matrix.GONE).write_bytes(b"\x93NUMPY")
    elif wrong == "fields":
        segment.write_bytes(data[:32] + b"\3" + data[33:])
    elif wrong == "pointer cut":
        (tmp_path / "lexical.json").write_text("{")
    else:
        data[48] ^= 1  # the passage's own number
        segment.write_bytes(data)
    lexical = Lexical(tmp_path)
    for number in range(4):  # so many that the first segment is to be joined
        put(store, f"b{number}", "queue node")
        lexical.bring_up(store)
    assert lexical.ids() == {passage.id for passage in store.passages_after(0)}
    assert lexical.damage() == []
    assert len(lexical.search("queue", 9)) == 5


def test_the_index_of_another_library_is_not_taken_for_this_ones(store: Store, tmp_path: Path) -> None:
    put(store, "a", "port queue")
    other = new_store(tmp_path / "other")
    put(other, "b", "zebra")
    Lexical(tmp_path / "other").bring_up(other)
    for path in (tmp_path / "other").glob("lexical*"):
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / path.name)
    lexical = Lexical(tmp_path)
    assert not lexical.is_current(store)
    lexical.bring_up(store)
    assert lexical.search("zebra", 5) == []
    assert len(lexical.search("port", 5)) == 1
    other.close()


def test_without_hard_links_it_is_followed_all_the_same(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(path: object, to: object) -> None:
        raise OSError("this file system has none")

    lexical = Lexical(tmp_path)
    put(store, "a", "port queue")
    lexical.bring_up(store)
    monkeypatch.setattr(os, "link", no_links)
    put(store, "b", "queue node")
    lexical.bring_up(store)
    assert len(lexical.search("queue", 5)) == 2
    assert lexical.damage() == []


WRITER = """
import sys
from pathlib import Path
from index.lexical import Lexical
from index.records import Document, DocumentSection, PassageSpan
from index.store import Store
folder = Path(sys.argv[1])
store, lexical = Store.open(folder), Lexical(folder)
for number in range(40):
    page = Document("b.html", "b", "en", (DocumentSection((), f"queue n{number}", ()),))
    store.put_file(1, "b", page, str(number), 1, [[PassageSpan(0, len(page.sections[0].text))]])
    lexical.bring_up(store, anew=number % 3 == 0)
    print(number, flush=True)
"""


def test_while_one_process_rebuilds_it_another_finds_every_state_whole(store: Store, tmp_path: Path) -> None:
    put(store, "a", *["port queue"] * 5)
    Lexical(tmp_path).bring_up(store)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
    lexical, met = Lexical(tmp_path), set()
    while writer.poll() is None:
        met.add(len(lexical.search("port", 99)))
        met.add(len(lexical.search("port", 99)))
        assert len(lexical.search("queue", 99)) in (5, 6)
    assert writer.returncode == 0
    assert met == {5}
    assert len(lexical.search("n39", 5)) == 1
    assert writer.stdout is not None
    writer.stdout.close()


def test_a_folder_that_can_not_be_written_is_searched(store: Store, tmp_path: Path) -> None:
    put(store, "a", "port queue")
    Lexical(tmp_path).bring_up(store)
    places = [tmp_path, *tmp_path.glob("lexical-*")]
    for place in places:
        place.chmod(0o555)
    try:
        assert len(Lexical(tmp_path).search("port", 5)) == 1
    finally:
        for place in places:
            place.chmod(0o755)

"""What people do to a library's folder: copied over, moved, deleted, replaced, in odd places, at odd times."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from index import errors
from index.backups import backups
from index.database import FILE
from index.library import Library
from tests.conftest import ROOT, Tebiki
from tests.index.small_manuals import bring_in, many_pages, write_manual


@pytest.fixture
def library(tmp_path: Path) -> Path:
    bring_in(tmp_path / "library", write_manual(tmp_path / "guide", many_pages(6, words=10)))
    return tmp_path / "library"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    pages = {name: text.replace("topic", "theme") for name, text in many_pages(9, words=10).items()}
    bring_in(tmp_path / "other", write_manual(tmp_path / "others", pages))
    return tmp_path / "other"


def whole(library: Path, word: str, source: str) -> bool:
    with Library.open(library) as opened:
        return opened.verify() == [] and opened.search(word, 1)[0].passage.source == source


def killed_while_open(library: Path, do: str) -> None:
    """Leave a log behind, as a process does that is killed after `do`."""
    script = (
        "import os, sys; from pathlib import Path; from index.library import Library\n"
        f"opened = Library.open(Path(sys.argv[1])); {do}; os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, library], cwd=ROOT, check=False)
    assert (library / f"{FILE}-wal").stat().st_size > 0


# -- copied, moved, restored by hand -----------------------------------------------------------------------------------


def test_a_library_copied_over_another_is_the_one_that_was_copied(library: Path, other: Path) -> None:
    shutil.copytree(other, library, dirs_exist_ok=True)
    assert whole(library, "theme00004", "page004.html")
    with Library.open(library) as opened:
        assert opened.search("topic00004") == []


def test_only_the_database_of_another_library_copied_in_is_followed(library: Path, other: Path) -> None:
    shutil.copy(other / FILE, library)
    assert whole(library, "theme00004", "page004.html")


def test_two_libraries_with_the_same_history_do_not_take_each_others_files(tmp_path: Path) -> None:
    manual = write_manual(tmp_path / "guide", many_pages(6, words=10))
    one, two = tmp_path / "one", tmp_path / "two"
    for library in (one, two):
        bring_in(library, manual)
    with Library.open(one) as opened:
        opened.remove(opened.manuals()[0].id)
    bring_in(one, write_manual(tmp_path / "guide", many_pages(6, words=10)))
    for name in ("lexical.json", *(path.name for path in one.glob("lexical-*"))):
        (shutil.copytree if (one / name).is_dir() else shutil.copy)(one / name, two / name)
    assert whole(two, "topic00004", "page004.html")


def test_a_moved_or_renamed_library_is_the_same(library: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "renamed"
    place.parent.mkdir()
    before = {path.name for path in library.glob("lexical-*")}
    library.rename(place)
    assert whole(place, "topic00004", "page004.html")
    assert {path.name for path in place.glob("lexical-*")} == before, "nothing was made anew"


def test_an_older_copy_put_back_by_hand_and_gone_on_with_is_followed(library: Path, tmp_path: Path) -> None:
    shutil.copy(library / FILE, tmp_path / "copy")
    bring_in(library, write_manual(tmp_path / "second", {"a.md": "# A\n\nThe firstword is here.\n"}))
    shutil.copy(tmp_path / "copy", library / FILE)
    bring_in(library, write_manual(tmp_path / "third", {"b.md": "# B\n\nThe secondword is here.\n"}))
    assert whole(library, "secondword", "b.md")
    with Library.open(library) as opened:
        assert opened.search("firstword") == []


def test_a_log_left_by_another_library_is_refused_rather_than_played_in(library: Path, other: Path) -> None:
    killed_while_open(library, "opened.remove(1)")
    content = (other / FILE).read_bytes()
    shutil.copy(other / FILE, library)
    with pytest.raises(errors.LibraryDamaged, match="left by another library: move it away"):
        Library.open(library)
    assert (library / FILE).read_bytes() == content
    (library / f"{FILE}-wal").unlink()
    assert whole(library, "theme00004", "page004.html")


def test_its_own_log_left_by_a_killed_process_counts(library: Path) -> None:
    killed_while_open(library, "opened.remove(1)")
    with Library.open(library) as opened:
        assert opened.manuals() == []
        assert opened.verify() == []


# -- gone --------------------------------------------------------------------------------------------------------------


def test_a_log_without_its_database_is_not_played_into_a_new_one(library: Path, tmp_path: Path, tebiki: Tebiki) -> None:
    killed_while_open(library, "opened.remove(1)")
    (library / FILE).unlink()
    shutil.rmtree(library / "backups")
    for call in (["search", "x"], ["import", tmp_path / "guide"]):
        told = tebiki(*call, "--library", library)
        assert told.status == 1
        assert "is gone, but library.sqlite-wal is there" in told.reason


def test_a_database_that_was_deleted_is_not_replaced_by_an_empty_one_while_there_are_backups(
    library: Path, tmp_path: Path, tebiki: Tebiki
) -> None:
    (library / FILE).unlink()
    told = tebiki("import", tmp_path / "guide", "--library", library)
    assert told.status == 1
    assert "tebiki library restore" in told.reason
    assert tebiki("library", "restore", "--library", library).status == 0
    assert whole(library, "topic00004", "page004.html")


def test_a_folder_deleted_while_the_library_is_open_is_said_to_be_gone(library: Path) -> None:
    with Library.open(library) as opened:
        shutil.rmtree(library)
        with pytest.raises(errors.LibraryMoved, match="is gone: its folder was moved or deleted"):
            opened.search("topic00004")
        with pytest.raises(errors.TebikiError):
            opened.remove(1)


def test_a_database_replaced_while_it_is_open_is_followed(library: Path, other: Path) -> None:
    with Library.open(library) as opened:
        assert opened.search("topic00004")
        (library / FILE).unlink()
        shutil.copy(other / FILE, library)
        assert opened.search("theme00004", 1)[0].passage.source == "page004.html"
        assert opened.verify() == []


def test_nothing_is_written_into_a_database_that_was_replaced(library: Path, other: Path) -> None:
    with Library.open(library) as opened:
        Path(shutil.copy(other / FILE, library / "new")).replace(library / FILE)
        with pytest.raises(errors.LibraryMoved, match="replaced or moved"), opened.store.transaction():
            pass


# -- odd places --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "手引き ライブラリ 50% #1 ?mode=ro&x=1",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("with  two spaces ", "d" * 200, "-dash", "quote'\"s")
        ),
    ],
)
def test_a_library_lives_in_any_folder(name: str, tmp_path: Path, tebiki: Tebiki) -> None:
    folder = tmp_path / name / "library"
    manual = write_manual(tmp_path / "guide", many_pages(2, words=5))
    assert tebiki("import", manual, "--library", folder).status == 0
    bring_in(folder, write_manual(tmp_path / "more", many_pages(1)))
    assert whole(folder, "topic00001", "page001.html")
    assert backups(folder)
    told = tebiki("library", "restore", "--library", folder)
    assert told.status == 0, told.err
    assert whole(folder, "topic00001", "page001.html")


def test_a_path_that_is_too_long_is_said_to_be(tmp_path: Path, tebiki: Tebiki) -> None:
    folder = tmp_path.joinpath(*["d" * 120] * 5)
    told = tebiki("import", write_manual(tmp_path / "guide"), "--library", folder)
    assert (told.status, "too long a path" in told.reason) == (1, True)


def test_what_is_no_library_is_left_alone(tmp_path: Path, tebiki: Tebiki) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    with closing(sqlite3.connect(foreign / FILE)) as db:
        db.execute("CREATE TABLE bookmarks (url)")
    content = (foreign / FILE).read_bytes()
    (tmp_path / "folder" / FILE).mkdir(parents=True)
    (tmp_path / "file").write_text("no folder")
    manual = write_manual(tmp_path / "guide")
    for place, said in (("foreign", "not a library"), ("folder", "is no file"), ("file", "name another")):
        told = tebiki("import", manual, "--library", tmp_path / place)
        assert (told.status, said in told.reason) == (1, True), told.err
    assert (foreign / FILE).read_bytes() == content


# -- odd times, and two at once ----------------------------------------------------------------------------------------

# The program with a clock that is so many days off.
JUMPED = """
import datetime, runpy, sys, time
shift = datetime.timedelta(days=int(sys.argv.pop(1)))
class Jumped(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + shift
datetime.datetime = Jumped
real = time.time
time.time = lambda: real() + shift.total_seconds()
runpy.run_module("desktop", run_name="__main__")
"""


def at(days: int, *arguments: str | Path) -> None:
    command = [sys.executable, "-c", JUMPED, str(days), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_clock_that_jumps_changes_nothing_but_what_is_shown(tmp_path: Path) -> None:
    library, manual = tmp_path / "library", tmp_path / "guide"
    for number, days in enumerate((4000, -4000, 0)):
        write_manual(manual, {"a.md": f"# A\n\nThis is edition{number:05} of it.\n"})
        at(days, "import", manual, "--library", library)
        assert whole(library, f"edition{number:05}", "a.md")
    made = backups(library)
    assert [one.serial for one in made] == [3, 2, 1]
    assert made[1].made_on < made[2].made_on
    at(-9000, "library", "restore", "--library", library)
    assert whole(library, "edition00002", "a.md")


def test_two_windows_on_one_library_see_what_the_other_does(library: Path, tmp_path: Path) -> None:
    with Library.open(library) as one, Library.open(library) as two:
        bring_in(library, write_manual(tmp_path / "second", {"a.md": "# A\n\nThe newword is here.\n"}))
        assert [window.search("newword", 1)[0].passage.source for window in (one, two)] == ["a.md", "a.md"]
        removed = next(manual.id for manual in one.manuals() if manual.files == 6)
        one.remove(removed)
        assert two.search("topic00004") == []
        with pytest.raises(errors.LibraryMissing, match="no manual"):
            two.remove(removed)
        two.rebuild()
        assert one.search("newword", 1)[0].passage.source == "a.md"
        assert one.verify() == two.verify() == []


def test_of_two_imports_at_once_one_waits_or_is_told_who_writes(tmp_path: Path) -> None:
    library = tmp_path / "library"
    manuals = []
    for number in range(3):
        pages = {name: text.replace("topic", f"topic{number}") for name, text in many_pages(25, words=60).items()}
        manuals.append(write_manual(tmp_path / f"guide{number}", pages))
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "desktop", "import", manual, "--library", library],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for manual in manuals
    ]  # fmt: skip
    told = [child.communicate()[1] for child in children]
    for child, err in zip(children, told, strict=True):
        assert child.returncode == 0 or "is writing the library" in err, err
    for manual in manuals:
        bring_in(library, manual)
    with Library.open(library) as opened:
        assert opened.verify() == []
        assert [manual.files for manual in opened.manuals()] == [25, 25, 25]

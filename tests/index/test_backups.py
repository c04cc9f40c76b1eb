"""Backups: consistent while others write, checked, whole or not there, and put back without destroying anything."""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from index import backups, errors, schema
from index.database import FILE
from index.library import Library
from index.writer_lock import WriterLock
from tests.conftest import ROOT, Tebiki
from tests.index.small_manuals import Hashed, bring_in, many_pages, write_manual


@pytest.fixture
def library(tmp_path: Path) -> Path:
    bring_in(tmp_path / "library", write_manual(tmp_path / "guide", many_pages(8, words=20)))
    return tmp_path / "library"


def sources(library: Path) -> list[str]:
    with Library.open(library) as opened:
        assert opened.verify() == []
        return [source for manual in opened.manuals() for source in opened.sources(manual.id)]


def test_an_import_leaves_a_backup_of_what_it_brought(library: Path) -> None:
    (made,) = backups.backups(library)
    assert backups.damage(made.file) == []
    with closing(sqlite3.connect(made.file)) as db:
        assert db.execute("SELECT count(*) FROM passages").fetchone() == (16,)


def test_the_sum_beside_a_backup_is_one_that_sha256sum_checks(library: Path) -> None:
    (made,) = backups.backups(library)
    noted = Path(f"{made.file}.sha256").read_text(encoding="utf-8")
    assert noted == f"{hashlib.sha256(made.file.read_bytes()).hexdigest()}  {made.file.name}\n"


def test_there_is_one_automatic_backup_a_day_and_the_newest_few_are_kept(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_in(library, write_manual(tmp_path / "second", many_pages(2)))
    assert len(backups.backups(library)) == 1
    for day in ("20991123", "20991124", "20981224", "20991125"):  # a clock that was set back makes no difference
        monkeypatch.setattr(backups, "_today", lambda day=day: day)
        assert backups.after_import(library) == ""
        assert backups.after_import(library) == ""
    kept = backups.backups(library)
    assert [(one.serial, one.made_on) for one in kept] == [(5, "20991125"), (4, "20981224"), (3, "20991124")]
    assert sorted(path.suffix for path in kept[0].file.parent.iterdir()) == [
        ".lock",
        *[".sha256"] * 3,
        *[".sqlite"] * 3,
    ]


def test_before_a_manual_is_removed_there_is_a_backup_of_it(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "_today", lambda: "20301231")
    with Library.open(library) as opened:
        opened.remove(opened.manuals()[0].id)
    assert sources(library) == []
    backups.restore(library)
    assert len(sources(library)) == 8


def test_before_a_schema_is_brought_up_to_date_there_is_a_backup_that_the_version_before_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as db, monkeypatch.context() as patch:
        patch.setattr(schema, "SCHEMA_VERSION", 1)
        schema.migrate(db, 0)
        db.execute(
            "INSERT INTO manuals (group_key, title, language, product, version, root, added_at)"
            " VALUES ('g', 'Old', 'en', '', '', '', '')"
        )
    with Library.open(folder) as opened:
        assert [manual.title for manual in opened.manuals()] == ["Old"]
        assert opened.verify() == []
    (made,) = backups.backups(folder)
    with closing(sqlite3.connect(made.file)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert backups.damage(made.file) == []


def test_a_backup_made_while_another_process_imports_is_one_moment_of_it(library: Path, tmp_path: Path) -> None:
    manual = write_manual(tmp_path / "large", many_pages(60, words=200))
    command = [sys.executable, "-m", "desktop", "import", manual, "--library", library]
    writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    held = []
    while writer.poll() is None:
        made = backups.make(library, tmp_path / "copies" / f"{len(held)}.sqlite")
        assert backups.damage(made.file) == []
        with closing(sqlite3.connect(made.file)) as db:
            held.append(db.execute("SELECT count(*) FROM files").fetchone()[0])
    assert writer.returncode == 0
    assert held == sorted(held)
    assert held[0] == 8


def test_restore_keeps_what_was_there_and_brings_what_the_backup_held(library: Path, tmp_path: Path) -> None:
    copy = backups.make(library, tmp_path / "copy.sqlite").file
    bring_in(library, write_manual(tmp_path / "second", many_pages(3)))
    restored = backups.restore(library, copy)
    assert restored.aside is not None
    assert re.fullmatch(rf"{FILE}\.before-restore-\d{{8}}T\d{{6}}Z(-\d+)?", restored.aside.name)
    assert len(sources(library)) == 8
    second = backups.restore(library, restored.aside)
    assert second.aside not in (None, restored.aside)
    assert len(sources(library)) == 11


def test_what_lies_in_the_log_of_a_killed_process_is_kept_by_restore_and_not_played_into_the_backup(
    library: Path, tmp_path: Path
) -> None:
    copy = backups.make(library, tmp_path / "copy.sqlite").file
    script = (
        "import os, signal, sys; from pathlib import Path; from index.library import Library\n"
        "library = Library.open(Path(sys.argv[1])); library.remove(1); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, library], cwd=ROOT, check=False)
    assert (library / f"{FILE}-wal").stat().st_size > 0
    restored = backups.restore(library, copy)
    assert len(sources(library)) == 8
    assert restored.aside is not None
    with closing(sqlite3.connect(restored.aside)) as db:
        assert db.execute("SELECT count(*) FROM manuals").fetchone() == (0,), "the removal was reported done"


def test_embeddings_of_the_same_text_come_along_from_what_was_set_aside(library: Path) -> None:
    made = backups.make(library, embeddings=False)
    with Library.open(library, embedder=Hashed()) as opened:
        opened.embed(lambda progress: None, lambda: False)
        whole = opened.search("word5 on page 3", 5)
    with closing(sqlite3.connect(library / FILE)) as db, db:
        db.execute("UPDATE embeddings SET vector = zeroblob(128) WHERE id = 4")
        db.execute("UPDATE sections SET text = replace(text, 'topic00003', 'topic00004')")
    backups.restore(library, made.file)
    with Library.open(library, embedder=Hashed()) as opened:
        assert opened.verify() == []
        assert opened.counts.embedded == opened.counts.passages - 1
        opened.embed(lambda progress: None, lambda: False)
        assert opened.search("word5 on page 3", 5) == whole


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "not a library", "gone", "newer"])
def test_a_backup_that_is_not_whole_is_refused_and_nothing_changes(library: Path, tmp_path: Path, harm: str) -> None:
    bad = backups.make(library, tmp_path / "copy.sqlite").file
    content = bad.read_bytes()
    match harm:
        case "cut":
            bad.write_bytes(content[:-4096])
        case "flipped":
            place = content.index(b"topic00003")
            bad.write_bytes(content[:place] + b"T" + content[place + 1 :])
        case "empty":
            bad.write_bytes(b"")
        case "not a library":
            bad.write_bytes(b"no library at all" * 500)
        case "gone":
            bad.unlink()
        case _:
            with closing(sqlite3.connect(bad)) as db:
                db.execute("PRAGMA user_version = 999")
    for without_sum in (False, True):
        if without_sum:
            Path(f"{bad}.sha256").unlink()
        with pytest.raises(errors.LibraryDamaged, match="Nothing was put back"):
            backups.restore(library, bad)
    assert len(sources(library)) == 8
    assert not list(library.glob("*before-restore*"))


def test_a_damaged_truth_gives_no_backup_and_pushes_no_good_one_out(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(library / FILE)) as db, db:
        db.execute("UPDATE sections SET text = replace(text, 'topic00003', 'topic00004')")
    monkeypatch.setattr(backups, "_today", lambda: "20301231")
    assert "damaged" in backups.after_import(library)
    with pytest.raises(errors.LibraryDamaged, match="was not copied"):
        backups.make(library)
    assert [one.serial for one in backups.backups(library)] == [1]


def test_without_room_the_automatic_backup_is_left_out_with_a_note(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "_today", lambda: "20301231")
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - 10**6, 10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert "less than 100 MB left" in backups.after_import(library)
    assert len(backups.backups(library)) == 1


def test_while_another_process_writes_nothing_is_put_back(library: Path) -> None:
    with WriterLock(library), pytest.raises(errors.LibraryBusy, match="wait until it is done"):
        backups.restore(library)
    assert len(sources(library)) == 8


def test_an_open_library_follows_when_a_backup_is_put_back(library: Path, tmp_path: Path) -> None:
    copy = backups.make(library, tmp_path / "copy.sqlite").file
    with Library.open(library) as window:
        window.remove(window.manuals()[0].id)
        assert window.search("topic00003") == []
        backups.restore(library, copy)
        assert window.search("topic00003", 1)[0].passage.source == "page003.html"
        window.remove(window.manuals()[0].id)
    assert sources(library) == []


def test_a_backup_is_a_way_to_move_a_library(library: Path, tmp_path: Path) -> None:
    copy = backups.make(library, tmp_path / "copy.sqlite").file
    backups.restore(tmp_path / "new place", copy)
    assert len(sources(tmp_path / "new place")) == 8


def test_the_message_on_a_damaged_truth_names_the_newest_good_backup_and_its_command_mends_it(
    library: Path, tebiki: Tebiki
) -> None:
    tebiki("library", "backup", "--library", library)
    newest, older = backups.backups(library)
    newest.file.write_bytes(newest.file.read_bytes()[:-1])
    (library / FILE).write_bytes(b"\0" * 5000)
    told = tebiki("search", "topic00003", "--library", library)
    assert told.status == 1
    assert str(older.file) in told.reason
    command = told.reason.split("with: tebiki ")[1].rstrip(".").split()
    assert tebiki(*command).status == 0
    assert tebiki("search", "topic00003", "--library", library, "--json").json[0]["source"] == "page003.html"


def test_the_command_line_makes_lists_and_restores_backups(library: Path, tebiki: Tebiki, tmp_path: Path) -> None:
    made = tebiki("library", "backup", tmp_path / "mine.sqlite", "--library", library, "--json").json
    assert Path(made["file"]) == tmp_path / "mine.sqlite"
    again = tebiki("library", "backup", tmp_path / "mine.sqlite", "--library", library)
    assert (again.status, "exists already" in again.reason) == (1, True)
    listed = tebiki("library", "backups", "--library", library, "--json").json
    assert [(one["whole"], one["damage"]) for one in listed] == [(True, [])]
    restored = tebiki("library", "restore", "--library", library, "--json").json
    assert restored["passages"] == 16

"""Manuals in: once, again, changed, moved, cancelled, broken."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from pathlib import Path

import pytest

from index import errors
from index.importing import import_manuals
from index.library import Library
from index.manual_facts import facts_of
from index.records import ImportProgress
from index.store import StoredFile
from index.writer_lock import WriterLock
from tests.index.small_manuals import MESSAGES, PORTS, bring_in, many_pages, write_manual


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


def sources(library: Path) -> dict[str, list[str]]:
    with Library.open(library) as opened:
        return {manual.title: opened.sources(manual.id) for manual in opened.manuals()}


def test_a_folder_of_pages_is_one_manual_and_found_at_once(tmp_path: Path, library: Path) -> None:
    report = bring_in(library, write_manual(tmp_path / "guide"))
    assert (report.manuals, report.unchanged, report.skipped, report.cancelled) == (1, 0, (), False)
    assert report.passages >= report.sections >= 4
    assert sources(library) == {"Example Scheduler": ["messages.html", "ports.html"]}
    with Library.open(library) as opened:
        assert opened.search("KAVS0243-E")[0].passage.heading == ("Messages", "KAVS0243-E")
        assert opened.verify() == []


def test_the_same_files_again_are_a_no_op(tmp_path: Path, library: Path) -> None:
    guide = write_manual(tmp_path / "guide")
    bring_in(library, guide)
    before = (library / "library.sqlite").stat().st_size
    again = bring_in(library, guide)
    assert (again.manuals, again.sections, again.passages, again.unchanged) == (0, 0, 0, 2)
    assert (library / "library.sqlite").stat().st_size == before
    assert bring_in(library, tmp_path).unchanged == 2, "also from the folder above"


def test_a_changed_file_is_replaced_and_its_neighbours_stay(tmp_path: Path, library: Path) -> None:
    guide = write_manual(tmp_path / "guide")
    bring_in(library, guide)
    write_manual(guide, {"ports.html": PORTS.replace("20243/tcp", "31415/tcp")})
    report = bring_in(library, guide)
    assert (report.manuals, report.unchanged) == (1, 1)
    with Library.open(library) as opened:
        assert "31415/tcp" in opened.search("31415/tcp")[0].passage.text
        assert "20243/tcp" not in opened.source_text(1, "ports.html")
        assert opened.verify() == []
    assert sources(library) == {"Example Scheduler": ["messages.html", "ports.html"]}


def test_a_page_and_its_packed_copy_are_one_page(tmp_path: Path, library: Path) -> None:
    guide = write_manual(tmp_path / "guide")
    packed = guide / "ports.html.gz"
    packed.write_bytes(gzip.compress((guide / "ports.html").read_bytes()))
    (guide / "ports.html").unlink()
    bring_in(library, guide)
    (guide / "ports.html").write_bytes(gzip.decompress(packed.read_bytes()))
    assert bring_in(library, guide).skipped == ()
    assert sources(library) == {"Example Scheduler": ["messages.html", "ports.html"]}


def test_a_file_that_vanished_from_the_folder_stays(tmp_path: Path, library: Path) -> None:
    guide = write_manual(tmp_path / "guide")
    bring_in(library, guide)
    (guide / "ports.html").unlink()
    bring_in(library, guide)
    assert sources(library) == {"Example Scheduler": ["messages.html", "ports.html"]}


def test_a_manual_moved_elsewhere_is_still_the_same_manual(tmp_path: Path, library: Path) -> None:
    bring_in(library, write_manual(tmp_path / "guide"))
    shutil.move(tmp_path / "guide", tmp_path / "elsewhere")
    assert bring_in(library, tmp_path / "elsewhere").unchanged == 2
    with Library.open(library) as opened:
        (manual,) = opened.manuals()
    assert manual.root == str(tmp_path / "elsewhere")


def test_the_next_edition_beside_it_is_a_manual_of_its_own(tmp_path: Path, library: Path) -> None:
    bring_in(library, write_manual(tmp_path / "v12"))
    report = bring_in(library, write_manual(tmp_path / "v13", {"ports.html": PORTS + " ", "messages.html": MESSAGES}))
    assert report.unchanged == 0
    with Library.open(library) as opened:
        assert len(opened.manuals()) == 2


def test_a_zip_is_imported_and_recognised_again(tmp_path: Path, library: Path) -> None:
    packed = tmp_path / "guide.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("guide/ports.html", PORTS)
        archive.writestr("guide/messages.html", MESSAGES)
    assert bring_in(library, packed).manuals == 1
    assert bring_in(library, packed).unchanged == 2
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("guide/ports.html", PORTS.replace("20243", "31415"))
        archive.writestr("guide/messages.html", MESSAGES)
    assert bring_in(library, packed).unchanged == 1


def test_a_broken_file_costs_itself_and_is_named_with_a_reason(tmp_path: Path, library: Path) -> None:
    guide = write_manual(tmp_path / "guide")
    (guide / "broken.pdf").write_bytes(b"%PDF-1.7 not really")
    (guide / "empty.html").write_text("")
    report = bring_in(library, guide)
    assert report.manuals == 1
    assert {Path(skipped.path).name for skipped in report.skipped} == {"broken.pdf", "empty.html"}
    assert all(skipped.reason for skipped in report.skipped)


def test_an_import_of_nothing_readable_reports_every_file(tmp_path: Path, library: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 not really")
    report = bring_in(library, tmp_path / "broken.pdf")
    assert (report.manuals, report.unchanged, len(report.skipped)) == (0, 0, 1)
    with pytest.raises(errors.NothingToImport):
        bring_in(library, tmp_path / "missing")


def test_progress_goes_through_the_stages_and_names_the_file_at_hand(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.importing.GROUP_SECONDS", 0.0)
    seen: list[ImportProgress] = []
    guide = write_manual(tmp_path / "guide")
    import_manuals(library, [guide], progress=seen.append, cancelled=lambda: False, wait_embeddings=True)
    assert list(dict.fromkeys(progress.stage for progress in seen)) == ["listing", "reading", "indexing", "embedding"]
    reading = [progress for progress in seen if progress.stage == "reading"]
    assert [progress.done for progress in reading] == [0, 1, 2]
    assert {progress.current for progress in reading[:2]} == {"messages.html", "ports.html"}
    last = seen[-1]
    assert last.done == last.total > 0


def test_a_cancelled_import_keeps_what_it_stored_and_is_taken_up_later(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.importing.GROUP_SECONDS", 0.0)
    guide = write_manual(tmp_path / "guide", many_pages(10, words=5))
    done: list[int] = []
    report = import_manuals(
        library, [guide], progress=lambda progress: done.append(progress.done), cancelled=lambda: max(done) >= 3
    )
    assert report.cancelled
    with Library.open(library) as opened:
        assert opened.manuals()[0].files == 4
        assert opened.search("topic00000")[0].passage.source == "page000.html"
        assert opened.verify() == []
    again = bring_in(library, guide)
    assert (again.unchanged, again.manuals) == (4, 1)


def test_a_manual_cut_short_has_its_name_and_language_all_the_same(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.importing.GROUP_SECONDS", 0.0)
    page = "---\nmanual: 運用の手引\n---\n# {0}\n\nサービス{0}を開始するには、コマンドを実行します。\n"
    guide = write_manual(tmp_path / "guide", {f"{name}.md": page.format(name) for name in "abc"})
    done = [0]
    import_manuals(
        library, [guide], progress=lambda progress: done.append(progress.done), cancelled=lambda: max(done) >= 1
    )
    with Library.open(library) as opened:
        (manual,) = opened.manuals()
    assert (manual.title, manual.language, manual.files) == ("運用の手引", "ja", 2)


def test_search_finds_new_files_while_the_import_still_runs(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.importing.REFRESH_SECONDS", 0.0)
    monkeypatch.setattr("index.importing.GROUP_SECONDS", 0.0)
    found: list[bool] = []
    with Library.create(library) as window:

        def look(progress: ImportProgress) -> None:
            if progress.stage == "reading" and progress.done == 3:
                found.append(bool(window.search("topic00001")))

        guide = write_manual(tmp_path / "guide", many_pages(5, words=5))
        import_manuals(library, [guide], progress=look, cancelled=lambda: False)
        assert found == [True]
        assert window.search("topic00004"), "the open library sees the rest too"


def test_a_second_import_at_the_same_time_is_told_who_is_writing(tmp_path: Path, library: Path) -> None:
    guide = write_manual(tmp_path / "guide")
    library.mkdir()
    with WriterLock(library), pytest.raises(errors.LibraryBusy, match="wait"):
        bring_in(library, guide)


def file(name: str, title: str, **meta: str) -> StoredFile:
    return StoredFile(1, name, name, "", title, meta)


@pytest.mark.parametrize(
    ("files", "group", "title"),
    [
        ([file("a.md", "A", manual="Guide"), file("b.md", "B")], "/x/docs", "Guide"),
        ([file("a.html", "sbatch - Slurm"), file("b.html", "srun - Slurm")], "/x/docs", "Slurm"),
        ([file("a.html", "Slurm: sbatch"), file("b.html", "Slurm : srun")], "/x/html", "x"),
        ([file("index.html", "The Guide"), file("b.html", "Ports")], "/x/html", "The Guide"),
        ([file("index.html", "Contents"), file("b.html", "Ports")], "/srv/scheduler/13.0/html", "scheduler"),
        ([file("index.html", "目次"), file("b.html", "Ports")], "/srv/guide.zip!/html", "guide"),
        ([file("report.pdf", "")], "/srv/report.pdf", "report"),
        ([file("report.pdf", "The report")], "/srv/report.pdf", "The report"),
    ],
)
def test_a_manual_is_named_by_what_its_files_say(files: list[StoredFile], group: str, title: str) -> None:
    assert facts_of(files, group, "/srv").title == title


def test_product_and_version_come_from_the_files(tmp_path: Path, library: Path) -> None:
    page = "---\nmanual: Operations Guide\nproduct: Scheduler\nversion: 13-00\n---\n# Start\n\nStart the service.\n"
    write_manual(tmp_path / "guide", {"start.md": page})
    bring_in(library, tmp_path / "guide")
    with Library.open(library) as opened:
        (manual,) = opened.manuals()
    assert (manual.title, manual.product, manual.version) == ("Operations Guide", "Scheduler", "13-00")


@pytest.mark.parametrize(
    ("pages", "product", "version"),
    [
        ([("Suite/Scheduler", "12"), ("Suite/Monitor", "12")], "Suite", "12"),
        ([("Suite/Scheduler", "12"), ("Suite/Scheduler", "13")], "Suite/Scheduler", ""),
        ([("Scheduler", "12"), ("Schedule", "12, 13")], "", ""),
        ([("Suite/Scheduler", "12"), ("", "")], "Suite/Scheduler", "12"),
        ([("", ""), ("", "")], "", ""),
    ],
)
def test_of_a_manual_is_said_only_what_holds_for_all_its_pages(
    pages: list[tuple[str, str]], product: str, version: str
) -> None:
    files = [
        StoredFile(1, f"{n}.md", f"{n}.md", "", "", {"product": of, "version": edition})
        for n, (of, edition) in enumerate(pages)
    ]
    facts = facts_of(files, "/srv/guide", "/srv")
    assert (facts.product, facts.version) == (product, version)


def test_a_real_manual_comes_in_whole(slurm_manual: Path, library: Path) -> None:
    report = bring_in(library, slurm_manual)
    assert report.passages > 3_000
    with Library.open(library) as opened:
        assert "Slurm Workload Manager" in {manual.title for manual in opened.manuals()}
        assert opened.verify() == []
        assert opened.search("--requeue")[0].passage.heading[-1].startswith("--requeue")
    assert bring_in(library, slurm_manual).passages == 0

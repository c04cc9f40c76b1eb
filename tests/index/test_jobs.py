"""Imports as jobs: killed, paused, cancelled, resumed; what was reported done is done, whatever ended the process."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from index import errors
from index.importing import import_manuals, resume_import
from index.jobs import ImportJob, Jobs
from index.library import Library
from index.records import ImportProgress, ImportReport
from index.store import Store
from index.writer_lock import WriterLock, writing_process
from tests.conftest import ROOT
from tests.index.small_manuals import PORTS, bring_in, many_pages, write_manual

TABLES = {
    "manuals": "SELECT id, group_key, title, language, product, version, root FROM manuals ORDER BY id",
    "files": "SELECT manual_id, name, source, digest, bytes, title, language, meta FROM files ORDER BY manual_id, name",
    "sections": "SELECT f.name, s.ordinal, s.heading, s.anchor, s.page, s.start, s.text, s.blocks"
    " FROM sections s JOIN files f ON f.id = s.file_id ORDER BY s.id",
    "passages": 'SELECT s.ordinal, p.ordinal, p.start, p."end", p.context'
    " FROM passages p JOIN sections s ON s.id = p.section_id ORDER BY p.id",
    "jobs": "SELECT state, waiting, stored, unchanged, skipped FROM jobs",
    "job_files": "SELECT path, entry, source, state, reason FROM job_files ORDER BY ordinal",
}
# A few files to a transaction, as on a machine so slow that a group holds no more.
CHILD = """
import sys
from pathlib import Path
import index.importing as importing
importing.GROUP_SECONDS = float(sys.argv[3])
importing.import_manuals(Path(sys.argv[1]), [Path(sys.argv[2])], cancelled=lambda: False,
    progress=lambda p: print(p.stage, p.done, flush=True))
print("ended", 0, flush=True)
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def manuals(tmp_path: Path) -> Path:
    """Two folders of pages, a ZIP, and two files that can't be read."""
    root = tmp_path / "manuals"
    pages = many_pages(20, words=40)
    write_manual(root / "one", dict(list(pages.items())[:12]))
    write_manual(root / "two", dict(list(pages.items())[12:]))
    with zipfile.ZipFile(root / "three.zip", "w") as packed:
        for name, text in many_pages(5, words=30).items():
            packed.writestr(f"three/{name}", text)
    (root / "one" / "broken.docx").write_bytes(b"PK not really")
    (root / "two" / "old.doc").write_bytes(b"not read")
    return root


def held(library: Path) -> dict[str, list[tuple[object, ...]]]:
    """What the library holds, without the times at which and the numbers under which it came to hold it."""
    with closing(sqlite3.connect(library / "library.sqlite")) as db:
        return {table: db.execute(select).fetchall() for table, select in TABLES.items()}


def jobs_of(library: Path) -> list[ImportJob]:
    with closing(Store.open(library)) as store:
        return Jobs(store).history()


def stopped_after(library: Path, paths: list[Path], count: int) -> ImportReport:
    """Import until `count` files are reported done, and pause."""
    done = [0]

    def look(at: ImportProgress) -> None:
        done.append(at.done if at.stage == "reading" else 0)

    return import_manuals(library, paths, progress=look, cancelled=lambda: max(done) >= count)


def resumed(library: Path, job: int | None = None) -> ImportReport:
    return resume_import(library, job=job, progress=lambda _: None, cancelled=lambda: False)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file in a transaction of its own, so that a test may stop between two."""
    monkeypatch.setattr("index.importing.GROUP_SECONDS", 0.0)


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
@pytest.mark.parametrize(("after", "group"), [(3, 0.0), (14, 0.02), (22, 0.0)])
def test_an_import_killed_and_resumed_leaves_the_library_of_an_undisturbed_one(
    after: int, group: float, manuals: Path, library: Path, tmp_path: Path
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(library), str(manuals), str(group)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(after)]
    os.killpg(child.pid, signal.SIGKILL)
    lines += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    reported = max(int(line.split()[1]) for line in lines if line.startswith("reading"))
    (job,) = jobs_of(library)
    assert (job.state, job.unfinished) == ("paused", True)
    assert job.files - job.waiting >= reported

    report = resumed(library)
    assert report.unchanged == job.stored
    assert {Path(skipped.path).name for skipped in report.skipped} == {"broken.docx", "old.doc"}
    undisturbed = tmp_path / "undisturbed"
    bring_in(undisturbed, manuals)
    assert held(library) == held(undisturbed)
    with Library.open(library) as opened:
        assert opened.verify() == []
        assert opened.search("topic00019")[0].passage.source.endswith("page019.html")


@pytest.mark.usefixtures("one_by_one")
def test_a_paused_import_goes_on_with_the_files_that_wait_and_reads_no_other(manuals: Path, library: Path) -> None:
    report = stopped_after(library, [manuals], 5)
    assert report.cancelled
    (job,) = jobs_of(library)
    assert (job.id, job.state, job.paths) == (report.job, "paused", (str(manuals),))
    assert job.waiting == 20
    with closing(Store.open(library)) as store:
        states = {file.source: file.state for file in Jobs(store).files(job.id)}
    done = [source for source, state in states.items() if state == "stored"]
    for source in (source for source in done if ".zip" not in source):
        (manuals / source).write_text("changed after it was stored", encoding="utf-8")
    after = resumed(library)
    assert (after.unchanged, after.cancelled) == (job.stored, False)
    assert "changed" not in str(held(library)["sections"]), "a file that is done is not looked into again"
    assert jobs_of(library)[0].state == "done"


@pytest.mark.usefixtures("one_by_one")
def test_the_same_paths_again_take_up_the_unfinished_job_with_what_is_there_now(manuals: Path, library: Path) -> None:
    first = stopped_after(library, [manuals], 5)
    stored = jobs_of(library)[0].stored
    write_manual(manuals / "one", {"new.html": PORTS})
    again = bring_in(library, manuals)
    assert again.job == first.job
    assert again.unchanged == stored > 0
    (job,) = jobs_of(library)
    assert (job.state, job.waiting) == ("done", 0)
    with Library.open(library) as opened:
        assert opened.search("20243/tcp")[0].passage.source == "one/new.html"


@pytest.mark.usefixtures("one_by_one")
def test_other_paths_have_a_job_of_their_own_and_the_unfinished_one_waits(
    manuals: Path, library: Path, tmp_path: Path
) -> None:
    first = stopped_after(library, [manuals], 3)
    second = bring_in(library, write_manual(tmp_path / "guide"))
    assert [(job.id, job.state) for job in jobs_of(library)] == [(second.job, "done"), (first.job, "paused")]
    assert resumed(library).job == first.job
    assert [job.state for job in jobs_of(library)] == ["done", "done"]
    with pytest.raises(errors.JobMissing, match="unfinished"):
        resumed(library)


@pytest.mark.usefixtures("one_by_one")
def test_two_unfinished_jobs_are_resumed_together_or_one_alone(manuals: Path, library: Path) -> None:
    first = stopped_after(library, [manuals / "one"], 2)
    second = stopped_after(library, [manuals / "two"], 2)
    assert resumed(library, second.job).job == second.job
    assert [job.state for job in jobs_of(library)] == ["done", "paused"]
    third = stopped_after(library, [manuals / "three.zip"], 2)
    assert resumed(library).passages > 0
    assert {job.id: job.state for job in jobs_of(library)} == dict.fromkeys((first.job, second.job, third.job), "done")


@pytest.mark.usefixtures("one_by_one")
def test_a_cancelled_job_keeps_what_it_stored_and_is_not_resumed(manuals: Path, library: Path) -> None:
    job = stopped_after(library, [manuals], 4).job
    with closing(Store.open(library)) as store:
        assert Jobs(store).cancel(job).state == "cancelled"
    with pytest.raises(errors.JobMissing):
        resumed(library)
    with pytest.raises(errors.JobMissing, match="has ended"):
        resumed(library, job)
    with Library.open(library) as opened:
        assert opened.manuals()[0].files == 5
        assert opened.verify() == []
    assert bring_in(library, manuals).job != job


@pytest.mark.usefixtures("one_by_one")
def test_a_job_cancelled_from_elsewhere_ends_the_import_at_the_next_file(manuals: Path, library: Path) -> None:
    def cancel(at: ImportProgress) -> None:
        if at.stage == "reading" and at.done == 3:
            with closing(Store.open(library)) as store:
                Jobs(store).cancel(at.job)

    report = import_manuals(library, [manuals], progress=cancel, cancelled=lambda: False)
    (job,) = jobs_of(library)
    assert report.cancelled
    assert (job.state, job.stored) == ("cancelled", 4)


@pytest.mark.usefixtures("one_by_one")
def test_a_drive_that_goes_away_leaves_its_files_waiting_and_says_so_of_each(
    manuals: Path, library: Path, tmp_path: Path
) -> None:
    def pull(at: ImportProgress) -> None:
        if at.stage == "reading" and at.done == 3 and manuals.exists():
            manuals.rename(tmp_path / "pulled")

    report = import_manuals(library, [manuals], progress=pull, cancelled=lambda: False)
    assert "--resume" in report.reason
    (job,) = jobs_of(library)
    assert (job.state, job.reason) == ("failed", report.reason)
    assert job.waiting in (22, 23), "one file may have been read ahead"
    with closing(Store.open(library)) as store:
        waiting = [file for file in Jobs(store).files(job.id) if file.state == "waiting"]
    assert {file.reason for file in waiting} == {report.reason}
    assert resumed(library).reason, "it is still away"
    (tmp_path / "pulled").rename(manuals)
    assert not resumed(library).reason
    assert jobs_of(library)[0].state == "done"


@pytest.mark.usefixtures("one_by_one")
def test_one_file_that_went_away_costs_itself_alone(manuals: Path, library: Path) -> None:
    stopped_after(library, [manuals], 2)
    (manuals / "one" / "page007.html").unlink()
    report = resumed(library)
    assert [skipped.path for skipped in report.skipped if "is gone" in skipped.reason] == [
        str(manuals / "one" / "page007.html")
    ]
    assert jobs_of(library)[0].state == "done"


@pytest.mark.usefixtures("one_by_one")
def test_a_zip_that_was_changed_meanwhile_is_read_as_it_is_now(manuals: Path, library: Path) -> None:
    packed = manuals / "three.zip"
    stopped_after(library, [packed], 2)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("three/page002.html", PORTS)
        archive.writestr("three/page003.html", PORTS.replace("20243", "31415"))
    report = resumed(library)
    assert [skipped.path.rpartition("/")[2] for skipped in report.skipped] == ["page004.html"]
    with Library.open(library) as opened:
        assert "31415/tcp" in opened.search("31415/tcp")[0].passage.text
        assert opened.verify() == []
    assert bring_in(library, packed).unchanged == 1, "the page stored before has changed since"
    assert bring_in(library, packed).unchanged == 2


def test_the_reasons_of_skipped_files_are_kept_and_old_jobs_are_not(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.jobs.KEPT", 3)
    guide = write_manual(tmp_path / "guide")
    (guide / "broken.docx").write_bytes(b"PK not really")
    numbers = [bring_in(library, guide).job for _ in range(5)]
    assert [job.id for job in jobs_of(library)] == numbers[:1:-1]
    with closing(Store.open(library)) as store:
        kept = [sorted(file.state for file in Jobs(store).files(id_)) for id_ in numbers[2:]]
        reasons = {skipped.reason for id_ in numbers[2:] for skipped in Jobs(store).skipped(id_)}
    assert kept == [["skipped"], ["skipped"], ["skipped", "unchanged", "unchanged"]]
    assert len(reasons) == 1
    assert "broken.docx" in reasons.pop()


def test_two_thousand_tiny_files_are_one_job_and_again_a_no_op(library: Path, tmp_path: Path) -> None:
    folder = write_manual(
        tmp_path / "tiny", {f"p{n}.md": f"# Page {n}\n\nIt tells of topic{n}.\n" for n in range(2000)}
    )
    report = bring_in(library, folder)
    assert (report.manuals, report.passages, report.skipped) == (1, 2000, ())
    again = bring_in(library, folder)
    assert (again.unchanged, again.passages) == (2000, 0)
    assert [(job.stored, job.unchanged, job.waiting) for job in jobs_of(library)] == [(0, 2000, 0), (2000, 0, 0)]


def test_a_file_whose_name_is_no_text_is_a_file_like_any_other(library: Path, tmp_path: Path) -> None:
    guide = write_manual(tmp_path / "guide")
    try:
        (guide / os.fsdecode(b"\x82\xa0.html")).write_text(PORTS.replace("20243", "31415"), encoding="utf-8")
    except OSError:
        pytest.skip("this file system wants names that are text")
    report = bring_in(library, guide)
    assert (report.manuals, len(report.skipped)) == (1, 0) or report.skipped[0].reason
    assert jobs_of(library)[0].waiting == 0


def test_progress_is_weighed_by_what_files_cost(library: Path, tmp_path: Path) -> None:
    guide = write_manual(tmp_path / "guide", {"a.html": PORTS, "b.html": PORTS + "<p>word </p>" * 5_000})
    seen: list[ImportProgress] = []
    import_manuals(library, [guide], progress=seen.append, cancelled=lambda: False)
    reading = [at for at in seen if at.stage == "reading"]
    assert reading[-1].weight == reading[-1].weight_total > 60_000
    assert all(at.weight_total == reading[-1].weight_total for at in reading)
    shares = [at.weight / at.weight_total for at in reading]
    assert shares == sorted(shares)


def test_a_folder_moved_in_the_middle_is_resumed_from_where_it_was_told_of(manuals: Path, library: Path) -> None:
    """The paths of a job are those it was begun with: files moved elsewhere wait for their folder."""
    stopped_after(library, [manuals], 1)
    shutil.move(manuals, manuals.with_name("elsewhere"))
    assert str(manuals) in resumed(library).reason
    assert bring_in(library, manuals.with_name("elsewhere")).reason == ""


def test_who_writes_a_library_is_told_and_who_only_looks_is_not(library: Path) -> None:
    library.mkdir()
    assert writing_process(library) is None
    with WriterLock(library):
        assert writing_process(library) == os.getpid()
    assert writing_process(library) is None

"""What it costs that an import is a job: writing it down, a state for each file, resuming, reading again for nothing.

    python -m benchmarks.import_jobs [FILES]       prints a Markdown table; 20,000 tiny pages and PostgreSQL's manual

Comes in: pages made here, and the cached PostgreSQL manual (see corpora.py). Goes out: seconds of CPU time of this
process, and of wall time. The peer is the same import with one transaction for each file, as a library without jobs has
it: what is stored is the same, only how often the disk is waited for differs.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import corpora
from index import importing
from index.jobs import Jobs
from index.listing import list_candidates
from index.records import ImportProgress, ImportReport
from index.store import Store


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; times in seconds."""

    what: str
    files: int
    cpu: float
    wall: float


def main(files: int) -> None:
    """Measure and print."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        tiny = _tiny_pages(Path(folder) / "pages", files)
        rows += _writing_a_job(tiny, Path(folder) / "job")
        rows += _in_two_halves(tiny, Path(folder) / "halves")
        manual = corpora.folder("postgresql-doc-15")
        if manual.is_dir():
            few, one = Path(folder) / "few", Path(folder) / "one"
            rows.append(_measured("PostgreSQL, a few files to a transaction", lambda: _import(few, manual)))
            with _one_by_one():
                rows.append(_measured("PostgreSQL, one file to a transaction", lambda: _import(one, manual)))
    print("| step | files | CPU s | wall s |\n| --- | ---: | ---: | ---: |")
    for row in rows:
        print(f"| {row.what} | {row.files:,} | {row.cpu:.2f} | {row.wall:.2f} |")


def _tiny_pages(folder: Path, count: int) -> Path:
    folder.mkdir()
    for n in range(count):
        (folder / f"p{n}.md").write_text(f"# Page {n}\n\nIt tells of topic{n}.\n", encoding="utf-8")
    return folder


def _writing_a_job(manual: Path, library: Path) -> list[Row]:
    with closing(Store.open(library, create=True)) as store:
        candidates, skipped = list_candidates([manual])

        def write() -> int:
            Jobs(store).begin([manual], candidates, skipped)
            return len(candidates)

        return [_measured("listing", lambda: len(list_candidates([manual])[0])), _measured("writing the job", write)]


def _in_two_halves(manual: Path, library: Path) -> list[Row]:
    """Import half, pause, resume to the end, and import again."""
    done = [0]

    def look(at: ImportProgress) -> None:
        done[0] = at.done if at.stage == "reading" else done[0]

    count = sum(1 for _ in manual.iterdir())

    def half() -> int:
        importing.import_manuals(library, [manual], progress=look, cancelled=lambda: done[0] >= count // 2)
        return done[0]

    def resume() -> int:
        before = done[0]
        importing.resume_import(library, progress=look, cancelled=lambda: False)
        return done[0] - before

    return [
        _measured("import of half, then paused", half),
        _measured("resumed to the end", resume),
        _measured("import again, nothing new", lambda: _import(library, manual)),
    ]


def _import(library: Path, manual: Path) -> int:
    report: ImportReport = importing.import_manuals(library, [manual], progress=lambda _: None, cancelled=lambda: False)
    assert report.passages or report.unchanged
    return sum(1 for _ in manual.rglob("*.html")) or sum(1 for _ in manual.iterdir())


@contextmanager
def _one_by_one() -> Iterator[None]:
    before, importing.GROUP_SECONDS = importing.GROUP_SECONDS, 0.0
    try:
        yield
    finally:
        importing.GROUP_SECONDS = before


def _measured(what: str, work: Callable[[], int]) -> Row:
    wall, cpu = time.perf_counter(), time.process_time()
    files = work()
    return Row(what, files, time.process_time() - cpu, time.perf_counter() - wall)


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)

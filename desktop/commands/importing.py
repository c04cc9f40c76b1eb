"""`tebiki import PATH...`: manuals into the library."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from desktop.contract import import_json
from desktop.terminal import JsonOption, LibraryOption, print_json, say, settings_and_folders, stoppable
from index.errors import ManualUnreadable
from index.records import ImportProgress, ImportReport

STAGES = {"listing": "Listing", "reading": "Reading", "indexing": "Indexing", "embedding": "Embedding"}


def command(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, folders or ZIP archives.")],
    library: LibraryOption = None,
    wait_embeddings: Annotated[
        bool, typer.Option("--wait-embeddings", help="Return when the embeddings are complete too.")
    ] = False,
    progress_json: Annotated[
        bool, typer.Option("--progress-json", help="Progress as JSON lines on standard error.", hidden=True)
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import manuals: HTML, PDF, DOCX, Markdown, text; a file, a folder or a ZIP. Unchanged files cost nothing."""
    from index.importing import import_manuals

    _, folders = settings_and_folders(library)
    with stoppable() as stop, progress_shown(progress_json) as progress:
        report = import_manuals(
            folders.library, paths, progress=progress, cancelled=stop.is_set, wait_embeddings=wait_embeddings
        )
    if as_json:
        print_json(import_json(report))
    if nothing_came_of(report):
        more = f" (and {len(report.skipped) - 1} more like it)" if len(report.skipped) > 1 else ""
        raise ManualUnreadable(report.skipped[0].reason + more)
    if not as_json:
        tell(report)


def nothing_came_of(report: ImportReport) -> bool:
    return bool(report.skipped) and not (report.passages or report.unchanged or report.cancelled)


def tell(report: ImportReport) -> None:
    for one in report.skipped:
        say(f"Skipped: {one.reason}")
    end = "Stopped; what was read is kept" if report.cancelled else "Done"
    print(
        f"{end}: {report.manuals} manuals, {report.sections} sections, {report.passages} passages in "
        f"{report.seconds:.1f} s; {report.unchanged} files unchanged, {len(report.skipped)} skipped, "
        f"{report.embedded} passages embedded."
    )


class progress_shown:  # noqa: N801 - a context manager that reads like a function
    """Progress as JSON lines, as a bar on a terminal, or not at all where standard error is a file."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.bar = None
        if not as_json and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (
                TextColumn("{task.description:10}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[current]}"),
            )
            self.bar = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Callable[[ImportProgress], None]:
        if self.bar is None:
            return self.line if self.as_json else lambda _: None
        self.bar.start()
        self.task = self.bar.add_task("Listing", total=None, current="")
        return self.draw

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def line(self, at: ImportProgress) -> None:
        say(json.dumps({"stage": at.stage, "done": at.done, "total": at.total, "current": at.current}))

    def draw(self, at: ImportProgress) -> None:
        assert self.bar is not None
        self.bar.update(
            self.task, description=STAGES[at.stage], completed=at.done, total=at.total or None, current=at.current[-50:]
        )

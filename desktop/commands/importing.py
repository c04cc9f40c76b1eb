"""`tebiki import PATH...`, `--resume`, `--watched`: manuals into the library."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from desktop.contract import import_json
from desktop.steering import Steering
from desktop.terminal import JsonOption, LibraryOption, print_json, say, settings_and_folders, stoppable
from index.errors import LibraryBusy, ManualsGone, ManualUnreadable, PackInvalid
from index.records import ImportProgress, ImportReport, Skipped

if TYPE_CHECKING:
    from desktop.folders import Folders
    from index.recognise import Recogniser

STAGES = {"listing": "Listing", "reading": "Reading", "indexing": "Indexing", "embedding": "Embedding"}
NOTHING = ImportReport(manuals=0, sections=0, passages=0, unchanged=0, seconds=0.0, embedded=0, skipped=())


def command(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH...", help="Files, folders or ZIP archives.")
    ] = None,
    library: LibraryOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with imports that were stopped or cut off.")] = False,
    job: Annotated[
        int | None, typer.Option("--job", metavar="ID", help="With --resume: only this one; see 'tebiki library jobs'.")
    ] = None,
    watched: Annotated[
        bool, typer.Option("--watched", help="Import what is new in the folders of 'tebiki library watch'.")
    ] = False,
    every: Annotated[
        float | None, typer.Option("--every", metavar="SECONDS", min=0.1, help="With --watched: look again so often.")
    ] = None,
    wait_embeddings: Annotated[
        bool, typer.Option("--wait-embeddings", help="Return when the embeddings are complete too.")
    ] = False,
    progress_json: Annotated[
        bool, typer.Option("--progress-json", help="Progress as JSON lines on standard error.", hidden=True)
    ] = False,
    steered: Annotated[
        bool, typer.Option("--steered", help="End at a line 'stop' or the end of standard input.", hidden=True)
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import manuals: HTML, EPUB, PDF, DOCX, Markdown, text; files, folders or ZIPs. Unchanged files cost nothing."""
    _check_usage(paths or [], resume, job, watched, every, wait_embeddings)
    _, folders = settings_and_folders(library)
    with stoppable() as stop, progress_shown(progress_json) as progress:
        if steered:
            Steering(stop)
        if watched:
            report = _watched(folders, every, progress, stop, quiet=as_json)
        else:
            report = _once(folders, paths or [], job, progress, stop, wait_embeddings=wait_embeddings)
    if as_json:
        print_json(import_json(report))
    if nothing_came_of(report):
        more = f" (and {len(report.skipped) - 1} more like it)" if len(report.skipped) > 1 else ""
        raise ManualUnreadable(report.skipped[0].reason + more)
    if not as_json and every is None:
        tell(report)
    if report.reason:
        raise ManualsGone(report.reason)


def _check_usage(
    paths: Sequence[Path], resume: bool, job: int | None, watched: bool, every: float | None, wait_embeddings: bool
) -> None:
    if [bool(paths), resume, watched].count(True) != 1:
        raise typer.BadParameter("give either PATH..., or --resume, or --watched")
    if job is not None and not resume:
        raise typer.BadParameter("--job goes with --resume")
    if every is not None and not watched:
        raise typer.BadParameter("--every goes with --watched")
    if wait_embeddings and watched:
        raise typer.BadParameter("--wait-embeddings does not go with --watched")


def _once(
    folders: Folders,
    paths: Sequence[Path],
    job: int | None,
    progress: Callable[[ImportProgress], None],
    stop: Event,
    *,
    wait_embeddings: bool,
) -> ImportReport:
    """Import these paths, or where there are none go on with what is unfinished."""
    from index.importing import import_manuals, resume_import

    rules = recognisers(folders)
    if paths:
        return import_manuals(
            folders.library,
            paths,
            progress=progress,
            cancelled=stop.is_set,
            wait_embeddings=wait_embeddings,
            recognisers=rules,
        )
    return resume_import(
        folders.library,
        job=job,
        progress=progress,
        cancelled=stop.is_set,
        wait_embeddings=wait_embeddings,
        recognisers=rules,
    )


def _watched(
    folders: Folders,
    every: float | None,
    progress: Callable[[ImportProgress], None],
    stop: Event,
    *,
    quiet: bool,
) -> ImportReport:
    """Import what is due in the watched folders; with `every`, again and again until stopped. All reports as one."""
    from index.watching import import_watched

    rules = recognisers(folders)
    total = NOTHING
    while True:
        try:
            round_ = import_watched(folders.library, progress=progress, cancelled=stop.is_set, recognisers=rules)
        except LibraryBusy as error:  # another import; the next look finds the same
            if every is None:
                raise
            say(f"tebiki: {error}")
        else:
            for folder in round_.look.missing:
                say(f"{folder} is away: it is looked for again, and its manuals stay in the library.")
            if round_.look.left and every is None:
                say(f"{len(round_.look.left)} files are just being written and are left for the next time.")
            for report in round_.reports:
                total = _sum(total, report)
                if every is not None and not quiet:
                    tell(report)
        if every is None or stop.wait(every):
            return total


def _sum(one: ImportReport, other: ImportReport) -> ImportReport:
    counted = ("manuals", "sections", "passages", "unchanged", "seconds", "embedded", "skipped")
    sums = {name: getattr(one, name) + getattr(other, name) for name in counted}
    return replace(other, **sums, cancelled=one.cancelled or other.cancelled, reason=other.reason or one.reason)


def recognisers(folders: Folders) -> tuple[Recogniser, ...]:
    """What the domain packs say of how their products' manuals name themselves; a broken pack is told and left out."""
    from index.packs import list_packs

    try:
        return tuple(rule for pack in list_packs(folders.domains) for rule in pack.recognisers)
    except PackInvalid as error:
        say(f"tebiki: {error}")
        return ()


def nothing_came_of(report: ImportReport) -> bool:
    return bool(report.skipped) and not (report.passages or report.unchanged or report.cancelled or report.reason)


def tell(report: ImportReport) -> None:
    for line in skipped_lines(report.skipped):
        say(line)
    if len(report.skipped) > 1 and report.job:
        say(f"All files and reasons: tebiki library jobs --files {report.job}")
    end = "Stopped; what was read is kept" if report.cancelled or report.reason else "Done"
    print(
        f"{end}: {report.manuals} manuals, {report.sections} sections, {report.passages} passages in "
        f"{report.seconds:.1f} s; {report.unchanged} files unchanged, {len(report.skipped)} skipped, "
        f"{report.embedded} passages embedded."
    )
    if report.cancelled:
        say("Go on with: tebiki import --resume")


def skipped_lines(skipped: Sequence[Skipped]) -> list[str]:
    """A line for every reason, with the first file that it holds for."""
    alike: dict[str, list[Skipped]] = {}
    for one in skipped:
        alike.setdefault(one.reason.replace(one.path, ""), []).append(one)
    return [
        f"Skipped: {found[0].reason}" + (f" ({len(found) - 1} more like it)" if len(found) > 1 else "")
        for found in alike.values()
    ]


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
        say(json.dumps(asdict(at)))

    def draw(self, at: ImportProgress) -> None:
        assert self.bar is not None
        self.bar.update(
            self.task, description=STAGES[at.stage], completed=at.done, total=at.total or None, current=at.current[-50:]
        )

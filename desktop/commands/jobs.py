"""`tebiki library jobs` and `tebiki library watch`: the imports of a library, and the folders that it watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from desktop.terminal import JsonOption, LibraryOption, print_json, settings_and_folders

if TYPE_CHECKING:
    from index.jobs import ImportJob, Jobs
    from index.watching import Watcher

jobs_app = typer.Typer(help="List the imports of the library, see why files were skipped, drop an unfinished one.")
watch_app = typer.Typer(
    help="Folders whose manuals are imported when they are new or changed; see 'tebiki import --watched'.",
    no_args_is_help=True,
)

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder with the manuals.")]


def register(app: typer.Typer) -> None:
    """Add these verbs to `tebiki library`."""
    app.add_typer(jobs_app, name="jobs")
    app.add_typer(watch_app, name="watch")


@jobs_app.callback(invoke_without_command=True)
def jobs_command(
    context: typer.Context,
    files: Annotated[
        int | None, typer.Option("--files", metavar="ID", help="The files of this import, with state and reason.")
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """The imports of the library, the newest first."""
    if context.invoked_subcommand is not None:
        if files is not None or library is not None or as_json:  # they would be lost on the way to the verb
            raise typer.BadParameter(f"options go after the verb: tebiki library jobs {context.invoked_subcommand} ...")
        return
    with opened_jobs(library) as jobs:
        if files is not None:
            _show_files(jobs, files, as_json=as_json)
        else:
            _show_jobs(jobs.history(), as_json=as_json)


@jobs_app.command("cancel")
def cancel_command(
    job: Annotated[int, typer.Argument(metavar="ID", help="The import's number in 'tebiki library jobs'.")],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drop what is left of an import; what it has stored stays. One that is running ends after the file at hand."""
    with opened_jobs(library) as jobs:
        cancelled = jobs.cancel(job)
    if as_json:
        print_json(asdict(cancelled))
    else:
        print(f"Import {job} is {cancelled.state}; {cancelled.stored} files of it were stored.")


@watch_app.command("add")
def add_command(folder: FolderArgument, library: LibraryOption = None) -> None:
    """Watch a folder: 'tebiki import --watched' imports what is new or changed in it."""
    watcher(library).add(folder)
    print(f"{folder} is watched; import what it holds with: tebiki import --watched")


@watch_app.command("remove")
def remove_command(folder: FolderArgument, library: LibraryOption = None) -> None:
    """Watch a folder no longer; its manuals stay in the library."""
    watcher(library).remove(folder)
    print(f"{folder} is not watched any more; its manuals stay in the library.")


@watch_app.command("list")
def list_command(library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """The folders that are watched."""
    folders = watcher(library).folders()
    if as_json:
        print_json([asdict(folder) for folder in folders])
        return
    for folder in folders:
        print(f"{folder.path} (away)" if folder.missing else folder.path)
    if not folders:
        print("No folder is watched; add one with: tebiki library watch add FOLDER")


@contextmanager
def opened_jobs(library: Path | None) -> Iterator[Jobs]:
    """The jobs of the library in force; its derived files are not looked at."""
    import os

    from index.jobs import Jobs
    from index.store import Store

    _, folders = settings_and_folders(library)
    read_only = folders.library.is_dir() and not os.access(folders.library, os.W_OK)
    with closing(Store.open(folders.library, read_only=read_only)) as store:
        yield Jobs(store)


def watcher(library: Path | None) -> Watcher:
    """The watched folders of the library in force."""
    from index.watching import Watcher

    _, folders = settings_and_folders(library)
    return Watcher(folders.library)


def _show_jobs(jobs: list[ImportJob], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(job) for job in jobs])
        return
    for job in jobs:
        done = f"{job.stored} stored, {job.unchanged} unchanged, {job.skipped} skipped, {job.waiting} waiting"
        print(f"{job.id}  {job.state:9}  {job.changed_at}  {done}  {' '.join(job.paths)}")
        if job.reason:
            print(f"   {job.reason}")
    if not jobs:
        print("Nothing was imported yet; add manuals with: tebiki import PATH")


def _show_files(jobs: Jobs, id_: int, *, as_json: bool) -> None:
    files = jobs.files(id_)
    if as_json:
        print_json([asdict(file) for file in files])
        return
    for file in files:
        print(f"{file.state:9}  {file.reason or file.path}")

"""`tebiki library list|remove|text|embed|verify|rebuild`: what the library holds, and whether it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from desktop.commands import backups, jobs, packs
from desktop.commands.importing import progress_shown
from desktop.contract import manual_json
from desktop.steering import Steering
from desktop.terminal import JsonOption, LibraryOption, print_json, say, settings_and_folders, stoppable
from index.errors import LibraryDamaged, TebikiError

if TYPE_CHECKING:
    from index.library import Library

app = typer.Typer(help="List, remove, verify and rebuild the library.", no_args_is_help=True)
packs.register(app)
jobs.register(app)
backups.register(app)


class NoSuchManual(TebikiError):
    """The library holds no manual of that number or no such file in it."""


def open_library(library: Path | None, *, mend: bool = True) -> Library:
    from desktop import opening

    _, folders = settings_and_folders(library)
    return opening.open_library(folders, mend=mend)


ManualArgument = Annotated[int, typer.Argument(metavar="ID", help="The manual's number in `tebiki library list`.")]


@app.command("list")
def list_command(library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """The manuals, with what they hold."""
    with open_library(library) as opened:
        manuals = opened.manuals()
    if as_json:
        print_json([manual_json(manual) for manual in manuals])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=None, box=None, pad_edge=False)
    for name in ("ID", "Title", "Language", "Version", "Files", "Sections", "Passages", "Embedded"):
        table.add_column(
            name, justify="right" if name in ("ID", "Files", "Sections", "Passages", "Embedded") else "left"
        )
    for one in manuals:
        share = f"{100 * one.embedded // max(one.passages, 1)} %"
        version = f"{one.version} (older)" if one.older else one.version
        counts = (str(one.files), str(one.sections), str(one.passages), share)
        table.add_row(str(one.id), one.title, one.language, version, *counts)
    Console().print(table if manuals else "The library is empty; add manuals with: tebiki import PATH")


@app.command("remove")
def remove_command(manual: ManualArgument, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Remove a manual from the library; the files it was made from are not touched."""
    with open_library(library) as opened:
        if manual not in {one.id for one in opened.manuals()}:
            raise NoSuchManual(f"The library {opened.folder} has no manual {manual}; see: tebiki library list")
        removed = opened.remove(manual)
    if as_json:
        print_json(manual_json(removed))
    else:
        print(f"Removed: {removed.title} ({removed.files} files, {removed.passages} passages).")


@app.command("text")
def text_command(
    manual: ManualArgument,
    source: Annotated[str, typer.Argument(help="The file, as `source` names it in hits and citations.")],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """The text of one file as it was read: a citation's `start` and `end` count characters in it."""
    with open_library(library) as opened:
        if source not in opened.sources(manual):
            raise NoSuchManual(f"Manual {manual} of {opened.folder} has no file '{source}'.")
        text = opened.source_text(manual, source)
    if as_json:
        print_json({"manual": str(manual), "source": source, "text": text})
    else:
        print(text, end="")


@app.command("embed")
def embed_command(
    library: LibraryOption = None,
    progress_json: Annotated[bool, typer.Option("--progress-json", hidden=True)] = False,
    steered: Annotated[bool, typer.Option("--steered", hidden=True)] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Drop the embeddings first, if another model than the one in use made them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the embeddings that are still missing; can be stopped and goes on where it was."""
    with stoppable() as stop, progress_shown(progress_json) as progress, open_library(library) as opened:
        if anew:
            opened.embed_anew()
        made = opened.embed(progress, stop.is_set, held=Steering(stop).held if steered else lambda: False)
    if as_json:
        print_json({"embedded": made})
    else:
        say(f"{made} passages embedded.")


@app.command("verify")
def verify_command(library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Compare everything that is stored and derived; exit status 1 when something is damaged."""
    with _as_it_is(library) as opened:
        damage = opened.verify()
    if as_json:
        print_json({"whole": not damage, "damage": damage})
    elif not damage:
        print(f"The library {opened.folder} is whole.")
    if damage:
        raise LibraryDamaged(f"{damage[0]} ({len(damage)} findings); mend with: {_mend(damage, opened.folder)}")


@app.command("rebuild")
def rebuild_command(library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Build everything that is derived from library.sqlite anew."""
    with _as_it_is(library) as opened:
        opened.rebuild()
        damage = opened.verify()
    if as_json:
        print_json({"whole": not damage, "damage": damage})
    if damage:
        from index.backups import advice

        raise LibraryDamaged(f"{damage[0]} ({len(damage)} findings); {advice(opened.folder)}")
    if not as_json:
        print(f"The library {opened.folder} is rebuilt and whole.")


def _as_it_is(library: Path | None) -> Library:
    """The library without what opening mends in passing."""
    from index.library import Library

    _, folders = settings_and_folders(library)
    return Library.open(folders.library, mend=False)


def _mend(damage: list[str], folder: Path) -> str:
    """The command that mends the worst of the damage: what is derived can be made again, the truth put back."""
    from index.backups import advice, newest_good

    if all("rebuild the library" in sentence for sentence in damage) or newest_good(folder) is None:
        return "tebiki library rebuild"
    return f"tebiki library rebuild, or {advice(folder)}"

"""`tebiki library backup|backups|restore`: copies of the library's truth, and putting one back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from desktop.terminal import JsonOption, LibraryOption, print_json, settings_and_folders

BackupArgument = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The backup's file.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add these verbs to `tebiki library`."""
    app.command("backup")(backup_command)
    app.command("backups")(backups_command)
    app.command("restore")(restore_command)


def backup_command(file: BackupArgument = None, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Copy the library's truth, checked, to FILE or into its own folder 'backups'; others may write meanwhile."""
    from index.backups import make

    _, folders = settings_and_folders(library)
    made = make(folders.library, file.absolute() if file else None)
    if as_json:
        print_json({"file": str(made.file), "bytes": made.bytes, "day": made.made_on})
    else:
        print(f"Backed up to {made.file} ({made.bytes / 1e6:.1f} MB).")


def backups_command(library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """The backups in the library's own folder, the newest first, and whether each is whole."""
    from index.backups import backups, damage

    _, folders = settings_and_folders(library)
    found = [(one, damage(one.file)) for one in backups(folders.library)]
    if as_json:
        print_json(
            [
                {"file": str(one.file), "bytes": one.bytes, "day": one.made_on, "whole": not wrong, "damage": wrong}
                for one, wrong in found
            ]
        )
        return
    for one, wrong in found:
        print(f"{one.made_on}  {one.bytes / 1e6:8.1f} MB  {'whole  ' if not wrong else 'damaged'}  {one.file}")
    if not found:
        print(f"The library {folders.library} has no backups; make one with: tebiki library backup")


def restore_command(file: BackupArgument = None, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Put FILE, or the newest good backup, in the place of the library, which is kept beside under another name."""
    from index.backups import restore
    from index.library import Library

    _, folders = settings_and_folders(library)
    restored = restore(folders.library, file.absolute() if file else None)
    with Library.open(folders.library) as opened:
        counts = opened.counts
    if as_json:
        aside = str(restored.aside) if restored.aside else None
        print_json({"file": str(restored.file), "aside": aside, "passages": counts.passages})
        return
    print(f"Put back {restored.file}: {counts.manuals} manuals, {counts.passages} passages.")
    if restored.aside:
        print(f"What was there is kept in {restored.aside}.")
    if counts.embedded < counts.passages:
        print("Embeddings are made again in the window, or with: tebiki library embed")

"""What happens on the first start: the domain packs' primers are imported, so that the first question works at once."""

from __future__ import annotations

from pathlib import Path

from desktop.folders import Folders
from desktop.terminal import say
from index.packs import Sample, list_packs


def primers(folders: Folders) -> list[Path]:
    """The primer folders of every domain pack that came with the program."""
    return [primer for pack in list_packs(folders.domains) for primer in pack.primers]


def samples(folders: Folders, language: str) -> list[Sample]:
    """The sample questions in one language, in order, of the packs whose primers answer them."""
    packs = [pack for pack in list_packs(folders.domains) if pack.primers]
    return [one for pack in packs for one in pack.samples if one.language == language]


def library_exists(folders: Folders) -> bool:
    """Whether a library was ever made there (it may be empty because its owner removed everything)."""
    return (folders.library / "library.sqlite").is_file()


def default_library_ready(folders: Folders) -> None:
    """Make the user's own library with the primers unless there is one. Words only; embeddings follow in the window."""
    if library_exists(folders):
        return
    from index.importing import import_manuals

    paths = primers(folders)
    if not paths:
        from index.library import Library

        Library.create(folders.library).close()
        return
    say("First start: importing the primer that came with the program.")
    import_manuals(folders.library, paths, progress=lambda _: None, cancelled=lambda: False)

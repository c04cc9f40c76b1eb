"""Says which files of the paths a user gave are manual files, and which manual each belongs to.

Comes in: paths of files, folders and ZIP archives. Goes out: `Candidate`s in reading order, and `Skipped` for files
that look like manuals but are not read. It opens no manual; only ZIP archives are looked into.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from index.archive import entries
from index.errors import ManualUnreadable, NothingToImport
from index.natural_order import natural_order
from index.reading import HTML, OTHER_FORMATS, PAGES, READABLE, kind_of
from index.records import Skipped

_NOT_READ = {
    **dict.fromkeys((".doc", ".dot", ".rtf", ".odt", ".wpd", ".jtd"), "save it as DOCX or PDF"),
    **dict.fromkeys((".xls", ".xlsx", ".xlsm", ".ods", ".ppt", ".pptx", ".odp", ".ps", ".djvu"), "save it as PDF"),
    **dict.fromkeys((".chm", ".hlp", ".mht", ".mhtml", ".mobi", ".azw3"), "convert it to HTML or PDF"),
    **dict.fromkeys(
        (".7z", ".rar", ".tar", ".tgz", ".tbz2", ".txz", ".lzh", ".cab"), "unpack it and import the folder"
    ),
}
_BACKUP = re.compile(r"(~|\.bak|\.orig|\.old|\.swp|\.tmp)$|^#.*#$|^~\$", re.IGNORECASE)
_ZIP = ".zip"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to read. `path` is the file on disk, or the ZIP that holds it; `entry` its name inside the ZIP.

    `source` is its path relative to what the user gave (or its name), `root` the absolute path the user gave, `size`
    its (unpacked) bytes. `group` is the key of its manual: the folder that pages lie in directly (for a ZIP
    "zip path!/folder"), or the file itself for an EPUB, a PDF, a DOCX, or a page given by itself.
    """

    path: Path
    entry: str | None
    source: str
    root: str
    group: str
    size: int


def list_candidates(paths: Sequence[Path]) -> tuple[list[Candidate], list[Skipped]]:
    """The readable files that `paths` hold, each once, in reading order, and what was skipped with its reason.

    Raises NothingToImport for a path that is missing, or if all the paths together hold nothing that can be read.
    """
    candidates: dict[tuple[Path, str | None], Candidate] = {}
    skipped: list[Skipped] = []
    for given in paths:
        path = Path(os.path.abspath(given))  # noqa: PTH100 - resolve() would replace the user's links by their targets
        if not path.exists():
            raise NothingToImport(f"{given} is not there; check the path.")
        for each in _list_folder(path) if path.is_dir() else _list_file(path, path.name, path, alone=True):
            if isinstance(each, Skipped):
                skipped.append(each)
            else:
                candidates.setdefault((each.path, each.entry), each)
    if not candidates:
        raise NothingToImport(_nothing(paths, skipped))
    return [each for each in candidates.values() if _unpacked(each) not in candidates], skipped


def _unpacked(packed: Candidate) -> tuple[Path, str | None] | None:
    """Where the same file lies without gzip, if it does: web servers keep both beside each other."""
    if packed.entry is not None:
        return (packed.path, packed.entry[:-3]) if packed.entry.lower().endswith(".gz") else None
    return (packed.path.with_suffix(""), None) if packed.path.suffix.lower() == ".gz" else None


def _nothing(paths: Sequence[Path], skipped: list[Skipped]) -> str:
    if len(skipped) == 1:
        return skipped[0].reason
    shown = ", ".join(str(path) for path in paths[:3]) + (" ..." if len(paths) > 3 else "")
    kinds = ", ".join(sorted(suffix[1:].upper() for suffix in (".html", ".epub", ".pdf", ".docx", ".md", ".txt", _ZIP)))
    if not skipped:
        what = shown or "The list of paths"
        return f"{what} holds no file of a kind that is read ({kinds}); choose the manual's folder or file."
    return f"{shown} holds nothing that can be read; of {len(skipped)} files skipped the first: {skipped[0].reason}"


def _list_folder(root: Path) -> Iterator[Candidate | Skipped]:
    """All of a tree, following links to folders, but into each folder once: a link may lead back up."""
    seen: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            children = _in_order(list(folder.iterdir()), lambda child: child.name)
        except OSError as error:
            yield Skipped(str(folder), f"{folder} can't be looked into ({error.strerror}); check that you may read it.")
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        folders = []
        for child in children:
            if _is_silent(child.name):
                continue
            if child.is_dir():
                folders.append(child)
            elif child.is_file():
                yield from _list_file(child, child.relative_to(root).as_posix(), root, alone=False)
            elif child.is_symlink() and kind_of(child.name) in READABLE:
                yield Skipped(str(child), f"{child} is a link to a file that is gone; mend the link or remove it.")
        waiting.extend(reversed(folders))


def _list_file(path: Path, source: str, root: Path, *, alone: bool) -> Iterator[Candidate | Skipped]:
    kind = kind_of(path.name)
    if path.suffix.lower() == _ZIP:
        yield from _list_zip(path, "" if alone else source, root)
    elif kind in READABLE:
        try:
            size = path.stat().st_size
        except OSError:
            size = 0  # reading it will name the reason
        group = path.parent if kind in PAGES and not alone else path
        yield Candidate(path, None, source, str(root), str(group), size)
    elif kind in _NOT_READ or alone:
        yield _not_read(str(path), kind)


def _list_zip(path: Path, prefix: str, root: Path) -> Iterator[Candidate | Skipped]:
    try:
        found, refused = entries(path)
    except ManualUnreadable as error:
        yield Skipped(str(path), str(error))
        return
    yield from refused
    for entry in _in_order(found, lambda entry: entry.name):
        name = PurePosixPath(entry.name)
        if any(_is_silent(part) or part == "__MACOSX" for part in name.parts):
            continue
        kind = kind_of(name.name)
        shown = f"{path}!/{entry.name}"
        if kind in READABLE:
            folder = "" if name.parent == PurePosixPath(".") else str(name.parent)
            group = f"{path}!/{folder}" if kind in PAGES else shown
            source = f"{prefix}/{entry.name}" if prefix else entry.name
            yield Candidate(path, entry.name, source, str(root), group, entry.size)
        elif kind in _NOT_READ or kind == _ZIP:
            yield _not_read(shown, kind)


def _not_read(shown: str, kind: str) -> Skipped:
    if kind == _ZIP:
        return Skipped(shown, f"{shown} is a ZIP file inside a ZIP file; unpack the outer one and import the folder.")
    mend = _NOT_READ.get(kind, "export it as HTML, EPUB, PDF, DOCX, Markdown or text")
    what = f"a {kind[1:].upper()} file" if kind else "a file without a suffix"
    return Skipped(shown, f"{shown} is {what}, which is not read; {mend}.")


def _is_silent(name: str) -> bool:
    return name.startswith(".") or name.lower() == "thumbs.db" or _BACKUP.search(name) is not None


_T = TypeVar("_T")


def _in_order(files: list[_T], name: Callable[[_T], str]) -> list[_T]:
    """Files in reading order: by name, but where there are HTML pages what may say the same behind them (twins.py)."""
    pages = any(kind_of(name(file)) in HTML for file in files)
    return sorted(files, key=lambda file: (pages and kind_of(name(file)) in OTHER_FORMATS, natural_order(name(file))))

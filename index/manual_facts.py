"""Says what a manual is called, from what its files say of themselves; knows nothing of where they are stored."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from pathlib import PurePosixPath

from index.recognise import version_in_path
from index.store import ManualFacts, StoredFile

_INDEX_PAGES = ("index", "default", "home", "readme", "toc", "contents")
_SAYS_NOTHING = re.compile(
    r"(table of )?contents|index|toc|home|main|readme|untitled( document)?|frame(set)?|目次|索引|無題.*|\[.*\]|",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s+[-–—|:：]+(?:\s+|$)|\s*[|｜]\s*")
_LAYOUT_FOLDERS = re.compile(
    r"(s?html?|docs?|manuals?|pages?|www|public|main|text|en|ja|jp|[a-z]{2}[-_][a-z]{2}|v?\d[\d.]*)", re.IGNORECASE
)
_MOST_MUST_SHARE = 2 / 3


def facts_of(files: Sequence[StoredFile], group: str, root: str) -> ManualFacts:
    """Title, product and version of the manual that consists of `files`; `group` is its folder's or file's path.

    The title is what the files, or two thirds of those that name one, name as their manual; else, for one file, its own
    title; else what their titles have in common ("sbatch - Slurm Workload Manager"); else the title of the index page;
    else the folder's name.
    Product and version are what holds for every file that names one: of "Suite/Scheduler" and "Suite/Monitor" it is
    "Suite"; where the files differ in all, nothing is claimed. Where no file names a version, the folder may.
    """
    title = _agreed(_values(files, "manual"))
    if not title and len(files) == 1:
        title = files[0].title or PurePosixPath(files[0].name).stem
    if not title:
        title = _shared_part([file.title for file in files]) or _index_title(files) or _folder_name(group)
    product = _shared_path(_values(files, "product"))
    versions = set(_values(files, "version")) or {version_in_path(group)}
    return ManualFacts(title.strip(), product, versions.pop() if len(versions) == 1 else "", root)


def _values(files: Sequence[StoredFile], key: str) -> list[str]:
    """What each of the files that say something under `key` says."""
    return [value for file in files if (value := file.meta.get(key, "").strip())]


def _agreed(values: Sequence[str]) -> str:
    """What most of the values are; "" where they are too different for that."""
    value, count = Counter(values).most_common(1)[0] if values else ("", 0)
    return value if count >= _MOST_MUST_SHARE * len(values) else ""


def _shared_path(values: Sequence[str]) -> str:
    """The leading parts between "/" that all the values share."""
    shared = takewhile(lambda parts: len(set(parts)) == 1, zip(*(value.split("/") for value in values), strict=False))
    return "/".join(parts[0] for parts in shared)


def _shared_part(titles: Sequence[str]) -> str:
    """The first or last part of "part - part" that most titles share."""
    cut = [[part for part in _BETWEEN.split(title) if part] for title in titles]
    for place in (-1, 0):
        ends = Counter(parts[place].strip() for parts in cut if len(parts) > 1)
        if ends:
            part, count = ends.most_common(1)[0]
            if count >= 2 and count >= _MOST_MUST_SHARE * len(titles) and not _SAYS_NOTHING.fullmatch(part):
                return part
    return ""


def _index_title(files: Sequence[StoredFile]) -> str:
    titles = {PurePosixPath(file.name).stem.lower(): file.title.strip() for file in files}
    said = (titles.get(page, "") for page in _INDEX_PAGES)
    return next((title for title in said if not _SAYS_NOTHING.fullmatch(title)), "")


def _folder_name(group: str) -> str:
    """The innermost folder whose name is not just how manuals are laid out ("html", "en", "13.0")."""
    parts = [part.removesuffix("!").removesuffix(".zip") for part in re.split(r"[/\\]+", group) if part]
    telling = [part for part in parts if not _LAYOUT_FOLDERS.fullmatch(part)]
    return (telling or parts or [group])[-1]

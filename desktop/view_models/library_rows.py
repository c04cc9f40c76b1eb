"""What the table of manuals says in each cell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from index.records import Manual

COLUMNS = ("title", "language", "product", "version", "files", "passages", "embedded", "added")
NUMBERS = frozenset({"files", "passages", "embedded"})


def cell(manual: Manual, column: str, texts: Callable[..., str]) -> str:
    """The text of one cell; `texts` is the catalogue in force."""
    match column:
        case "language":
            return texts(f"language.{manual.language}")
        case "version" if manual.older:
            return texts("library.older", version=manual.version or "–")
        case "files" | "passages":
            return f"{getattr(manual, column):,}"
        case "embedded":
            return share(manual.embedded, manual.passages)
        case "added":
            return day(manual.added_at)
        case _:
            return str(getattr(manual, column)) or "–"


def share(part: int, whole: int) -> str:
    """A share in whole per cent, never "100 %" while something is missing."""
    return f"{100 * part // whole} %" if whole else "–"


def day(moment: str) -> str:
    """The local day of an ISO 8601 time; the text itself where it is none."""
    try:
        return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d}"
    except ValueError:
        return moment

"""An import as the window follows it: lines of the child process in, stage, share done and time left out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from index.records import ImportProgress, ImportReport, Skipped

LEAST_SECONDS = 4.0
LEAST_SHARE = 0.08
"""A time left is shown only after this long in a stage and this share of it: earlier guesses are not honest."""


@dataclass
class ImportRun:
    """The newest progress and when its stage began; `complaint` is the last line that was words for the user."""

    now: Callable[[], float] = time.monotonic
    progress: ImportProgress | None = None
    complaint: str = ""
    _stage_began: float = field(default=0.0)

    def take(self, line: str) -> None:
        """Take in one line of the child's standard error: a JSON object of progress, or words for the user."""
        try:
            found = json.loads(line)
            progress = ImportProgress(found["stage"], int(found["done"]), int(found["total"]), found.get("current", ""))
        except (ValueError, TypeError, KeyError):
            self.complaint = line.strip().removeprefix("tebiki: ") or self.complaint
            return
        if self.progress is None or self.progress.stage != progress.stage:
            self._stage_began = self.now()
        self.progress = progress

    def share(self) -> float | None:
        """How much of the stage is done, 0..1; None while that is not known."""
        if self.progress is None or self.progress.total <= 0 or self.progress.stage == "listing":
            return None
        return min(self.progress.done / self.progress.total, 1.0)

    def seconds_left(self) -> float | None:
        """Time left in this stage, where the pace so far says something about it."""
        share, spent = self.share(), self.now() - self._stage_began
        if share is None or share < LEAST_SHARE or spent < LEAST_SECONDS:
            return None
        return spent * (1 - share) / share


def report_of(output: str) -> ImportReport:
    """The import report from the child's standard output. Raises ValueError where that is no report."""
    try:
        found = json.loads(output)
        return ImportReport(
            manuals=found["manuals"],
            sections=found["sections"],
            passages=found["passages"],
            unchanged=found["unchanged"],
            seconds=found["seconds"],
            embedded=found["embedded"],
            skipped=tuple(Skipped(one["path"], one["reason"]) for one in found["skipped"]),
            cancelled=found.get("cancelled", False),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an import report: {error}") from error


def duration(seconds: float) -> tuple[str, dict[str, object]]:
    """A time span as text key and values, no finer than one can believe."""
    if seconds < 50:
        return "time.seconds", {"n": max(round(seconds / 5) * 5, 5)}
    if seconds < 3300:
        return "time.minutes", {"n": max(round(seconds / 60), 1)}
    return "time.hours", {"n": round(seconds / 3600, 1)}

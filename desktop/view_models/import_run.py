"""An import as the window follows it: lines of the child process in, stage, share done and time left out."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from index.records import ImportProgress, ImportReport, Skipped

LEAST_SECONDS = 4.0
LEAST_SHARE = 0.02
"""A time left is shown only after this long in a stage and this share of it: earlier guesses are not honest."""

RECENT_SECONDS = 40.0
"""The pace is that of this much of the past: files differ, and so does what else the machine has to do."""

_SAMPLE_SECONDS = 0.5


@dataclass
class ImportRun:
    """The newest progress, and the pace of the recent past; `complaint` is the last line that was words for the user.

    `now` is a clock that never jumps, in seconds.
    """

    now: Callable[[], float] = time.monotonic
    progress: ImportProgress | None = None
    complaint: str = ""
    job: int = 0
    _samples: deque[tuple[float, float]] = field(default_factory=deque)
    _began: tuple[float, float] = (0.0, 0.0)

    def take(self, line: str) -> None:
        """Take in one line of the child's standard error: a JSON object of progress, or words for the user."""
        try:
            found = json.loads(line)
            progress = ImportProgress(
                found["stage"],
                int(found["done"]),
                int(found["total"]),
                found.get("current", ""),
                float(found.get("weight", 0.0)),
                float(found.get("weight_total", 0.0)),
                int(found.get("job", 0)),
            )
        except (ValueError, TypeError, KeyError):
            self.complaint = line.strip().removeprefix("tebiki: ") or self.complaint
            return
        before, self.progress = self.progress, progress
        self.job = progress.job or self.job
        share = self.share() or 0.0
        if before is None or (before.stage, before.job) != (progress.stage, progress.job):
            self._began = (self.now(), share)
            self._samples.clear()
        if not self._samples or self.now() - self._samples[-1][0] >= _SAMPLE_SECONDS:
            self._samples.append((self.now(), share))
        while len(self._samples) > 2 and self._samples[1][0] <= self.now() - RECENT_SECONDS:
            self._samples.popleft()

    def share(self) -> float | None:
        """How much of the stage is done, 0..1, by what files cost where that is known; None while nothing is."""
        at = self.progress
        if at is None or at.total <= 0 or at.stage == "listing":
            return None
        done, total = (at.weight, at.weight_total) if at.weight_total > 0 else (at.done, at.total)
        return min(done / total, 1.0)

    def seconds_left(self) -> float | None:
        """Time left in this stage, where the recent pace says something about it."""
        share, (began, at_first) = self.share(), self._began
        if share is None or self.now() - began < LEAST_SECONDS or share - at_first < LEAST_SHARE:
            return None
        then, at_then = self._samples[0]
        pace = (share - at_then) / (self.now() - then) if self.now() > then else 0.0
        return (1 - share) / pace if pace > 0 else None


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
            job=found.get("job", 0),
            reason=found.get("reason", ""),
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

"""How many threads the model computes on: what was measured on this machine, kept for its next starts.

Comes in: speeds at several numbers of threads (`agent.engine_desk` takes them). Goes out: the numbers to read and to
write on. What is kept holds for one processor, one model file and one build of llama.cpp. Where nothing was measured,
it is the physical cores that this process may use, at most 8: more make memory the limit, and leave the user none.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_MOST = 8
_MOST_MEASURED = 32
_WORTH = 1.05  # a further thread must make it this much faster: the cores are also the user's
_FILE = "threads.json"
_MOST_KEPT = 16


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second on a number of threads: reading a prompt, and writing one token after the other."""

    threads: int
    reading: float
    writing: float


@dataclass(frozen=True, slots=True)
class ThreadChoice:
    """The threads to read and to write on; `speeds` are what was measured, none where it is only supposed."""

    reading: int
    writing: int
    speeds: tuple[Speed, ...] = ()


def engine_threads() -> int:
    """Physical cores that this process may use, at most 8."""
    return max(1, min(_physical(), _MOST))


def candidates() -> tuple[int, ...]:
    """The numbers of threads to measure, the likeliest first: a measurement may run out of time."""
    logical, physical = _logical(), _physical()
    powers = [1 << power for power in range(_MOST_MEASURED.bit_length()) if 1 << power < physical]
    wanted = [engine_threads(), physical, logical, *reversed(powers)]
    return tuple(dict.fromkeys(number for number in wanted if 1 <= number <= min(logical, _MOST_MEASURED)))


def choose(speeds: Sequence[Speed]) -> ThreadChoice:
    """The fewest threads that are not clearly slower than more. Raises ValueError without speeds."""
    if not speeds:
        raise ValueError("nothing was measured")
    return ThreadChoice(
        _fewest({one.threads: one.reading for one in speeds}),
        _fewest({one.threads: one.writing for one in speeds}),
        tuple(sorted(speeds, key=lambda one: one.threads)),
    )


def _fewest(speed: dict[int, float]) -> int:
    fastest = max(speed.values())
    return min(threads for threads, found in speed.items() if found * _WORTH >= fastest)


def remembered(folder: Path | None, model: Path) -> ThreadChoice | None:
    """What was measured for this machine, model and llama.cpp; None where nothing was, or it can't be read."""
    kept = _kept(folder).get(_key(model), [])
    try:
        speeds = tuple(Speed(int(one["threads"]), float(one["reading"]), float(one["writing"])) for one in kept)
        return choose(speeds)
    except (KeyError, TypeError, ValueError):
        return None


def remember(folder: Path | None, model: Path, choice: ThreadChoice) -> None:
    """Keep a choice. Does nothing without a folder; raises OSError where it can't be written."""
    if folder is None:
        return
    kept = _kept(folder)
    key = _key(model)
    kept.pop(key, None)
    kept[key] = [asdict(one) for one in choice.speeds]
    newest = dict(list(kept.items())[-_MOST_KEPT:])
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f"{_FILE}.new"
    beside.write_text(json.dumps(newest, indent=1), encoding="utf-8")
    beside.replace(folder / _FILE)


def _kept(folder: Path | None) -> dict[str, list[dict[str, float]]]:
    try:
        kept = json.loads((folder / _FILE).read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _key(model: Path) -> str:
    """What the measurement holds for: processor, the cores that may be used, model file, llama.cpp."""
    try:
        found = model.stat()
        file = [str(model.resolve()), found.st_size, found.st_mtime_ns]
    except OSError:
        file = [str(model)]
    build = importlib.metadata.version("llama-cpp-python")
    about = [_processor(), _physical(), _logical(), *file, build]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _physical() -> int:
    return max(1, min(psutil.cpu_count(logical=False) or os.cpu_count() or 1, _logical()))


def _logical() -> int:
    if hasattr(os, "sched_getaffinity"):  # fewer in a container or under taskset
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)

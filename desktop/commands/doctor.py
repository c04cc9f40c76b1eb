"""`tebiki doctor`: what this machine can run, what is installed, what is wrong and the mend."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from desktop.terminal import DataOption, JsonOption, LibraryOption, print_json, settings_and_folders
from index.errors import TebikiError

if TYPE_CHECKING:
    from desktop.folders import Folders
    from desktop.settings import Settings

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `ok` is None for a plain fact; `mend` says what to do when `ok` is False."""

    name: str
    ok: bool | None
    detail: str
    mend: str = ""


def command(library: LibraryOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Look at the machine, the installation, the model and the library; exit status 1 when something is wrong."""
    settings, folders = settings_and_folders(library, data)
    findings = list(examine(settings, folders))
    wrong = [one for one in findings if one.ok is False]
    if as_json:
        print_json({"ok": not wrong, "findings": [asdict(one) for one in findings]})
    else:
        for one in findings:
            mark = {True: "ok  ", False: "BAD ", None: "    "}[one.ok]
            print(f"{mark}{one.name:12} {one.detail}" + (f"\n    {'':12} mend: {one.mend}" if one.ok is False else ""))
    if wrong:
        raise typer.Exit(1)


def examine(settings: Settings, folders: Folders) -> Iterator[Finding]:
    """Every finding, in the order in which a start meets them. A look that fails is itself a finding."""
    looks: tuple[Callable[[], Finding], ...] = (
        program,
        machine,
        lambda: space(folders),
        window_libraries,
        engine,
        lambda: model(settings, folders),
        lambda: tuned(settings, folders),
        lambda: threads(settings, folders),
        embedder,
        lambda: library_state(folders),
        network,
    )
    for look in looks:
        try:
            yield look()
        except TebikiError as error:
            yield Finding(look.__name__.strip("<>"), False, str(error), "as the sentence says")


def program() -> Finding:
    version = importlib.metadata.version("tebiki")
    return Finding("program", None, f"tebiki {version}, Python {platform.python_version()}, {platform.platform()}")


def machine() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    flags = sorted(set(cpu_flags()) & {"avx", "avx2", "avx512f", "f16c", "fma", "neon", "asimd"})
    free, total = memory.available // MEBIBYTE, memory.total // MEBIBYTE
    detail = f"{cores} cores, {' '.join(flags) or 'no vector extensions named'}, {free} of {total} MiB memory free"
    return Finding("machine", free >= 700, detail, "close other programs: the starter model needs about 700 MiB")


def cpu_flags() -> list[str]:
    """What the processor can do, where the system says so (Linux)."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return next(
        (line.split(":")[1].split() for line in text.splitlines() if line.startswith(("flags", "Features"))), []
    )


def space(folders: Folders) -> Finding:
    place = next(path for path in (folders.library, *folders.library.parents) if path.exists())
    free = shutil.disk_usage(place).free // MEBIBYTE
    return Finding(
        "disk", free >= 500, f"{free} MiB free for {folders.library}", "free some space, or use --library DIR"
    )


def window_libraries() -> Finding:
    """Whether Qt can start here, tried in a child so that a missing library can't end this process."""
    script = "from PySide6.QtWidgets import QApplication; QApplication([])"
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    trouble = child(script, environment)
    mend = "install the system libraries that 'python3 packaging/bootstrap.py' names"
    return Finding("window", not trouble, trouble or "Qt starts", mend)


def engine() -> Finding:
    done = child("import llama_cpp; print(llama_cpp.__version__)", dict(os.environ))
    version = importlib.metadata.version("llama-cpp-python")
    return Finding(
        "engine", not done, done or f"llama-cpp-python {version} loads", "run 'make run' again after deleting .venv"
    )


def child(script: str, environment: dict[str, str]) -> str:
    """Run a line of Python; "" when it went well, else the last line that it said."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]


def model(settings: Settings, folders: Folders) -> Finding:
    """The model that answers; one for each language where these differ."""
    from agent.models import resolve_model

    english, japanese = (resolve_model(settings.model, folders.models, language) for language in ("en", "ja"))
    detail = f"{settings.model}: {english.name}, {english.stat().st_size // MEBIBYTE} MiB"
    if japanese != english:
        detail += f"; for Japanese {japanese.name}, {japanese.stat().st_size // MEBIBYTE} MiB"
    return Finding("model", True, detail)


def tuned(settings: Settings, folders: Folders) -> Finding:
    """Which tuned models of the packs are there, and why others are not."""
    from desktop.tuning import base_files, standing

    states = standing(folders, base_files(settings))
    told = [
        f"{one.adapter.name}: {one.path.name}, {one.path.stat().st_size // MEBIBYTE} MiB"
        if one.path is not None
        else one.problem or f"{one.adapter.name} is not made yet; the next start of the window makes it"
        for one in states
    ]
    wrong = any(one.problem and not one.needs_base for one in states)
    return Finding("tuned", not wrong if states else None, "; ".join(told) or "no pack ships an adapter", "see above")


def threads(settings: Settings, folders: Folders) -> Finding:
    """How many threads the model computes on. Measured now, about five seconds with the start, if it never was."""
    from agent.engine import Engine
    from agent.models import resolve_model

    engine = Engine(
        resolve_model(settings.model, folders.models, "en"), threads=settings.threads or None, keep=folders.engine
    )
    if settings.threads:
        return Finding("threads", None, f"{settings.threads}, as the settings say")
    choice = engine.threads
    try:
        measured = choice if choice.speeds else engine.measure_threads() or choice
    finally:
        engine.close()
    speeds = "; ".join(f"{one.threads}: {one.reading:.0f} and {one.writing:.0f}" for one in measured.speeds)
    detail = f"reading on {measured.reading}, writing on {measured.writing}"
    return Finding("threads", True, f"{detail} (tokens/s measured, {speeds})" if speeds else detail)


def embedder() -> Finding:
    from index.embedder import default_embedder

    return Finding("embedder", True, default_embedder().name)


def library_state(folders: Folders) -> Finding:
    from index.library import Library

    if not (folders.library / "library.sqlite").exists():
        return Finding("library", None, f"{folders.library} is not made yet; the first start or an import makes it")
    with Library.open(folders.library) as library:
        manuals, damage = library.manuals(), library.verify()
    passages = sum(one.passages for one in manuals)
    detail = damage[0] if damage else f"{folders.library}: {len(manuals)} manuals, {passages} passages, whole"
    return Finding("library", not damage, detail, "tebiki library rebuild")


def network() -> Finding:
    return Finding("network", None, "not used: no part of the assistant opens a connection")

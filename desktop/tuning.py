"""What the program does about tuned models: which adapters its packs ship, and making their models in a child process.

The child is this program's own command line (`tebiki models make`) at low priority: what runs out of memory there, or
is killed, costs a tuned model and nothing else. Its progress comes as JSON lines on standard error, its report as one
JSON value on standard output. Knows nothing of Qt.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

from desktop.folders import PROGRAM, Folders
from index.errors import PackInvalid
from index.packs import list_packs

if TYPE_CHECKING:
    from agent.tuned_models import TunedModel
    from desktop.settings import Settings
    from index.pack_adapters import PackAdapter
    from index.records import Language

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Making:
    """A tuned model on its way: its name, weights done, all weights."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of making tuned models: the names of those made, and a sentence for each that could not be."""

    made: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


OnProgress = Callable[[Making], None]


def adapters(folders: Folders) -> list[PackAdapter]:
    """The adapters of all packs; none where a pack is not valid, which the window and `pack check` tell."""
    try:
        return [adapter for pack in list_packs(folders.domains) for adapter in pack.adapters]
    except PackInvalid as problem:
        log.warning("no tuned models: %s", problem)
        return []


def remove_outdated(folders: Folders) -> None:
    """Remove the tuned models that the packs no longer ship, or no longer call the default."""
    from agent.tuned_models import remove_withdrawn

    with suppress(PackInvalid):
        packs = list_packs(folders.domains)
        shipped = [adapter for pack in packs for adapter in pack.adapters]
        remove_withdrawn(shipped, [pack.id for pack in packs], folders.models)


def base_files(settings: Settings) -> list[Path]:
    """Files to look for bases among: those named in the settings, and the model that was chosen if it is a file."""
    chosen = Path(settings.model).expanduser()
    return [*settings.base_models, *([chosen] if chosen.suffix == ".gguf" else [])]


def standing(folders: Folders, bases: Sequence[Path]) -> list[TunedModel]:
    """How the tuned models of all packs stand."""
    from agent.tuned_models import tuned_models

    return tuned_models(adapters(folders), folders.models, bases)


def wanted(shipped: Sequence[PackAdapter], model: str, language: Language) -> list[PackAdapter]:
    """The adapters whose models a question in this language could be answered by, with the model `model` chosen."""
    if model == "auto":
        return [one for one in shipped if language in one.default_for]
    if model == "tuned":
        return [one for one in shipped if language in one.languages] or list(shipped)
    return [one for one in shipped if model == f"tuned:{one.id}"]


def make_in_child(
    folders: Folders,
    bases: Sequence[Path],
    which: Sequence[PackAdapter],
    *,
    on_progress: OnProgress = lambda making: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Make the tuned models of the adapters `which` that are not made and whose bases are here. Starts no child where
    there is nothing to make. A cancelled one reports nothing."""
    from agent.tuned_models import tuned_models

    remove_outdated(folders)
    states = tuned_models(which, folders.models, bases)
    problems = tuple(one.problem for one in states if one.problem and not one.needs_base)
    ids = [one.adapter.id for one in states if one.makeable]
    if not ids:
        return Outcome((), problems)
    arguments = [part for one in ids for part in ("--only", one)]
    arguments += [part for base in bases for part in ("--base", str(base))]
    command = [sys.executable, "-m", "desktop", "models", "make", "--data", str(folders.data), *arguments]
    environment = os.environ | {
        "PYTHONPATH": str(PROGRAM),
        "PYTHONIOENCODING": "utf-8",
        "OMP_NUM_THREADS": "1",
        "TEBIKI_DOMAINS_FOLDER": str(folders.domains),
    }
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            [*command, "--progress-json", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            env=environment,
        )
        last = _follow(child, on_progress, cancelled)
        if cancelled():
            return Outcome()
        output.seek(0)
        made = _outcome(output.read(), last, child.returncode)
    return Outcome(made.made, problems + made.problems)


def _follow(child: subprocess.Popen[bytes], on_progress: OnProgress, cancelled: Callable[[], bool]) -> str:
    """Pass the child's progress on until it ends; ends it when cancelled. Returns the last line that is no progress."""
    with suppress(psutil.Error, OSError):  # it gives way to the answer that somebody waits for
        psutil.Process(child.pid).nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 10)
    last: list[str] = [""]
    assert child.stderr is not None
    reader = threading.Thread(target=_read, args=(child.stderr, on_progress, last), daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            reader.join(0.1)
            if cancelled():
                break
    finally:
        if reader.is_alive():  # cancelled, or Ctrl-C: what it wrote half goes with the next one
            child.kill()
        child.wait()
        reader.join(5)
        child.stderr.close()
    return last[0]


def _read(lines: IO[bytes], on_progress: OnProgress, last: list[str]) -> None:
    for line in lines:
        text = line.decode("utf-8", "replace").strip()
        try:
            value = json.loads(text)
            on_progress(Making(str(value["name"]), int(value["done"]), int(value["total"])))
        except (ValueError, TypeError, KeyError):
            last[0] = text or last[0]


def _outcome(output: bytes, last: str, status: int) -> Outcome:
    try:
        rows = json.loads(output)
        made = tuple(str(row["name"]) for row in rows if row["path"])
        return Outcome(made, tuple(str(row["problem"]) for row in rows if row["problem"]))
    except (ValueError, TypeError, KeyError):
        reason = last or f"it ended with status {status}"
        return Outcome((), (f"The tuned model was not made ({reason}): the model before it stays in use.",))

"""What the commands share at the terminal: where JSON and messages go, which folders are meant, and how to stop.

Results go to standard output; progress, messages and errors to standard error.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from desktop.folders import Folders
    from desktop.settings import Settings

LibraryOption = Annotated[
    Path | None, typer.Option("--library", metavar="DIR", help="Folder of the library.", show_default=False)
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Folder for conversations and tuned models.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value on standard output, nothing else.")]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="FILE|starter|tuned|auto", help="Model that words the answer.", show_default=False),
]


def say(text: str) -> None:
    """A message for the person, on standard error."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """The one JSON value of a `--json` call."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def settings_and_folders(library: Path | None, data: Path | None = None) -> tuple[Settings, Folders]:
    """The settings in force and the folders they and the command line name."""
    from desktop.settings import load_settings  # a sixth of a second, which --help need not wait for

    settings = load_settings()
    return settings, settings.folders(library=library, data=data)


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, so that work ends at the next safe point; a second Ctrl-C ends at once."""
    stop = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

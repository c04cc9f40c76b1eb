"""`tebiki` alone: open the window, or without a display answer a sample question on the terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from desktop.first_start import default_library_ready, samples
from desktop.terminal import say, settings_and_folders


def start(library: Path | None, data: Path | None) -> None:
    """Open the window and return when it is closed."""
    settings, folders = settings_and_folders(library, data)
    if has_display():
        from desktop.app import run_window

        sys.exit(run_window(folders, settings))
    say("There is no display here, so the window can't open; answering a sample question on the terminal instead.")
    from desktop.commands.asking import Follower, ask

    default_library_ready(folders)
    sample = samples(folders, "en")[0]
    print(f"> {sample.question}")
    follower = Follower()
    follower.end(ask(sample.question, settings, folders, on_event=follower))
    say('Ask your own: .venv/bin/tebiki ask "..."   Import manuals: .venv/bin/tebiki import PATH')


def has_display() -> bool:
    """Whether Qt can open a window: always but on Unix without X11 or Wayland (or with a platform named by hand)."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))

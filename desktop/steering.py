"""How a parent steers this process over standard input: a line "hold", "go on" or "stop"; the end of input is a stop.

A child whose window died is told so by the end of its input, whatever ended the window. Signals do the same where the
system has them (see terminal.py); lines work on every system.
"""

from __future__ import annotations

import sys
import threading


class Steering:
    """What the parent wants at this moment; `held` while this process is to keep quiet."""

    def __init__(self, stop: threading.Event) -> None:
        """Listen from now on; a stop sets `stop`."""
        self._stop = stop
        self._held = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def held(self) -> bool:
        """Whether the parent asked for quiet."""
        return self._held.is_set()

    def _listen(self) -> None:
        for line in sys.stdin:
            match line.strip():
                case "hold":
                    self._held.set()
                case "go on":
                    self._held.clear()
                case "stop":
                    break
        self._held.clear()
        self._stop.set()

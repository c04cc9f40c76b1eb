"""The bytes of tokens in, text fit to show out: whole characters only, and nothing of a stop string.

It knows nothing of models: whoever samples tokens feeds their bytes and stops when `stopped` says so.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Joins tokens' bytes into text. A character may be spread over tokens, and so may a stop string.

    `text` is what was let out so far. What might still turn into a stop string is held back until it can't.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(text for text in stop if text)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._out: list[str] = []
        self.stopped = False

    @property
    def text(self) -> str:
        return "".join(self._out)

    def feed(self, piece: bytes) -> str:
        """Take a token's bytes; returns the text that can be shown now, which may be empty."""
        return "" if self.stopped else self._release(self._decoder.decode(piece), last=False)

    def finish(self) -> str:
        """No more bytes come; returns what was held back. Bytes of half a character are dropped."""
        if self.stopped:
            return ""
        self._decoder.reset()
        return self._release("", last=True)

    def _release(self, text: str, *, last: bool) -> str:
        self._held += text
        found = [at for at in (self._held.find(stop) for stop in self._stop) if at >= 0]
        if found:
            self.stopped = True
            ready, self._held = self._held[: min(found)], ""
        else:
            keep = 0 if last else self._possible_stop()
            ready, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        if ready:
            self._out.append(ready)
        return ready

    def _possible_stop(self) -> int:
        """Length of the longest end of the held text that begins a stop string."""
        longest = max((len(stop) for stop in self._stop), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stop):
                return length
        return 0

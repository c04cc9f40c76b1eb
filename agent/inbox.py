"""The worker's requests, as they come in on its standard input: a cancel overtakes what waits.

It knows nothing of models: bytes in, requests out.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import BinaryIO

from agent import protocol
from agent.protocol import Request


class Inbox:
    """The requests from standard input, read by a thread, so that cancels overtake what waits."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._cancelled_ids: set[int] = set()
        self._current: int | None = None
        self._flag = False
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def cancelled(self) -> bool:
        """Whether the request at hand was cancelled."""
        return self._flag

    def __iter__(self) -> Iterator[Request]:
        while True:
            request = self._waiting.get()
            with self._lock:
                self._current = request.id
                self._flag = request.id in self._cancelled_ids
            yield request
            with self._lock:
                self._current = None
                self._cancelled_ids.discard(request.id)

    def _read(self) -> None:
        for line in self._stream:
            try:
                request = protocol.decode_request(line)
            except protocol.ProtocolError as error:
                print(f"not a request: {error}", file=sys.stderr, flush=True)
                os._exit(2)
            if isinstance(request, protocol.Cancel):
                with self._lock:
                    self._cancelled_ids.add(request.target)
                    self._flag = self._flag or request.target == self._current
            else:
                self._waiting.put(request)
        os._exit(0)  # the application is gone; whatever is being computed is for nobody

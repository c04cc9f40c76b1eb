"""Reads one file while the one before it is still being cut and stored, and lets a long read be broken off.

Comes in: a `ReaderProcess`, and candidates in the order in which they will be asked for. Goes out: what the process
says of each. The order in which files are stored is the caller's, and does not change.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self

from index.listing import Candidate
from index.reader_process import ReaderProcess
from index.records import Document

LOOK_SECONDS = 0.2
"""How often whoever waits for a file is asked whether to go on."""


class ReadAhead:
    """A reading process and the thread that waits for it; a context manager that ends both."""

    def __init__(self) -> None:
        self._reader = ReaderProcess()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")
        self._next: tuple[Candidate, Future[Document]] | None = None
        self._last: Future[Document] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        while self._last is not None and not self._last.done():
            self._reader.close()  # ends what the thread waits for; again, as it may just be starting the process
            wait([self._last], timeout=LOOK_SECONDS)
        self._reader.close()

    def begin(self, candidate: Candidate) -> None:
        """Have a file read that will be asked for next."""
        if self._next is None or self._next[0] != candidate:
            self._last = self._thread.submit(self._reader.read, candidate)
            self._next = (candidate, self._last)

    def read(self, candidate: Candidate, while_waiting: Callable[[], None]) -> Document:
        """The file. `while_waiting` is called now and then until it is read; what it raises breaks the reading off.

        Raises ManualUnreadable.
        """
        self.begin(candidate)
        assert self._next is not None
        (_, found), self._next = self._next, None
        while True:
            try:
                return found.result(timeout=LOOK_SECONDS)
            except TimeoutError:
                if found.done():
                    raise
                while_waiting()

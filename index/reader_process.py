"""Reads files in a child process, with limits on time and memory, and starts it again when a file was its end.

Comes in: `Candidate`s. Goes out: `Document`s, or ManualUnreadable with a sentence about that one file. The child's side
is `index.reader_worker`; what is in a file is not known here.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from index.document_json import from_json, line
from index.errors import ManualUnreadable
from index.listing import Candidate
from index.records import Document

MEMORY = 2 * 1024**3  # bytes of address space; Python with all readers loaded takes about a fifth
SECONDS = 120.0
_LOOK = 0.5  # seconds between looks at the child's memory where the system can't limit it
_START = 60.0  # seconds
_GRACE = 10.0  # seconds that the child's own alarm comes later than ours


class ReaderProcess:
    """A child that reads files, as a context manager; one thread at a time.

    `seconds` and `memory` (bytes) are the limits for a file. The child starts with the first file and is started again
    after it was ended, so one bad file never costs another.
    """

    def __init__(self, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._seconds = seconds
        self._memory = memory
        self._child: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        return self._child.pid if self._child is not None else None

    def read(self, candidate: Candidate) -> Document:
        """Read one file. Raises ManualUnreadable: what the reader says, or that the file hung, crashed or used up too
        much memory."""
        shown = f"{candidate.path}!/{candidate.entry}" if candidate.entry else str(candidate.path)
        request = line({"path": str(candidate.path), "entry": candidate.entry, "source": candidate.source})
        answer = self._ask(request, shown)
        if "error" in answer:
            raise ManualUnreadable(answer["error"])
        return from_json(answer["document"])

    def close(self) -> None:
        """End the child; a later `read` would start another."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _ask(self, request: bytes, shown: str) -> dict[str, Any]:
        """Hand the request to a child. One that ended between two files (out of memory, or somebody killed it) is no
        fault of this file and is replaced once; a second that ends before it takes the request is named with it."""
        code = 0
        for _ in range(2):
            child = self._running(shown)
            assert child.stdin is not None
            try:
                child.stdin.write(request)
                child.stdin.flush()
            except OSError:
                self.close()
                code = child.returncode
                continue
            return self._await(child, shown)
        raise ManualUnreadable(
            f"{shown} was not read, as the reader ended twice before it ({_cause(code)}); free some memory and "
            "import it again."
        )

    def _await(self, child: subprocess.Popen[bytes], shown: str) -> dict[str, Any]:
        deadline = time.monotonic() + self._seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                self.close()
                raise ManualUnreadable(
                    f"{shown} was still being read after {self._seconds:g} seconds and was given up; "
                    "split it into smaller files or export it in another format."
                )
            try:
                answer = self._answers.get(timeout=min(left, _LOOK))
            except queue.Empty:
                self._check_memory(child, shown)
                continue
            if answer:
                parsed: dict[str, Any] = json.loads(answer)
                if parsed.get("last"):
                    self.close()
                return parsed
            code = child.wait()
            self.close()
            raise ManualUnreadable(
                f"{shown} brought the reader down ({_cause(code)}); export it again or in another format."
            )

    def _check_memory(self, child: subprocess.Popen[bytes], shown: str) -> None:
        if os.name == "posix":
            return  # the child limited itself
        import psutil

        try:
            used = psutil.Process(child.pid).memory_info().rss
        except psutil.Error:
            return
        if used > self._memory:
            self.close()
            raise ManualUnreadable(f"{shown} needs more memory to read than is allowed; split it into smaller files.")

    def _running(self, shown: str) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self.close()
        home = str(Path(__file__).resolve().parent.parent)
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", "index.reader_worker", str(self._memory), str(self._seconds + _GRACE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
        except OSError as error:  # the system is out of memory or processes: no fault of the library
            raise ManualUnreadable(
                f"{shown} was not read: the process that reads manuals can't be started ({error.strerror}); "
                "close other programs and import it again."
            ) from error
        answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=_collect, args=(child, answers), daemon=True).start()
        self._child, self._answers = child, answers
        self._await_start(child, shown)
        return child

    def _await_start(self, child: subprocess.Popen[bytes], shown: str) -> None:
        """Wait until the child has loaded: that time is not the file's."""
        try:
            if self._answers.get(timeout=_START):
                return
        except queue.Empty:
            pass
        self.close()
        raise ManualUnreadable(
            f"{shown} was not read: the process that reads manuals did not start (status {child.returncode}); check "
            f"the memory limit ({self._memory // 1024**2} MiB) and that the program is installed whole."
        )


def _collect(child: subprocess.Popen[bytes], answers: queue.SimpleQueue[bytes]) -> None:
    """Pass the child's lines on, and an empty one when there will be no more (a line cut short is no answer)."""
    assert child.stdout is not None
    try:
        for answer in child.stdout:
            if answer.endswith(b"\n"):
                answers.put(answer)
    except ValueError:  # closed while we read: the parent is done with this child
        pass
    answers.put(b"")


def _cause(code: int) -> str:
    if code >= 0:
        return f"it ended with status {code}"
    try:
        return f"it was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was ended by signal {-code}"

"""The process that reads manual files, so that a file which hangs, crashes or explodes costs only itself.

    python -m index.reader_worker MEMORY_BYTES SECONDS

Comes in on standard input: one JSON line a file, {"path", "entry", "source"}. Goes out on standard output: {"ready":
true} once, then one JSON line a file, {"document": ...} or {"error": sentence}; with "last" added, the process ends
after it. Whatever libraries print goes to standard error. The process ends when its input ends, and of itself when a
file takes longer than SECONDS.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from index.archive import Archive
from index.document_json import line, to_json
from index.errors import ManualUnreadable

HOSTILE = "TEBIKI_HOSTILE_READER"
"""Tests only: with this set to "hang", "crash", "memory" or "noise", reading a file named hostile.* does that."""


def main(memory: int, seconds: float) -> NoReturn:
    """Answer requests until the input ends; a failed file is an answer like any other."""
    answers = _take_over_output()
    _limit_memory(memory)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)  # the window and the search come first
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    import index.readers.html  # noqa: F401 - loaded now, so that no file's time is spent on it

    answers.write(line({"ready": True}))
    answers.flush()
    while True:
        request = json.loads(requests.get())
        _set_alarm(seconds)
        answer, usable = _answer(request)
        _set_alarm(0)
        answers.write(answer)
        answers.flush()
        if not usable:
            os._exit(0)  # not by returning: the interpreter's own clearing up may need memory too


def _answer(request: dict[str, Any]) -> tuple[bytes, bool]:
    """The answer to one request, and whether this process is fit for another: not when it ran out of memory."""
    shown = f"{request['path']}!/{request['entry']}" if request["entry"] else request["path"]
    try:
        return line({"document": _read(request, shown)}), True
    except ManualUnreadable as error:
        return line({"error": str(error)}), True
    except MemoryError:
        reason = f"{shown} needs more memory to read than is allowed; split it into smaller files."
        return line({"error": reason, "last": True}), False
    except Exception as error:  # a reader's bug or a hostile file: this file is lost, the next one is not
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        return line({"error": f"{shown} can't be read ({reason}); export it again or in another format."}), True


def _read(request: dict[str, Any], shown: str) -> list[Any]:
    from index.reading import LARGEST_BINARY, LARGEST_TEXT, PAGES, kind_of, read_bytes, read_file

    path, entry, source = Path(request["path"]), request["entry"], request["source"]
    if HOSTILE in os.environ and path.name.startswith("hostile."):
        _be_hostile(os.environ[HOSTILE])
    if entry is None:
        return to_json(read_file(path, source))
    limit = LARGEST_TEXT if kind_of(entry) in PAGES else LARGEST_BINARY
    return to_json(read_bytes(_archive(path).read(entry, limit), source, shown))


_open: dict[tuple[str, int, int], Archive] = {}  # at most one: files of an archive come one after the other


def _archive(path: Path) -> Archive:
    """The archive, open: reading the directory of 20,000 entries anew for each of them would take hours."""
    try:
        state = path.stat()
        key = (str(path), state.st_mtime_ns, state.st_size)
    except OSError:
        key = (str(path), 0, 0)  # opening it names the reason
    if key not in _open:
        for old in _open.values():
            old.close()
        _open.clear()
        _open[key] = Archive(path, str(path))
    return _open[key]


def _take_over_output() -> BinaryIO:
    """Standard output for answers alone: a copy of it is kept, and the number 1 leads to standard error from now on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _listen(requests: queue.SimpleQueue[bytes]) -> None:
    """Pass requests on; leave at once when the parent is gone, even in the middle of a file."""
    for request in sys.stdin.buffer:
        requests.put(request)
    os._exit(0)


def _limit_memory(memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: the parent watches instead
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _set_alarm(seconds: float) -> None:
    """Have the system end this process if a file takes so long; the parent does it too, unless it died meanwhile."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _be_hostile(how: str) -> None:
    if how == "hang":
        threading.Event().wait()
    elif how == "crash":
        os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    elif how == "memory":
        hoard = []
        while True:
            hoard.append(bytearray(64 * 1024 * 1024))
    elif how == "noise":
        print('{"document": "rubbish"}')
        os.write(1, b"\xff\xfe rubbish\n{}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))

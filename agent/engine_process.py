"""The engine's child process: started, written to, listened to, and ended. It knows nothing of what is asked.

The child is started afresh, never forked (a fork under Qt inherits locks that nobody will release), and ends when its
standard input closes, so that it does not outlive the application.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO

from agent import protocol

_ILLEGAL_INSTRUCTION = 0xC000001D  # Windows' status; elsewhere it is SIGILL
_END_PATIENCE = 3.0


class EngineProcess:
    """A running worker. Messages may be sent from any thread; one thread at a time receives."""

    def __init__(self, threads: int) -> None:
        self._child = subprocess.Popen(
            worker_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=worker_environment(threads),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._messages: queue.SimpleQueue[protocol.Message | None] = queue.SimpleQueue()
        self._last_words: deque[str] = deque(maxlen=40)
        self._writing = threading.Lock()
        self._threads = [
            threading.Thread(target=self._listen, args=(self._child.stdout,), name="engine answers", daemon=True),
            threading.Thread(target=self._overhear, args=(self._child.stderr,), name="engine errors", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def send(self, request: protocol.Request) -> None:
        """Write a request. A child that has ended is noticed by `receive`, not here."""
        assert self._child.stdin is not None
        try:
            with self._writing:
                self._child.stdin.write(protocol.encode(request))
                self._child.stdin.flush()
        except (OSError, ValueError):
            pass

    def receive(self, timeout: float) -> protocol.Message | None:
        """The next message, or None after `timeout` seconds. Raises EOFError when the child has ended."""
        try:
            message = self._messages.get(timeout=timeout)
        except queue.Empty:
            return None
        if message is None:
            self._messages.put(None)  # for whoever asks next
            raise EOFError
        return message

    def kill(self) -> None:
        """End the child at once."""
        self._child.kill()
        self._child.wait()

    def close(self) -> None:
        """End the child by closing its standard input, or by force if it does not heed that; wait until it is gone."""
        assert self._child.stdin is not None
        try:
            with self._writing:
                self._child.stdin.close()
        except OSError:
            pass
        try:
            self._child.wait(_END_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
        for thread in self._threads:
            thread.join()

    def cause_of_death(self) -> str:
        """Why the child ended, in a few words, with its last line of complaint if there is one."""
        try:
            code = self._child.wait(_END_PATIENCE)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        for thread in self._threads:
            thread.join(_END_PATIENCE)
        complaint = f": {self._last_words[-1]}" if self._last_words else ""
        return _in_words(code) + complaint

    def _listen(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                try:
                    self._messages.put(protocol.decode_message(line))
                except protocol.ProtocolError as error:
                    self._last_words.append(f"it said what is not a message ({error})")
                    self._child.kill()
                    break
        self._messages.put(None)

    def _overhear(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                if text := line.decode("utf-8", "replace").strip():
                    self._last_words.append(text)


def _in_words(code: int) -> str:
    if code in (-getattr(signal, "SIGILL", 4), _ILLEGAL_INSTRUCTION, _ILLEGAL_INSTRUCTION - (1 << 32)):
        return "this processor lacks instructions that llama.cpp was built to use"
    if code == -getattr(signal, "SIGKILL", 9):
        return "the system ended it, most often for want of memory: close other programs, or choose a smaller model"
    if code == -getattr(signal, "SIGBUS", 7):
        return "its model file became shorter, or could not be read, while it was in use"
    if code == -getattr(signal, "SIGABRT", 6):
        return "llama.cpp gave up, most often for want of memory: close other programs, or choose a smaller model"
    return f"it crashed with signal {-code}" if code < 0 else f"it ended with status {code}"


def worker_command() -> list[str]:
    """The command that starts the engine's worker."""
    # -P: what lies in the working folder is not imported
    return [sys.executable, "-P", "-m", "agent.engine_worker"]


def worker_environment(threads: int) -> dict[str, str]:
    """The environment that the worker runs in, whatever the folder, computing on `threads` threads."""
    root = str(Path(__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([root, inherited] if inherited else [root]),
        "PYTHONUTF8": "1",
        # Threads that wait spinning took the cores from the embedder's: ten times slower on two cores.
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": str(threads),
        "GGML_NO_BACKTRACE": "1",  # or llama.cpp, giving up, starts a debugger, whose words would be the last
    }

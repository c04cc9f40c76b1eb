"""All the threading of the window: work goes in with callbacks, results and events come back on the window's thread.

A `Lane` is one worker thread with a queue: what it owns (a library, an engine) needs no other lock. Two lanes are two
owners, so that a page can be opened while an answer is being written. A task that was abandoned still runs to its end,
but nothing of it lands: late results can't overwrite newer ones.

The worker never holds a callback: callbacks stay on the window's side, so that no Qt object dies on another thread.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

log = logging.getLogger(__name__)

Work = Callable[["Task"], Any]


@dataclass(eq=False)
class Task:
    """One piece of work under way, as both sides see it."""

    number: int
    _send: Callable[[int, str, object], None]
    _stop: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Ask the work to end soon; its result (what it has so far) still lands."""
        self._stop.set()

    def stopped(self) -> bool:
        """Whether the work should end; called by the work."""
        return self._stop.is_set()

    def tell(self, event: object) -> None:
        """Send an event to the window; called by the work."""
        self._send(self.number, "event", event)


@dataclass(frozen=True)
class _Callbacks:
    done: Callable[[Any], None] | None
    failed: Callable[[BaseException], None] | None
    event: Callable[[Any], None] | None


class Lane(QObject):
    """One worker thread. `idle` is true when nothing is queued or running."""

    _came = Signal(int, str, object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._numbers = 0
        self._waiting: dict[int, tuple[Task, _Callbacks]] = {}
        self._queue: queue.SimpleQueue[tuple[Task, Work] | None] = queue.SimpleQueue()
        self._came.connect(self._land, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether no result is awaited."""
        return not self._waiting

    def run(
        self,
        work: Work,
        *,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[BaseException], None] | None = None,
        event: Callable[[Any], None] | None = None,
    ) -> Task:
        """Queue `work`; it gets its Task and runs on the lane's thread. One of `done` and `failed` is called, once."""
        self._numbers += 1
        task = Task(self._numbers, self._send)
        self._waiting[task.number] = (task, _Callbacks(done, failed, event))
        self._queue.put((task, work))
        return task

    def abandon(self, task: Task) -> None:
        """Stop `task` and let nothing of it land any more."""
        task.stop()
        self._waiting.pop(task.number, None)

    def close(self, last: Callable[[], None] | None = None, seconds: float = 10.0) -> None:
        """Stop what runs, drop what is queued, run `last` on the lane's thread (to close what it owns), and join."""
        for task, _ in self._waiting.values():
            task.stop()
        self._waiting.clear()
        if last is not None:
            self._queue.put((Task(0, self._send), lambda _: last()))
        self._queue.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            log.warning("lane %s did not end within %.0f s", self._thread.name, seconds)

    def _send(self, number: int, kind: str, value: object) -> None:
        try:
            self._came.emit(number, kind, value)
        except RuntimeError:  # the window is gone; nobody waits for this any more
            log.debug("late %s of task %d dropped", kind, number)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            task, work = item
            if task.number and task.stopped() and task.number not in self._waiting:
                continue  # abandoned before it began
            try:
                self._send(task.number, "done", work(task))
            except Exception as error:
                log.info("task failed", exc_info=error)
                self._send(task.number, "failed", error)
            del item, task, work

    @Slot(int, str, object)
    def _land(self, number: int, kind: str, value: Any) -> None:
        if number not in self._waiting:
            return
        if kind == "event":
            callback = self._waiting[number][1].event
        else:
            callbacks = self._waiting.pop(number)[1]
            callback = callbacks.done if kind == "done" else callbacks.failed
            if callback is None and kind == "failed":
                raise value
        if callback is not None:
            callback(value)

"""Work on another thread: results land once, on the window's thread, unless they were abandoned."""

from __future__ import annotations

import threading
import time

import pytest
from pytestqt.qtbot import QtBot

from desktop.tasks import Lane, Task


@pytest.fixture
def lane(qapp: object):  # type: ignore[no-untyped-def]
    lane = Lane("test")
    yield lane
    lane.close()


def test_a_result_lands_on_the_thread_that_asked(lane: Lane, qtbot: QtBot) -> None:
    seen: list[tuple[str, bool]] = []
    lane.run(
        lambda _: threading.current_thread().name,
        done=lambda name: seen.append((name, threading.current_thread() is threading.main_thread())),
    )
    qtbot.waitUntil(lambda: bool(seen))
    assert seen == [("test", True)]


def test_events_land_in_order_before_the_result(lane: Lane, qtbot: QtBot) -> None:
    seen: list[object] = []

    def work(task: Task) -> str:
        for number in range(5):
            task.tell(number)
        return "end"

    lane.run(work, done=seen.append, event=seen.append)
    qtbot.waitUntil(lambda: lane.idle)
    assert seen == [0, 1, 2, 3, 4, "end"]


def test_a_failure_lands_as_the_error_and_the_lane_goes_on(lane: Lane, qtbot: QtBot) -> None:
    seen: list[object] = []
    lane.run(lambda _: 1 / 0, done=seen.append, failed=lambda error: seen.append(type(error)))
    lane.run(lambda _: "next", done=seen.append)
    qtbot.waitUntil(lambda: lane.idle)
    assert seen == [ZeroDivisionError, "next"]


def test_nothing_of_an_abandoned_task_lands(lane: Lane, qtbot: QtBot) -> None:
    seen: list[object] = []
    begun = threading.Event()

    def work(task: Task) -> str:
        begun.set()
        while not task.stopped():
            time.sleep(0.005)
        task.tell("late event")
        return "late result"

    task = lane.run(work, done=seen.append, event=seen.append)
    assert begun.wait(5)
    lane.abandon(task)
    lane.run(lambda _: "new", done=seen.append)
    qtbot.waitUntil(lambda: bool(seen))
    assert seen == ["new"]


def test_a_stopped_task_still_gives_what_it_has(lane: Lane, qtbot: QtBot) -> None:
    seen: list[object] = []

    def work(task: Task) -> str:
        while not task.stopped():
            time.sleep(0.005)
        return "half"

    lane.run(work, done=seen.append).stop()
    qtbot.waitUntil(lambda: bool(seen))
    assert seen == ["half"]


def test_closing_stops_what_runs_and_closes_what_the_lane_owns(qapp: object) -> None:
    lane, closed = Lane("closing"), []

    def work(task: Task) -> None:
        while not task.stopped():
            time.sleep(0.005)

    lane.run(work)
    lane.close(last=lambda: closed.append(threading.current_thread().name))
    assert closed == ["closing"]

"""Work over a Ray cluster gives what it gives here, in the same order."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import pytest

from trainer.cluster import LOCAL, mapped
from trainer.faults import ClusterMissing, TeacherFailed


@dataclass
class Squares:
    """Opens something once for each worker, and closes it; fails on 13."""

    opened: int = 0
    closed: list[int] = field(default_factory=list)

    def __call__(self, item: int) -> tuple[int, int]:
        self.opened = self.opened or 1
        if item == 13:
            raise TeacherFailed("thirteen")
        return item, item * item

    def close(self) -> None:
        self.closed.append(self.opened)


def test_here_the_results_come_in_order_and_what_was_opened_is_closed() -> None:
    work = Squares()
    assert list(mapped(work, [3, 1, 2])) == [(3, 9), (1, 1), (2, 4)]
    assert work.closed == [1]


def test_here_what_was_opened_is_closed_after_a_failure_too() -> None:
    work = Squares()
    with pytest.raises(TeacherFailed, match="thirteen"):
        list(mapped(work, [1, 13, 2]))
    assert work.closed == [1]


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterMissing, match=r"\[cluster\]"):
        list(mapped(Squares(), [1], LOCAL))


@pytest.mark.slow
def test_a_cluster_of_two_workers_gives_the_same_in_the_same_order_and_raises_the_same() -> None:
    pytest.importorskip("ray")
    items = [5, 3, 9, 1, 7, 2]
    assert list(mapped(Squares(), items, LOCAL, workers=2)) == list(mapped(Squares(), items))
    with pytest.raises(TeacherFailed, match=r"^thirteen$"):
        list(mapped(Squares(), [1, 13, 2, 4], LOCAL, workers=2))


def test_an_address_without_a_cluster_is_said() -> None:
    pytest.importorskip("ray")
    with pytest.raises(ClusterMissing, match=r"127\.0\.0\.1:1"):
        list(mapped(Squares(), [1], "127.0.0.1:1"))

"""Work spread over a Ray cluster, or done here: the same results in the same order either way.

Comes in: a function, and items. Goes out: its results, one by one. A function that needs a library or a model opens
it when it is first called, once for each worker, and closes it in `close`, if it has one. It is pickled, so it holds
paths and settings, not what they lead to; the nodes need this program and the same paths.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from trainer.faults import ClusterMissing

Item = TypeVar("Item")
Result = TypeVar("Result")

REACHED_WITHIN = 5.0  # seconds
LOCAL = "local"
"""The address by which a cluster of this machine's own is started, and ended with the work."""


def mapped(
    function: Callable[[Item], Result], items: Sequence[Item], address: str = "", *, workers: int = 0
) -> Iterator[Result]:
    """`function` of each item, in order. `address` is a Ray cluster's ("auto", "ray://host:10001", LOCAL); "" works in
    this process. `workers` processes of one CPU each (0: as many as there are CPUs). What the function raises is
    raised here. Raises ClusterMissing."""
    if not address:
        with contextlib.closing(_Closed(function)) as work:
            yield from map(work.call, items)
        return
    if not items:
        return
    ray = _started(address, workers)
    try:
        yield from _spread(ray, function, items, workers)
    finally:
        ray.shutdown()


class _Closed:
    """A function with its resources, in this process or as a Ray actor."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def call(self, item: Any) -> Any:
        return self._function(item)

    def close(self) -> None:
        close = getattr(self._function, "close", None)
        if close is not None:
            close()


def _started(address: str, workers: int) -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is reported to anyone
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise ClusterMissing(
            "Ray is not installed: run pip install -e '.[cluster]' in Tebiki's folder, or leave out --ray."
        ) from error
    if address != LOCAL:
        _check_reachable(address)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    try:
        if address == LOCAL:
            ray.init(num_cpus=workers or None, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise ClusterMissing(
            f"No Ray cluster answers at '{address}' ({first[0]}): start one with 'ray start --head', or give "
            "--ray local."
        ) from error
    return ray


def _check_reachable(address: str) -> None:
    """Raise ClusterMissing where nobody listens at "host:port": Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # "auto", which Ray looks up
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACHED_WITHIN).close()
    except OSError as error:
        raise ClusterMissing(
            f"No Ray cluster answers at '{address}' ({error}): start one with 'ray start --head', or give --ray local."
        ) from error


def _spread(ray: Any, function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    from ray.util import ActorPool

    number = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    worker = ray.remote(num_cpus=1)(_Closed)
    actors = [worker.remote(function) for _ in range(min(number, len(items)))]
    pool = ActorPool(actors)
    try:
        yield from pool.map(lambda actor, item: actor.call.remote(item), list(items))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    else:
        ray.get([actor.close.remote() for actor in actors])

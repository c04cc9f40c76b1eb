"""Killed at any moment of any operation, a library keeps what was reported done; see benchmarks/kill_moments.py.

The seed is in the message of a failure; `TEBIKI_SEED=7 pytest tests/index/test_kill_moments.py` repeats it.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

from benchmarks import kill_moments

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")


@pytest.fixture
def seed() -> int:
    seed = int(os.environ.get("TEBIKI_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"TEBIKI_SEED={seed}")
    return seed


def test_eight_kills_in_one_history_lose_nothing_reported_done(tmp_path: Path, seed: int) -> None:
    log = list(kill_moments.run(8, seed, tmp_path, pages=16, window=False))
    print(*log, sep="\n")
    assert len(log) == 9


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_kills_lose_nothing_reported_done(tmp_path: Path, seed: int) -> None:
    for line in kill_moments.run(200, seed, tmp_path):
        print(line, flush=True)

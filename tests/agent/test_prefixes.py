"""Kept beginnings of prompts: the one that saves most is found, few are kept, and half a file is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.prefixes import LEAST_SAVED, MOST_FILES, MOST_KEPT, Prefix, Prefixes, common

LONG = tuple(range(100))


def test_the_one_with_most_in_common_is_best_and_only_if_it_saves_something() -> None:
    kept = Prefixes("model", None)
    short, long = Prefix(LONG[:50], b"short"), Prefix(LONG, b"long")
    kept.keep(short)
    kept.keep(long)
    assert kept.best([*LONG, 7], held=0) is long
    assert kept.best([*LONG[:50], 7, 7], held=0) in (short, long)
    assert kept.best([*LONG, 7], held=100 - LEAST_SAVED + 1) is None
    assert kept.best([1000] * 60, held=0) is None


def test_the_one_not_used_for_longest_makes_way() -> None:
    kept = Prefixes("model", None)
    for number in range(MOST_KEPT):
        kept.keep(Prefix((number,) * 50, b""))
    assert kept.best((0,) * 60, held=0)
    kept.keep(Prefix((99,) * 50, b""))
    assert kept.holds((0,) * 50)
    assert not kept.holds((1,) * 50)


def test_what_was_stored_is_there_for_the_next_start_of_the_same_model(tmp_path: Path) -> None:
    Prefixes("model", tmp_path / "engine").store(Prefix(LONG, b"state"))
    assert Prefixes("model", tmp_path / "engine").stored(LONG) == Prefix(LONG, b"state")
    assert Prefixes("model", tmp_path / "engine").stored(LONG[:-1]) is None
    assert Prefixes("another", tmp_path / "engine").stored(LONG) is None
    assert Prefixes("model", None).stored(LONG) is None


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"", lambda data: data[:-1] + b"?"])
def test_a_damaged_file_is_not_used(tmp_path: Path, damage: object) -> None:
    kept = Prefixes("model", tmp_path)
    kept.store(Prefix(LONG, b"state"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    assert kept.stored(LONG) is None


def test_few_files_are_kept(tmp_path: Path) -> None:
    kept = Prefixes("model", tmp_path)
    for number in range(MOST_FILES + 3):
        kept.store(Prefix((number,), b"state"))
    assert len(list(tmp_path.iterdir())) == MOST_FILES
    assert kept.stored((MOST_FILES + 2,)) is not None


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_what_is_common_is_the_longest_equal_beginning(one: list[int], other: list[int]) -> None:
    same = common(one, other)
    assert one[:same] == other[:same]
    assert one[: same + 1] != other[: same + 1] or same == len(one) == len(other) or same in (len(one), len(other))

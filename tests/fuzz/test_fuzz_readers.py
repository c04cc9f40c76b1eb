"""No file, however broken, breaks a promise of the readers: some hundred of the inputs that benchmarks/fuzz_readers.py
tries by the hundred thousand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.checks import check
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import KINDS, WORDS, seeds

_INPUTS = 60
_SEEDS = {kind: seeds(kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_read(kind: str) -> None:
    assert any(check(kind, data) for data in _SEEDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_broken_files_are_read_or_refused_with_a_reason(kind: str) -> None:
    words = WORDS.get(kind, ()) or (*WORDS["xml"], *WORDS["html"])
    for number in range(_INPUTS):
        check(kind, mutated(kind, _SEEDS[kind], words, random.Random(f"test:{kind}:{number}")))


@pytest.mark.parametrize("kind", ["html", "md", "txt"])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_text_is_read_or_refused_with_a_reason(kind: str, data: st.DataObject) -> None:
    pieces = st.one_of(st.text(max_size=30), st.sampled_from([word.decode("latin-1") for word in WORDS[kind]]))
    check(kind, "".join(data.draw(st.lists(pieces, max_size=40))).encode("utf-8", errors="surrogatepass"))


@pytest.mark.parametrize("mark", ["`", "*", "[", "![", "[](", "# ", " ", "|", "<!--", "{#", "-", "あ\n", "~"])
def test_a_page_of_nothing_but_marks_is_read_without_end_of_patience(mark: str) -> None:
    """Patterns that try a stretch again from each of its characters would take hours; the test run's own time limit
    is the judge."""
    for kind in ("md", "html", "txt"):
        check(kind, ("Text " + mark * (60_000 // len(mark)) + "x\n").encode())

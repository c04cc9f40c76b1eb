"""What was meant is offered where a word is not known, and nothing that the library does not have."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import analyzer
from index.library import Library
from index.spelling import Speller, words_of
from tests.index.small_manuals import bring_in, write_manual

PAGE = """<html><head><title>Guide</title></head><body><h1>ajsentry</h1><p>The ajsentry command registers a jobnet.
Set max_connections in the configuration, and SLURM_CONF beside it. Connections are counted.</p>
<p>KAVS0243-E means that the calendar is missing. The fault-tolerant scheduler tolerates one fault.</p></body></html>"""
JAPANESE = """<html lang="ja"><head><title>手引</title></head><body><h1>ジョブネット</h1><p>ジョブネットを
実行登録します。スケジューラーサービスとカレンダーを設定します。</p></body></html>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("spelling")
    pages = {"guide.html": PAGE, "手引.html": JAPANESE}
    bring_in(work / "library", write_manual(work / "guide", pages))
    return work / "library"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ajsenrty", "ajsentry"),
        ("KAVS0234-E", "KAVS0243-E"),
        ("max_conections", "max_connections"),
        ("how do I set max_conections?", "how do I set max_connections?"),
        ("SLRUM_CONF", "SLURM_CONF"),
        ("missing calender", "missing calendar"),
        ("ジョプネット", "ジョブネット"),
        ("ジョプネットの実行登録", "ジョブネットの実行登録"),
        ("ajsentry", None),
        ("kavs0243‐e", None),
        ("connection", None),  # another form of a known word
        ("カレンダ", None),  # the long vowel is a matter of taste
        ("fault-scheduler", None),  # made of known words
        ("zzzzqqqq", None),
        ("20342", None),
        ("", None),
        ("。？ -", None),
    ],
)
def test_what_was_meant_is_offered_and_known_words_are_left_alone(folder: Path, typed: str, meant: str | None) -> None:
    with Library.open(folder) as library:
        assert library.suggest(typed) == meant


def test_what_is_offered_is_never_searched_instead(folder: Path) -> None:
    with Library.open(folder) as library:
        assert library.search("ajsenrty") == []


def test_a_word_that_went_with_its_manual_is_not_offered(tmp_path: Path) -> None:
    bring_in(tmp_path / "library", write_manual(tmp_path / "one", {"a.html": PAGE}))
    bring_in(tmp_path / "library", write_manual(tmp_path / "two", {"b.html": PAGE.replace("ajsentry", "ajsleave")}))
    with Library.open(tmp_path / "library") as library:
        assert library.suggest("ajsenrty") == "ajsentry"
        library.remove(next(m.id for m in library.manuals() if m.root.endswith("one")))
        assert library.suggest("ajsenrty") is None
        assert library.suggest("ajslaeve") == "ajsleave"


def test_of_two_near_words_the_more_frequent_is_offered() -> None:
    speller = Speller([("parameter", "parameter"), ("perimeter", "perimeter")])
    often = {"paramet": 40, "perimet": 2}
    assert speller.suggest("peramete", lambda term: often.get(term, 0)) == "parameter"


WORDS = st.lists(
    st.from_regex(r"[a-z]{3,12}(?:_[a-z]{2,6})?|[ァ-ヺ]{3,8}|[A-Z]{3}[0-9]{3}-[A-Z]", fullmatch=True), max_size=12
)


@given(WORDS, st.one_of(st.text(max_size=40), WORDS.map(" ".join)))
def test_only_words_that_the_library_has_are_offered(known: list[str], query: str) -> None:
    held = {term for word in known for term in analyzer.tokens(word)}
    speller = Speller({analyzer.fold(word): word for word in known}.items())
    meant = speller.suggest(query, lambda term: int(term in held))
    if meant is not None:
        assert meant != query
        new = set(words_of(meant)) - set(words_of(query))
        assert {analyzer.fold(word) for word in new} <= {
            analyzer.fold(part) for word in known for part in (word, *words_of(word))
        }


@given(st.text(max_size=60))
def test_words_of_any_text_are_short_and_without_blanks(text: str) -> None:
    for word in words_of(text):
        assert 0 < len(word) <= 40
        assert not any(character.isspace() for character in word)

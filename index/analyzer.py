"""Text in, search terms out: the one place that decides what counts as the same word.

    tokens("Set `--time-min` in sets")  -> ['set', '--time-min', 'time-min', 'time', 'min', 'in', 'set']

English words are stemmed; identifiers (message ids, options, paths, ports, variables) are kept whole and in parts;
Japanese becomes single characters and pairs of them, which finds as well as a dictionary does and needs none. Index and
query go through the same cuts: a query yields fewer terms than the index holds, never other ones. It knows nothing of
files, fields or scores.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import snowballstemmer

from index.records import Language

VERSION = 2
"""Raised whenever the same text would give other terms, so that an index made before is rebuilt."""

LONGEST = 64
"""Characters; a longer run is not kept whole (its parts are)."""

_KANA_KANJI = "ぁ-ゖゝゞァ-ヺーヽヾ々〆〇㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff"
_WORD = rf"(?:(?![{_KANA_KANJI}])\w)"
_JOINT = r"[-._/:@+\\]"

_RUN = re.compile(
    rf"(?P<cjk>[{_KANA_KANJI}]+)"
    rf"|(?P<lead>(?<![^\W{_KANA_KANJI}])(?:--?|/|\.))?(?P<core>{_WORD}+(?:{_JOINT}{{1,3}}{_WORD}+)*)"
)
_JOINTS = re.compile(r"[-._/:@+\\]+")
_LETTERS_DIGITS = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_POSSESSIVE = re.compile(r"(?<=\w)['’]s\b", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_HIRAGANA = re.compile(r"[ぁ-ゖゝゞ]+")
_KANA_OR_KANJI = re.compile(rf"[{_KANA_KANJI}]")
_JAPANESE = re.compile(r"[ぁ-ゖァ-ヺ一-鿿]")

# Footnote marks glued to a word ("tcp①", "job²") would turn into digits of it under NFKC: they are moved off first.
_MARKS = re.compile(r"([\u00b9\u00b2\u00b3\u2070-\u2079\u2080-\u2089\u2460-\u24ff\u2776-\u2793†‡※])")
# Typesetters' hyphens: manuals print "--time" and "KAVS0243-E" with any of them.
_HYPHENS = {ord(c): "-" for c in "\u2010\u2011\u2012\u2013\u2212"} | {ord("’"): "'"}

_STOP = """
a about after all also am an and any are as at be because been before being both but by can could did do does doing
done for from had has have having he her here him his how i if in into is it its itself just may me might must my no
nor not of on once only or other our out own she should so some such than that the their them then there these they
this those through to too under until up us very was we were what when where which while who whom why will with would
you your s t
"""
STOP_WORDS = frozenset(_STOP.split())
"""Left out of queries (not of the index), unless nothing else is asked."""


def query_language(text: str) -> Language:
    """The language that a question is asked in: Japanese as soon as it holds kana or kanji."""
    return "ja" if _JAPANESE.search(unicodedata.normalize("NFKC", text)) else "en"


def is_japanese(term: str) -> bool:
    """Whether a term is a piece of Japanese text, and not a word or an identifier in Latin letters or digits."""
    return _KANA_OR_KANJI.match(term) is not None


def tokens(text: str, *, query: bool = False) -> list[str]:
    """The terms of `text` in order, with repeats.

    For the index (`query=False`) that is everything by which a passage may be found. For a query it is the part of that
    which tells passages apart: no stop words, no lone Japanese characters or pairs of hiragana where there is anything
    better, no letter and digit groups of an identifier.
    """
    found = list(_query_terms(text) if query else _index_terms(text))
    if query and not found:
        return list(_last_resort(text))
    return found


def is_identifier(text: str) -> bool:
    """Whether a query is one name and nothing else: a message id, a command, an option, a path, a variable."""
    runs = list(_RUN.finditer(normalise(text)))
    if len(runs) != 1 or runs[0]["cjk"]:
        return False
    core = runs[0]["core"]
    return runs[0]["lead"] is not None or _JOINTS.search(core) is not None or not core.isalpha()


def normalise(text: str) -> str:
    """NFKC with one hyphen, footnote marks set apart and no thousands separators; case is kept.

    Applying it again changes nothing.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _MARKS.sub(r" \1 ", text).translate(_HYPHENS))
        # NFKC may bring a hyphen or a mark of its own; a second turn of both is enough to come to rest.
        text = unicodedata.normalize("NFKC", _MARKS.sub(" ", text).translate(_HYPHENS))
    return _THOUSANDS.sub("", _POSSESSIVE.sub("", text))


def _index_terms(text: str) -> Iterator[str]:
    for run in _RUN.finditer(normalise(text)):
        if run["cjk"]:
            yield from run["cjk"]
            yield from _pairs(run["cjk"])
        else:
            yield from _indexed_names(run["lead"] or "", run["core"])


@lru_cache(maxsize=65_536)
def _indexed_names(lead: str, core: str) -> tuple[str, ...]:
    """The terms of one word for the index: remembered, since most words of a manual come again and again."""
    return tuple(_names(lead, core, whole_only=False))


def _query_terms(text: str) -> Iterator[str]:
    for run in _RUN.finditer(normalise(text)):
        if run["cjk"]:
            yield from _pairs(run["cjk"])
            yield from _lone_kanji(run["cjk"])
        elif run["lead"] or fold(run["core"]) not in STOP_WORDS:
            yield from _names(run["lead"] or "", run["core"], whole_only=True)


def _last_resort(text: str) -> Iterator[str]:
    """A query of stop words or hiragana alone still asks for something."""
    for run in _RUN.finditer(normalise(text)):
        if run["cjk"]:
            yield from run["cjk"]
        else:
            yield _stem(fold(run["core"]))


def _pairs(run: str) -> Iterator[str]:
    # Pairs of hiragana are grammar: left out, they halve the index and change no measured rank.
    for first, second in pairwise(run):
        if not (_HIRAGANA.match(first) and _HIRAGANA.match(second)):
            yield first + second


def _lone_kanji(run: str) -> Iterator[str]:
    """Characters that are a word by themselves between hiragana ("値は"): their pairs depend on the grammar around."""
    for word in _HIRAGANA.split(run):
        if len(word) == 1:
            yield word


def _names(lead: str, core: str, *, whole_only: bool) -> Iterator[str]:
    """An English word as its stem, or an identifier whole and in parts."""
    folded = fold(core)
    parts = [part for part in _JOINTS.split(core) if part]
    identifier = bool(lead) or len(parts) > 1 or "_" in core
    if identifier and len(lead + folded) <= LONGEST:
        yield lead + folded
        if lead and (len(folded) > 1 or not whole_only):
            yield from _part(folded) if len(parts) == 1 else [folded]
    if len(parts) > 1:
        for part in parts:
            if len(part) > 1 or not (whole_only and part.isalpha()):  # the E of KAVS0243-E tells a query nothing
                yield from _part(fold(part))
    elif not identifier:
        yield from _part(folded)
    if not whole_only:
        for part in parts:
            yield from _groups(part)


def _part(folded: str) -> list[str]:
    return [_stem(folded)] if len(folded) <= LONGEST else []


def _groups(part: str) -> Iterator[str]:
    """The letters and digits of "RJ45", the words of "JobAcctGather"."""
    groups = _LETTERS_DIGITS.findall(part)
    if len(groups) > 1:
        yield from (_stem(fold(group)) for group in groups if len(group) <= LONGEST)
    for group in groups:
        humps = _CAMEL.findall(group)
        if len(humps) > 1 and len(group) <= LONGEST:
            yield from (_stem(fold(hump)) for hump in humps if len(hump) > 1)


def fold(text: str) -> str:
    """Without case, in NFKC (case folding can undo it)."""
    return unicodedata.normalize("NFKC", text.casefold())


_ENGLISH = snowballstemmer.stemmer("english")
_ONE_AT_A_TIME = threading.Lock()  # a stemmer keeps the word it works on in itself


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    if not (word.isascii() and word.isalpha()):
        return word
    with _ONE_AT_A_TIME:
        stem = str(_ENGLISH.stemWord(word))
    return stem.removesuffix("e") if stem.endswith("queue") else stem  # else "queue" and "queued" never meet

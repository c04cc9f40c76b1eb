"""Knows the small marks that technical manuals set: run-in numbers, footnote marks, titles of notes and of legends.

Strings in, answers out; knows nothing of elements and pages.
"""

from __future__ import annotations

import re

RUN_IN_LEVELS = (7, 10)
"""The first level below every heading element, and the last that a run-in heading may take."""

_NUMBERED = re.compile(r"(?:\d+(?:\.\d+)+\.?|\(\d{1,3}\)|（[\d０-９]{1,3}）)\s*\S")
_LETTERED = re.compile(r"(?:\([A-Za-zア-ン]\)|（[A-Za-zア-ン]）)\s*\S")
_BOXED = re.compile(r"[■●◆]\s*\S")
_SENTENCE_END = re.compile(r"[.。!?！？:：,、;]$")
_LONGEST_BOXED = 100  # characters; a longer line after a box is an item of a list

_FOOTNOTE = re.compile(r"\s*[#※*†‡注\[(]")
_ONLY_MARK = re.compile(r"(?:注?[#※]\d{0,2}|注\d{1,2}|\*\d{1,2}|[(（][A-Z][)）])\s*[:：]?")
_MARK_ALONE = re.compile(r">\s*(?:注\s*)?([#※]\d{0,2})\s*[:：]?\s*<")
_NOTE_TITLE = re.compile(
    r"\W*((cautionary|supplementary|important|additional)?\s*notes?(\(s\)|s)?|important|caution(s|\(s\))?|warning|tip|hint"
    r"|reminder|attention|注意事項?|補足(事項|説明)?|重要|ヒント|注記|警告|参考|ティップ)\W*",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\W*(legend|key|note|凡例|where)\W*|\(\w{1,2}\)|（\w{1,2}）", re.IGNORECASE)


def run_in_level(text: str, open_levels: tuple[int, ...] = ()) -> int | None:
    """The level of a run-in heading that opens with a number, a letter or a box: "(1)" stands above "(a)", and a box
    below whichever of them is open. None for a line without such a mark."""
    first, last = RUN_IN_LEVELS
    if _NUMBERED.match(text):
        return first + 1
    if _LETTERED.match(text):
        return first + 2
    if _BOXED.match(text):
        return last if any(first < level < last for level in open_levels) else first
    return None


def is_boxed_title(text: str) -> bool:
    """Whether a paragraph by itself is a title, since it opens with a box and is no sentence."""
    return len(text) <= _LONGEST_BOXED and "\n" not in text and bool(_BOXED.match(text)) and not ends_sentence(text)


def ends_sentence(text: str) -> bool:
    """Whether a line ends as sentences do."""
    return _SENTENCE_END.search(text) is not None


def opens_with_footnote_mark(text: str) -> bool:
    """Whether a superscript is a footnote mark, and no exponent."""
    return _FOOTNOTE.match(text) is not None


def is_only_mark(text: str) -> bool:
    """Whether a line is nothing but the mark of a footnote, or of an action ("(S)"), that the next one explains."""
    return _ONLY_MARK.fullmatch(text) is not None


def is_note_title(text: str) -> bool:
    """Whether a line is the title of a note, a caution or a tip."""
    return len(text) < 40 and _NOTE_TITLE.fullmatch(text) is not None


def is_aside(term: str) -> bool:
    """Whether a term stands for something around it (a legend, a footnote, "(S)") and is nothing one looks up."""
    return is_only_mark(term) or is_note_title(term) or _ASIDE.fullmatch(term) is not None


def part_glued_marks(markup: str) -> str:
    """Markup in which the footnote marks that the page explains are parted from the word before them: of `job#1` the
    word is `job`. A mark that no line of the page explains is left alone: it may belong to a name."""
    marks = sorted(set(_MARK_ALONE.findall(markup)), key=len, reverse=True)
    if not marks:
        return markup
    numbers, stars = ("|".join(re.escape(mark) for mark in marks if mark[0] == sign) or "(?!)" for sign in "#※")
    glued = re.compile(
        rf"<[^<>]*>|(?<=[^\s<>#※注])(?:{numbers})(?=[\s<,.;:)\]、。，．）」])|(?<=[A-Za-z0-9)])(?:{stars})(?!\d)"
    )
    return glued.sub(lambda found: found[0] if found[0].startswith("<") else " " + found[0], markup)

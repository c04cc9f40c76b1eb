"""Says whether a text is English or Japanese. Text in, language out; other languages count as English (their words
are split by spaces all the same)."""

from __future__ import annotations

import re

from index.records import Language

_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
_LETTER = re.compile(r"[^\W\d_]")
_SAMPLE = 20_000  # characters
_MUCH_KANA = 0.08  # of the letters; Japanese prose has about half, a page of commands with Japanese remarks a tenth
_SOME_KANA = 0.02


def language_of(text: str, declared: str = "") -> Language:
    """The language of `text` by its share of kana; `declared` (such as an html lang) decides only in doubt.

    A manual often declares the language of its template, so a page full of kana is Japanese whatever it declares.
    """
    sample = text[:_SAMPLE]
    letters = len(_LETTER.findall(sample))
    kana = len(_KANA.findall(sample)) / letters if letters else 0.0
    if kana >= _MUCH_KANA:
        return "ja"
    if kana >= _SOME_KANA or letters < 20:
        return "ja" if declared.lower().startswith("ja") or (kana >= _SOME_KANA and not declared) else "en"
    return "en"

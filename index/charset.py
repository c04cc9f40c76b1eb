"""Turns bytes into text: finds a file's charset and mends wrong declarations.

Comes in: the bytes of a text file. Goes out: its text and the charset's name. Tried in order: byte order mark, what
the file declares, UTF-8, CP932 (Shift_JIS), EUC-JP; the first that decodes without errors into plausible text is taken.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE
)
_SHIFT_JIS = frozenset({"shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "windows-31j", "csshiftjis", "cp932"})
_LATIN = frozenset({"iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii", "windows-1252", "cp1252"})
_NO_CHARSETS = frozenset({"unicode_escape", "raw_unicode_escape", "punycode", "idna", "utf_7"})
_FALLBACKS = ("utf-8", "cp932", "euc_jp")
_JAPANESE = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u3005-\u3007\u4e00-\u9fff\u3000-\u3002\uff01-\uff5e\u30fb\u30fc]")
_IMPLAUSIBLE = re.compile(r"[\u0080-\u009f\ue000-\uf8ff\ufffd]")
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30f6\u30fc\u3001\u3002]")
_HALF_WIDTH = re.compile(r"[\uff61-\uff9f]")
_SAMPLE = 200_000


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text and the charset it was read with; `damaged` counts bytes that no charset could read."""

    text: str
    charset: str
    damaged: int = 0


def decode(data: bytes) -> Decoded:
    """The text of `data`. Never fails: bytes that can't be read become U+FFFD and are counted in `damaged`."""
    for mark, marked in _MARKS:
        if data.startswith(mark):
            whole = data.decode(marked, errors="replace").removeprefix("\ufeff")
            return Decoded(whole, marked, whole.count("\ufffd"))
    declared = declared_charset(data[:4096])
    candidates = list(dict.fromkeys(name for name in (declared, *_FALLBACKS) if name))
    if b"\x1b$" in data or b"\x1b(" in data:
        candidates.insert(0, "iso2022_jp")
    clean = [(name, text) for name in candidates if (text := _strict(data, name)) is not None]
    plausible = [(name, text) for name, text in clean if name == "utf-8" or is_plausible(text)]
    for name, text in plausible or clean:
        if name == declared and name in ("cp932", "euc_jp") and (better := _better(name, text, plausible)):
            return Decoded(better[1], better[0])
        return Decoded(text, name)
    return _least_damaged(data, declared)


def declared_charset(head: bytes) -> str | None:
    """The charset that the beginning of a file declares (<meta charset>, <?xml encoding>), as Python's codec name.

    Latin declarations count as none: they decode any bytes at all, so they are no evidence."""
    found = _DECLARED.search(head)
    if found is None:
        return None
    name = found.group(1).decode("ascii").lower()
    if name in _SHIFT_JIS:
        return "cp932"
    if name in _LATIN:
        return None
    try:
        codec = codecs.lookup(name).name.replace("-", "_")
        readable = codec not in _NO_CHARSETS and b"a".decode(codec) == "a"  # UTF-16 could not have declared itself so
    except (LookupError, UnicodeError):  # Python also has codecs that are no charsets, such as "uu" and "undefined"
        return None
    return codec.replace("utf_8", "utf-8") if readable else None


def is_plausible(text: str) -> bool:
    """Whether decoded text looks like something written: what is not ASCII is mostly kana, kanji and known signs.

    CP932 and EUC-JP read each other's bytes without an error; the wrong one gives half-width kana and rare kanji.
    """
    sample = text[:_SAMPLE]
    other = sum(1 for char in sample if char > "\x7f")
    if not other:
        return True
    if len(_IMPLAUSIBLE.findall(sample)) > 0.02 * other or len(_HALF_WIDTH.findall(sample)) > 0.3 * other:
        return False
    japanese = len(_JAPANESE.findall(sample))
    return japanese >= 0.7 * other and (other < 50 or len(_KANA.findall(sample)) >= 0.1 * japanese)


def _strict(data: bytes, charset: str) -> str | None:
    try:
        return data.decode(charset)
    except (UnicodeDecodeError, LookupError):
        return None


def _better(name: str, text: str, plausible: list[tuple[str, str]]) -> tuple[str, str] | None:
    """UTF-8, where a file declared as a Japanese charset is clean UTF-8 and not just ASCII: that is no accident."""
    if text.isascii():
        return None
    return next(((other, found) for other, found in plausible if other == "utf-8" and other != name), None)


def _least_damaged(data: bytes, declared: str | None) -> Decoded:
    """No charset reads all bytes: the one that loses fewest; western bytes as CP1252 where the Japanese ones fail."""
    results = []
    for name in dict.fromkeys(name for name in (declared, *_FALLBACKS) if name):
        text = data.decode(name, errors="replace")
        results.append(Decoded(text, name, text.count("\ufffd")))
    best = min(results, key=lambda result: result.damaged)
    if is_plausible(best.text.replace("\ufffd", "")) and best.damaged * 1000 <= len(best.text):
        return best
    western = data.decode("cp1252", errors="replace")
    other = sum(1 for char in western if char > "\x7f")
    if other * 8 <= len(western):
        return Decoded(western, "cp1252", western.count("\ufffd"))
    return best

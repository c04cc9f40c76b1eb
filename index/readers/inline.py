"""White space of running text, as a browser would show it. Strings in, strings out; knows no format."""

from __future__ import annotations

import re

_CJK = r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff60]"
_BREAK_IN_JAPANESE = re.compile(rf"(?<={_CJK})[ \t]*+[\r\n]++[ \t\r\n]*+(?={_CJK})")  # never tries a stretch twice
_SPACES = re.compile(r"[ \t\r\n\f\v\xa0\u2000-\u200a\u202f]+")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff\x00-\x08\x0e-\x1f]")
LINE = "\x0b"  # stands for a line break that is meant (<br>) until `fold` has folded those that are not


def fold(text: str) -> str:
    """Running text with its white space folded: a line break in the source is one space, or nothing between
    Japanese characters, since there it only wrapped the line. `LINE` becomes a line break."""
    lines = (_fold_line(line) for line in text.split(LINE)) if LINE in text else (_fold_line(text),)
    return "\n".join(line for line in lines if line)


def fold_to_line(text: str) -> str:
    """As `fold`, on one line."""
    return _fold_line(text.replace(LINE, " "))


def _fold_line(text: str) -> str:
    return _SPACES.sub(" ", _BREAK_IN_JAPANESE.sub("", _INVISIBLE.sub("", text))).strip(" ")


def join_wrapped(lines: list[str]) -> str:
    """Lines that a page's width broke, joined again: with a space, without one between Japanese characters."""
    return fold("\n".join(lines))


def verbatim(text: str) -> str:
    """Preformatted text: its line breaks and indents stay, tabs are eight columns, outer blank lines go."""
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).replace("\xa0", " ")
    lines = [line.expandtabs(8).rstrip() for line in text.split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines)

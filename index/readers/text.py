"""Reads plain text: decoded text in, a `Document` out.

Headings are guessed with care: numbered lines that stand alone, lines underlined with signs, and the capitals of man
pages. Form feeds count pages. What is indented or drawn stays verbatim; other lines are joined into paragraphs.
"""

from __future__ import annotations

import re

from index.language import language_of
from index.readers.assembly import Assembly, plain, rooted
from index.readers.inline import join_wrapped, verbatim
from index.records import BlockKind, Document

_UNDERLINE = re.compile(r"^\s*([=\-~^\"*#+_])\1{2,}\s*$")
_NUMBERED = re.compile(
    r"^((?:\d{1,3}\.){1,5}(?:\d{1,3})?|第\s*\d{1,3}\s*[章節項部]|(?:chapter|appendix|part)\s+[\dA-Z]{1,3}[.:]?|付録\s*[A-Z\d])"
    r"[\s\u3000]+\S",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"^[A-Z][A-Z0-9 /&,()-]{2,60}$")
_ITEM = re.compile(r"^(\s*)([-*+•・●◆o]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+\S")
_CLOSING = re.compile(r"[.。!?！？,、;；]$")
_BOX = re.compile(r"[|+\u2500-\u257f]")
_RUNNING = 3  # a line that opens or closes so many pages is a running header or footer


def read_text(text: str, source: str) -> Document:
    """The document; its title is the first line if it stands alone, else the file's name. `page` counts form feeds."""
    pages = _without_running_lines(text.replace("\r\n", "\n").replace("\r", "\n").split("\f"))
    assembly = Assembly()
    title = ""
    for number, page in enumerate(pages, 1):
        if number > 1:
            assembly.pause()
        lines = [line.expandtabs(8).rstrip() for line in page.split("\n")]
        title = _read_page(lines, assembly, number if len(pages) > 1 else None, title, first=number == 1)
    title = title or source.rsplit("/", 1)[-1]
    sections = rooted(assembly.sections(), title)
    return Document(source, title, language_of(text), sections)


def _without_running_lines(pages: list[str]) -> list[str]:
    """The pages without the lines that repeat at their tops and bottoms, digits aside."""
    if len(pages) < _RUNNING:
        return pages
    edges: dict[str, int] = {}
    for page in pages:
        lines = [line for line in page.split("\n") if line.strip()]
        for line in {_key(line) for line in (*lines[:1], *lines[-1:])}:
            edges[line] = edges.get(line, 0) + 1
    running = {line for line, count in edges.items() if count >= max(_RUNNING, len(pages) // 3)}
    cleaned = []
    for page in pages:
        lines = page.split("\n")
        filled = [at for at, line in enumerate(lines) if line.strip()]
        drop = {at for at in (*filled[:1], *filled[-1:]) if _key(lines[at]) in running}
        cleaned.append("\n".join(line for at, line in enumerate(lines) if at not in drop))
    return cleaned


def _key(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split()))


def _read_page(lines: list[str], assembly: Assembly, page: int | None, title: str, *, first: bool) -> str:
    """Read one page's lines; returns the document's title, once found."""
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        end = at
        while end < len(lines) and lines[end].strip():
            end += 1
        chunk = lines[at:end]
        level, taken = _heading(chunk, alone=end - at == 1)
        if level:
            text = " ".join(chunk[0].split())
            title = title or text
            assembly.heading(level, text, page=page)
            at += taken
            continue
        inner = next((k for k in range(1, len(chunk)) if _heading(chunk[k : k + 2], alone=False)[0]), len(chunk))
        if first and not title and len(chunk) == 1 and not any(lines[:at]) and _stands_alone(chunk[0]):
            title = " ".join(chunk[0].split())
            assembly.heading(1, title, page=page)
            at = end
            continue
        _add_chunk(chunk[:inner], assembly, page)
        at += inner
    return title


def _heading(chunk: list[str], *, alone: bool) -> tuple[int, int]:
    """The level of the heading that a chunk begins with, and how many lines it takes; (0, 0) for none."""
    line = chunk[0].strip()
    if len(line) > 100 or _CLOSING.search(line.rstrip(".")) or not any(char.isalpha() for char in line):
        return 0, 0
    under = _UNDERLINE.match(chunk[1]) if len(chunk) > 1 else None
    numbered = _NUMBERED.match(line)
    by_number = 2 + len(re.findall(r"\d+", numbered.group(1))) if numbered and line[0].isdigit() else 2
    if under and len(chunk[1].strip()) <= 2 * len(line.encode("cp932", errors="replace")) + 2:
        return (by_number if numbered else {"=": 1, "#": 1, "*": 1, "-": 2}.get(under.group(1), 3)), 2
    if not alone or chunk[0].startswith("        "):
        return 0, 0
    if numbered:
        return by_number, 1
    if _CAPITALS.match(line) and not chunk[0].startswith(" "):
        return 2, 1
    return 0, 0


def _stands_alone(line: str) -> bool:
    text = line.strip()
    return len(text) <= 80 and not _CLOSING.search(text) and not _ITEM.match(line)


def _add_chunk(chunk: list[str], assembly: Assembly, page: int | None) -> None:
    kind = _kind(chunk)
    if kind == "code":
        assembly.add("code", verbatim("\n".join(chunk)), page=page)
    elif kind == "list":
        items: list[list[str]] = []
        for line in chunk:
            if _ITEM.match(line) or not items:
                items.append([line])
            else:
                items[-1].append(line)
        inset = min(len(item[0]) - len(item[0].lstrip()) for item in items)
        lines = [" " * (len(i[0]) - len(i[0].lstrip()) - inset) + join_wrapped(i) for i in items]
        assembly.add("list", "\n".join(lines), page=page)
    else:
        assembly.add("paragraph", join_wrapped(chunk), page=page)


def _kind(chunk: list[str]) -> BlockKind:
    """Code is what joining would spoil: drawn lines, columns, or lines indented unevenly."""
    if any(_ITEM.match(line) for line in chunk[:1]):
        return "list"
    insets = {len(line) - len(line.lstrip()) for line in chunk}
    drawn = sum(1 for line in chunk if len(_BOX.findall(line)) >= 2 or re.search(r"\S {3,}\S", line))
    if drawn * 2 >= len(chunk) or (len(chunk) > 1 and len(insets) > 2):
        return "code"
    if len(chunk) == 1 and min(insets) >= 4 and not _CLOSING.search(chunk[0]):
        return "code"
    if len(chunk) > 1 and max(len(line) for line in chunk) < 40 and min(insets) >= 2 and plain(chunk[0]):
        return "code"
    return "paragraph"

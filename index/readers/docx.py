"""Reads DOCX: the bytes of a file in, a `Document` out.

Headings come from styles and outline levels, lists from numbering, tables keep their rows with merged cells filled.
Headers, footers, tables of contents and deleted text are left out; images are named by their alternative text.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from index.errors import ManualUnreadable
from index.language import language_of
from index.readers.assembly import Assembly, rooted
from index.readers.front_page import front_facts
from index.readers.inline import LINE, fold, fold_to_line, verbatim
from index.records import Document

if TYPE_CHECKING:
    from docx.document import Document as WordFile

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_ALTERNATIVE = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}docPr"
_LARGEST_UNPACKED = 1024**3  # bytes
_HEADING = re.compile(r"^(?:heading|見出し|überschrift|titre)\s*([1-9])", re.IGNORECASE)
_CONTENTS = re.compile(r"^(toc|table of figures|目次)\b", re.IGNORECASE)
_CODE = re.compile(r"(code|preformatted|console|listing|コード|書式なし)", re.IGNORECASE)
_NOTE = re.compile(r"(note|caution|warning|tip|quote|注意|メモ|引用)", re.IGNORECASE)
_SEPARATOR = " | "
_DAMAGED = "{} is damaged and can't be opened as DOCX; open it in Word and save it again."


def read_docx(data: bytes, source: str, shown: str) -> Document:
    """The document. Raises ManualUnreadable: not a DOCX, protected with a password, damaged, or without text."""
    word = _open(data, shown)
    try:
        walk = _Walk(word)
        walk.read()
    except Exception as error:  # parts of a damaged file are not the objects that python-docx takes them for
        raise ManualUnreadable(_DAMAGED.format(shown)) from error
    said = _properties(word)
    title = said.get("title", "") or walk.title or source.rsplit("/", 1)[-1]
    sections = rooted(walk.assembly.sections(), title)
    if not sections:
        raise ManualUnreadable(f"{shown} holds no text; if it is made of pictures, run text recognition on it first.")
    language = language_of("\n".join(section.text for section in sections), said.get("language", ""))
    lines = "\n".join(section.text for section in sections[:3]).split("\n")
    meta = {key: said[key] for key in ("subject", "keywords") if key in said} | front_facts(title, lines)
    if "version" not in meta and "version" in said:
        meta["version"] = said["version"]  # of the file rather than of the product, but it is what is said
    return Document(source, title, language, sections, tuple(meta.items()))


def _properties(word: WordFile) -> dict[str, str]:
    """What the file's properties say; nothing where they are damaged, which is no reason to refuse its text."""
    found: dict[str, str] = {}
    for key in ("title", "language", "subject", "version", "keywords"):
        try:
            value = fold_to_line(str(getattr(word.core_properties, key) or ""))
        except Exception:  # python-docx lets KeyError, ValueError and AttributeError through
            continue
        if value:
            found[key] = value
    return found


def _open(data: bytes, shown: str) -> WordFile:
    if data.startswith(b"\xd0\xcf\x11\xe0"):  # an OLE file: an old .doc, or a DOCX encrypted with a password
        raise ManualUnreadable(
            f"{shown} is protected with a password or in the old DOC format; save it as DOCX without a password."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ManualUnreadable(f"{shown} is not a DOCX file, whatever its name says; save it as DOCX again.") from error
    if unpacked > _LARGEST_UNPACKED:
        raise ManualUnreadable(
            f"{shown} would unpack to {unpacked // 1024**2} MiB, which no manual does; save it as DOCX again."
        )
    import docx

    try:
        word: WordFile = docx.Document(io.BytesIO(data))
    except Exception as error:  # python-docx lets KeyError, ValueError, lxml's and zipfile's errors through
        raise ManualUnreadable(_DAMAGED.format(shown)) from error
    return word


class _Walk:
    """Goes through the body once, in reading order."""

    def __init__(self, word: WordFile) -> None:
        self._body = word.element.body
        self._styles = {style.style_id: style for style in word.styles}
        self._lists: list[str] = []
        self._code: list[str] = []
        self._counters: dict[tuple[str, int], int] = {}
        self._formats = _number_formats(word)
        self.assembly = Assembly()
        self.title = ""

    def read(self) -> None:
        for element in _blocks(self._body):
            if element.tag == f"{_W}tbl":
                self._flush()
                text, header = _table(element)
                self.assembly.add("table", text, header)
            else:
                self._paragraph(element)
        self._flush()

    def _paragraph(self, element: Any) -> None:
        style = self._style_of(element)
        text = _text(element)
        if not text.strip() or _CONTENTS.match(style):
            if not _CODE.search(style):
                self._flush()
            return
        level = self._level(element, style)
        numbering = self._numbering(element)
        if style.lower() in ("title", "表題") and not self.title:
            self._flush()
            self.title = fold_to_line(text)
            self.assembly.heading(0, self.title)
        elif level:
            self._flush()
            self.title = self.title or fold_to_line(text)
            self.assembly.heading(level, fold_to_line(text), _bookmark(element))
        elif numbering is not None or style.lower().startswith("list"):
            self._flush_code()
            self._lists.append(self._item(numbering, style, fold_to_line(text)))
        elif _CODE.search(style):
            self._flush_list()
            self._code.append(text.replace(LINE, "\n"))
        else:
            self._flush()
            self.assembly.add("note" if _NOTE.search(style) else "paragraph", fold(text))

    def _flush(self) -> None:
        self._flush_list()
        self._flush_code()

    def _flush_list(self) -> None:
        self.assembly.add("list", "\n".join(self._lists))
        self._lists = []

    def _flush_code(self) -> None:
        self.assembly.add("code", verbatim("\n".join(self._code)))
        self._code = []

    def _style_of(self, element: Any) -> str:
        found = element.find(f"{_W}pPr/{_W}pStyle")
        style = self._styles.get(found.get(f"{_W}val")) if found is not None else None
        return str(style.name or "") if style is not None else ""

    def _level(self, element: Any, style: str) -> int:
        """The heading level of a paragraph, by its style, the styles that one is based on, or its own outline level."""
        named = _HEADING.match(style)
        if named:
            return int(named.group(1))
        levels = [element.find(f"{_W}pPr/{_W}outlineLvl")]
        found = element.find(f"{_W}pPr/{_W}pStyle")
        based = self._styles.get(found.get(f"{_W}val")) if found is not None else None
        for _ in range(10):
            if based is None:
                break
            if inherited := _HEADING.match(based.name or ""):
                return int(inherited.group(1))
            levels.append(based.element.find(f"{_W}pPr/{_W}outlineLvl"))
            based = getattr(based, "base_style", None)
        value = next((level.get(f"{_W}val") for level in levels if level is not None), "9")
        return int(value) + 1 if value.isdecimal() and int(value) < 9 else 0

    def _numbering(self, element: Any) -> tuple[str, int] | None:
        number = element.find(f"{_W}pPr/{_W}numPr/{_W}numId")
        depth = element.find(f"{_W}pPr/{_W}numPr/{_W}ilvl")
        if number is None or number.get(f"{_W}val") in (None, "0"):
            return None
        return str(number.get(f"{_W}val")), int(depth.get(f"{_W}val") or 0) if depth is not None else 0

    def _item(self, numbering: tuple[str, int] | None, style: str, text: str) -> str:
        key = numbering or (style, int(style[-1]) - 1 if style[-1:].isdigit() else 0)
        counted = "number" in style.lower() if numbering is None else self._formats.get(numbering, "bullet") != "bullet"
        inset = "  " * min(key[1], 8)
        if not counted:
            return f"{inset}- {text}"
        if numbering is None and not self._lists:
            self._counters.pop(key, None)
        for deeper in [other for other in self._counters if other[0] == key[0] and other[1] > key[1]]:
            del self._counters[deeper]
        self._counters[key] = self._counters.get(key, 0) + 1
        return f"{inset}{self._counters[key]}. {text}"


def _blocks(body: Any) -> Iterator[Any]:
    """Paragraphs and tables in order, also those inside content controls; those inside tables belong to the tables."""
    waiting = list(reversed(list(body)))
    while waiting:
        element = waiting.pop()
        if element.tag in (f"{_W}p", f"{_W}tbl"):
            yield element
        elif element.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}customXml", f"{_W}smartTag"):
            gallery = element.find(f"{_W}sdtPr/{_W}docPartObj/{_W}docPartGallery")
            if gallery is None or "Contents" not in str(gallery.get(f"{_W}val")):
                waiting.extend(reversed(list(element)))


def _text(element: Any) -> str:
    """A paragraph's text: tabs and line breaks kept, insertions read, deletions not."""
    pieces: list[str] = []
    for node in element.iter():
        if node.tag == f"{_W}t":
            pieces.append(node.text or "")
        elif node.tag == f"{_W}tab" and node.getparent().tag == f"{_W}r":
            pieces.append("\t")
        elif node.tag in (f"{_W}br", f"{_W}cr"):
            pieces.append(LINE)
        elif node.tag == f"{_W}noBreakHyphen":
            pieces.append("-")
        elif node.tag == _ALTERNATIVE and node.get("descr"):
            pieces.append(f"[{node.get('descr')}]")
    return "".join(pieces)


def _bookmark(element: Any) -> str | None:
    found = element.find(f"{_W}bookmarkStart")
    return str(found.get(f"{_W}name")) if found is not None and found.get(f"{_W}name") else None


def _table(table: Any) -> tuple[str, int]:
    """A table's rows as lines, merged cells filled, and the length of its header line: its first row, if it has two."""
    rows: list[list[str]] = []
    for row in table.iterfind(f"{_W}tr"):
        cells: list[str] = []
        for cell in row.iterfind(f"{_W}tc"):
            span = cell.find(f"{_W}tcPr/{_W}gridSpan")
            merge = cell.find(f"{_W}tcPr/{_W}vMerge")
            text = fold_to_line(" ".join(_text(each) for each in cell.iter(f"{_W}p")))
            if merge is not None and merge.get(f"{_W}val") != "restart" and rows and len(cells) < len(rows[-1]):
                text = rows[-1][len(cells)]
            width = int(span.get(f"{_W}val") or 1) if span is not None else 1
            cells.extend([text] * max(1, min(width, 100)))
        if any(cells):
            rows.append(cells)
    lines = [_SEPARATOR.join(cells) for cells in rows]
    return "\n".join(lines), len(lines[0]) if len(lines) > 1 else 0


def _number_formats(word: WordFile) -> dict[tuple[str, int], str]:
    """For each list and depth whether it is counted ("decimal", ...) or "bullet"."""
    try:
        numbering = word.part.numbering_part.element
    except (KeyError, NotImplementedError, AttributeError):
        return {}
    abstract = {each.get(f"{_W}abstractNumId"): each for each in numbering.iterfind(f"{_W}abstractNum")}
    formats = {}
    for each in numbering.iterfind(f"{_W}num"):
        link = each.find(f"{_W}abstractNumId")
        shape = abstract.get(link.get(f"{_W}val")) if link is not None else None
        for level in shape.iterfind(f"{_W}lvl") if shape is not None else ():
            form = level.find(f"{_W}numFmt")
            depth = level.get(f"{_W}ilvl") or "0"
            formats[(str(each.get(f"{_W}numId")), int(depth))] = form.get(f"{_W}val") if form is not None else "decimal"
    return formats

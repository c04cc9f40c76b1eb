"""Reads PDF: the bytes of a file in, a `Document` out.

Headings come from the outline (bookmarks) where the file has one, else from type sizes; each section says on which page
it begins, and a section that runs on to another page is continued there under the same heading, so that a citation
names the right page. How lines are found stands in `pdf_lines`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

from index.errors import ManualUnreadable
from index.language import language_of
from index.readers.assembly import Assembly, plain, rooted
from index.readers.front_page import front_facts
from index.readers.html_marks import is_note_title
from index.readers.inline import fold, fold_to_line, verbatim
from index.readers.pdf_continued import CAPTION, with_tables_joined
from index.readers.pdf_lines import Line, Page, PlacedTable, read_page, without_running_lines
from index.recognise import is_book_title
from index.records import BlockKind, Document

MOST_PAGES = 20_000
_LARGER = 1.12  # a heading's type, measured by the body's
_LONGEST_HEADING = 160
_FRONT_PAGES = 3
_LONGEST_CAPTION = 4  # lines
_LONG_LINE = 150.0  # points
_EARLY = 0.4  # of the next line's length
_SIGNS = "•●○◦▪■□◆·・‣∙⁃➢❖►▶\u0080-\u009f\ue000-\uf8ff"  # the last ones: a symbol font's own numbering
_ITEM = re.compile(rf"^([{_SIGNS}–*\-]|\(?\d{{1,2}}[.)]|\(?[a-z][.)])\s*\S")
_BULLET = re.compile(rf"^[{_SIGNS}]\s*")
_CONTENTS_LINE = re.compile(r"(\. ?){4,}\s*[\divxlc]*\s*$|…{2,}\s*\d*\s*$")
_SENTENCE_CLOSE = re.compile(r"[.。!?！？:：]$")


def read_pdf(data: bytes, source: str, shown: str) -> Document:
    """The document. Raises ManualUnreadable: damaged, protected with a password, too many pages, or no text layer."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise ManualUnreadable(
                f"{shown} is protected with a password; save a copy without the password and import that."
            ) from error
        raise ManualUnreadable(f"{shown} is damaged or no PDF file at all; download or export it again.") from error
    with pdf:
        return _read(pdf, source, shown)


def _read(pdf: Any, source: str, shown: str) -> Document:
    if len(pdf) > MOST_PAGES:
        raise ManualUnreadable(
            f"{shown} has {len(pdf)} pages, and {MOST_PAGES} is the limit; split it and import the parts."
        )
    pages = [_page(pdf, at, shown) for at in range(len(pdf))]
    if not any(page.lines or page.tables for page in pages):
        raise ManualUnreadable(
            f"{shown} has no text layer: it is made of pictures (scanned); "
            "run text recognition (OCR) on it and import the result."
        )
    meta = {key.lower(): value for key, value in pdf.get_metadata_dict(skip_empty=True).items()}
    outline = _outline(pdf)
    walk = _Walk(with_tables_joined(without_running_lines(pages)), outline)
    walk.read()
    title = fold_to_line(meta.get("title", "")) if _is_title(meta.get("title", "")) else ""
    title = title or _title_line(pages) or source.rsplit("/", 1)[-1]
    sections = rooted(walk.assembly.sections(), title)
    said = {key: fold_to_line(meta[key]) for key in ("author", "subject", "keywords") if meta.get(key)}
    said |= front_facts(title, [line.text for page in pages[:_FRONT_PAGES] for line in page.lines])
    language = language_of("\n".join(each.text for each in sections))
    return Document(source, title, language, sections, tuple(said.items()))


def _page(pdf: Any, at: int, shown: str) -> Page:
    import pypdfium2

    try:
        page = pdf[at]
    except pypdfium2.PdfiumError:
        return Page(at + 1, 0.0, ())  # one broken page of a readable file
    try:
        return read_page(page, at + 1)
    finally:
        page.close()


def _outline(pdf: Any) -> dict[int, list[tuple[int, str]]]:
    """The bookmarks: for each page (1-based) the levels (1-based) and titles that lead to it, in order."""
    found: dict[int, list[tuple[int, str]]] = {}
    for bookmark in pdf.get_toc(max_depth=8):
        destination = bookmark.get_dest()
        index = destination.get_index() if destination is not None else None
        title = fold_to_line(bookmark.get_title() or "")
        if index is not None and title:
            found.setdefault(index + 1, []).append((bookmark.level + 1, title))
    return found


def _is_title(text: str) -> bool:
    """Whether a title property was meant: many hold the file's name or the word processor's."""
    return bool(plain(text)) and not re.search(
        r"(\.(docx?|pdf|tex|xml|fm|indd|dvi)$|^microsoft word|^untitled)", text, re.IGNORECASE
    )


def _title_line(pages: list[Page]) -> str:
    """A cover's title: of the lines in large type on the first page with text those that are a book's title, else
    those in the largest type."""
    first = next((page for page in pages if page.lines), None)
    if first is None:
        return ""
    sizes = sorted({line.size for line in first.lines}, reverse=True)
    groups = [[line.text for line in first.lines if abs(line.size - size) < 0.1] for size in sizes[:3]]
    titles = [fold_to_line(" ".join(lines)) for lines in groups if len(lines) <= 3]
    largest = titles[0] if groups and len(groups[0]) <= 3 else ""
    return next((title for title in titles if is_book_title(title)), largest)


class _Walk:
    """Goes through the lines once and makes headings, paragraphs, lists and code of them."""

    def __init__(self, pages: list[Page], outline: dict[int, list[tuple[int, str]]]) -> None:
        self._pages = pages
        self._outline = outline
        self._body = _body_size(pages)
        self._levels = {} if outline else _heading_sizes(pages, self._body)
        self._pitch = _pitch(pages)
        self._lines: list[Line] = []
        self._items: list[str] = []
        self._page = 0
        self._begun_on = 0
        self.assembly = Assembly()

    def read(self) -> None:
        for page in self._pages:
            self._page = page.number
            waiting = list(self._outline.get(page.number, ()))
            at = 0
            tables = list(page.tables)
            while at < len(page.lines) or tables:
                if tables and tables[0].after <= at:
                    at += self._table(page, tables.pop(0))
                    continue
                level, text, taken = self._heading(page.lines, at, waiting)
                if level:
                    self._flush()
                    self.assembly.heading(level, text, page=page.number)
                    at += taken
                    continue
                self._take(self._in_prose(page.lines, at), first=at == 0)
                at += 1
            for level, text in waiting:  # bookmarks whose line was not found on their page
                if not self._outline_title_is_known(text):
                    self._flush()
                    self.assembly.heading(level, text, page=page.number)
        self._flush()

    def _outline_title_is_known(self, text: str) -> bool:
        return len(plain(text)) < 2 or _CONTENTS_TITLE.match(text) is not None

    # Headings

    def _heading(self, lines: tuple[Line, ...], at: int, waiting: list[tuple[int, str]]) -> tuple[int, str, int]:
        """The level and text of the heading that begins at a line, and the lines it takes; level 0 for none."""
        if self._outline:
            return self._bookmarked(lines, at, waiting)
        line = lines[at]
        level = self._levels.get((line.size, line.bold), 0)
        if not level or not _may_be_heading(line.text):
            return 0, "", 0
        taken = 1
        while at + taken < len(lines) and taken < 3 and _same_heading(lines[at + taken - 1], lines[at + taken]):
            taken += 1
        text = fold_to_line("\n".join(each.text for each in lines[at : at + taken]))
        return (level, text, taken) if len(text) <= _LONGEST_HEADING else (0, "", 0)

    def _bookmarked(self, lines: tuple[Line, ...], at: int, waiting: list[tuple[int, str]]) -> tuple[int, str, int]:
        together = ""
        for taken in range(1, 4):
            if at + taken > len(lines):
                break
            together += lines[at + taken - 1].text
            key = plain(together)
            for number, (level, title) in enumerate(waiting):
                wanted = plain(title)
                if not wanted or not key.endswith(wanted) or not _only_number(key[: -len(wanted)]):
                    continue
                text = fold_to_line("\n".join(each.text for each in lines[at : at + taken]))
                del waiting[: number + 1]
                return level, text if len(text) <= _LONGEST_HEADING else title, taken
        return 0, "", 0

    # Tables

    def _table(self, page: Page, placed: PlacedTable) -> int:
        """Add a table, its caption before it wherever that stands; returns the lines taken behind it."""
        above = self._lines[-1].text if self._lines else ""
        self._flush()
        if self._begun_on != page.number:
            self.assembly.pause()
            self._begun_on = page.number
        below = self._caption_below(page.lines[placed.after :]) if not CAPTION.match(above) else []
        self.assembly.add("paragraph", fold("\n".join(line.text for line in below)), page=page.number)
        table = placed.table
        header = len(table.text.split("\n", 1)[0]) if table.header else 0
        self.assembly.add("table", table.text, header, page=page.number)
        return len(below)

    def _caption_below(self, lines: tuple[Line, ...]) -> list[Line]:
        """The lines of the caption that opens `lines`; none where they begin with something else."""
        if not lines or not CAPTION.match(lines[0].text):
            return []
        caption = [lines[0]]
        for line in lines[1:_LONGEST_CAPTION]:
            step = caption[-1].baseline - line.baseline
            if not 0 < step < 1.3 * self._pitch or line.size != caption[0].size or line.fixed != caption[0].fixed:
                break
            caption.append(line)
        return caption

    # Text

    def _take(self, line: Line, *, first: bool) -> None:
        if _CONTENTS_LINE.search(line.text):  # a line of a table of contents, with its dots
            self._flush()
            return
        if self._lines and not self._goes_on(self._lines[-1], line, first=first):
            self._flush(to_list=not first or self._begun_on == self._page)
        if not self._lines:
            if self._begun_on != self._page:
                self._flush()  # a list of the page before
                self.assembly.pause()
            self._begun_on = self._page
        self._lines.append(line)

    def _in_prose(self, lines: tuple[Line, ...], at: int) -> Line:
        """A line; one of names set in fixed pitch is prose where it stands amid a paragraph's lines."""
        line = lines[at]
        if not line.fixed or not 0 < at < len(lines) - 1:
            return line
        above, below = lines[at - 1], lines[at + 1]
        amid = not (above.fixed or below.fixed) and max(abs(above.left - line.left), abs(below.left - line.left)) < 1
        near = max(above.baseline - line.baseline, line.baseline - below.baseline) < 1.3 * self._pitch
        return replace(line, fixed=False) if amid and near and not _ended_early(above, line) else line

    def _goes_on(self, before: Line, line: Line, *, first: bool) -> bool:
        """Whether a line belongs to the paragraph of the line before."""
        if before.fixed != line.fixed or abs(before.size - line.size) > 0.15 * before.size:
            return False
        if first:
            return not line.fixed and not _SENTENCE_CLOSE.search(before.text) and not _ITEM.match(line.text)
        step = before.baseline - line.baseline
        if not -0.5 * self._pitch < step < 1.3 * self._pitch:
            return False
        if line.fixed:
            return True
        if _ended_early(before, line):
            return False
        if not _ITEM.match(line.text):
            return True
        return _BULLET.match(line.text) is None and not _ITEM.match(self._lines[0].text)  # a wrapped "2.", not an item

    def _flush(self, *, to_list: bool = False) -> None:
        """What has been gathered becomes a block; items of a list gather until something else comes."""
        lines, self._lines = self._lines, []
        kind = _kind(lines) if lines else "paragraph"
        if kind == "list":
            self._items.append(_BULLET.sub("- ", _joined(lines)))
            if to_list:
                return
        self.assembly.add("list", "\n".join(self._items), page=self._begun_on)
        self._items = []
        if not lines or kind == "list":
            return
        text = _code(lines) if kind == "code" else _joined(lines)
        title = self.assembly.last()
        if kind == "paragraph" and is_note_title(title):
            self.assembly.drop_last()
            kind, text = "note", f"{title}\n{text}"
        self.assembly.add(kind, text, page=self._begun_on)


_HEADING_NUMBER = re.compile(r"(chapter|appendix|part|section|第|付録)?(\d{0,8}|[ivxlc]{1,5}|[a-z]\d{0,6})[章節項部]?")
_CONTENTS_TITLE = re.compile(r"^\W*((table of )?contents|index|目次|索引|bookmarks?|cover|表紙)\W*$", re.IGNORECASE)


def _may_be_heading(text: str) -> bool:
    return len(text) <= _LONGEST_HEADING and any(char.isalpha() for char in text) and not _CONTENTS_LINE.search(text)


def _only_number(prefix: str) -> bool:
    """Whether what stands before a bookmark's title on its line is its number ("3.1", "Chapter 2", "第2章", "A")."""
    return _HEADING_NUMBER.fullmatch(prefix) is not None


def _ended_early(before: Line, line: Line) -> bool:
    """Whether a line broke off long before the next one ends: that was its end, and not the margin (the title of a
    note, a term above its description)."""
    length = line.right - line.left
    return length > _LONG_LINE and line.right - before.right > _EARLY * length


def _same_heading(before: Line, line: Line) -> bool:
    return (line.size, line.bold) == (
        before.size,
        before.bold,
    ) and 0 < before.baseline - line.baseline < 1.7 * line.size


def _body_size(pages: list[Page]) -> float:
    """The type size that most characters have."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def _heading_sizes(pages: list[Page], body: float) -> dict[tuple[float, bool], int]:
    """The types that headings are set in, largest first, as levels from 1: rarer than the body and larger (or bold)."""
    used: Counter[tuple[float, bool]] = Counter()
    total = 0
    for page in pages:
        for line in page.lines:
            used[(line.size, line.bold)] += len(line.text)
            total += len(line.text)
    larger = sorted(
        (key for key, count in used.items() if key[0] >= body * _LARGER and count < 0.25 * total), reverse=True
    )
    if len(larger) < 5 and 0 < used[(body, True)] < 0.1 * total:
        larger.append((body, True))
    sizes = sorted({size for size, _ in larger}, reverse=True)
    ranks = {size: min(rank, 6) for rank, size in enumerate(sizes, 1)}
    return {(size, bold): ranks[size] for size, bold in larger}


def _pitch(pages: list[Page]) -> float:
    """The usual height from one line to the next, in points."""
    steps: Counter[float] = Counter()
    for page in pages[:200]:
        for one, two in pairwise(page.lines):
            if 4 < one.baseline - two.baseline < 40:
                steps[round((one.baseline - two.baseline) * 2) / 2] += 1
    return steps.most_common(1)[0][0] if steps else 12.0


def _kind(lines: list[Line]) -> BlockKind:
    if all(line.fixed for line in lines) and (len(lines) > 1 or len(lines[0].text.split()) > 1):
        return "code"
    return "list" if _ITEM.match(lines[0].text) else "paragraph"


def _code(lines: list[Line]) -> str:
    """Fixed-pitch lines with their indents, which a PDF keeps only as places on the page."""
    left = min(line.left for line in lines)
    widths = sorted((line.right - line.left) / max(1, len(line.text) - 1) for line in lines)
    width = max(widths[len(widths) // 2], 1.0)
    return verbatim("\n".join(" " * min(round((line.left - left) / width), 60) + line.text for line in lines))


def _joined(lines: list[Line]) -> str:
    """Lines as running text; words that were cut at a line's end are whole again."""
    text = ""
    for line in lines:
        text += line.text if line.hyphenated else line.text + "\n"
    return fold(text)

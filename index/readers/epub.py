"""Reads EPUB: the bytes of a file in, one `Document` of all its pages out.

Pages are read by the HTML reader, in the book's own order. Covers, tables of contents and indexes are left out. The
book's table of contents gives what stands above a page's first heading, and the heading of a page that has none.
Anchors carry the page's name (`ch03.xhtml#ID00376`), as one book has many pages. What the book says of itself is read
in `epub_package`.
"""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from selectolax.lexbor import LexborHTMLParser

from index.archive import Archive
from index.charset import decode
from index.errors import ManualUnreadable
from index.language import language_of
from index.readers.assembly import plain, rooted
from index.readers.epub_package import NavEntry, Package, read_package
from index.readers.front_page import front_facts
from index.readers.html import read_html
from index.readers.html_furniture import links_only
from index.readers.html_text import line_of
from index.records import Document, DocumentSection

_LARGEST_PAGE = 64 * 1024**2  # bytes
_LARGEST_BOOK = 256 * 1024**2  # bytes of pages, unpacked; the longest real manual met is under 20 MiB
_HEADING = re.compile(r"<h[1-6]\b", re.IGNORECASE)
_PICTURE = re.compile(r"<(img|image|svg)\b", re.IGNORECASE)
_PAGE_BREAK = re.compile(
    r"""<(span|div|a)\b[^<>]*epub:type\s*=\s*["']pagebreak["'][^<>]*>\s*\w{0,8}\s*</\1>""", re.IGNORECASE
)
_SLUG = re.compile(r"[\w.-]*|(unknown|untitled|無題).*", re.ASCII | re.IGNORECASE)
_SHORT = 200  # characters: a cover or title page that says more is read
_MOST_LISTS = 50
_VERSION = re.compile(r"v?\d+([.-]\d+)*[a-z]?", re.IGNORECASE)


def read_epub(data: bytes, source: str, shown: str) -> Document:
    """The book. Raises ManualUnreadable: damaged, protected, of fixed layout, too large, or without text."""
    with Archive(io.BytesIO(data), shown, "EPUB file") as archive:
        package = read_package(archive, shown)
        pages = list(_pages(archive, package, shown))
    title = _title(package, pages) or source.rsplit("/", 1)[-1]
    outline = _Outline(package.contents)
    found = [section for page in pages for section in outline.place(page, title)]
    if not found:
        raise ManualUnreadable(f"{shown} holds no text; if it is made of pictures, run text recognition on it first.")
    sections = rooted(tuple(found), title)
    language = language_of("\n".join(section.text for section in sections), package.meta.get("language", ""))
    lines = "\n".join(section.text for section in sections[:2]).split("\n")
    return Document(source, title, language, sections, _meta(package, title, lines))


@dataclass(frozen=True, slots=True)
class _Page:
    """A page that was read. `headings` are the texts of its heading elements, reduced to letters and digits, and
    `first_level` is the level of the first, 0 where it has none; `dropped` says that it is a cover, a table of contents
    or an index and only counts for the book's title."""

    name: str
    document: Document
    headings: frozenset[str]
    first_level: int
    dropped: bool


def _pages(archive: Archive, package: Package, shown: str) -> Iterator[_Page]:
    left = _LARGEST_BOOK
    for number, name in enumerate(package.pages):
        data = archive.read(name, _LARGEST_PAGE)
        left -= len(data)
        if left < 0:
            raise ManualUnreadable(
                f"{shown} unpacks to more than {_LARGEST_BOOK // 1024**2} MiB of pages, which no manual does; "
                "unpack it and import the folder."
            )
        decoded = decode(data)
        if "\x00" in decoded.text[:1000] or decoded.damaged > 0.02 * len(decoded.text):
            continue  # no text, whatever its name says
        markup = _PAGE_BREAK.sub("", decoded.text)
        furniture = name in package.furniture or (not number and _is_cover(markup))
        document = read_html(_without_contents(markup) if furniture else markup, name)
        headings = LexborHTMLParser(markup).css("h1, h2, h3, h4, h5, h6") if _HEADING.search(markup) else []
        yield _Page(
            name,
            document,
            headings=frozenset(plain(line_of(each)) for each in headings),
            first_level=int((headings[0].tag or "h1")[1]) if headings else 0,
            dropped=furniture and sum(len(section.text) for section in document.sections) < _SHORT,
        )


def _is_cover(markup: str) -> bool:
    """Whether a first page that is not named as the cover is one: a picture without a heading."""
    return _PICTURE.search(markup) is not None and _HEADING.search(markup) is None


def _without_contents(markup: str) -> str:
    """The markup of what may be a page of contents without its lists of links; other text on it stays, as makers also
    name a title page or the first chapter as the place of contents."""
    tree = LexborHTMLParser(markup)
    for _ in range(_MOST_LISTS):
        found = next((each for each in tree.css("ul, ol, dl, table") if links_only(each)), None)
        if found is None:
            break
        found.decompose()
    return tree.html or markup


class _Outline:
    """Puts the sections of page after page under what the table of contents says stands above them."""

    def __init__(self, contents: tuple[NavEntry, ...]) -> None:
        self._above: dict[str, tuple[str, ...]] = {}  # the labels over a page's first entry, and that entry's
        path: list[NavEntry] = []
        for entry in contents:
            while path and path[-1].level >= entry.level:
                path.pop()
            path.append(entry)
            self._above.setdefault(entry.page, tuple(each.label for each in path))
        self._last: tuple[str, ...] = ()

    def place(self, page: _Page, title: str) -> Iterator[DocumentSection]:
        """A page's sections with full heading paths and anchors. A page that the contents do not name goes on with
        the page before, unless it begins with a heading of the first level."""
        listed = self._above.get(page.name)
        if listed is not None:
            self._last = listed
        elif page.first_level == 1:
            self._last = ()
        if page.dropped:
            return
        above = self._last[:-1] if listed is not None and page.first_level else self._last
        for section in page.document.sections:
            own = section.heading
            if own and (not page.first_level or _is_no_heading(own[0], page, title)):
                own = own[1:]
            if not own and not page.first_level and not above:
                own = tuple(text for text in section.heading[:1] if not _is_no_heading(text, page, title))
            anchor = f"{page.name}#{section.anchor}" if section.anchor else page.name
            yield replace(section, heading=_joined(above or (), own or self._last[-1:]), anchor=anchor)


def _is_no_heading(text: str, page: _Page, title: str) -> bool:
    """Whether a path begins with the page's <title> and that says only which book or file this is."""
    if text != page.document.title or plain(text) in page.headings:
        return False
    stem = posixpath.basename(page.name).partition(".")[0]
    return plain(text) in (plain(title), plain(stem), plain(posixpath.basename(page.name))) or not plain(text)


def _joined(above: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """`own` below `above`, each heading once: pages often repeat the chapter they belong to."""
    said = {plain(text) for text in own}
    return (*(text for text in above if plain(text) not in said), *own)


def _title(package: Package, pages: list[_Page]) -> str:
    """The title property, unless it is just a file's name and the first page says more."""
    title = package.meta.get("title", "")
    if title and not _SLUG.fullmatch(title):
        return title
    first = pages[0].document.title if pages else ""
    return title if _SLUG.fullmatch(first) else first


def _meta(package: Package, title: str, lines: list[str]) -> tuple[tuple[str, str], ...]:
    keys: tuple[str, ...] = ("identifier", "creator", "publisher", "date")
    kept = {key: package.meta[key] for key in keys if key in package.meta} | front_facts(title, lines)
    stated = package.meta.get("ibooks:version", "")
    if "version" not in kept and _VERSION.fullmatch(stated):
        kept["version"] = stated
    return tuple(kept.items())

"""Reads what an EPUB says of itself: which pages it has, in which order, what they are called, and what the book is.

Comes in: an open `Archive`. Goes out: a `Package`. Knows nothing of what stands on the pages. EPUB 2 (OPF 2, NCX,
guide) and EPUB 3 (OPF 3, navigation document, landmarks) are read alike; where the OPF is broken the pages are all
XHTML files, sorted by name.
"""

from __future__ import annotations

import html
import posixpath
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree import ElementTree

from selectolax.lexbor import LexborHTMLParser, LexborNode

from index.archive import Archive
from index.charset import decode
from index.errors import ManualUnreadable
from index.natural_order import natural_order
from index.readers.html_text import line_of, visit
from index.readers.inline import fold_to_line

_LARGEST_PART = 16 * 1024**2  # bytes of an OPF, NCX or navigation document
_PAGE = re.compile(r"\.(x?html?|xht)$", re.IGNORECASE)
_PAGE_TYPES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})
_FONT_SCRAMBLING = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#rc"})
_FURNITURE = frozenset({"cover", "toc", "index", "loi", "lot", "landmarks", "page-list"})
_MARKUP_ENTITY = frozenset({"amp", "lt", "gt", "quot", "apos"})
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_NAMED_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_BARE_AMPERSAND = re.compile(r"&(?!#?\w{1,10};)")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class NavEntry:
    """A line of the book's table of contents: `level` from 1, the page (an entry's name) and the id it leads to."""

    level: int
    label: str
    page: str
    fragment: str


@dataclass(frozen=True, slots=True)
class Package:
    """An EPUB's own account of itself. `pages` are entry names in reading order; `furniture` those of them that it
    names as cover, table of contents or index; `meta` the Dublin Core values, first one each, keys in lower case."""

    pages: tuple[str, ...]
    furniture: frozenset[str]
    contents: tuple[NavEntry, ...]
    meta: dict[str, str]


def read_package(archive: Archive, shown: str) -> Package:
    """The package of an open EPUB. Raises ManualUnreadable: protected (DRM), of fixed layout, or without pages."""
    names = {entry.name for entry in archive.entries()[0]}
    _refuse_protected(archive, names, shown)
    try:
        package = _by_opf(archive, names, shown)
    except ElementTree.ParseError:
        package = None
    if package is None or not package.pages:
        pages = tuple(sorted((name for name in names if _PAGE.search(name)), key=natural_order))
        package = Package(pages, frozenset(), (), package.meta if package else {})
    if not package.pages:
        raise ManualUnreadable(
            f"{shown} holds no pages that can be read; download it again, or import it as HTML or PDF."
        )
    return package


def _refuse_protected(archive: Archive, names: set[str], shown: str) -> None:
    """DRM leaves the archive readable and encrypts the pages in it; scrambled fonts are no hindrance."""
    if "META-INF/encryption.xml" not in names:
        return
    try:
        root = _xml(archive.read("META-INF/encryption.xml", _LARGEST_PART))
    except ElementTree.ParseError:
        return  # encrypted pages will turn out to be no text
    for data in _all(root, "encrypteddata"):
        method = next((each.get("Algorithm", "") for each in _all(data, "encryptionmethod")), "")
        if method.lower() not in _FONT_SCRAMBLING:
            raise ManualUnreadable(
                f"{shown} is protected against copying (DRM) and can't be read; get an unprotected EPUB, or the manual "
                "as HTML or PDF."
            )


def _by_opf(archive: Archive, names: set[str], shown: str) -> Package | None:
    opf = _opf_name(archive, names)
    if opf is None:
        return None
    root = _xml(archive.read(opf, _LARGEST_PART))
    meta = _metadata(root)
    if meta.get("rendition:layout") == "pre-paginated" or meta.get("fixed-layout") == "true":
        raise ManualUnreadable(
            f"{shown} is an EPUB of fixed layout, whose pages are drawn and not written; "
            "import the manual as PDF or HTML."
        )
    find = _Finder(opf, names)
    items = {each.get("id", ""): each for each in _all(root, "item")}
    pages: list[str] = []
    for reference in _all(root, "itemref"):
        item = items.get(reference.get("idref", ""))
        page = find(item.get("href", "")) if item is not None else None
        if item is not None and page and page not in pages and _is_page(item, page):
            pages.append(page)
    if not pages:
        pages = [page for each in items.values() if (page := find(each.get("href", ""))) and _is_page(each, page)]
    furniture = {find(each.get("href", "")) for each in _all(root, "reference") if each.get("type", "") in _FURNITURE}
    contents: list[NavEntry] = []
    nav = next((each for each in items.values() if "nav" in each.get("properties", "").split()), None)
    nav_page = find(nav.get("href", "")) if nav is not None else None
    if nav_page:
        found, landmarks = _navigation(archive.read(nav_page, _LARGEST_PART), _Finder(nav_page, names))
        contents = found
        furniture |= {nav_page, *landmarks}
    ncx = items.get(next((each.get("toc", "") for each in _all(root, "spine")), "")) or next(
        (each for each in items.values() if each.get("media-type") == "application/x-dtbncx+xml"), None
    )
    ncx_name = find(ncx.get("href", "")) if ncx is not None else None
    if not contents and ncx_name:
        try:
            contents = _ncx(_xml(archive.read(ncx_name, _LARGEST_PART)), _Finder(ncx_name, names))
        except ElementTree.ParseError:
            contents = []
    return Package(tuple(pages), frozenset(filter(None, furniture)), tuple(contents), meta)


def _opf_name(archive: Archive, names: set[str]) -> str | None:
    """The package file that META-INF/container.xml names, else the only or first *.opf there is."""
    if "META-INF/container.xml" in names:
        try:
            root = _xml(archive.read("META-INF/container.xml", _LARGEST_PART))
            find = _Finder("", names)
            for each in _all(root, "rootfile"):
                if found := find(each.get("full-path", "")):
                    return found
        except ElementTree.ParseError:
            pass
    return min((name for name in names if name.lower().endswith(".opf")), default=None)


class _Finder:
    """Finds the entry that a link leads to from the file `base`: links are percent-encoded and relative, and files
    moved between systems differ in case and in how accents are written."""

    def __init__(self, base: str, names: set[str]) -> None:
        self._folder = posixpath.dirname(base)
        self._names = names
        self._alike: dict[str, str] = {}

    def __call__(self, href: str) -> str | None:
        path = unquote(href.partition("#")[0])
        if not path or "://" in path:
            return None
        name = posixpath.normpath(posixpath.join(self._folder, path)).lstrip("/")
        if name in self._names:
            return name
        if not self._alike:
            self._alike = {_alike(each): each for each in self._names}
        return self._alike.get(_alike(name))


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _is_page(item: ElementTree.Element, name: str) -> bool:
    kind = item.get("media-type", "").lower()
    return kind in _PAGE_TYPES or (not kind and _PAGE.search(name) is not None)


def _metadata(root: ElementTree.Element) -> dict[str, str]:
    """Title, language, identifier and the like, and EPUB 2 and 3 <meta> by name or property."""
    meta: dict[str, str] = {}
    for block in _all(root, "metadata"):
        for each in block.iter():
            name = _local(each)
            key = (each.get("name") or each.get("property") or "") if name == "meta" else name
            value = fold_to_line(each.get("content") or "".join(each.itertext()))
            if key and value and name not in ("metadata", "dc-metadata", "x-metadata"):
                meta.setdefault(key.lower(), value)
    return meta


def _navigation(data: bytes, find: _Finder) -> tuple[list[NavEntry], set[str | None]]:
    """The contents of an EPUB 3 navigation document, and the pages its landmarks name as furniture."""
    contents: list[NavEntry] = []
    furniture: set[str | None] = set()
    tree = LexborHTMLParser(decode(data).text)
    for nav in tree.css("nav"):
        kind = (nav.attributes.get("epub:type") or nav.attributes.get("role") or "").lower().split()
        if "landmarks" in kind:
            for link in nav.css("a[href]"):
                if _FURNITURE.intersection((link.attributes.get("epub:type") or "").lower().split()):
                    furniture.add(find(link.attributes.get("href") or ""))
        elif ("toc" in kind or "doc-toc" in kind) and not contents:
            contents = _nav_entries(nav, find)
    return contents, furniture


def _nav_entries(nav: LexborNode, find: _Finder) -> list[NavEntry]:
    entries: list[NavEntry] = []
    depth = 0

    def enter(node: LexborNode) -> bool:
        nonlocal depth
        if node.tag == "ol":
            depth += 1
        elif node.tag == "a":
            href = node.attributes.get("href") or ""
            page, label = find(href), line_of(node)
            if page and label:
                entries.append(NavEntry(min(max(depth, 1), _DEEPEST), label, page, unquote(href.partition("#")[2])))
            return False
        return True

    def leave(node: LexborNode) -> None:
        nonlocal depth
        depth -= node.tag == "ol"

    visit(nav, enter, leave)
    return entries


def _ncx(root: ElementTree.Element, find: _Finder) -> list[NavEntry]:
    """The contents of an EPUB 2 NCX. A loop, not recursion: hostile files nest without end."""
    entries: list[NavEntry] = []
    waiting = [(1, each) for each in reversed(list(next(_all(root, "navmap"), ())))]
    while waiting:
        level, point = waiting.pop()
        if _local(point) != "navpoint" or level > _DEEPEST:
            continue
        label = next((each for each in point if _local(each) == "navlabel"), None)
        target = next((each.get("src", "") for each in point if _local(each) == "content"), "")
        page, text = find(target), fold_to_line("".join(label.itertext())) if label is not None else ""
        if page and text:
            entries.append(NavEntry(level, text, page, unquote(target.partition("#")[2])))
        waiting.extend((level + 1, each) for each in reversed(list(point)))
    return entries


def _xml(data: bytes) -> ElementTree.Element:
    """A parsed XML file. Mended are what makers of EPUBs get wrong (bare "&", HTML's entities, control characters);
    a DOCTYPE with entities of its own is never followed. Raises ParseError."""
    text = _XML_DECLARATION.sub("", decode(data).text.lstrip("\ufeff"), count=1)
    if "<!ENTITY" in text:
        raise ElementTree.ParseError("entities of its own")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError:
        text = _NAMED_ENTITY.sub(
            lambda found: found.group(0) if found.group(1) in _MARKUP_ENTITY else html.unescape(found.group(0)), text
        )
        return ElementTree.fromstring(_BARE_AMPERSAND.sub("&amp;", _NO_XML.sub("", text)))


def _all(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """All elements of a local name, in lower case, whatever their namespace: makers forget it."""
    return (each for each in root.iter() if _local(each) == name)


def _local(element: ElementTree.Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""

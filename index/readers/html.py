"""Reads an HTML page: decoded markup in, a `Document` out.

Navigation, tables of contents, headers and footers are left out; headings, anchors, lists, definitions, tables and
preformatted text are kept as what they are. How single elements are read stands in `html_page`.
"""

from __future__ import annotations

import re
from dataclasses import replace

from selectolax.lexbor import LexborHTMLParser, LexborNode

from index.language import language_of
from index.readers.assembly import Assembly, plain, rooted
from index.readers.html_depth import flattened
from index.readers.html_furniture import is_directory, is_first_word, is_furniture, is_last_word
from index.readers.html_marks import part_glued_marks
from index.readers.html_meta import page_meta
from index.readers.html_page import PageWalk
from index.readers.html_text import line_of
from index.readers.inline import fold_to_line
from index.recognise import is_book_title, is_numbered
from index.records import Document, DocumentSection

_TITLE_JOINS = re.compile(r"\s+[-–—|:»«·]\s+|\s*[|»«｜]\s*|:\s+")

_JOINS = " -–—|:»«·｜"
_XHTML = re.compile(r"<\?xml|//DTD XHTML|xmlns=", re.IGNORECASE)
_EMPTY_ANCHOR = re.compile(r"<(a)\b([^<>]*?)\s*/>", re.IGNORECASE)
_EMPTY_ELEMENT = re.compile(r"<(a|b|dd|div|dt|em|i|li|p|script|span|strong|td|th|title)\b([^<>]*?)\s*/>", re.IGNORECASE)


def read_html(markup: str, source: str) -> Document:
    """The page as a document, its sections in reading order; none where the page is only navigation."""
    tree = LexborHTMLParser(flattened(part_glued_marks(_closed(markup))))
    body = tree.body or tree.root
    if body is None:
        return Document(source, source, "en", ())
    full_title = fold_to_line(_first_text(tree, "title"))
    page_length = len(body.text())
    masthead = _masthead(body, page_length)
    first_heading = _first_heading(body, masthead)
    title, site = _split_title(full_title, masthead, first_heading)
    title = title or first_heading or source.rsplit("/", 1)[-1]
    assembly = Assembly()
    walk = PageWalk(assembly, source.rsplit("/", 1)[-1], title, page_length)
    walk.read(body)
    while is_last_word(assembly.last()):
        assembly.drop_last()
    found, above = _without_opening(assembly.sections())
    lines = [line for section in found for line in section.text.split("\n")]
    if is_directory((title, first_heading), lines, walk.links, walk.linked):
        found = ()
    found, book = _without_book(found, title)
    if book and plain(title) == plain(book) and found:
        title = found[0].heading[0]
    sections = rooted(found, title)
    root = tree.css_first("html")
    declared = (root.attributes.get("lang") or root.attributes.get("xml:lang") or "") if root is not None else ""
    language = language_of("\n".join(section.text for section in sections) or title, declared)
    return Document(source, title, language, sections, page_meta(tree, site, above or book))


def _without_opening(found: tuple[DocumentSection, ...]) -> tuple[tuple[DocumentSection, ...], str]:
    """The sections without what stands above the first heading, where that is only the maker's and the book's name
    or what a converter put there; and the book's name."""
    if len(found) > 1 and not found[0].heading and _is_header_line(found[0].text):
        lines = (line for line in found[0].text.split("\n") if not line.startswith("["))
        return found[1:], max(lines, key=len, default="")
    if found and is_first_word(found[0].text):
        return found[1:], ""
    return found, ""


def _without_book(found: tuple[DocumentSection, ...], title: str) -> tuple[tuple[DocumentSection, ...], str]:
    """The sections without the book's title as their outermost heading, and that title: a page of a book may open with
    the book's title as a heading of its own. A page whose own `title` it is keeps it, unless a number below says that
    the page is a part of a book."""
    outermost = {section.heading[:1] for section in found}
    if len(outermost) != 1 or any(len(section.heading) < 2 for section in found):
        return found, ""
    ((book,),) = outermost
    inner = found[0].heading[1]
    part = is_numbered(inner) and all(section.heading[1] == inner for section in found)
    if (plain(title) == plain(book) and not part) or not is_book_title(book):
        return found, ""
    return tuple(replace(section, heading=section.heading[1:]) for section in found), book


def _closed(markup: str) -> str:
    """XHTML's empty elements written out: read as HTML, `<a id="x"/>` would stay open and put its id on all that
    follows."""
    return (_EMPTY_ELEMENT if _XHTML.search(markup[:1000]) else _EMPTY_ANCHOR).sub(r"<\1\2></\1>", markup)


def _first_text(tree: LexborHTMLParser, selector: str) -> str:
    node = tree.css_first(selector)
    return node.text() if node is not None else ""


def _masthead(body: LexborNode, page_length: int) -> set[str]:
    """Headings that stand in the page's furniture: they name the site, not the page."""
    found = set()
    for heading in body.css("h1, h2"):
        node: LexborNode | None = heading
        while node is not None and node.tag != "body":
            if is_furniture(node, page_length):
                found.add(plain(line_of(heading)))
                break
            node = node.parent
    return found


def _first_heading(body: LexborNode, masthead: set[str]) -> str:
    texts = [line_of(heading) for heading in body.css("h1, h2, h3")]
    return next((text for text in texts if text and plain(text) not in masthead), next(iter(filter(None, texts)), ""))


def _split_title(title: str, masthead: set[str], heading: str) -> tuple[str, str]:
    """A page's title without the site's or the book's name in it, and that name (empty where the title holds none).

    "Ports - The Guide" is the page "Ports" of "The Guide" if the masthead says "The Guide" or the heading "Ports"."""
    if plain(title) in masthead:
        return "", title.strip(_JOINS)
    parts = [part for part in _TITLE_JOINS.split(title) if part]
    for part in (parts[0], parts[-1]) if len(parts) > 1 else ():
        if plain(part) in masthead:
            rest = title.removeprefix(part) if part == parts[0] else title.removesuffix(part)
            return rest.strip(_JOINS), part
    if heading and plain(title) != plain(heading) and title.startswith(heading):
        rest = title.removeprefix(heading)
        if join := _TITLE_JOINS.match(rest):
            return heading, rest[join.end() :].strip(_JOINS)
    return title, ""


def _is_header_line(text: str) -> bool:
    """Whether what stands above a page's first heading is only the maker's and the book's name."""
    return len(text) < 200 and not re.search(r"[.。!?！？:：]\s|[.。!?！？:：]$", text)

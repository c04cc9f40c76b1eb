"""Reads an HTML page: decoded markup in, a `Document` out.

Navigation, tables of contents, headers and footers are left out; headings, anchors, lists, definitions, tables and
preformatted text are kept as what they are. How single elements are read stands in `html_page`.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from index.language import language_of
from index.readers.assembly import Assembly, plain, rooted
from index.readers.html_furniture import is_first_word, is_furniture, is_last_word
from index.readers.html_page import PageWalk
from index.readers.html_text import line_of
from index.readers.inline import fold_to_line
from index.records import Document

_TITLE_JOINS = re.compile(r"\s+[-–—|:»«·]\s+|\s*[|»«｜]\s*|:\s+")

_JOINS = " -–—|:»«·｜"
_XHTML = re.compile(r"<\?xml|//DTD XHTML|xmlns=", re.IGNORECASE)
_EMPTY_ANCHOR = re.compile(r"<(a)\b([^<>]*?)\s*/>", re.IGNORECASE)
_EMPTY_ELEMENT = re.compile(r"<(a|b|dd|div|dt|em|i|li|p|script|span|strong|td|th|title)\b([^<>]*?)\s*/>", re.IGNORECASE)


def read_html(markup: str, source: str) -> Document:
    """The page as a document, its sections in reading order; none where the page is only navigation."""
    tree = LexborHTMLParser(_closed(markup))
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
    PageWalk(assembly, source.rsplit("/", 1)[-1], title, page_length).read(body)
    while is_last_word(assembly.last()):
        assembly.drop_last()
    found = assembly.sections()
    above = ""
    if len(found) > 1 and not found[0].heading and _is_header_line(found[0].text):
        above = max((line for line in found[0].text.split("\n") if not line.startswith("[")), key=len, default="")
        found = found[1:]
    elif found and is_first_word(found[0].text):
        found = found[1:]
    sections = rooted(found, title)
    root = tree.css_first("html")
    declared = (root.attributes.get("lang") or root.attributes.get("xml:lang") or "") if root is not None else ""
    language = language_of("\n".join(section.text for section in sections) or title, declared)
    return Document(source, title, language, sections, _meta(tree, site, above))


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


def _meta(tree: LexborHTMLParser, site: str, above: str) -> tuple[tuple[str, str], ...]:
    """What the page says of itself: <meta name>, and the manual's title where the page's title, a link to the manual's
    first page or the line above the first heading carries it."""
    meta = {}
    for node in tree.css("meta[name]"):
        name, content = node.attributes.get("name") or "", node.attributes.get("content") or ""
        if name.lower() not in ("viewport", "generator", "robots") and content:
            meta[name.lower()] = fold_to_line(content)
    if site:
        meta.setdefault("manual", site)
    for selector in ("link[rel=home]", "link[rel=start]", "link[rel=top]", "link[rel=contents]", "a[accesskey=h]"):
        home = tree.css_first(selector)
        if home is not None and home.attributes.get("title"):
            meta.setdefault("manual", fold_to_line(home.attributes["title"] or ""))
    if len(plain(above)) > 8:
        meta.setdefault("manual", above)
    return tuple(meta.items())

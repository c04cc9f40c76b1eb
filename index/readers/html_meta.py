"""What an HTML page says of itself and of its manual, in <meta>, links and the lines around its text.

Comes in: a parsed page. Goes out: pairs of key and text for `Document.meta`. Nothing of the page's text is known here.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser

from index.readers.assembly import plain
from index.readers.inline import fold_to_line
from index.recognise import facts_in_title, is_book_title, version_of

_OF_THE_PAGE = frozenset({"viewport", "generator", "robots", "theme-color", "color-scheme"})
_SAME = {
    "product": ("productname", "prodname", "product-name", "product_name"),
    "version": ("productversion", "product-version", "product_version", "docversion", "docsearch:version", "release"),
    "manual": ("booktitle", "book-title", "book_title"),
}
_HOMES = ("link[rel=home]", "link[rel=start]", "link[rel=top]", "link[rel=contents]", "a[accesskey=h]")
_NAMES_VERSION = re.compile(r"(?:^|[-_\s])(?:version|release)(?:\s|$)", re.IGNORECASE)
_LONGEST_VERSION = 40  # characters; a longer text is a menu of versions
_SHORTEST_MANUAL = 9  # letters; a shorter line above the heading is a maker's logo


def page_meta(tree: LexborHTMLParser, site: str, above: str) -> tuple[tuple[str, str], ...]:
    """<meta name>, and the manual with its product and version. `site` is the book's name in the page's title, `above`
    the line above its first heading; either may be empty."""
    meta = {}
    for node in tree.css("meta[name]"):
        name, content = (node.attributes.get("name") or "").lower(), node.attributes.get("content") or ""
        if name not in _OF_THE_PAGE and content.strip():
            meta[name] = fold_to_line(content)
    for key, others in _SAME.items():
        for other in others:
            if other in meta:
                meta.setdefault(key, meta[other])
    if manual := meta.get("manual") or _manual(tree, site, above):
        meta["manual"] = manual
    said = facts_in_title(meta.get("manual", ""))
    version = said.version or _shown_version(tree)
    named = version and not is_book_title(said.manual)  # "Example Workload Manager": a site is named for its product
    for key, value in (("product", said.product or (said.manual if named else "")), ("version", version)):
        if value:
            meta.setdefault(key, value)
    return tuple(meta.items())


def _manual(tree: LexborHTMLParser, site: str, above: str) -> str:
    if site:
        return site
    for selector in _HOMES:
        home = tree.css_first(selector)
        if home is not None and (title := fold_to_line(home.attributes.get("title") or "")):
            return title
    return above if len(plain(above)) >= _SHORTEST_MANUAL else ""


def _shown_version(tree: LexborHTMLParser) -> str:
    """The version in an element that is named for it, as themes show it beside the logo."""
    for node in tree.css('[class*="version" i], [class*="release" i]'):
        if _NAMES_VERSION.search(re.sub(r"[-_]+", " ", node.attributes.get("class") or "")):
            text = node.text()
            if len(text) <= _LONGEST_VERSION and (version := version_of(text)):
                return version
    return ""

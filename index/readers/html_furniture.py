"""Tells what on an HTML page is furniture (navigation, tables of contents, headers, footers) and not the manual's text.

Comes in: nodes of a parsed page. Goes out: yes or no. It judges by element, role, class and by how much of a list is
links; a name alone never drops more than half of a page.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode


def words(text: str) -> frozenset[str]:
    """A set of names, written as one string."""
    return frozenset(text.split())


_NEVER_TEXT = words(
    "script style template noscript iframe object embed svg canvas audio video map form button select input textarea "
    "nav head link meta frameset noframes"
)
_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "menu", "menubar", "toolbar"})
_NAMES = words(
    "nav navbar navheader navfooter navigation navi breadcrumb breadcrumbs toc minitoc tableofcontents childlinks "
    "contents-list localtoc globaltoc sidebar sphinxsidebar related footer site-footer page-footer pagefooter "
    "site-header page-header pageheader masthead skip-link skiplink headerlink menu topnav bottomnav list-of-tables "
    "list-of-figures list-of-examples indexterm editsection noprint"
)
_AMBIGUOUS = words("sidebar related menu")  # a DocBook sidebar is a box of text; a theme's is navigation
_WHOLE_INDEX = frozenset({"indexdiv", "genindextable"})
_NAMED = words("div ul ol dl table section aside p span header footer a center td")
_PAGE_FRAME = words("html body main article")
_KEYS = frozenset("pnuh")  # accesskey of the links that DocBook's stylesheets set: previous, next, up, home
_RELATIONS = frozenset({"prev", "next", "up", "home", "start"})
_HIDDEN = re.compile(r"(display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_CONTENTS_TITLE = re.compile(
    r"^\W*(organi[sz]ation of (this|the) (chapter|section|subsection|appendix|page|preface|manual)|(table of )?contents"
    r"|on this page|in this (chapter|section|page)|subsections|sections"
    r"|目次|内容|この[章節項]の構成|このページの(構成|内容))\W*$",
    re.IGNORECASE,
)
_INDEX_TITLE = re.compile(r"^\W*(general |concept |subject )?(index|索引)\W*$", re.IGNORECASE)
_FEWEST_LINKS = 10  # a page with fewer is a short page, not a directory
_LEFT_OF_AN_INDEX = 40  # letters and digits that may be left of one whose lists were left out
_WAY_BACK = re.compile(
    r"\W*(up|top|(back|return|go) to (the )?(top|contents|index)( of (the )?page)?"
    r"|(ページの|この)?(先頭|トップ|目次|上)(へ|に)(戻る)?)\W*",
    re.IGNORECASE,
)
_GENERATED_OPENING = re.compile(r"^Section: [^\n]+\nUpdated: ")  # man2html
_LAST_WORDS = re.compile(
    r"^(last (modified|updated|change)|this (document|page|manual) was (created|generated|last)|generated (by|on|with) "
    r"|all rights reserved|copyright\s*(\(c\)|©)|©|最終更新)",
    re.IGNORECASE,
)


def is_furniture(node: LexborNode, page_length: int) -> bool:
    """Whether an element and all in it is dropped. `page_length` is the length of the whole page's text."""
    tag = node.tag or ""
    if tag in _NEVER_TEXT:
        return True
    if tag in _PAGE_FRAME:
        return False
    attributes = node.attributes
    if "hidden" in attributes or attributes.get("aria-hidden") == "true" or attributes.get("role") in _ROLES:
        return True
    style = attributes.get("style")
    if style and _HIDDEN.search(style):
        return True
    if tag in ("header", "footer"):
        return not _within_article(node)
    return tag in _NAMED and _named_furniture(node, attributes, page_length)


def _named_furniture(node: LexborNode, attributes: dict[str, str | None], page_length: int) -> bool:
    names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}".lower().split()
    if _WHOLE_INDEX.intersection(names):
        return True
    found = _NAMES.intersection(names)
    if not found:
        return False
    if found <= _AMBIGUOUS:
        return _mostly_links([node])
    return len(node.text()) * 2 <= page_length or links_only(node)


def _within_article(node: LexborNode) -> bool:
    parent = node.parent
    while parent is not None:
        if parent.tag in ("article", "main", "section"):
            return True
        parent = parent.parent
    return False


def _mostly_links(entries: list[LexborNode]) -> bool:
    linked = sum(len(link.text()) for entry in entries for link in entry.css("a[href]"))
    return linked * 2 > sum(len(entry.text().strip()) for entry in entries)


def links_only(node: LexborNode) -> bool:
    """Whether nearly all of an element's text is links."""
    total = len("".join(node.text().split()))
    linked = sum(len("".join(link.text().split())) for link in node.css("a[href]"))
    return linked >= 0.9 * total


def is_contents_list(node: LexborNode, before: str, file_name: str) -> bool:
    """Whether a list is a table of contents, an index or navigation: only links, and either its title says so, or they
    stay on this page, or they lead to the pages before and after.

    `before` is the text that stands just before the list, `file_name` the page's own, in lower case.
    """
    attributes = [link.attributes for link in node.css("a[href]")]
    links = [each.get("href") or "" for each in attributes]
    if not links:
        return False
    if any(each.get("accesskey") in _KEYS or each.get("rel") in _RELATIONS for each in attributes) and links_only(node):
        return True
    if not links_only(node):
        return _INDEX_TITLE.match(before) is not None and _mostly_links(node.css("dd"))
    if is_contents_title(before):
        return True
    here = sum(1 for link in links if link.startswith("#") or link.lower().startswith(file_name + "#"))
    return len(links) >= 2 and here == len(links)


def is_link_row(text: str, links: int, linked: int) -> bool:
    """Whether a line is a row of links within the page ("A | B | C"): `links` of them, `linked` characters long."""
    said = sum(1 for char in text if char.isalnum())
    return links >= 3 and linked >= 0.9 * said


def is_way_back(text: str) -> bool:
    """Whether a line that holds a link only leads back up the page."""
    return _WAY_BACK.fullmatch(text) is not None


def is_contents_title(text: str) -> bool:
    """Whether a line is the title of a table of contents."""
    return len(text) < 80 and _CONTENTS_TITLE.match(text) is not None


def is_directory(titles: tuple[str, ...], lines: list[str], links: int, linked: int) -> bool:
    """Whether a whole page only leads elsewhere: a table of contents, an alphabetical index, a list of all pages.

    `titles` is what the page calls itself, `lines` what it says without its furniture; `links` is the number of links
    in that, `linked` their characters. A page that describes what it links to is text: one looks for a command by it.
    """
    said = sum(1 for line in lines for char in line if char.isalnum())
    called_index = any(_INDEX_TITLE.match(title) or is_contents_title(title) for title in titles)
    if links < _FEWEST_LINKS:
        return called_index and said < _LEFT_OF_AN_INDEX
    if linked >= 0.85 * said:
        return True
    return called_index and max(map(len, lines), default=0) < 200


def is_first_word(text: str) -> bool:
    """Whether an opening paragraph is only what a converter put there."""
    return _GENERATED_OPENING.match(text) is not None


def is_last_word(text: str) -> bool:
    """Whether a closing line only says who made the page and when."""
    return len(text) < 300 and _LAST_WORDS.match(text) is not None

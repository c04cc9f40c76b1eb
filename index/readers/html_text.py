"""The text of inline HTML: one element in, its text out, images by their alternative text, footnote marks set apart.

Knows nothing of blocks and sections.
"""

from __future__ import annotations

from collections.abc import Callable

from selectolax.lexbor import LexborNode

from index.readers.html_marks import opens_with_footnote_mark
from index.readers.inline import LINE, fold, fold_to_line

_BLOCKS = frozenset(
    {"p", "div", "li", "dt", "dd", "br", "tr", "td", "th", "pre", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"}
)
_LINK_SIGNS = frozenset({"¶", "§", "🔗"})
_UNSEEN = frozenset({"script", "style", "template", "noscript"})


def visit(root: LexborNode, enter: Callable[[LexborNode], bool], leave: Callable[[LexborNode], None]) -> None:
    """Walk all that lies below `root` in document order. `enter` says whether to go into an element; `leave` is called
    for each element gone into. A loop, not recursion: hostile pages nest a hundred thousand deep."""
    top = root.mem_id
    node = root.child
    while node is not None:
        if enter(node) and node.is_element_node:
            child = node.child
            if child is not None:
                node = child
                continue
            leave(node)
        following = node.next
        while following is None:
            node = node.parent
            if node is None or node.mem_id == top:
                return
            leave(node)
            following = node.next
        node = following


def image_text(node: LexborNode) -> str:
    """An image's alternative text in brackets; nothing for an image that has none."""
    alt = fold_to_line(node.attributes.get("alt") or "")
    if not alt:
        return ""
    return alt if alt.startswith("[") else f"[{alt}]"


def before_superscript(node: LexborNode) -> str:
    """What to put before a superscript: a space before a footnote mark, so that `job#1` stays the word `job`; a caret
    before an exponent, so that 2 to the 10th doesn't become 210."""
    text = node.text()
    if opens_with_footnote_mark(text) or node.css_first("a"):
        return " "
    return "^" if text.strip().isdecimal() else ""


def _is_link_sign(link: LexborNode) -> bool:
    """Whether a link is only the sign that a generator sets behind a heading, to link to it."""
    sign = link.text().strip()
    return sign in _LINK_SIGNS or (sign == "#" and "anchor" in (link.attributes.get("class") or ""))


def line_of(root: LexborNode) -> str:
    """All text in an element, on one line."""
    return fold_to_line(_text_of(root))


def term_of(root: LexborNode) -> str:
    """The text of a term on one line: what stands on lines of its own are several spellings, so a comma joins them."""
    lines = fold(_text_of(root)).split("\n")
    return " ".join([*(line if line.endswith((",", "、")) else f"{line}," for line in lines[:-1]), lines[-1]])


def _text_of(root: LexborNode) -> str:
    pieces: list[str] = []

    def enter(node: LexborNode) -> bool:
        tag = node.tag
        if node.is_text_node:
            pieces.append(node.text_content or "")
        elif tag in _BLOCKS:
            pieces.append(LINE)
        elif tag == "img":
            pieces.append(image_text(node))
        elif tag == "sup":
            pieces.append(before_superscript(node))
        return tag not in _UNSEEN and not (tag == "a" and _is_link_sign(node))

    def leave(node: LexborNode) -> None:
        if node.tag in _BLOCKS:
            pieces.append(LINE)

    visit(root, enter, leave)
    return "".join(pieces)


def preformatted(root: LexborNode) -> str:
    """The text of a <pre>, its line breaks and indents untouched."""
    pieces: list[str] = []

    def enter(node: LexborNode) -> bool:
        if node.is_text_node:
            pieces.append(node.text_content or "")
        elif node.tag == "br":
            pieces.append("\n")
        elif node.tag == "img":
            pieces.append(image_text(node))
        return True

    visit(root, enter, lambda node: None)
    return "".join(pieces)

"""Looks around in a parsed page: neighbours that can be seen, anchors, terms. Nodes in, nodes or strings out."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

_HEADING_NAME = re.compile(r"(?:^|\s)(?:heading|head|hd|h)[-_]?([1-6])(?:\s|$)", re.IGNORECASE)
_LONGEST_HEADING = 160  # characters
_NOT_IN_HEADING = "p, div, table, ul, ol, dl, pre, h1, h2, h3, h4, h5, h6"
_WIDE = "\u3000"  # from here on a character counts as two columns


def first_child(node: LexborNode) -> LexborNode | None:
    """The first thing in an element that can be seen: an element, or text that is not blank."""
    child = node.child
    return child if child is None or not _is_blank(child) else next_seen(child)


def next_seen(node: LexborNode) -> LexborNode | None:
    """The next thing after a node, in the same element, that can be seen."""
    following = node.next
    while following is not None and _is_blank(following):
        following = following.next
    return following


def _is_blank(node: LexborNode) -> bool:
    return not node.is_element_node and not (node.is_text_node and (node.text_content or "").strip())


def heading_by_name(node: LexborNode, attributes: dict[str, str | None]) -> str:
    """The heading element ("h2") that a paragraph stands for whose role or class says so ("Heading2"), else ""."""
    named = _HEADING_NAME.search(attributes.get("class") or "")
    level = named[1] if named else (attributes.get("aria-level") or "") * (attributes.get("role") == "heading")
    if level not in ("1", "2", "3", "4", "5", "6") or len(node.css(_NOT_IN_HEADING)) > 1:  # it is one of them itself
        return ""
    return f"h{level}" if 0 < len(node.text().strip()) <= _LONGEST_HEADING else ""


def anchor_in(node: LexborNode) -> str | None:
    """The id that an element carries itself or that stands in it."""
    for each in (node, *node.css("[id], a[name]")):
        attributes = each.attributes
        found = attributes.get("id") or attributes.get("name")
        if found and "indexterm" not in (attributes.get("class") or ""):
            return found
    return None


def anchor_just_before(node: LexborNode) -> bool:
    """Whether an element with an id, and no text, stands right before this one."""
    before = node.prev
    while before is not None and before.is_text_node and not (before.text_content or "").strip():
        before = before.prev
    return before is not None and before.is_element_node and not before.text().strip() and anchor_in(before) is not None


def is_only_term(term: LexborNode) -> bool:
    """Whether a definition list holds this term and no other, as the boxes do that are written as lists."""
    first = term.parent.child if term.parent is not None else term
    node = first
    while node is not None:
        if node.tag == "dt" and node.mem_id != term.mem_id and node.text().strip():
            return False
        node = node.next
    return True


def described_in_full(term: LexborNode, columns: int) -> bool:
    """Whether what describes a term (all up to the next one) has at least so many columns, or holds code or a table."""
    length = 0
    node = term.next
    while node is not None:
        if node.tag == "dt" and node.text().strip():
            break
        if node.is_element_node:
            if node.css_first("pre, table") is not None:
                return True
            text = "".join(node.text().split())
            length += sum(2 if char > _WIDE else 1 for char in text[:columns])
        if length >= columns:
            return True
        node = node.next
    return False

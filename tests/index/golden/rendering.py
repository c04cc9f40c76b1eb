"""A read page as plain text that a person can check and a test can compare.

Comes in: a `Document`. Goes out: what it says of itself, then each section's heading path and anchor, then its blocks,
each under its kind. A table's header row and a definition's term are closed with "‖".
"""

from __future__ import annotations

from index.records import Block, Document, DocumentSection

_SHOWN_META = ("manual", "product", "version")


def rendered(document: Document) -> str:
    """The document as text, ending in a line break."""
    meta = dict(document.meta)
    lines = [f"title: {document.title}", f"language: {document.language}"]
    lines += [f"{key}: {meta[key]}" for key in _SHOWN_META if meta.get(key)]
    for section in document.sections:
        lines += ["", "=" * 80, _heading_line(section)]
        for block in section.blocks:
            lines += ["", f"[{block.kind}]", _block_text(section, block)]
    return "\n".join(lines) + "\n"


def _heading_line(section: DocumentSection) -> str:
    anchor = f"   #{section.anchor}" if section.anchor else ""
    return " > ".join(section.heading) + anchor


def _block_text(section: DocumentSection, block: Block) -> str:
    text = section.text[block.start : block.end]
    return f"{text[: block.header]}‖{text[block.header :]}" if block.header else text

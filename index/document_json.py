"""A `Document` as one line of JSON and back, for the pipe between the reading process and the importer.

Knows the records' fields and nothing else; both ends run the same version of it.
"""

from __future__ import annotations

import json
from typing import Any

from index.records import Block, Document, DocumentSection


def to_json(document: Document) -> list[Any]:
    """The document as nested lists, in the order of the records' fields: smaller and faster than objects."""
    return [
        document.source,
        document.title,
        document.language,
        [
            [
                list(each.heading),
                each.text,
                [[b.start, b.end, b.kind, b.header] for b in each.blocks],
                each.anchor,
                each.page,
            ]
            for each in document.sections
        ],
        [list(pair) for pair in document.meta],
    ]


def from_json(value: list[Any]) -> Document:
    """The document that `to_json` wrote. Raises ValueError or TypeError where the lists have another shape."""
    source, title, language, sections, meta = value
    return Document(
        source,
        title,
        language,
        tuple(
            DocumentSection(tuple(heading), text, tuple(Block(*block) for block in blocks), anchor, page)
            for heading, text, blocks, anchor, page in sections
        ),
        tuple((key, text) for key, text in meta),
    )


def line(value: dict[str, Any]) -> bytes:
    """A message as one line. Lone surrogates, which broken files can hold, become "?"."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="replace") + b"\n"

"""The records that travel from a file to a search hit: small, frozen, without behaviour.

Offsets are counted in characters (Python `str` indices), from 0, end exclusive, in the *source text*: the text of one
file as its reader produced it, which is the sections' texts one after the other. So `source_text[start:end]` is
verbatim for every passage, quote and citation, whatever the file's own format was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BlockKind = Literal["paragraph", "list", "table", "code", "note", "definition"]
Language = Literal["en", "ja"]


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a section that splitting should keep whole: `section.text[start:end]`, offsets within the section.

    Tables are one row a line, cells separated by " | ", the header row first; `header` is the length of that header
    line (0: none), so that whoever cuts a table can repeat it. List items are one a line. A definition is "term: text",
    with what else belongs to it in lines below; its `header` is the length of the term.
    """

    start: int
    end: int
    kind: BlockKind
    header: int = 0


@dataclass(frozen=True, slots=True)
class DocumentSection:
    """What stands under one heading, as a reader found it.

    `heading` is the path from the outermost heading to its own (number included, e.g. "13.1.8 Return values");
    `anchor` the HTML id that leads there; `page` the 1-based PDF page on which it begins. `text` does not repeat the
    heading; blocks are separated in it by one blank line.
    """

    heading: tuple[str, ...]
    text: str
    blocks: tuple[Block, ...]
    anchor: str | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One file, read. `source` is its path relative to the imported folder (or its name), with forward slashes.

    `meta` holds what the file says of itself (front matter, <meta>, PDF or DOCX properties), keys in lower case;
    `manual`, `product`, `version` and `language` are used where present.
    """

    source: str
    title: str
    language: Language
    sections: tuple[DocumentSection, ...]
    meta: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Manual:
    """A book of the library, as it is listed and removed: the pages of one folder, or one PDF, DOCX or EPUB.

    `older`: a newer version of the same book stands beside it, and search prefers that.
    """

    id: int
    title: str
    language: Language
    product: str
    version: str
    root: str
    files: int
    sections: int
    passages: int
    embedded: int
    added_at: str
    older: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to search; empty means everything. `manuals` are ids; `product` holds for what is named below it too
    ("Suite" for "Suite/Scheduler"), `version` for all its parts ("12" for "12-50")."""

    manuals: frozenset[int] = frozenset()
    product: str = ""
    version: str = ""
    language: Language | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A stored section. `start` is its offset in the source text; `text` is all of it."""

    id: int
    manual_id: int
    manual: str
    source: str
    heading: tuple[str, ...]
    anchor: str | None
    page: int | None
    start: int
    text: str
    language: Language


@dataclass(frozen=True, slots=True)
class PassageSpan:
    """Where a passage lies in its section (offsets within the section), and what must be read with it.

    `context` is text that the passage depends on but does not contain (a table's caption and header row when the
    table was cut); it is searched and shown to the model, never quoted.
    """

    start: int
    end: int
    context: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """The unit of search: a verbatim stretch of one section. `start` and `end` are offsets in the source text."""

    id: int
    section_id: int
    manual_id: int
    manual: str
    source: str
    heading: tuple[str, ...]
    anchor: str | None
    page: int | None
    start: int
    end: int
    text: str
    context: str
    language: Language


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found. `score` is the fused score in 0..1, comparable within one result list only.

    `lexical` is its BM25 score (0: not found by words); `cosine` its similarity to the question in -1..1, None where
    the passage has no embedding yet.
    """

    passage: Passage
    score: float
    lexical: float
    cosine: float | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that import could not use, and the one-line reason."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `manuals`, `sections`, `passages` count what was added or replaced; `unchanged` counts files
    that the library already held; `embedded` counts embeddings made; `seconds` is wall time; `cancelled` is true where
    files are left. `job` is the import's number in the library; `reason` says why it could not go on, and the mend."""

    manuals: int
    sections: int
    passages: int
    unchanged: int
    seconds: float
    embedded: int
    skipped: tuple[Skipped, ...]
    cancelled: bool = False
    job: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """Where an import is: `stage` in order "listing", "reading", "indexing", "embedding"; `done` of `total` units
    (files, then passages); `current` names the file at hand. Files differ in size: `weight` of `weight_total` says
    better how far it is (in bytes of HTML that cost as much). `job` is the import's number in the library."""

    stage: Literal["listing", "reading", "indexing", "embedding"]
    done: int
    total: int
    current: str = ""
    weight: float = 0.0
    weight_total: float = 0.0
    job: int = 0

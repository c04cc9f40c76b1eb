"""Reads one manual file: picks the reader by the file's kind and names everything that can be wrong with a file.

Comes in: a path, or bytes with a name. Goes out: a `Document`. Knows the limits on one file, not folders or processes.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path

from index.charset import decode
from index.errors import ManualUnreadable
from index.records import Document

MEBIBYTE = 1024 * 1024
LARGEST_TEXT = 64 * MEBIBYTE  # HTML, Markdown and text; the longest real manual page met is under 2 MiB
LARGEST_BINARY = 512 * MEBIBYTE  # PDF, DOCX and EPUB
_STRAY_CONTROLS = 2  # control characters that any text may hold: one in a file of a line is no sign of binary data

HTML = frozenset({".html", ".htm", ".xhtml", ".xht", ".shtml"})
MARKDOWN = frozenset({".md", ".markdown"})
TEXT = frozenset({".txt", ".text"})
PDF = frozenset({".pdf"})
DOCX = frozenset({".docx"})
EPUB = frozenset({".epub"})
PAGES = HTML | MARKDOWN | TEXT
"""Kinds whose files in one folder make up one manual together; a PDF, DOCX or EPUB is one by itself."""

OTHER_FORMATS = PDF | EPUB | TEXT
"""Kinds in which makers often give once more what stands in the HTML pages beside them."""

READABLE: frozenset[str] = PAGES | PDF | DOCX | EPUB
"""Suffixes of the kinds that are read, lower case. Each is also read with .gz behind it."""


def kind_of(name: str) -> str:
    """The suffix that decides how a file is read, lower case: `.html` for `A.HTML` and for `a.html.gz`."""
    lower = name.lower()
    return Path(lower.removesuffix(".gz")).suffix


def read_file(path: Path, source: str) -> Document:
    """Read a file as the `Document` named `source`. Raises ManualUnreadable with a sentence that names the file."""
    try:
        size = path.stat().st_size
        _check_size(path.name, str(path), size)
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ManualUnreadable(
            f"{path} is gone; check that the folder or drive is still there and import it again."
        ) from error
    except PermissionError as error:
        raise ManualUnreadable(
            f"{path} may not be read by this user; ask for permission to read it, then import it again."
        ) from error
    except OSError as error:
        raise ManualUnreadable(
            f"{path} can't be read ({error.strerror or error}); check the drive and import it again."
        ) from error
    return read_bytes(data, source, str(path))


def read_bytes(data: bytes, source: str, shown: str) -> Document:
    """Read the bytes of a file as the `Document` named `source`; `shown` names the file in errors.

    Raises ManualUnreadable: empty, too large, damaged, protected, without text, or of a kind that is not read.
    """
    if not data:
        raise ManualUnreadable(f"{shown} is empty; export or download it again.")
    if source.lower().endswith(".gz"):
        data = _unpack_gzip(data, source, shown)
        source = source[: -len(".gz")]
    _check_size(source, shown, len(data))
    reader = _READERS.get(kind_of(source))
    if reader is None:
        raise ManualUnreadable(
            f"{shown} is of a kind that is not read; export it as HTML, EPUB, PDF, DOCX, Markdown or text."
        )
    return reader(data, source, shown)


def _check_size(name: str, shown: str, size: int) -> None:
    limit = LARGEST_TEXT if kind_of(name) in PAGES else LARGEST_BINARY
    if size > limit:
        raise ManualUnreadable(
            f"{shown} has {size // MEBIBYTE} MiB, and {limit // MEBIBYTE} MiB is the limit for such a file; "
            "split it into smaller files and import those."
        )


def _unpack_gzip(data: bytes, source: str, shown: str) -> bytes:
    limit = LARGEST_TEXT if kind_of(source) in PAGES else LARGEST_BINARY
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            return packed.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ManualUnreadable(f"{shown} is not whole as a gzip file ({error}); download it again.") from error


def _text(data: bytes, shown: str) -> str:
    """The bytes as text. Raises ManualUnreadable where they are no text at all, whatever the file's name says."""
    decoded = decode(data)
    sample = decoded.text[:100_000]
    control = sum(1 for char in sample if (char < " " and char not in "\t\n\r\f\v\x1b\x08\x1a") or char == "\x7f")
    if control > _STRAY_CONTROLS + 0.01 * len(sample) or decoded.damaged > 0.02 * len(decoded.text):
        raise ManualUnreadable(f"{shown} holds binary data, not text; check that it is the file you meant.")
    if not decoded.text.strip():
        raise ManualUnreadable(f"{shown} holds only blanks; export or download it again.")
    return decoded.text


def _html(data: bytes, source: str, shown: str) -> Document:
    from index.readers.html import read_html

    return read_html(_text(data, shown), source)


def _markdown(data: bytes, source: str, shown: str) -> Document:
    from index.readers.markdown import read_markdown

    return read_markdown(_text(data, shown), source)


def _plain(data: bytes, source: str, shown: str) -> Document:
    from index.readers.text import read_text

    return read_text(_text(data, shown), source)


def _pdf(data: bytes, source: str, shown: str) -> Document:
    from index.readers.pdf import read_pdf

    return read_pdf(data, source, shown)


def _docx(data: bytes, source: str, shown: str) -> Document:
    from index.readers.docx import read_docx

    return read_docx(data, source, shown)


def _epub(data: bytes, source: str, shown: str) -> Document:
    from index.readers.epub import read_epub

    return read_epub(data, source, shown)


_READERS: dict[str, Callable[[bytes, str, str], Document]] = {
    **dict.fromkeys(HTML, _html),
    **dict.fromkeys(MARKDOWN, _markdown),
    **dict.fromkeys(TEXT, _plain),
    **dict.fromkeys(PDF, _pdf),
    **dict.fromkeys(DOCX, _docx),
    **dict.fromkeys(EPUB, _epub),
}

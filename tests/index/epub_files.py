"""Writes small EPUB files in the shapes that real makers give them, so that tests know what the reader meets."""

from __future__ import annotations

import io
import zipfile
from html import escape

CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="{opf}" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
Contents = list[tuple[int, str, str]]
"""Lines of a table of contents: level from 1, label, link from the folder of the pages."""


def page(body: str, title: str = "") -> str:
    """An XHTML page."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops"><head><title>{escape(title)}</title></head>'
        f"<body>{body}</body></html>"
    )


def write_epub(
    pages: dict[str, str],
    *,
    version: int = 3,
    title: str = "The guide",
    language: str = "en",
    contents: Contents | None = None,
    order: list[str] | None = None,
    metadata: str = "",
    guide: dict[str, str] | None = None,
    folder: str = "OEBPS/",
    more: dict[str, str | bytes] | None = None,
    opf: str | None = None,
) -> bytes:
    """An EPUB 2 (NCX) or 3 (navigation document) of `pages`, which are read in `order` (by default as they come).

    `guide` names pages by their type ("cover", "toc"); `more` are further files, or replace those made here; `opf`
    replaces the package file.
    """
    order = list(pages) if order is None else order
    nav = "nav.xhtml" if version == 3 else "toc.ncx"
    kind = "application/xhtml+xml" if version == 3 else "application/x-dtbncx+xml"
    items = "".join(
        f'<item id="p{at}" href="{escape(name)}" media-type="application/xhtml+xml"/>' for at, name in enumerate(pages)
    )
    properties = ' properties="nav"' if version == 3 else ""
    items += f'<item id="nav" href="{nav}" media-type="{kind}"{properties}/>'
    spine = "".join(f'<itemref idref="p{list(pages).index(name)}"/>' for name in order)
    toc = ' toc="nav"' if version == 2 else ""
    references = "".join(f'<reference type="{type_}" href="{name}"/>' for type_, name in (guide or {}).items())
    package = (
        f'<?xml version="1.0" encoding="utf-8"?><package xmlns="http://www.idpf.org/2007/opf" version="{version}.0" '
        'unique-identifier="id"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{escape(title)}</dc:title><dc:language>{language}</dc:language>"
        f'<dc:identifier id="id">urn:isbn:1234</dc:identifier>{metadata}</metadata>'
        f"<manifest>{items}</manifest><spine{toc}>{spine}</spine>"
        f"<guide>{references}</guide></package>"
    )
    files: dict[str, str | bytes] = {
        "META-INF/container.xml": CONTAINER.format(opf=f"{folder}content.opf"),
        f"{folder}content.opf": package if opf is None else opf,
        f"{folder}{nav}": _nav(contents or []) if version == 3 else _ncx(contents or []),
    }
    files |= {f"{folder}{name}": text for name, text in pages.items()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        for name, data in (files | (more or {})).items():
            archive.writestr(name, data)
    return packed.getvalue()


def _nav(contents: Contents) -> str:
    return page(f'<nav epub:type="toc"><h1>Contents</h1>{_nested(contents, 1)}</nav>', "Contents")


def _nested(contents: Contents, level: int) -> str:
    made = ""
    starts = [at for at, (depth, _, _) in enumerate(contents) if depth == level]
    for start, end in zip(starts, [*starts, len(contents)][1:], strict=True):
        _, label, link = contents[start]
        made += f'<li><a href="{link}">{escape(label)}</a>{_nested(contents[start + 1 : end], level + 1)}</li>'
    return f"<ol>{made}</ol>" if made else ""


def _ncx(contents: Contents) -> str:
    def points(contents: Contents, level: int) -> str:
        made = ""
        starts = [at for at, (depth, _, _) in enumerate(contents) if depth == level]
        for start, end in zip(starts, [*starts, len(contents)][1:], strict=True):
            _, label, link = contents[start]
            made += (
                f"<navPoint><navLabel><text>{escape(label)}</text></navLabel><content src='{link}'/>"
                f"{points(contents[start + 1 : end], level + 1)}</navPoint>"
            )
        return made

    return f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{points(contents, 1)}</navMap></ncx>'

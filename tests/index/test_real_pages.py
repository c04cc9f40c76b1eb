"""Ten pages of each of four real manuals, read exactly as it was checked by eye, and no word of any page lost."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from benchmarks import corpora
from index.charset import decode
from index.readers.html import read_html
from index.readers.html_furniture import is_furniture
from index.readers.html_text import visit
from tests.index.golden import real_pages

pytestmark = pytest.mark.corpora
_WORD = re.compile(r"\w+")
_ALL = [(package, name) for package, names in real_pages.PAGES.items() for name in names]


def folder_of(package: str) -> Path:
    folder = corpora.folder(package)
    if not folder.is_dir():
        pytest.skip(f"{package} is not cached; bring it with: python -m benchmarks.corpora {package}")
    return folder


@pytest.mark.parametrize(("package", "name"), _ALL)
def test_a_real_page_is_read_as_it_was_checked(package: str, name: str) -> None:
    folder = folder_of(package)
    expected = json.loads(real_pages.EXPECTED.read_text(encoding="utf-8"))[package][name]
    found = real_pages.reading(folder / name)
    if found["page"] != expected["page"]:
        pytest.skip(f"{name} is of another release of {package} than the one that was checked")
    assert found == expected


def words_of(markup: str) -> set[str]:
    """All words that a page shows outside its furniture."""
    tree = LexborHTMLParser(markup)
    assert tree.body is not None
    length = len(tree.body.text())
    pieces: list[str] = []

    def enter(node: LexborNode) -> bool:
        if node.is_text_node:
            pieces.append(node.text_content or "")
        return not node.is_element_node or not is_furniture(node, length)

    visit(tree.body, enter, lambda node: None)
    return set(_WORD.findall(" ".join(pieces)))


@pytest.mark.parametrize("package", ["slurm-wlm-doc", "bacula-doc"])
def test_no_words_of_a_page_get_lost(package: str) -> None:
    """But for closing lines, tables of contents and words that are written in parts, two in a hundred at most."""
    lost = {}
    for path in sorted(folder_of(package).rglob("*.html")):
        markup = decode(path.read_bytes()).text
        document = read_html(markup, path.name)
        if document.sections:
            read = " ".join(f"{' '.join(section.heading)} {section.text}" for section in document.sections)
            words = words_of(markup)
            missing = words - set(_WORD.findall(f"{document.title} {read}"))
            if len(missing) > 20 + len(words) // 50:
                lost[path.name] = sorted(missing)[:20]
    assert lost == {}

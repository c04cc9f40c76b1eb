"""Pages built as real technical manuals are, each read exactly as written down beside it.

The pages are made up: a product "Batch Control System 3" of a maker "Lantern", laid out in the three ways in which the
manuals of one real product were over the years. The expected readings were checked by eye; after a change on purpose,
`python -m tests.index.golden` writes them anew, to be looked through as a diff.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from index.packs import load_pack
from index.passages import gaps, split
from index.reading import read_file
from index.recognise import recognised
from index.records import Document
from tests.index.golden.__main__ import PAGES
from tests.index.golden.rendering import rendered

_ALL = sorted(PAGES.glob("*.html"))
_LEAD_ELSEWHERE = {"v9_frameset", "v12_contents", "v12_index"}
_PACK = """
id = "lantern"
name = { en = "Lantern" }
product = "Lantern"

[[recognise]]
pattern = '^Lantern (?:Version (?P<version>\\d+) Lantern|Operations Partner 1)/(?P<name>.+ 3) (?P<book>.+)$'
manual = "{name} {book}"
product = "{name}"

[[recognise]]
on = "path"
pattern = '/v9_'
version = "9"
"""


def page(name: str) -> Document:
    return read_file(PAGES / f"{name}.html", f"{name}.html")


@pytest.mark.parametrize("path", _ALL, ids=lambda path: path.stem)
def test_a_page_is_read_as_written_down_beside_it(path: Path) -> None:
    assert rendered(read_file(path, path.name)) == path.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", _ALL, ids=lambda path: path.stem)
def test_nothing_of_the_furniture_is_left(path: Path) -> None:
    text = path.with_suffix(".txt").read_text(encoding="utf-8").partition("=" * 80)[2]
    furniture = ["Organization of", "の構成", "[Contents]", "[Next]", "[目次]", "[前へ]", "Trademarks", "Copyright (C)"]
    assert [words for words in [*furniture, "Lantern", "ランタン", "HZDS0021.HTM"] if words in text] == []


@pytest.mark.parametrize("path", _ALL, ids=lambda path: path.stem)
def test_only_pages_that_lead_elsewhere_hold_no_text(path: Path) -> None:
    assert (read_file(path, path.name).sections == ()) == (path.stem in _LEAD_ELSEWHERE)


@pytest.mark.parametrize("path", _ALL, ids=lambda path: path.stem)
def test_the_passages_hold_all_of_it(path: Path) -> None:
    document = read_file(path, path.name)
    assert [gap for section in document.sections for gap in gaps(split(section, document.language), section.text)] == []


def test_a_japanese_message_is_found_by_its_english_words_too() -> None:
    (section,) = page("v13_ja_message").sections
    first, second = (section.text[block.start : block.end] for block in section.blocks[:2])
    assert first.startswith("You do not have the privilege")
    assert second.startswith("ユニットを操作する権限がありません")


@pytest.mark.parametrize(
    ("name", "manual", "version"),
    [
        ("v9_command", "Batch Control System 3 Command Reference", "9"),
        ("v12_headings", "Batch Control System 3 Administration Guide", "12"),
        ("v13_message", "Batch Control System 3 Messages", "13"),
        ("v13_ja_command", "Batch Control System 3 コマンドリファレンス", "13"),
    ],
)
def test_a_pack_names_the_book_the_same_in_every_version(name: str, manual: str, version: str, tmp_path: Path) -> None:
    (tmp_path / "pack.toml").write_text(_PACK, encoding="utf-8")
    rules = load_pack(tmp_path).recognisers
    meta = dict(recognised(page(name), f"/books/{name}.html", rules).meta)
    assert (meta["manual"], meta["product"], meta["version"]) == (manual, "Batch Control System 3", version)

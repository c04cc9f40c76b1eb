"""Which product and version a manual is about: told where its title or path says so, and otherwise left open."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import PackInvalid
from index.manual_facts import facts_of
from index.packs import load_pack
from index.reading import read_bytes
from index.recognise import (
    Recogniser,
    facts_in_title,
    is_book_title,
    recognised,
    recogniser_of,
    version_in_path,
    version_of,
)
from index.records import Document
from index.store import StoredFile
from tests.conftest import Tebiki

_JP1 = load_pack(Path(__file__).parents[2] / "domains" / "jp1").recognisers


def meta_of(title: str, path: str, rules: tuple[Recogniser, ...]) -> dict[str, str]:
    return dict(recognised(Document("a", "Ports", "en", (), (("manual", title),)), path, rules).meta)


@pytest.mark.parametrize(
    ("title", "product", "version"),
    [
        ("PostgreSQL 15.8 Documentation", "PostgreSQL", "15.8"),
        ("Python 3.11.2 documentation", "Python", "3.11.2"),
        ("Example Version 12 Example/Scheduler Administration Guide", "Example", "12"),
        ("Example Scheduler Version 11-50 Messages", "Example Scheduler", "11-50"),
        ("Example Guide, Version 3.2", "Example", "3.2"),
        ("User's Guide for Example Version 3", "Example", "3"),
        ("Example V12.1 Messages", "Example", "12.1"),
        ("サンプル バージョン 3 運用ガイド", "サンプル", "3"),
        ("Ｅｘａｍｐｌｅ　Version　１２ 手引", "Example", "12"),
    ],
)
def test_a_title_names_product_and_version(title: str, product: str, version: str) -> None:
    facts = facts_in_title(title)
    assert (facts.manual, facts.product, facts.version) == (title, product, version)


@pytest.mark.parametrize(
    "title",
    [
        "Example Workload Manager",
        "Example 2nd Edition",
        "Example Guide, Edition 2.1",
        "Example Revision 1.2 Manual",
        "手引 (第2.100版)",
        "Release Notes 2023.02.04",
        "Guide Version 2023-02-04",
        "Batch Control System 3 Command Reference 2",
        "Configuring TLS 1.3 for clients",
        "Chapter 3.1 Manual",
        "3.1 Ports",
        "Volume 2.1 Guide",
        "",
    ],
)
def test_editions_dates_chapters_and_numbers_in_names_are_no_versions(title: str) -> None:
    facts = facts_in_title(title)
    assert (facts.product, facts.version) == ("", "")


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/manuals/v13/html", "13"),
        ("/manuals/example/13.0/en", "13.0"),
        ("C:\\manuals\\example-2.4.1", "2.4.1"),
        ("/manuals/V11-50/en", "11-50"),
        ("/home/ann/example_v12.0.zip!/html", "12.0"),
        ("/manuals/2023-02-04/html", ""),
        ("/manuals/20230204", ""),
        ("/manuals/2023.02", ""),
        ("/manuals/example-doc-15/html", ""),
        ("/manuals/chapter3", ""),
        ("/lib/python3.11/site-packages/example/docs", ""),
        ("/opt/example-9.9/a/b/c/html", ""),
        ("", ""),
    ],
)
def test_a_folder_names_the_version(path: str, version: str) -> None:
    assert version_in_path(path) == version


@pytest.mark.parametrize(
    ("line", "version"),
    [("Version 22.05", "22.05"), ("v2.1", "2.1"), ("(3.1.2)", "3.1.2"), ("1996", ""), ("New in version 3.2", "")],
)
def test_a_line_that_is_nothing_but_a_version(line: str, version: str) -> None:
    assert version_of(line) == version


@pytest.mark.parametrize(
    ("line", "is_title"),
    [
        ("Example/Scheduler Messages", True),
        ("Example Scheduler Administrator's Guide", True),
        ("Example Scheduler コマンドリファレンス", True),
        ("Example Version 12", True),
        ("Messages", False),
        ("Overview", False),
        ("3.1 Installation guide", False),
        ("Ports", False),
    ],
)
def test_a_book_title_is_told_from_a_chapter(line: str, is_title: bool) -> None:
    assert is_book_title(line) == is_title


@pytest.mark.parametrize(
    ("title", "path", "manual", "product", "version"),
    [
        (
            "JP1 Version 12 JP1/Automatic Job Management System 3 Administration Guide",
            "/m/3021/30213D2530e/AJSJ0202.HTM",
            "JP1/Automatic Job Management System 3 Administration Guide",
            "JP1/Automatic Job Management System 3",
            "12",
        ),
        (
            "Job Management Partner 1 Version 10 Job Management Partner 1/Base User's Guide",
            "/m/3021/3021330120e/BASE0001.HTM",
            "JP1/Base User's Guide",
            "JP1/Base",
            "10",
        ),
        (
            "Job Management Partner 1/Automatic Job Management System 3 Overview",
            "D:\\m\\30203S0204e\\AJSF0001.HTM",
            "JP1/Automatic Job Management System 3 Overview",
            "JP1/Automatic Job Management System 3",
            "9",
        ),
        (
            "Job Management Partner 1/Automatic Job Management System 2 Messages",
            "/m/30203k2243e.zip!/AJSM0001.HTM",
            "JP1/Automatic Job Management System 2 Messages",
            "JP1/Automatic Job Management System 2",
            "8",
        ),
        (
            "JP1/Automatic Job Management System 3 導入ガイド",
            "/m/30203s0904/AJSF0001.HTM",
            "JP1/Automatic Job Management System 3 導入ガイド",
            "JP1/Automatic Job Management System 3",
            "9",
        ),
        (
            "JP1 Version 13 JP1/Integrated Management 3 - Manager メッセージ",
            "/m/messages/IMMS0001.HTM",
            "JP1/Integrated Management 3 - Manager メッセージ",
            "JP1/Integrated Management 3 - Manager",
            "13",
        ),
        (
            "JP1 Version 11 JP1/Performance Management - Remote Monitor for Platform Description, User's Guide",
            "/m/3021-3-A38-01(E).pdf",
            "JP1/Performance Management - Remote Monitor for Platform Description, User's Guide",
            "JP1/Performance Management - Remote Monitor for Platform",
            "11",
        ),
    ],
)
def test_jp1_manuals_are_known_by_title_or_document_number(
    title: str, path: str, manual: str, product: str, version: str
) -> None:
    found = meta_of(title, path, _JP1)
    assert (found["manual"], found["product"], found["version"]) == (manual, product, version)


def test_jp1_rules_leave_other_products_alone() -> None:
    assert meta_of("Slurm Workload Manager", "/m/30213C2530e/page.html", _JP1) == {"manual": "Slurm Workload Manager"}


def test_the_first_rule_that_says_something_counts_and_what_a_page_says_itself_comes_after() -> None:
    rules = (
        recogniser_of({"pattern": "^(?P<product>Example)", "version": "7"}),
        recogniser_of({"on": "path", "pattern": "/v(?P<version>[0-9]+)/"}),
    )
    assert meta_of("Example Guide", "/m/v9/a.html", rules) == {
        "manual": "Example Guide",
        "product": "Example",
        "version": "7",
    }
    assert meta_of("Other Guide", "/m/v9/a.html", rules)["version"] == "9"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ('pattern = "("', "is not a regular expression"),
        ('pattern = "(?P<product>x)"\non = "body"', '"on" of a rule under'),
        ('pattern = "x"\nmanual = "{book}"', r'uses "\{book\}", and its pattern has no such group'),
        ('pattern = "x"', "says nothing of manual, product or version"),
        ('pattern = "(?P<product>x)"\nvresion = "1"', 'the key "vresion" of a rule'),
        ("pattern = 3", "is not a table of texts"),
    ],
)
def test_a_pack_with_a_bad_rule_is_refused_with_the_reason(rule: str, reason: str, tmp_path: Path) -> None:
    head = 'id = "x"\nname = { en = "X" }\nproduct = "X"\n[[recognise]]\n'
    (tmp_path / "pack.toml").write_text(head + rule, encoding="utf-8")
    with pytest.raises(PackInvalid, match=reason):
        load_pack(tmp_path)


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (
            "<title>sbatch</title>",
            '<nav><h1>Example Manager</h1><b class="x-title__version">Version 22.05</b></nav><h1>sbatch</h1>',
            {"version": "22.05"},
        ),
        (
            "<title>a</title><meta name=prodname content=Example><meta name=version content=2.1>",
            "",
            {"product": "Example", "version": "2.1"},
        ),
        (
            '<title>a</title><link rel=home title="Example 4.2 Documentation" href=i>',
            "",
            {"manual": "Example 4.2 Documentation", "product": "Example", "version": "4.2"},
        ),
        ("<title>a</title><meta name=generator content='Writer 7.5'>", "", {}),
    ],
)
def test_a_page_says_what_it_belongs_to(head: str, body: str, expected: dict[str, str]) -> None:
    page = f"<html><head>{head}</head><body>{body}<p>Text of the page.</p></body></html>"
    meta = dict(read_bytes(page.encode(), "a.html", "a.html").meta)
    assert {key: meta[key] for key in ("manual", "product", "version") if key in meta} == expected


def file(**meta: str) -> StoredFile:
    return StoredFile(1, "a.html", "a.html", "", "A", meta)


def test_the_folder_gives_the_version_only_where_no_page_does() -> None:
    assert facts_of([file(), file()], "/m/guide/13.0/html", "/m").version == "13.0"
    assert facts_of([file(version="12"), file()], "/m/guide/13.0/html", "/m").version == "12"
    assert facts_of([file(version="12"), file(version="11")], "/m/guide/13.0/html", "/m").version == ""


def test_a_folder_of_several_books_is_not_named_after_one_of_them() -> None:
    pages = [file(manual="Guide A"), file(manual="Guide A"), file(manual="Guide B"), file(manual="Guide B")]
    assert facts_of(pages, "/m/books", "/m").title == "books"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="aA 1.-/()第版ガイド_vVGuide\u3000", max_size=80))
def test_whatever_stands_there_is_answered_with_parts_of_it(text: str) -> None:
    for part in (facts_in_title(text).version, version_of(text), version_in_path(text)):
        assert part == "" or part[0].isdecimal()
    is_book_title(text)


def test_an_imported_manual_is_listed_with_product_and_version(tebiki: Tebiki, tmp_path: Path) -> None:
    books = {
        "30213D2830e": "JP1 Version 12 JP1/Automatic Job Management System 3 Command Reference",
        "30203S1004e": "Job Management Partner 1/Automatic Job Management System 3 Command Reference",
    }
    for folder, title in books.items():
        (tmp_path / "books" / folder).mkdir(parents=True)
        page = f"<title>hzstop</title><div>Maker</div><p>{title}</p><h1>hzstop</h1><h2>Use</h2><p>Stops it all.</p>"
        (tmp_path / "books" / folder / "A0001.HTM").write_text(page, encoding="utf-8")
    tebiki("import", tmp_path / "books", "--library", tmp_path / "library")
    manuals = tebiki("library", "list", "--library", tmp_path / "library", "--json").json
    listed = {(manual["title"], manual["product"], manual["version"]) for manual in manuals}
    book = "JP1/Automatic Job Management System 3"
    assert listed == {(f"{book} Command Reference", book, version) for version in ("12", "9")}

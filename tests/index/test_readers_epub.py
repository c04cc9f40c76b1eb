"""What an EPUB gives: one manual in the book's own order, with the headings that the book gives its pages."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from benchmarks import corpora
from index.errors import ManualUnreadable
from index.listing import list_candidates
from index.reader_process import ReaderProcess
from index.reading import read_bytes, read_file
from index.records import Document
from tests.index.epub_files import page, write_epub

LONG = "Sentence after sentence tells of what this chapter is about. " * 6


def read(data: bytes) -> Document:
    return read_bytes(data, "guide.epub", "/manuals/guide.epub")


def book() -> dict[str, str]:
    """A vendor's book: a page for each section, pictures by their text, a cover and a page of contents."""
    return {
        "cover.xhtml": page('<div><img src="cover.png" alt="Cover"/></div>'),
        "toc.xhtml": page('<h1>Contents</h1><ol><li><a href="0001.xhtml">1. 概要</a></li></ol>'),
        "0001.xhtml": page("<h1>1. 概要</h1><p>この章では、製品の概要を説明します。</p>", "ガイド"),
        "0002.xhtml": page(
            '<h2><a id="ID00012"/>1.1 ポート番号</h2><p>図1-1に示します。</p><p><img src="figure/zu010.gif" '
            'alt="[図データ]"/></p><table><tr><th>サービス</th><th>ポート</th></tr><tr><td>jp1imevtcon</td>'
            "<td>20115/tcp</td></tr></table>",
            "ガイド",
        ),
        "0003.xhtml": page('<h2 id="ID00020">1.2 起動</h2><p>サービスを起動します。</p><h3 id="ID00021">(1) 手順</h3>'
                           "<p>コマンドを実行してください。</p>", "ガイド"),
    }  # fmt: skip


CONTENTS = [(1, "1. 概要", "0001.xhtml"), (2, "1.1 ポート番号", "0002.xhtml"), (2, "1.2 起動", "0003.xhtml#ID00020")]


@pytest.mark.parametrize("version", [2, 3])
def test_sections_hang_under_the_chapters_of_the_contents(version: int) -> None:
    guide = {"cover": "cover.xhtml", "toc": "toc.xhtml"}
    data = write_epub(book(), version=version, title="ガイド", language="ja", contents=CONTENTS, guide=guide)
    document = read(data)
    assert (document.title, document.language) == ("ガイド", "ja")
    assert [(each.heading, each.anchor) for each in document.sections] == [
        (("1. 概要",), "OEBPS/0001.xhtml"),
        (("1. 概要", "1.1 ポート番号"), "OEBPS/0002.xhtml#ID00012"),
        (("1. 概要", "1.2 起動"), "OEBPS/0003.xhtml#ID00020"),
        (("1. 概要", "1.2 起動", "(1) 手順"), "OEBPS/0003.xhtml#ID00021"),
    ]


def test_tables_and_the_marks_of_pictures_are_kept() -> None:
    section = read(write_epub(book(), contents=CONTENTS)).sections[1]
    assert "[図データ]" in section.text
    assert "サービス | ポート\njp1imevtcon | 20115/tcp" in section.text


def test_pages_come_in_the_order_of_the_spine_not_of_their_names() -> None:
    pages = {f"{name}.html": page(f"<h1>{name}</h1><p>{LONG}</p>") for name in ("a", "b", "c")}
    document = read(write_epub(pages, order=["c.html", "a.html", "b.html"]))
    assert [each.heading[-1] for each in document.sections] == ["c", "a", "b"]


def test_a_page_without_a_heading_is_called_what_the_contents_call_it() -> None:
    pages = {"one.xhtml": page(f"<p>{LONG}</p>", "guide"), "two.xhtml": page(f"<p>{LONG}</p>", "two")}
    document = read(write_epub(pages, version=2, contents=[(1, "Start here", "one.xhtml"), (1, "Go on", "two.xhtml")]))
    assert [each.heading for each in document.sections] == [("The guide", "Start here"), ("The guide", "Go on")]


def test_a_page_that_a_converter_split_off_goes_on_with_the_page_before() -> None:
    pages = {
        "part0.xhtml": page(f"<h1>Ports</h1><p>{LONG}</p>", "The guide"),
        "part1.xhtml": page("<p>The second half of the chapter.</p>", "The guide"),
        "part2.xhtml": page("<h2>Firewall</h2><p>Open it.</p>", "The guide"),
    }
    document = read(write_epub(pages, contents=[(1, "Ports", "part0.xhtml")]))
    assert [each.heading for each in document.sections] == [("Ports",), ("Ports",), ("Ports", "Firewall")]


def test_footnote_pages_are_read_and_page_break_marks_are_not() -> None:
    pages = {
        "one.xhtml": page('<h1>One</h1><p>Stop the <span epub:type="pagebreak" id="p7">7</span>service<a '
                          'epub:type="noteref" href="notes.xhtml#n1">1</a>.</p>'),
        "notes.xhtml": page('<h1>Notes</h1><aside epub:type="footnote" id="n1"><p>1 Not on Sundays.</p></aside>'),
    }  # fmt: skip
    texts = [each.text for each in read(write_epub(pages)).sections]
    assert texts[0].startswith("Stop the service")
    assert "Not on Sundays." in texts[1]


def test_a_title_page_named_as_contents_keeps_its_words_without_the_list() -> None:
    listed = "".join(f'<li><a href="c{n}.xhtml">Chapter {n}</a></li>' for n in range(30))
    pages = {
        "index.xhtml": page(f"<h1>The whole guide</h1><p>{LONG}</p><ul>{listed}</ul>"),
        "c0.xhtml": page("<p>x</p>"),
    }
    document = read(write_epub(pages, title="the-guide", guide={"toc": "index.xhtml"}, contents=[(1, "C", "c0.xhtml")]))
    assert document.title == "The whole guide"
    assert "Chapter 7" not in document.sections[0].text


@pytest.mark.parametrize(
    "opf",
    ["rubbish", "", "<package><metadata>&nbsp;</metadata", "<package/>", "<!DOCTYPE x [<!ENTITY a 'b'>]><package/>"],
)
def test_pages_of_a_book_with_a_broken_package_are_read_by_name(opf: str) -> None:
    pages = {f"ch{n}.xhtml": page(f"<h1>Chapter {n}</h1><p>{LONG}</p>") for n in (10, 9)}
    document = read(write_epub(pages, opf=opf))
    assert [each.heading[-1] for each in document.sections if "Contents" not in each.heading] == [
        "Chapter 9",
        "Chapter 10",
    ]


def test_a_package_with_bare_ampersands_and_entities_keeps_its_title() -> None:
    data = write_epub(
        {"a.xhtml": page(f"<h1>A</h1><p>{LONG}</p>")}, metadata="<dc:creator>A & B&nbsp;&copy;</dc:creator>"
    )
    document = read(data)
    assert document.title == "The guide"
    assert dict(document.meta)["creator"] == "A & B ©"


def test_links_are_found_though_percent_encoded_or_in_another_case() -> None:
    data = write_epub({"Chapter%201.xhtml": page(f"<h1>One</h1><p>{LONG}</p>")}, folder="Book/")
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename.replace("Book/Chapter%201", "Book/chapter 1"), old.read(info))
    assert read(packed.getvalue()).sections[0].anchor == "Book/chapter 1.xhtml"


def test_the_book_says_its_version_and_number_where_it_has_them() -> None:
    data = write_epub({"a.xhtml": page(f"<p>{LONG}</p>")}, metadata='<meta property="ibooks:version">12.18</meta>')
    meta = dict(read(data).meta)
    assert (meta["identifier"], meta["version"]) == ("urn:isbn:1234", "12.18")


ENCRYPTION = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:enc="http://www.w3.org/2001/04/xmlenc#">'
    '<enc:EncryptedData><enc:EncryptionMethod Algorithm="{}"/><enc:CipherData><enc:CipherReference URI="{}"/>'
    "</enc:CipherData></enc:EncryptedData></encryption>"
)


def test_a_protected_book_is_refused_and_scrambled_fonts_are_no_protection() -> None:
    pages = {"a.xhtml": page(f"<h1>A</h1><p>{LONG}</p>")}
    protected = ENCRYPTION.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "OEBPS/a.xhtml")
    with pytest.raises(ManualUnreadable, match=r"/manuals/guide\.epub is protected against copying \(DRM\)"):
        read(write_epub(pages, more={"META-INF/encryption.xml": protected}))
    fonts = ENCRYPTION.format("http://www.idpf.org/2008/embedding", "OEBPS/font.otf")
    assert read(write_epub(pages, more={"META-INF/encryption.xml": fonts})).sections


def test_a_book_of_fixed_layout_is_refused() -> None:
    fixed = '<meta property="rendition:layout">pre-paginated</meta>'
    with pytest.raises(ManualUnreadable, match="is an EPUB of fixed layout"):
        read(write_epub({"a.xhtml": page("<p>Words</p>")}, metadata=fixed))


def test_files_outside_the_archive_are_never_reached(tmp_path: Path) -> None:
    (tmp_path / "secret.xhtml").write_text(page("<p>secret</p>"))
    pages = {"a.xhtml": page(f"<h1>A</h1><p>{LONG}</p>"), "../../secret.xhtml": page("<p>inside</p>")}
    (tmp_path / "guide.epub").write_bytes(write_epub(pages))
    text = "".join(each.text for each in read_file(tmp_path / "guide.epub", "guide.epub").sections)
    assert "secret" not in text
    assert "inside" not in text


def test_a_bomb_is_refused() -> None:
    bomb = write_epub({"a.xhtml": page(f"<p>{LONG}</p>")}, more={"OEBPS/b.xhtml": bytes(100 * 1024**2)})
    with pytest.raises(ManualUnreadable, match=r"guide\.epub would unpack to 100 MiB"):
        read(bomb)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not a zip", "can't be opened as an EPUB file"),
        (write_epub({}), "holds no text"),
        (write_epub({"a.xhtml": page("<p><img src='a.png'/></p>")}), "holds no text"),
    ],
)
def test_what_is_no_book_is_named_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ManualUnreadable, match=rf"/manuals/guide\.epub {reason}"):
        read(data)


def test_each_book_of_a_folder_is_a_manual_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "one.epub").write_bytes(write_epub(book(), title="One"))
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("books/two.epub", write_epub(book(), title="Two"))
    candidates, skipped = list_candidates([tmp_path])
    with ReaderProcess() as reader:
        titles = {candidate.source: reader.read(candidate).title for candidate in candidates}
    assert titles == {"one.epub": "One", "more.zip/books/two.epub": "Two"}
    assert len({candidate.group for candidate in candidates}) == 2
    assert not skipped


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("package", "name", "title", "heading", "words"),
    [
        ("debian-policy", "policy.epub", "Debian Policy Manual",
         ("Debian Policy Manual", "2. The Debian Archive", "2.4. Sections"), "The packages in the archive areas main"),
        ("developers-reference-ja", "developers-reference.epub", "Debian デベロッパー レファレンス",
         ("Debian デベロッパー レファレンス", "3. Debian 開発者の責務", "3.2. 管理者的な責務", "3.2.3. 投票をする"),
         "Debian は本来の意味での民主主義ではありませんが"),
    ],
)  # fmt: skip
def test_real_books_give_their_chapters(
    package: str, name: str, title: str, heading: tuple[str, ...], words: str
) -> None:
    path = corpora.folder(package) / name
    if not path.is_file():
        pytest.skip(f"{package} is not cached; bring it with: python -m benchmarks.corpora {package}")
    document = read_file(path, path.name)
    text = "\n".join(each.text for each in document.sections)
    assert document.title == title
    assert next(each for each in document.sections if each.heading == heading).text.startswith(words)
    assert "Table of Contents" not in text
    assert len(document.sections) > 250

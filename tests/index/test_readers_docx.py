"""What a DOCX gives: headings by style, lists, tables with merged cells, and clear sentences for what is no DOCX."""

from __future__ import annotations

import io
import zipfile

import docx
import pytest
from docx.oxml.ns import qn

from index.errors import ManualUnreadable
from index.reading import read_bytes
from index.records import Block, Document, DocumentSection


def save(word: docx.document.Document) -> bytes:
    out = io.BytesIO()
    word.save(out)
    return out.getvalue()


def read(data: bytes) -> Document:
    return read_bytes(data, "guide.docx", "/manuals/guide.docx")


def blocks(section: DocumentSection) -> list[tuple[str, str]]:
    def text(block: Block) -> str:
        return section.text[block.start : block.end]

    return [(block.kind, text(block)) for block in section.blocks]


def guide() -> docx.document.Document:
    word = docx.Document()
    word.core_properties.title = "The guide"
    word.add_heading("Ports", 1)
    word.add_paragraph("The manager listens.")
    word.add_heading("Table of ports", 2)
    return word


def test_headings_make_the_path() -> None:
    word = guide()
    word.add_paragraph("20243 is the port.")
    assert [section.heading for section in read(save(word)).sections] == [("Ports",), ("Ports", "Table of ports")]


def test_a_table_keeps_its_rows_and_fills_merged_cells() -> None:
    word = guide()
    table = word.add_table(3, 3)
    rows = [("Name", "Port", "Note"), ("ajs", "20243", "in"), ("", "20244", "out")]
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    section = read(save(word)).sections[-1]
    assert blocks(section) == [("table", "Name | Port | Note\najs | 20243 | in\najs | 20244 | out")]
    assert section.blocks[0].header == len("Name | Port | Note")


def test_list_items_stand_one_a_line() -> None:
    word = guide()
    for text in ("Stop", "Wait"):
        word.add_paragraph(text, style="List Number")
    word.add_paragraph("Any", style="List Bullet 2")
    assert blocks(read(save(word)).sections[-1]) == [("list", "1. Stop\n2. Wait\n  - Any")]


def test_deleted_text_is_not_read_and_inserted_text_is() -> None:
    word = guide()
    paragraph = word.add_paragraph("Kept ")
    for tag, text_tag, text in (("w:del", "w:delText", "gone"), ("w:ins", "w:t", "new")):
        change = paragraph._p.makeelement(qn(tag), {})
        run = change.makeelement(qn("w:r"), {})
        piece = run.makeelement(qn(text_tag), {})
        piece.text = text
        run.append(piece)
        change.append(run)
        paragraph._p.append(change)
    assert blocks(read(save(word)).sections[-1]) == [("paragraph", "Kept new")]


def test_headers_and_footers_are_left_out() -> None:
    word = guide()
    word.sections[0].header.paragraphs[0].text = "Running header"
    word.add_paragraph("Body")
    assert "Running header" not in "".join(section.text for section in read(save(word)).sections)


def test_a_docx_without_headings_is_one_section_under_its_title() -> None:
    word = docx.Document()
    word.core_properties.title = "Notes"
    word.add_paragraph("Only this.")
    assert [(section.heading, section.text) for section in read(save(word)).sections] == [(("Notes",), "Only this.")]


def test_what_is_no_docx_is_named_with_the_mend() -> None:
    with pytest.raises(ManualUnreadable, match=r"/manuals/guide\.docx is not a DOCX file.*save it as DOCX"):
        read(b"PK\x03\x04 rubbish")


def test_a_protected_or_old_word_file_is_named() -> None:
    with pytest.raises(ManualUnreadable, match="protected with a password or in the old DOC format"):
        read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))


def test_a_zip_that_is_no_word_file_is_named() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(ManualUnreadable, match="damaged and can't be opened as DOCX"):
        read(out.getvalue())


def test_an_empty_docx_is_named() -> None:
    with pytest.raises(ManualUnreadable, match="holds no text"):
        read(save(docx.Document()))

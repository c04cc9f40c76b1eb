"""What a PDF gives: headings, pages and paragraphs, and one clear sentence where it gives nothing."""

from __future__ import annotations

import pytest

from index.errors import ManualUnreadable
from index.reading import read_bytes
from index.records import Document
from tests.index.pdf_files import Bookmark, Put, paragraph, write_pdf


def read(data: bytes) -> Document:
    return read_bytes(data, "guide.pdf", "/manuals/guide.pdf")


def book(pages: int = 4) -> list[list[Put]]:
    """Pages with a running header and footer, a heading each, and two paragraphs."""
    made = []
    for number in range(1, pages + 1):
        made.append(
            [
                Put("Example Scheduler Guide", 800, size=9),
                Put(f"{number}. Chapter {'ABCDEFGH'[number - 1]}", 740, size=18, font="bold"),
                *paragraph(700, f"The first paragraph of page {number} is broken", "over two lines."),
                *paragraph(660, "The second paragraph stands by itself."),
                Put(f"Page {number}", 40, size=9),
            ]
        )
    return made


def test_headings_come_from_type_sizes_where_there_is_no_outline() -> None:
    document = read(write_pdf(book()))
    assert [section.heading[-1] for section in document.sections] == [
        f"{n}. Chapter {c}" for n, c in enumerate("ABCD", 1)
    ]


def test_headings_come_from_the_outline_where_there_is_one() -> None:
    pages = [[Put("1. Ports", 740), *paragraph(700, "Port 20243 is used.")], paragraph(740, "Goes on here.")]
    document = read(write_pdf(pages, outline=[Bookmark("Ports", 0)], title="The guide"))
    assert [(section.heading, section.page) for section in document.sections] == [
        (("1. Ports",), 1),
        (("1. Ports",), 2),
    ]


def test_each_section_says_on_which_page_it_begins() -> None:
    assert [section.page for section in read(write_pdf(book())).sections] == [1, 2, 3, 4]


def test_running_headers_and_page_numbers_are_left_out() -> None:
    text = "\n".join(section.text for section in read(write_pdf(book())).sections)
    assert "Example Scheduler Guide" not in text
    assert "Page 3" not in text


def test_lines_of_a_paragraph_are_joined_and_paragraphs_kept_apart() -> None:
    section = read(write_pdf(book())).sections[0]
    assert [section.text[block.start : block.end] for block in section.blocks] == [
        "The first paragraph of page 1 is broken over two lines.",
        "The second paragraph stands by itself.",
    ]


def test_fixed_pitch_lines_are_code_with_their_indents() -> None:
    page = [
        *paragraph(700, "Run this and wait for it to end, please:"),
        Put("if true; then", 660, font="code"),
        Put("  ajsentry", 646, font="code"),
        Put("fi", 632, font="code"),
        *paragraph(600, "Then go on with the next step of the list."),
    ]
    section = read(write_pdf([page])).sections[0]
    code = next(block for block in section.blocks if block.kind == "code")
    assert section.text[code.start : code.end].split("\n")[0] == "if true; then"
    assert section.text[code.start : code.end].endswith("\nfi")


def test_the_title_property_names_the_document_unless_it_is_a_file_name() -> None:
    assert read(write_pdf(book(), title="Administration Guide")).title == "Administration Guide"
    assert read(write_pdf(book(), title="Microsoft Word - draft7.doc")).title != "Microsoft Word - draft7.doc"


def test_a_pdf_with_a_password_is_named_with_the_mend() -> None:
    with pytest.raises(ManualUnreadable, match=r"/manuals/guide\.pdf is protected with a password; save a copy"):
        read(write_pdf(book(), password="secret"))


def test_a_scanned_pdf_is_told_from_an_empty_one() -> None:
    with pytest.raises(ManualUnreadable, match=r"no text layer.*OCR"):
        read(write_pdf([[], []]))


@pytest.mark.parametrize("data", [b"%PDF-1.4\nrubbish", b"not a pdf at all", b"%PDF-1.7\n" + bytes(5000)])
def test_a_broken_pdf_is_named_with_the_mend(data: bytes) -> None:
    with pytest.raises(ManualUnreadable, match=r"guide\.pdf is damaged or no PDF file at all; download"):
        read(data)


@pytest.mark.parametrize("keep", [0.3, 0.5, 0.7, 0.95])
def test_a_pdf_cut_short_is_read_as_far_as_it_goes_or_named(keep: float) -> None:
    whole = write_pdf(book())
    try:
        sections = read(whole[: int(len(whole) * keep)]).sections
    except ManualUnreadable as error:
        sections, reason = (), str(error)
    assert sections or "/manuals/guide.pdf" in reason

"""What a PDF gives: headings, pages and paragraphs, and one clear sentence where it gives nothing."""

from __future__ import annotations

import pytest

from index.errors import ManualUnreadable
from index.reading import read_bytes
from index.records import Document
from tests.index.pdf_files import Bookmark, Put, Stroke, grid, paragraph, write_pdf


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


def tables_of(document: Document) -> list[str]:
    return [
        section.text[block.start : block.end]
        for section in document.sections
        for block in section.blocks
        if block.kind == "table"
    ]


PORTS = [["Name", "Port", "Use"], ["manager", "20243", "jobs are"], ["agent", "20300", "polling"]]
XS, ROW = [72.0, 172.0, 272.0, 372.0], 20.0


def cells(rows: list[list[str]], top: float, *, wrapped: str = "", **put: float) -> list[Put]:
    """The text of a table whose first row begins at `top`; `wrapped` goes below the last cell of the second row."""
    found = [
        Put(text, top - ROW * at - 14, x + 4) for at, row in enumerate(rows) for x, text in zip(XS, row, strict=False)
    ]
    return [*found, Put(wrapped, top - ROW - 14 - 10, XS[2] + 4)] if wrapped else found


def ruled(rows: int, top: float) -> list[Stroke]:
    return grid(XS, [top - ROW * at for at in range(rows + 1)])


def test_a_drawn_table_is_rows_with_its_caption_before_it() -> None:
    puts = [
        *paragraph(740, "The following ports are used by the product."),
        Put("Table 1: Ports", 712),
        *cells(PORTS, 700),
    ]
    (section,) = read(
        write_pdf([[*puts, *paragraph(600, "Open them in the firewall.")]], lines=[ruled(3, 700)])
    ).sections
    kinds = [block.kind for block in section.blocks]
    caption, table = (section.text[block.start : block.end] for block in section.blocks[-3:-1])
    assert kinds[-2:] == ["table", "paragraph"]
    assert caption.endswith("Table 1: Ports")
    assert table == "Name | Port | Use\nmanager | 20243 | jobs are\nagent | 20300 | polling"
    assert section.blocks[-2].header == len("Name | Port | Use")


def test_a_caption_below_a_table_is_read_before_it() -> None:
    page = [
        *paragraph(740, "These ports are used."),
        *cells(PORTS, 700),
        *paragraph(620, "Table 1: Ports"),
        Put("More.", 560),
    ]
    (section,) = read(write_pdf([page], lines=[ruled(3, 700)])).sections
    assert section.text.index("Table 1: Ports") < section.text.index("manager | 20243")


def test_lines_wrapped_in_a_cell_are_joined() -> None:
    page = cells([PORTS[0], PORTS[1]], 700, wrapped="submitted")
    lines = grid(XS, [700, 680, 650])
    assert tables_of(read(write_pdf([page], lines=[lines])))[0].endswith("manager | 20243 | jobs are submitted")


def test_rows_without_lines_between_them_are_rows_all_the_same() -> None:
    lines = grid(XS, [700, 680, 600])
    page = cells([*PORTS, ["web", "8080", "screens"]], 700)
    assert tables_of(read(write_pdf([page], lines=[lines]))) == [
        "Name | Port | Use\nmanager | 20243 | jobs are\nagent | 20300 | polling\nweb | 8080 | screens"
    ]


def test_merged_cells_repeat_their_text() -> None:
    page = [*cells([PORTS[0], ["manager", "1", "a"]], 700), *cells([["", "2", "b"]], 660)]
    lines = [line for line in ruled(3, 700) if line[1] != 660] + [(172, 660, 372, 660)]
    assert tables_of(read(write_pdf([page], lines=[lines])))[0].endswith("manager | 1 | a\nmanager | 2 | b")


def test_a_table_that_goes_on_over_the_page_is_one_with_one_header() -> None:
    pages = [
        cells(PORTS, 140),
        cells([PORTS[0], ["web", "8080", "screens"]], 760),
        paragraph(700, "Then the text goes on."),
    ]
    tables = tables_of(read(write_pdf(pages, lines=[ruled(3, 140), ruled(2, 760)])))
    assert tables == ["Name | Port | Use\nmanager | 20243 | jobs are\nagent | 20300 | polling\nweb | 8080 | screens"]


def test_a_table_with_lines_only_around_its_header_is_read_by_its_gutters() -> None:
    lines = [(72, y, 372, y) for y in (700, 680, 630)]
    page = [*paragraph(740, "The following ports are used."), *cells(PORTS, 700)]
    assert tables_of(read(write_pdf([page], lines=[lines]))) == [
        "Name | Port | Use\nmanager | 20243 | jobs are\nagent | 20300 | polling"
    ]


def test_a_framed_text_is_no_table() -> None:
    lines = grid([60, 500], [720, 640])
    page = paragraph(700, "A frame around a paragraph makes no table of it,", "however many lines it has.")
    assert tables_of(read(write_pdf([page], lines=[lines]))) == []


def test_a_drawing_of_boxes_is_no_table() -> None:
    boxes = [*grid([60, 160], [700, 660]), *grid([260, 360], [700, 660]), (160, 680, 260, 680), (310, 660, 310, 600)]
    page = [Put("Manager", 676, 70), Put("Agent", 676, 270), *paragraph(500, "The manager starts jobs on the agent.")]
    assert tables_of(read(write_pdf([page], lines=[boxes]))) == []


def test_text_between_two_lines_stays_text() -> None:
    lines = [(60, y, 520, y) for y in (720, 660)]
    page = [*paragraph(700, "Note", "Stop the service first."), *paragraph(600, "Then go on.")]
    document = read(write_pdf([page], lines=[lines]))
    assert tables_of(document) == []
    assert "Note Stop the service first." in document.sections[0].text


def test_columns_are_read_one_after_the_other() -> None:
    left = [Put(f"left {n} of the first column,", 700 - 14 * n, 60) for n in range(6)]
    right = [Put(f"right {n} of the second one.", 700 - 14 * n, 320) for n in range(6)]
    text = read(write_pdf([[*left, *right]])).sections[0].text
    assert text.index("left 5") < text.index("right 0")


def test_a_word_cut_at_a_lines_end_is_whole_again() -> None:
    page = paragraph(700, "The scheduler passes the configura-", "tion to each agent.")
    assert "configuration to each agent" in read(write_pdf([page])).sections[0].text

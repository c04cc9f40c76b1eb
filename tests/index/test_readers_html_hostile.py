"""HTML that no honest tool writes: it ends soon, in bounded memory, and gives a document whose offsets hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import ManualUnreadable
from index.passages import gaps, split
from index.readers.html import read_html
from index.readers.html_depth import DEEPEST, flattened
from index.readers.html_marks import part_glued_marks
from index.reading import read_bytes
from index.records import Document

DEEP = 100_000

_PARTS = [
    *("<p>", "</p>", "<dl>", "<dt>", "<dt id=i>", "<dd>", "</dl>", "<ul>", "<li>", "</ul>", "<ol start=7>", "</ol>"),
    *("<h1>", "<h2 id=x>", "</h2>", "<h5>", "<pre>", "</pre>", "<table>", "<tr>", "<td rowspan=3 colspan=2>", "<th>"),
    *("</tr>", "</table>", "<caption>", "<thead>", "<b>", "</b>", "<b>(1) A</b>", "<br>", "<sup>#1</sup>", "#1", "※1"),
    *("<dt>Note", "<dt>(S)", "■ B", "(O)", "語。", "text ", "\n", "job#1,", "&amp;", "&#x0;", "&nbsp;", "<!--", "-->"),
    *("<div class=note>", "<div class=toc>", "</div>", "<nav>", "<a name=y>", "<a href='#z'>l", "</a>", "<img alt=i>"),
    *("<title>T - S</title>", "<meta name=version content=1.2>", "<frameset>", "<noframes>", "<svg>", "<select>"),
    *("<template>", "<script>", "</script>", "<![CDATA[", "<?xml?>", "<a id='q'/>", "\x00", "\ufeff", "<" * 3),
]
_MARKUP = st.lists(st.one_of(st.sampled_from(_PARTS), st.text(max_size=4)), max_size=80).map("".join)


def assert_whole(document: Document) -> None:
    for section in document.sections:
        assert section.text.strip()
        assert section.heading
        ends = [0]
        for block in section.blocks:
            assert ends[-1] <= block.start < block.end <= len(section.text)
            assert 0 <= block.header <= block.end - block.start
            ends.append(block.end)
        assert gaps(split(section, document.language), section.text) == []


@settings(max_examples=400, deadline=None)
@given(_MARKUP)
def test_no_tangle_of_markup_breaks_the_reader(markup: str) -> None:
    assert_whole(read_html(markup, "page.html"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"<html><meta charset=shift_jis>", b"<?xml version='1.0'?>"]))
def test_any_bytes_are_a_document_or_refused_with_a_reason(noise: bytes, head: bytes) -> None:
    reason = ""
    try:
        assert_whole(read_bytes(head + noise, "page.html", "page.html"))
    except ManualUnreadable as refused:
        reason = str(refused)
    assert reason == "" or reason.startswith("page.html ")


@settings(max_examples=200, deadline=None)
@given(_MARKUP)
def test_pages_as_deep_as_real_ones_are_not_flattened(markup: str) -> None:
    assert flattened(markup) == markup


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(["job", "#1", "※1", "<p>#1</p>", "<p>※1</p>", " ", "<a href=p#1>", "C#", "注"]), max_size=30
    )
)
def test_parting_marks_adds_blanks_and_nothing_else(pieces: list[str]) -> None:
    markup = "".join(pieces)
    assert part_glued_marks(markup).replace(" ", "") == markup.replace(" ", "")


@pytest.mark.parametrize(
    "markup",
    [
        "<div>x" * DEEP,
        '<div class="nav toc">x' * DEEP,
        '<div class="note">x' * DEEP,
        "<table><tr><td>x<td>y" * (DEEP // 4),
        "<ul><li><a href=#x>x</a>" * (DEEP // 2),
        "<dl><dt id=i>t<dd>x" * (DEEP // 3),
        "<section><h2>t</h2>x" * (DEEP // 4),
        "<header><h1>x</h1>" * (DEEP // 4),
        "<b>x" * DEEP,
        "<div></span>x" * DEEP,
        "<dl>" + "<dt>x" * DEEP + "<dd>y",
        "<" * DEEP + "a " * DEEP,
        "<!--" * DEEP,
        "&lt;&amp;&#x3042;&bogus;&#99999999;&" * DEEP,
        "<div " + " ".join(f"a{n}=1" for n in range(DEEP)) + ">x",
        "<table><tr><td rowspan=1000000 colspan=1000000>x</table>" * 1000,
        f"<table><tr><td rowspan={'9' * 10_000}>x<td>y<tr><td>z</table><ol start={'9' * 10_000}><li>x</ol>",
        "<table>" + ("<tr><td rowspan=1000000>" + "y" * 150) * 5000,
        "<table>" + ("<tr>" + "<td colspan=1000 rowspan=1000>x" * 50) * 50,
    ],
    ids=lambda markup: markup[:24],
)
def test_a_bomb_gives_no_more_than_a_few_times_its_size(markup: str) -> None:
    document = read_html(markup, "page.html")
    assert sum(len(section.text) for section in document.sections) <= 10 * len(markup) + 5_000_000


def test_all_rows_of_a_giant_table_are_kept() -> None:
    rows = "".join(f"<tr><td>name{n}<td>{n}" for n in range(120_000))
    (section,) = read_html(f"<h1>A</h1><table><tr><th>Name<th>Number{rows}</table>", "page.html").sections
    assert section.text.endswith("name119999 | 119999")
    assert section.text.count("\n") == 120_000


def test_text_below_the_deepest_element_is_kept() -> None:
    inside = "<h2>Ports</h2><table><tr><th>Name<th>Port<tr><td>ajs<td>20243</table>"
    (section,) = read_html("<div>" * DEEPEST * 2 + inside + "</div>" * DEEPEST * 2 + "<p>After.", "page.html").sections
    assert all(word in section.text for word in ("Name", "20243", "After."))


def test_attributes_that_hold_whole_pictures_stay_what_they_are() -> None:
    picture = "<p>Before.<img alt='Diagram' src='data:image/png;base64," + "A" * 200_000 + "'>After.</p>"
    assert read_html(picture, "page.html").sections[0].text == "Before.[Diagram]After."

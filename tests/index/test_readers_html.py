"""What an HTML page gives: its text in sections and blocks, without the furniture around it."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.errors import ManualUnreadable
from index.reading import LARGEST_TEXT, read_bytes, read_file
from index.records import Block, Document, DocumentSection

_TANGLE = [
    *("<p>", "</p>", "<dl>", "<dt>", "<dd>", "</dl>", "<ul>", "<li>", "</ul>", "<ol>", "<h2 id=x>", "</h2>", "<pre>"),
    *("<table>", "<tr>", "<td rowspan=3>", "<th>", "</table>", "</pre>", "<b>", "</b>", "<br>", "text", "語。", "\n"),
    *("<div class=note>", "</div>", "<a name=y>", "</a>", "<a href='#z'>", "<!--", "-->", "<img alt=i>"),
]


def read(body: str, head: str = "<title>Guide</title>", name: str = "page.html") -> Document:
    markup = f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"
    return read_bytes(markup.encode(), name, f"/manuals/{name}")


def blocks(section: DocumentSection) -> list[tuple[str, str]]:
    def text(block: Block) -> str:
        return section.text[block.start : block.end]

    return [(block.kind, text(block)) for block in section.blocks]


def only(body: str) -> list[tuple[str, str]]:
    """The blocks of a page that has one section."""
    (section,) = read(body).sections
    return blocks(section)


class TestHeadings:
    def test_a_section_knows_its_path_and_anchor(self) -> None:
        document = read('<h1>Guide</h1><h2 id="a">Ports</h2><p>x</p><h3><a name="b"></a>TCP</h3><p>y</p>')
        assert [(section.heading, section.anchor) for section in document.sections] == [
            (("Guide", "Ports"), "a"),
            (("Guide", "Ports", "TCP"), "b"),
        ]

    def test_a_page_without_headings_is_one_section_under_its_title(self) -> None:
        assert [(section.heading, section.text) for section in read("<p>All.</p>").sections] == [(("Guide",), "All.")]

    def test_sections_side_by_side_hang_under_the_title(self) -> None:
        assert [section.heading for section in read("<h2>A</h2><p>x</p><h2>B</h2><p>y</p>").sections] == [
            ("Guide", "A"),
            ("Guide", "B"),
        ]

    def test_headings_of_one_level_below_the_title_are_its_children(self) -> None:
        document = read("<h2>pg_dump</h2><p>x</p><h2>Options</h2><p>y</p>", "<title>pg_dump</title>")
        assert [section.heading for section in document.sections] == [("pg_dump",), ("pg_dump", "Options")]

    def test_a_heading_without_text_of_its_own_lives_in_the_paths_below(self) -> None:
        assert [section.heading for section in read("<h1>A</h1><h2>B</h2><p>x</p>").sections] == [("A", "B")]

    @pytest.mark.parametrize("heading", ['class="Heading2"', 'class="x head-2"', 'role="heading" aria-level="2"'])
    def test_a_paragraph_that_is_named_a_heading_is_one(self, heading: str) -> None:
        (section,) = read(f'<h1>A</h1><p {heading}><a id="b"></a>Ports</p><p>x</p>').sections
        assert (section.heading, section.anchor, section.text) == (("A", "Ports"), "b", "x")

    def test_a_heading_has_no_sign_for_its_link(self) -> None:
        (section,) = read('<h1>A<a class="headerlink" href="#a" title="Link">¶</a></h1><p>x</p>').sections
        assert section.heading == ("A",)

    def test_a_heading_that_is_never_closed_ends_with_its_line(self) -> None:
        body = "<h1>A</h1><h4>Ports<h4><table><tr><td>ajs</td><td>1</td></tr><tr><td>imm</td><td>2</td></tr></table>"
        (section,) = read(body + "<p>After.</p>").sections
        assert (section.heading, section.text) == (("A", "Ports"), "ajs | 1\nimm | 2\n\nAfter.")

    def test_a_page_that_is_named_like_a_book_keeps_its_title(self) -> None:
        body = "<header><h1>Suite</h1></header><h1>Network Guide</h1><h2>Ports</h2><p>x</p><h2>Hosts</h2><p>y</p>"
        headings = [section.heading for section in read(body, "<title>Suite - Network Guide</title>").sections]
        assert headings == [("Network Guide", "Ports"), ("Network Guide", "Hosts")]

    def test_the_book_as_first_heading_of_a_page_is_not_in_its_path(self) -> None:
        document = read("<h1>Suite/Scheduler Messages</h1><h2>A1-E</h2><p>x</p>", "<title>A1-E</title>")
        assert document.sections[0].heading == ("A1-E",)
        assert dict(document.meta)["manual"] == "Suite/Scheduler Messages"

    def test_the_anchor_may_stand_before_or_around_the_heading(self) -> None:
        before = read('<p>x</p><a name="before"></a><h2>A</h2><p>y</p>').sections[-1].anchor
        around = read('<p>x</p><div id="around"><h2>A</h2><p>y</p></div>').sections[-1].anchor
        assert (before, around) == ("before", "around")

    def test_an_empty_xhtml_anchor_does_not_leak_into_later_headings(self) -> None:
        head = '<title>G</title><meta charset="utf-8"/>'
        document = read('<h1><a id="one"/>One</h1><p>x</p><h2><a id="two"/>Two</h2><p>y</p>', head)
        assert [section.anchor for section in document.sections] == ["one", "two"]

    def test_a_bold_opening_line_with_an_id_is_a_heading(self) -> None:
        document = read('<h1>FAQ</h1><p><a id="hang"><b>Why does my job hang?</b></a><br>Because it waits.</p>')
        (section,) = document.sections
        assert (section.heading, section.anchor, section.text) == (
            ("FAQ", "Why does my job hang?"),
            "hang",
            "Because it waits.",
        )

    def test_bold_words_in_a_sentence_are_no_heading(self) -> None:
        assert only("<h1>A</h1><p><b>Note</b> that it waits.</p>") == [("paragraph", "Note that it waits.")]

    def test_the_site_name_is_taken_off_the_title(self) -> None:
        document = read("<header role=banner><h1>The Site</h1></header><p>x</p>", "<title>The Site - sbatch</title>")
        assert (document.title, dict(document.meta)["manual"]) == ("sbatch", "The Site")


class TestFurniture:
    @pytest.mark.parametrize(
        "furniture",
        [
            "<nav>Next</nav>",
            '<div class="navheader"><a href="a.html">Next</a></div>',
            '<div role="navigation">Next</div>',
            '<div class="toc"><p>Contents</p><ul><li><a href="#x">Next</a></li></ul></div>',
            "<script>Next</script>",
            "<style>Next</style>",
            "<footer>Next</footer>",
            '<p style="display:none">Next</p>',
            "<p>Contents</p><ul><li><a href='a.html'>Next</a></li></ul>",
            "<ul><li><a href='#a'>Next</a></li><li><a href='#b'>Next</a></li></ul>",
            (
                "<dl><dt>Organization of this section</dt></dl><ul><li><a href='page.html#a'>Next</a></li>"
                "<li><a href='page.html#b'>Next</a></li></ul>"
            ),
            "<a href='#a'>Next</a><br><a href='#b'>Next</a><br><a href='#c'>Next</a><br>",
            "<ul><li><a accesskey=p href=a.html>Next</a></li><li><a accesskey=u href=b.html>Up</a></li></ul>",
            "<p><a href='#top'>Back to top</a></p><a href='#a'>↑ Top</a><p><a href='#x'>ページの先頭へ</a></p>",
        ],
    )
    def test_it_is_left_out(self, furniture: str) -> None:
        text = "\n".join(
            section.text for section in read(f"{furniture}<h1>A</h1><p>Real text stays here.</p>").sections
        )
        assert text == "Real text stays here."

    def test_a_page_that_is_all_navigation_gives_no_section(self) -> None:
        assert (
            read("<h1>Contents</h1><ul><li><a href='a.html'>A</a></li><li><a href='b.html'>B</a></li></ul>").sections
            == ()
        )

    def test_a_list_of_related_pages_is_text(self) -> None:
        assert only("<h1>A</h1><p>See also:</p><ul><li><a href='a.html'>sacct</a></li></ul>")[-1] == ("list", "- sacct")

    def test_a_class_that_covers_the_whole_page_drops_nothing(self) -> None:
        assert only('<div class="menu"><h1>A</h1><p>Everything stands in here.</p></div>') != []

    def test_lines_of_image_buttons_are_left_out_and_figures_kept(self) -> None:
        buttons = "".join(f"<a href='{n}.HTM'><img alt='[{n}]'></a>" for n in ("Contents", "Back", "Next"))
        body = f"<p>{buttons}</p><h1>A</h1><p><img alt='[Figure]'></p><p>Text.</p><p>{buttons}</p>"
        assert only(body) == [("paragraph", "[Figure]"), ("paragraph", "Text.")]

    def test_the_book_title_above_the_first_heading_names_the_manual(self) -> None:
        body = "<div>Maker</div><div>Example Scheduler Guide</div><h3>3.1 Ports</h3><p>x</p><h4>TCP</h4><p>y</p>"
        document = read(body, "<title>3.1 Ports</title>")
        assert document.sections[0].heading == ("3.1 Ports",)
        assert dict(document.meta)["manual"] == "Example Scheduler Guide"

    def test_a_sentence_above_the_first_heading_is_text(self) -> None:
        assert read("<p>Stop it first.</p><h1>A</h1><p>x</p>").sections[0].text == "Stop it first."

    def test_a_sidebar_of_links_goes_and_one_of_text_is_a_note(self) -> None:
        links = '<div class="sidebar"><a href="a.html">First page</a> <a href="b.html">Second page</a></div>'
        box = '<div class="sidebar"><p>TOOL</p><p>Long words of advice, not links.</p></div>'
        assert only(f"{links}<h1>A</h1><p>x</p>{box}") == [
            ("paragraph", "x"),
            ("note", "TOOL\nLong words of advice, not links."),
        ]

    def test_closing_words_of_the_maker_are_left_out(self) -> None:
        assert only("<h1>A</h1><p>Text.</p><p>Last modified 30 June 2022</p>") == [("paragraph", "Text.")]


class TestBlocks:
    def test_preformatted_text_is_kept_to_the_letter(self) -> None:
        assert only("<h1>A</h1><pre>\n  ajs -h\n\n\tx  y\n</pre>") == [("code", "  ajs -h\n\n        x  y")]

    def test_lists_keep_their_numbers_and_nesting(self) -> None:
        body = (
            "<h1>A</h1><ol start=3><li>Stop<ul><li>now</li><li>later</li></ul></li><li><p>Wait</p><p>long</p></li></ol>"
        )
        assert only(body) == [("list", "3. Stop\n  - now\n  - later\n4. Wait\n   long")]

    def test_a_definition_stays_with_its_term(self) -> None:
        body = "<h1>A</h1><dl><dt>-h</dt><dd>The host.<p>More.</p></dd><dt>-u</dt><dt>-v</dt><dd>The user.</dd></dl>"
        assert only(body) == [("definition", "-h: The host.\nMore."), ("definition", "-u, -v: The user.")]

    def test_a_long_definition_with_an_anchor_is_a_section(self) -> None:
        body = f'<h1>A</h1><dl><dt><a id="o"></a>-o</dt><dd>{"Long text. " * 40}</dd><dt>-p</dt><dd>Short.</dd></dl>'
        assert [(section.heading, section.anchor) for section in read(body).sections] == [
            (("A", "-o"), "o"),
            (("A",), "o"),
        ]

    def test_a_term_without_text_goes_on_with_the_definition_before(self) -> None:
        body = "<h1>A</h1><DL COMPACT><DT>-h<DD>The host.<DT><DD><PRE>x</PRE><DT><DD>More.</DL>"
        assert [text for _, text in only(body)] == ["-h: The host.", "x", "More."]

    def test_a_heading_ends_a_list_that_was_never_closed(self) -> None:
        document = read("<h1>A</h1><dl><dt>-h<dd>Host.<h2>B</h2><p>Text.</p>")
        assert blocks(document.sections[1]) == [("paragraph", "Text.")]

    def test_notes_are_one_block_with_their_title(self) -> None:
        body = '<h1>A</h1><div class="warning"><h3>Warning</h3><p>Stop it first.</p></div><p>x</p>'
        assert only(body) == [("note", "Warning\nStop it first."), ("paragraph", "x")]

    def test_images_are_read_by_their_alternative_text(self) -> None:
        assert only('<h1>A</h1><p>Agent <img alt="[Figure]" src="x"> Manager</p>') == [
            ("paragraph", "Agent [Figure] Manager")
        ]

    def test_footnote_marks_are_set_apart_from_words(self) -> None:
        assert only("<h1>A</h1><p>The job<sup>#1</sup> has 2<sup>10</sup> steps.</p>") == [
            ("paragraph", "The job #1 has 2^10 steps.")
        ]

    def test_wrapped_japanese_is_joined_without_a_space(self) -> None:
        assert only("<h1>A</h1><p>設定を\n 確認して\nください。</p>") == [("paragraph", "設定を確認してください。")]

    def test_original_characters_are_kept(self) -> None:
        assert only("<h1>A</h1><p>ＪＰ１　①㈱ｶﾅ</p>") == [("paragraph", "ＪＰ１　①㈱ｶﾅ")]


class TestTables:
    def test_rows_are_lines_and_the_header_is_known(self) -> None:
        (section,) = read(
            "<h1>A</h1><table><caption>Table 1: Ports</caption><tr><th>Name</th><th>Port</th></tr>"
            "<tr><td>ajs</td><td>20243</td></tr></table>"
        ).sections
        assert blocks(section) == [("paragraph", "Table 1: Ports"), ("table", "Name | Port\najs | 20243")]
        assert section.blocks[1].header == len("Name | Port")

    def test_spans_are_filled(self) -> None:
        body = (
            "<h1>A</h1><table><tr><th rowspan=2>Name</th><th colspan=2>Port</th></tr><tr><th>in</th><th>out</th></tr>"
            "<tr><td rowspan=2>ajs</td><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>"
        )
        assert only(body) == [("table", "Name | Port in | Port out\najs | 1 | 2\najs | 3 | 4")]

    def test_layout_tables_are_read_as_text(self) -> None:
        body = "<table><tr><td><h1>A</h1><p>Text.</p></td></tr></table>"
        assert only(body) == [("paragraph", "Text.")]

    def test_hostile_spans_do_not_multiply_a_page(self) -> None:
        row = "<tr>" + "<td colspan=100000 rowspan=100000>x</td>" * 50 + "</tr>"
        assert len(read(f"<h1>A</h1><table>{row * 50}</table>").sections[0].text) < 5_000_000


class TestBadInput:
    def test_deep_nesting_does_not_crash(self) -> None:
        depth = 20_000
        assert "deep" in read("<h1>A</h1>" + "<div>" * depth + "deep" + "</div>" * depth).sections[0].text

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", r"is empty; export or download it again"),
            (b" \n\t ", r"holds only blanks"),
            (bytes(range(256)) * 40, r"holds binary data, not text; check"),
            (b"\x7fELF" + bytes(3000), r"holds binary data, not text"),
        ],
    )
    @pytest.mark.parametrize("name", ["page.html", "page.txt", "page.md"])
    def test_what_is_no_text_is_named_with_the_mend(self, data: bytes, reason: str, name: str) -> None:
        with pytest.raises(ManualUnreadable, match=rf"^/manuals/{name} {reason}"):
            read_bytes(data, name, f"/manuals/{name}")

    def test_a_huge_text_file_is_named_without_being_read(self, tmp_path) -> None:  # type: ignore[no-untyped-def]
        huge = tmp_path / "huge.txt"
        with huge.open("wb") as out:
            out.truncate(200 * 1024**2)
        with pytest.raises(ManualUnreadable, match=r"huge\.txt has 200 MiB, and 64 MiB is the limit"):
            read_file(huge, "huge.txt")
        assert LARGEST_TEXT == 64 * 1024**2

    @settings(max_examples=150, deadline=None)
    @example(["<table>", "<th>", "text", "<th>"])  # nothing but a header row that ends in an empty cell
    @given(st.lists(st.sampled_from(_TANGLE), max_size=60))
    def test_no_tangle_of_tags_breaks_it(self, tags: list[str]) -> None:
        document = read("".join(tags))
        for section in document.sections:
            assert section.text.strip()
            assert [section.text[block.start : block.end] for block in section.blocks] == section.text.split(
                "\n\n"
            ) or any(block.kind == "code" for block in section.blocks)
            assert all(0 <= block.header <= block.end - block.start for block in section.blocks)

"""What Markdown and plain text give."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from index.reading import read_bytes
from index.records import Document, DocumentSection


def markdown(text: str) -> Document:
    return read_bytes(text.encode(), "guide.md", "/manuals/guide.md")


def plain(text: str) -> Document:
    return read_bytes(text.encode(), "guide.txt", "/manuals/guide.txt")


def blocks(section: DocumentSection) -> list[tuple[str, str]]:
    return [(block.kind, section.text[block.start : block.end]) for block in section.blocks]


class TestMarkdown:
    def test_front_matter_becomes_meta(self) -> None:
        document = markdown("---\ntitle: The guide\nProduct: 'JP1'\nversion: 13\n---\n# A\ntext")
        assert dict(document.meta) == {"title": "The guide", "product": "JP1", "version": "13"}
        assert document.title == "The guide"

    def test_a_rule_at_the_top_is_no_front_matter(self) -> None:
        assert markdown("---\n\n# A\n\ntext\n\n---\n").meta == ()

    def test_headings_of_both_kinds_make_the_path(self) -> None:
        document = markdown("Top\n===\n\nx\n\nSub\n---\n\ny\n\n### Deep {#d}\n\nz\n")
        assert [(section.heading, section.anchor) for section in document.sections] == [
            (("Top",), "top"),
            (("Top", "Sub"), "sub"),
            (("Top", "Sub", "Deep"), "d"),
        ]

    def test_a_hash_in_code_is_no_heading(self) -> None:
        (section,) = markdown("# A\n\n```sh\n# not a heading\nls  -l\n```\n").sections
        assert blocks(section) == [("code", "# not a heading\nls  -l")]

    def test_tables_keep_rows_and_header(self) -> None:
        (section,) = markdown("# A\n\n| Name | Port |\n|---|:-:|\n| `a|b` | 1 |\n| c |\n").sections
        assert blocks(section) == [("table", "Name | Port\na|b | 1\nc | ")] or blocks(section) == [
            ("table", "Name | Port\na|b | 1\nc |")
        ]
        assert section.blocks[0].header == len("Name | Port")

    def test_nested_lists_and_code_in_them_are_kept(self) -> None:
        (section,) = markdown("# A\n\n1. Stop\n   it\n   ```\n   ajs\n   ```\n2. Wait\n   - a\n   - b\n").sections
        assert blocks(section) == [("list", "1. Stop it"), ("code", "ajs"), ("list", "2. Wait\n  - a\n  - b")]

    def test_inline_marks_are_taken_off_and_names_left_whole(self) -> None:
        (section,) = markdown(
            "# A\n\nUse **`--my_flag`** of [the *command*](a.html), not my_own_name or 2*3*4.\n"
        ).sections
        assert section.text == "Use --my_flag of the command, not my_own_name or 2*3*4."

    def test_quotes_are_notes(self) -> None:
        (section,) = markdown("# A\n\n> **Note:** stop\n> first\n").sections
        assert blocks(section) == [("note", "Note: stop first")]

    def test_without_headings_the_file_name_is_the_title(self) -> None:
        assert markdown("just text").sections[0].heading == ("guide.md",)

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                [
                    "# a",
                    "a",
                    "- b",
                    "  - c",
                    "1. d",
                    "```",
                    "> q",
                    "|a|b|",
                    "|-|-|",
                    "---",
                    "===",
                    "    x",
                    "",
                    "<!--",
                    "語。",
                ]
            ),
            max_size=30,
        )
    )
    def test_no_mixture_of_lines_breaks_it(self, lines: list[str]) -> None:
        if "\n".join(lines).strip():
            assert all(section.text.strip() for section in markdown("\n".join(lines)).sections)


class TestText:
    def test_numbered_and_underlined_lines_are_headings(self) -> None:
        document = plain(
            "Guide\n\n1. Ports\n\nText one.\n\n1.1 TCP\n-------\n\nText two.\n\n第2章　操作\n\n本文です。\n"
        )
        assert [section.heading for section in document.sections] == [
            ("Guide", "1. Ports"),
            ("Guide", "1. Ports", "1.1 TCP"),
            ("Guide", "第2章 操作"),
        ]

    def test_numbered_items_are_a_list(self) -> None:
        (section,) = plain("Guide\n\n1. Stop the manager.\n2. Wait\n   a minute.\n").sections
        assert blocks(section) == [("list", "1. Stop the manager.\n2. Wait a minute.")]

    def test_paragraphs_are_the_fallback(self) -> None:
        (section,) = plain("This is a long text that has no headings\nat all.\n\nSecond paragraph.\n").sections
        assert blocks(section) == [
            ("paragraph", "This is a long text that has no headings at all."),
            ("paragraph", "Second paragraph."),
        ]

    def test_drawn_tables_stay_as_they_are(self) -> None:
        drawn = "+-----+-----+\n| a   | b   |\n+-----+-----+"
        assert ("code", drawn) in blocks(plain(f"Guide\n\n{drawn}\n").sections[0])

    def test_form_feeds_count_pages_and_running_lines_go(self) -> None:
        pages = "\f".join(f"The Guide\n\nText of page {n}.\n\nPage {n}\n" for n in range(1, 5))
        document = plain(pages)
        assert [section.page for section in document.sections] == [1, 2, 3, 4]
        assert "The Guide" not in "".join(section.text for section in document.sections)

    @settings(max_examples=150, deadline=None)
    @given(st.text(alphabet="aA1.-= \n\f\t表・", max_size=200))
    def test_no_text_breaks_it_and_no_letter_is_lost(self, text: str) -> None:
        if not text.strip():
            return
        document = plain(text)
        seen = "".join("".join(section.heading) + section.text for section in document.sections) + document.title
        assert not set(text) & {"a", "A", "表"} - set(seen) or "\f" in text

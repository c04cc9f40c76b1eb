"""Passages cover their section, in order, none too long, and keep together what belongs together."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from index.passages import MAXIMUM, TARGET, gaps, split
from index.readers.assembly import Assembly
from index.records import BlockKind, DocumentSection, Language, PassageSpan


def section(*blocks: tuple[BlockKind, str] | tuple[BlockKind, str, int]) -> DocumentSection:
    assembly = Assembly()
    assembly.heading(1, "A")
    for kind, text, *header in blocks:
        assembly.add(kind, text, *header)
    (made,) = assembly.sections()
    return made


def texts(made: DocumentSection, language: Language = "en") -> list[str]:
    return [made.text[span.start : span.end] for span in split(made, language)]


def columns(text: str) -> int:
    return sum(2 if char > "\u2e80" else 1 for char in text)


SENTENCE = "The manager waits until the agent has answered and then goes on. "
JAPANESE = "マネージャーはエージェントの応答を待ってから処理を続行します。"
_words = st.lists(
    st.sampled_from(["word", "ログ。", "end.", "\n", " ", "x" * 300, "確認する", "| a ", "a@b;", "𝔘"]), max_size=400
)
_kinds = st.sampled_from(["paragraph", "list", "table", "code", "note", "definition"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_kinds, _words.map("".join), st.integers(0, 60)), max_size=8), st.sampled_from(["en", "ja"]))
def test_spans_are_ordered_cover_everything_and_stay_under_the_maximum(
    blocks: list[tuple[BlockKind, str, int]], language: Language
) -> None:
    assembly = Assembly()
    for kind, text, header in blocks:
        assembly.add(kind, text, min(header, len(text.strip("\n").rstrip())))
    for made in assembly.sections():
        spans = split(made, language)
        assert gaps(spans, made.text) == []
        edges = [edge for span in spans for edge in (span.start, span.end)]
        assert edges == sorted(edges)
        for text in texts(made, language):
            assert text == text.strip()
            assert text
            assert columns(text) <= MAXIMUM


@given(st.text(max_size=3000), st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), max_size=4))
def test_blocks_that_do_not_fit_the_text_lose_nothing(text: str, places: list[tuple[int, int]]) -> None:
    from index.records import Block

    cuts = sorted({min(at, len(text)) for place in places for at in place})
    made = DocumentSection(
        ("A",), text, tuple(Block(a, b, "paragraph") for a, b in zip(cuts[::2], cuts[1::2], strict=False))
    )
    assert gaps(split(made, "en"), text) == []


def test_a_short_section_is_one_passage() -> None:
    assert texts(section(("paragraph", SENTENCE.strip()), ("list", "- a\n- b"))) == [f"{SENTENCE.strip()}\n\n- a\n- b"]


def test_long_paragraphs_are_cut_at_sentence_ends() -> None:
    found = texts(section(("paragraph", (SENTENCE * 60).strip())))
    assert len(found) > 3
    assert all(text.endswith("goes on.") for text in found)
    assert all(columns(text) <= TARGET["en"] * 5 // 4 for text in found)


def test_long_japanese_paragraphs_are_cut_at_sentence_ends() -> None:
    found = texts(section(("paragraph", JAPANESE * 60)), "ja")
    assert len(found) > 3
    assert all(text.endswith("。") for text in found)


def test_an_abbreviation_does_not_end_a_sentence() -> None:
    sentence = "Use a tool, e.g. Nmap, to see which ports of the manager are open. "
    assert not any(text.endswith("e.g.") for text in texts(section(("paragraph", sentence * 40))))


def test_tables_are_cut_by_rows_and_keep_caption_and_header_as_context() -> None:
    rows = [f"process-{n} | {20000 + n}/tcp | Between the manager and the agent number {n}" for n in range(60)]
    header = "Name | Port | Use"
    made = section(("paragraph", "Table 3: Ports"), ("table", "\n".join([header, *rows]), len(header)))
    spans = split(made, "en")
    assert len(spans) > 3
    assert spans[0] == PassageSpan(0, spans[0].end)
    assert all(span.context == f"Table 3: Ports\n{header}" for span in spans[1:])
    assert all(made.text[span.end - 1 : span.end + 1] != "a" for span in spans)
    assert all(line in [header, "Table 3: Ports", "", *rows] for text in texts(made) for line in text.split("\n"))


def test_code_and_definitions_stay_whole_where_they_fit() -> None:
    code = "\n".join(f"step {n} --option value" for n in range(50))
    definition = f"-h: {SENTENCE * 18}".strip()
    made = section(("paragraph", SENTENCE * 9), ("code", code), ("definition", definition, 2))
    assert code in texts(made)
    assert definition in texts(made)


def test_the_rest_of_a_cut_definition_names_its_term() -> None:
    made = section(("definition", f"--signal: {SENTENCE * 60}", len("--signal")))
    spans = split(made, "en")
    assert len(spans) > 2
    assert {span.context for span in spans[1:]} == {"--signal"}


def test_a_tiny_tail_is_joined_to_what_is_before() -> None:
    assert len(texts(section(("paragraph", (SENTENCE * 12).strip()), ("paragraph", "See also sacct.")))) == 1


def test_what_leads_to_a_list_stays_with_it() -> None:
    items = "\n".join(f"- {SENTENCE.strip()}" for _ in range(8))
    made = section(("paragraph", (SENTENCE * 10).strip()), ("paragraph", "Do the following:"), ("list", items))
    assert any(text.startswith("Do the following:\n\n- The manager") for text in texts(made))


def test_a_section_without_text_gives_no_passage() -> None:
    assert split(DocumentSection(("A",), " \n ", ()), "en") == []

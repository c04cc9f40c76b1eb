"""What the pages decide, without a window: phases, layout of text, time left, exams."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.records import Answer, EvidenceFound, Question, Reading, Searching, Seconds, Tokens, Unsupported, Wrote
from desktop.view_models.exam_plan import clock, draw, plan, score
from desktop.view_models.import_run import ImportRun, duration
from desktop.view_models.library_rows import share
from desktop.view_models.section_text import cut, parts, quote_span
from desktop.view_models.turns import TurnState, answer_html, stretches, with_marks
from index.records import Block

ANSWER = Answer("Why?", "Because. [1]", False, "en", (), (), (), Seconds(), Tokens(), "m", phrased=True)
BANK = [
    Question(f"q{n}", "en", level, f"Question {n}?", ("a", "b", "c", "d"), n % 4)  # type: ignore[arg-type]
    for level, count in (("engineer", 25), ("professional", 6))
    for n in range(count)
]


def test_a_turn_goes_through_its_phases_in_words() -> None:
    state = TurnState(1, 1, "Why?")
    seen = [state.phase]
    for event in (Searching("why"), EvidenceFound(()), Reading(120, 300), Wrote("Be"), Wrote("cause.")):
        state.apply(event)
        seen.append(state.phase)
    assert seen == ["waiting", "searching", "preparing", "reading", "writing", "writing"]
    assert (state.text, state.running) == ("Because.", True)


def test_marks_count_from_the_beginning_of_the_text() -> None:
    state = TurnState(1, 1, "Why?")
    for event in (Wrote("On port 1. "), Wrote("Or on 2.", (Unsupported(6, 7),)), Wrote("the quote", phrased=False)):
        state.apply(event)
    assert state.text == "On port 1. Or on 2."
    assert stretches(state.text, state.unsupported) == ["2"]
    assert with_marks(state.text, state.unsupported) == "On port 1. Or on 2⟨?⟩."


def test_stopped_refused_and_answered_are_told_apart() -> None:
    phases = []
    for answer in (ANSWER, replace(ANSWER, abstained=True), replace(ANSWER, abstained=True, cancelled=True)):
        state = TurnState(1, 1, "Why?")
        state.finish(answer)
        phases.append(state.phase)
    assert phases == ["answered", "refused", "stopped"]


def test_an_answer_that_is_the_evidence_is_not_shown_as_the_models_words() -> None:
    state = TurnState(1, 1, "Why?")
    state.finish(replace(ANSWER, phrased=False))
    assert state.wording == ""


def test_only_markers_of_citations_become_links_and_the_text_can_hold_no_html() -> None:
    assert answer_html("<b>x</b> [1] [3] a[0]", 2).count("<a ") == 1
    assert "&lt;b&gt;" in answer_html("<b>x</b>", 2)


TEXT = "Open these ports.\n\nPort | Use\n24680/tcp | Events\n24681/tcp | \n\n    relq -f job\n\nEnd."


def test_tables_and_code_are_found_where_they_look_like_it() -> None:
    found = list(parts(TEXT))
    assert [part.kind for part in found] == ["prose", "table", "code", "prose"]
    cells = [[TEXT[a:b] for a, b in row] for row in found[1].rows]
    assert cells == [["Port", "Use"], ["24680/tcp", "Events"], ["24681/tcp", ""]]


def test_what_the_reader_called_a_table_is_one() -> None:
    assert [part.kind for part in parts("a | b", [Block(0, 5, "table")])] == ["table"]
    assert [part.kind for part in parts("ps -ef | grep nwd")] == ["prose"]


@given(st.text("ab |\n-.", max_size=60))
def test_no_word_of_a_section_is_lost_or_moved(text: str) -> None:
    shown = [
        text[a:b]
        for part in parts(text)
        for a, b in ([(part.start, part.end)] if not part.rows else sum(part.rows, ()))
    ]
    visible = "".join("".join(shown).split()).replace("|", "")
    assert visible == "".join(text.split()).replace("|", "")


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_cut_covers_its_span_once(a: int, b: int, c: int, d: int) -> None:
    start, end, marked = min(a, b), max(a, b), (min(c, d), max(c, d))
    pieces = list(cut(start, end, marked))
    assert "".join("x" * (q - p) for p, q, _ in pieces) == "x" * (end - start)
    assert all((marked[0] <= p and q <= marked[1]) == inside for p, q, inside in pieces if p < q)


def test_a_quote_is_marked_where_it_stands_or_not_at_all() -> None:
    assert quote_span("one two three", 100, "two", 104, 107) == (4, 7)
    assert quote_span("zero one two three", 100, "two", 104, 107) == (9, 12)
    assert quote_span("all is new", 100, "two", 104, 107) is None


def line(stage: str, done: int, total: int) -> str:
    return json.dumps({"stage": stage, "done": done, "total": total, "current": "a.html"})


def test_time_left_is_shown_only_when_the_pace_is_known() -> None:
    now = [0.0]
    run = ImportRun(now=lambda: now[0])
    run.take(line("reading", 0, 100))
    now[0] = 2.0
    run.take(line("reading", 20, 100))
    assert run.seconds_left() is None
    now[0] = 10.0
    run.take(line("reading", 50, 100))
    assert run.seconds_left() == 10.0
    run.take(line("embedding", 1, 1000))
    assert run.seconds_left() is None


def test_words_of_the_child_are_kept_as_its_complaint() -> None:
    run = ImportRun()
    run.take("tebiki: The folder x is empty.\n")
    assert run.complaint == "The folder x is empty."


def test_time_spans_are_no_finer_than_one_can_believe() -> None:
    assert [duration(seconds) for seconds in (2, 33, 100, 7200)] == [
        ("time.seconds", {"n": 5}),
        ("time.seconds", {"n": 35}),
        ("time.minutes", {"n": 2}),
        ("time.hours", {"n": 2.0}),
    ]


def test_a_share_is_100_per_cent_only_when_nothing_is_missing() -> None:
    assert [share(999, 1000), share(1000, 1000), share(0, 0)] == ["99 %", "100 %", "–"]


def test_an_exam_has_the_levels_format_or_less_where_the_bank_is_small() -> None:
    full, small = plan(BANK, "en", "engineer"), plan(BANK, "en", "professional")
    assert full is not None
    assert small is not None
    assert (full.questions, full.seconds) == (20, 2400)
    assert (small.questions, small.seconds) == (6, 720)
    assert plan(BANK, "ja", "engineer") is None


def test_the_same_seed_draws_the_same_questions_of_one_level() -> None:
    chosen = plan(BANK, "en", "engineer")
    assert chosen is not None
    assert draw(BANK, chosen, 7) == draw(BANK, chosen, 7)
    assert {question.level for question in draw(BANK, chosen, 7)} == {"engineer"}


def test_seventy_per_cent_pass_and_open_questions_are_wrong() -> None:
    ten = BANK[:10]
    seven = {place: ten[place].answer for place in range(7)}
    six = {place: ten[place].answer for place in range(6)}
    assert score(ten, seven).passed
    assert not score(ten, six).passed
    assert (score(ten, six).correct, score(ten, six).n, score([], {}).passed) == (6, 10, False)


def test_the_clock_counts_whole_seconds() -> None:
    assert [clock(2400), clock(59.2), clock(-3)] == ["40:00", "1:00", "0:00"]

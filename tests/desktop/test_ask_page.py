"""The ask page as a user meets it: typing, evidence, sources, refusals, conversations that last."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent, QTextCharFormat, QTextDocument
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from agent.records import Answer, Citation, EvidenceFound, Reading, Searching, Step, Stepped, Unsupported, Wrote
from desktop.look import Look
from desktop.looking import Page
from desktop.theme import Mode
from desktop.view_models.turns import TurnState
from desktop.widgets.evidence_card import EvidenceCard
from desktop.widgets.evidence_list import EvidenceList
from desktop.window import Window
from index.records import Scope, Section

QUESTION = "On which port does the event service listen?"


def ask(window: Window, qtbot: QtBot, question: str) -> None:
    """Type a question, press Enter, and wait for the answer."""
    turns = len(window.ask.turns)
    window.ask.composer.edit.setPlainText(question)
    qtbot.keyClick(window.ask.composer.edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(window.ask.turns) > turns and not window.ask.turns[-1].state.running, timeout=30000)


def test_a_question_shows_the_quoted_evidence_and_a_click_opens_the_page(window: Window, qtbot: QtBot) -> None:
    ask(window, qtbot, QUESTION)
    turn = window.ask.turns[0]
    assert turn.state.phase == "answered"
    cards = turn.findChildren(EvidenceCard)
    assert "24680/tcp" in cards[0].quote.toPlainText()
    cards[0].opened.emit()
    source = window.ask.source
    qtbot.waitUntil(lambda: "24681/tcp" in source.body.toPlainText())
    assert source.isVisible()
    assert source.heading.text() == "Ports of the manager"
    assert source.body.document().firstBlock().isValid()


def test_what_comes_fourth_and_later_is_kept_back_until_it_is_wanted(look: Look, qtbot: QtBot) -> None:
    quotes = tuple(Citation("M", "m.md", ("H",), None, f"Quote {n}.", n, n + 1, n) for n in range(5))
    shown = EvidenceList(look)
    qtbot.addWidget(shown)
    shown.show()
    shown.show_citations(quotes[:3])
    assert shown.more.isHidden()
    shown.show_citations(quotes)
    cards = shown.findChildren(EvidenceCard)
    assert [card.isVisible() for card in cards[-5:]] == [True, True, True, False, False]
    assert "2" in shown.more.text()
    with qtbot.waitSignal(shown.opened) as opened:
        qtbot.mouseClick(shown.more, Qt.MouseButton.LeftButton)
        assert all(card.isVisible() for card in cards[-5:])
        cards[-1].opened.emit()
    assert opened.args == [4]


def test_the_steps_can_be_looked_at_and_put_away(window: Window, qtbot: QtBot) -> None:
    ask(window, qtbot, QUESTION)
    turn = window.ask.turns[0]
    assert turn.steps.isHidden()
    qtbot.mouseClick(turn.steps_button, Qt.MouseButton.LeftButton)
    assert turn.steps.isVisible()
    shown = [label.text() for label in turn.steps.findChildren(QLabel)]
    assert f"Searched for: {QUESTION}" in shown
    assert any("24680/tcp" in text for text in shown)
    qtbot.mouseClick(turn.steps_button, Qt.MouseButton.LeftButton)
    assert turn.steps.isHidden()


def test_a_search_that_found_too_little_is_said_to_go_on_in_other_words() -> None:
    state = TurnState(1, 1, "q")
    state.apply(Searching("q"))
    assert state.status() == ("ask.phase_searching", {})
    state.apply(Stepped(Step("I look.", "search[q]", "Nothing found.")))
    state.apply(Searching("other words " * 10))
    key, values = state.status()
    assert key == "ask.phase_searching_for"
    assert str(values["query"]).endswith("…")


def test_a_misspelt_name_is_looked_for_as_the_library_spells_it(window: Window, qtbot: QtBot) -> None:
    ask(window, qtbot, "nwevnet")
    turn = window.ask.turns[0]
    assert turn.state.phase == "answered"
    assert turn.state.steps[1].action == "search[nwevent]"
    assert "nwevent" in turn.findChildren(EvidenceCard)[0].quote.toPlainText()


def test_a_question_is_answered_from_the_chosen_manuals_alone(window: Window, qtbot: QtBot) -> None:
    window.ask.composer.scope.scope = Scope(language="ja")
    ask(window, qtbot, QUESTION)
    assert window.ask.turns[0].state.phase == "refused"


def test_a_question_asked_while_the_first_manuals_come_waits_for_them(window: Window, qtbot: QtBot) -> None:
    window._embedding_tried = True  # no background work here
    window._answering.hold()
    window.ask.ask(QUESTION)
    qtbot.wait(300)
    assert window.ask.turns[0].state.phase == "waiting"
    window.process.finished.emit(None)
    qtbot.waitUntil(lambda: window.ask.turns[0].state.phase == "answered", timeout=30000)


def test_a_question_that_waits_can_be_stopped(window: Window, qtbot: QtBot) -> None:
    window._answering.hold()
    window.ask.ask(QUESTION)
    window.ask.stop()
    qtbot.waitUntil(lambda: not window.ask.turns[0].state.running)


def test_a_row_of_a_table_is_shown_with_the_tables_header(window: Window, qtbot: QtBot) -> None:
    ask(window, qtbot, QUESTION)
    citation = window.ask.turns[0].state.citations[0]
    assert "Service" not in citation.quote
    assert citation.context == "Port | Service | Use"
    assert "Service" in window.ask.turns[0].findChildren(EvidenceCard)[0].quote.toPlainText()


def test_the_marked_quote_stays_in_view_when_the_window_takes_another_size(window: Window, qtbot: QtBot) -> None:
    lines = [f"Rule {number}: the operator of the night looks at lamp {number}.\n" for number in range(120)]
    text = "\n".join(lines)
    start = text.index(lines[70])
    section = Section(1, 1, "M", "a.md", ("Rules",), None, None, 0, text, "en")
    cited = Citation("M", "a.md", ("Rules",), None, lines[70], start, start + len(lines[70]), 1)
    source = window.ask.source
    source.wanted.disconnect()
    window.ask.open_source([cited], 0)
    source.show_page(cited, Page(section, ()))
    qtbot.waitUntil(lambda: source.body.verticalScrollBar().value() > 0 and source.body.quote_in_view())
    for width, height in ((960, 640), (1700, 700), (1000, 900)):
        window.resize(width, height)
        qtbot.waitUntil(source.body.quote_in_view)


def test_the_list_of_conversations_gives_way_to_a_source_and_comes_back(window: Window, qtbot: QtBot) -> None:
    window.resize(960, 640)
    ask(window, qtbot, QUESTION)
    page = window.ask
    page.open_source(page.turns[0].state.citations, 0)
    assert page.chat_list.isHidden()
    page.source.closed.emit()
    assert page.chat_list.isVisible()
    page.toggle_conversations()
    page.open_source(page.turns[0].state.citations, 0)
    page.source.closed.emit()
    assert page.chat_list.isHidden()  # who hid it keeps it hidden


def test_a_question_in_japanese_finds_the_japanese_page(window: Window, qtbot: QtBot) -> None:
    ask(window, qtbot, "保留属性が設定されたジョブはどうなりますか？")
    assert window.ask.turns[0].state.citations[0].source == "保留.md"


def test_a_question_that_the_manuals_do_not_answer_is_refused_with_links(window: Window, qtbot: QtBot) -> None:
    ask(window, qtbot, "How is the weather on Mars in the morning?")
    turn = window.ask.turns[0]
    assert turn.state.phase == "refused"
    assert turn._refusal_frame.isVisible()
    assert not turn.words.isVisible()


def test_shift_enter_breaks_the_line_and_the_field_grows_to_six(window: Window, qtbot: QtBot) -> None:
    edit = window.ask.composer.edit
    heights = []
    for _ in range(9):
        heights.append(edit.height())
        qtbot.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert edit.toPlainText() == "\n" * 9
    assert len(set(heights)) == 6
    assert window.ask.turns == []


def test_the_enter_that_confirms_a_conversion_sends_nothing(window: Window, qtbot: QtBot) -> None:
    edit = window.ask.composer.edit
    edit.setPlainText("")
    QApplication.sendEvent(edit, QInputMethodEvent("ほりゅう", []))
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    commit = QInputMethodEvent("", [])
    commit.setCommitString("保留")
    QApplication.sendEvent(edit, commit)
    QApplication.sendEvent(edit, commit_key())
    assert edit.toPlainText() == "保留"
    assert window.ask.turns == []


def commit_key():  # type: ignore[no-untyped-def]
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QKeyEvent

    return QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier, "\r")


def test_a_sample_question_is_asked_by_a_click(window: Window, qtbot: QtBot) -> None:
    qtbot.mouseClick(window.ask.welcome.chips[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(window.ask.turns) and not window.ask.turns[0].state.running, timeout=30000)
    assert window.ask.turns[0].state.question == "What does the hold attribute do?"
    assert not window.ask.welcome.isVisible()


def test_conversations_and_their_citations_are_there_after_a_restart(
    open_window: Callable[[], Window], qtbot: QtBot
) -> None:
    first = open_window()
    ask(first, qtbot, QUESTION)
    given = first.ask.turns[0].state.answer
    first.close()
    second = open_window()
    second.ask.chat_list.chosen.emit(second.ask.chat_list.list.item(0).data(Qt.ItemDataRole.UserRole))
    assert second.ask.turns[0].state.answer == given


def test_a_deleted_conversation_comes_back_by_undo(window: Window, qtbot: QtBot) -> None:
    ask(window, qtbot, QUESTION)
    window.ask.chat_list.delete_current()
    assert window.ask.turns == []
    assert window.ask.chat_list.list.count() == 0
    qtbot.mouseClick(window.message.action, Qt.MouseButton.LeftButton)
    assert [turn.state.question for turn in window.ask.turns] == [QUESTION]


class Slow:
    """Stands in for the answering side, to hold an answer at each point on its way."""

    def __init__(self, answer: Answer, cancelled: Answer) -> None:
        self.answer, self.cancelled = answer, cancelled
        self.go_on = threading.Event()
        self.pieces: tuple[Wrote, ...] = (Wrote("It listens "),)
        self.last = Wrote("on 24680/tcp. [1]")

    def ask(self, question, history, on_event, cancelled, *, scope) -> Answer:  # type: ignore[no-untyped-def]
        found = EvidenceFound(self.answer.citations)
        for event in (Searching(question), found, Reading(120, 300), *self.pieces):
            on_event(event)
        while not self.go_on.wait(0.01):
            if cancelled():
                return self.cancelled
        on_event(self.last)
        return self.answer


@pytest.fixture
def slow(window: Window, qtbot: QtBot) -> Slow:
    ask(window, qtbot, QUESTION)
    found = window.ask.turns[0].state.answer
    assert found is not None
    worded = replace(found, text="It listens on 24680/tcp. [1]", phrased=True)
    slow = Slow(worded, replace(worded, text="It listens ", cancelled=True))
    window.ask._answering = slow  # type: ignore[assignment]
    window.ask.new_conversation()
    return slow


def begin(window: Window, qtbot: QtBot) -> None:
    window.ask.ask(QUESTION)
    qtbot.waitUntil(lambda: window.ask.turns[0].text.toPlainText() == "It listens ")


def test_evidence_stands_while_the_model_is_still_writing(window: Window, slow: Slow, qtbot: QtBot) -> None:
    begin(window, qtbot)
    turn = window.ask.turns[0]
    assert turn.findChildren(EvidenceCard)
    assert turn.words.isVisible()
    slow.go_on.set()
    qtbot.waitUntil(lambda: turn.state.phase == "answered")
    assert turn.text.toPlainText() == "It listens on 24680/tcp. [1]"
    assert 'href="cite:0"' in turn.text.toHtml()


def underlined(document: QTextDocument) -> dict[str, QTextCharFormat]:
    """The stretches with a wavy line and how they are drawn."""
    found = {}
    block = document.begin()
    while block.isValid():
        at = block.begin()
        while not at.atEnd():
            form = at.fragment().charFormat()
            if form.underlineStyle() == QTextCharFormat.UnderlineStyle.WaveUnderline:
                found[at.fragment().text()] = form
            at += 1
        block = block.next()
    return found


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_the_evidence_does_not_hold_is_marked_while_it_is_written_and_after(
    window: Window, slow: Slow, qtbot: QtBot, look: Look, mode: Mode, language: str
) -> None:
    look.theme.set_mode(mode)
    look.texts.set_language(language)
    text = "🙂 It listens on 24689/tcp. [1]"
    start = text.index("24689")
    marks = (Unsupported(start, start + 9),)
    slow.pieces = (Wrote("🙂 "), Wrote("It listens on 24689/tcp", (Unsupported(start - 2, start + 7),)), Wrote("."))
    slow.answer = replace(slow.answer, text=text, unsupported=marks)
    window.ask.ask(QUESTION)
    turn = window.ask.turns[0]
    qtbot.waitUntil(lambda: "24689" in turn.text.toPlainText())
    for _ in range(2):  # once while it is written, once when it is complete
        (marked,) = underlined(turn.text.document()).items()
        assert marked[0] == "24689/tcp"
        assert marked[1].underlineColor().name() == look.theme.colours["refusal"]
        assert marked[1].toolTip() == look.texts("ask.unsupported_tip")
        assert turn.words.legend.isVisible()
        assert "24689/tcp" in turn.words.legend.text()
        assert turn.text.accessibleDescription() == turn.words.legend.text()
        slow.go_on.set()
        qtbot.waitUntil(lambda: turn.state.phase == "answered")
    turn.copy(references=False)
    assert "24689/tcp⟨?⟩" in QApplication.clipboard().text()


def test_an_answer_without_marks_has_no_legend(window: Window, slow: Slow, qtbot: QtBot) -> None:
    slow.go_on.set()
    window.ask.ask(QUESTION)
    qtbot.waitUntil(lambda: window.ask.turns[0].state.phase == "answered")
    assert window.ask.turns[0].words.isVisible()
    assert not window.ask.turns[0].words.legend.isVisible()


def test_quotes_stand_before_the_model_has_read_and_stay_in_place_when_its_words_fail(
    window: Window, slow: Slow, qtbot: QtBot
) -> None:
    slow.pieces = ()
    slow.last = Wrote("[1] the quotes again", phrased=False)
    slow.answer = replace(slow.answer, phrased=False, text="24680/tcp [1]")
    window.ask.ask(QUESTION)
    turn = window.ask.turns[0]
    qtbot.waitUntil(lambda: turn.state.phase == "reading")
    (card, *_) = turn.findChildren(EvidenceCard)
    qtbot.waitUntil(card.isVisible)
    assert "24680/tcp" in card.quote.toPlainText()
    assert turn._bar.isVisible()
    qtbot.wait(200)
    place = card.mapTo(turn, card.rect().topLeft()), card.size()
    slow.go_on.set()
    qtbot.waitUntil(lambda: turn.state.phase == "answered")
    qtbot.wait(200)
    assert (card.mapTo(turn, card.rect().topLeft()), card.size()) == place
    assert turn.findChildren(EvidenceCard)[0] is card
    assert not turn.words.isVisible()


def test_what_was_meant_is_offered_with_a_refusal_and_asked_with_a_click(
    window: Window, slow: Slow, qtbot: QtBot
) -> None:
    slow.go_on.set()
    slow.answer = replace(slow.answer, abstained=True, phrased=False, citations=(), suggestion="nwevent")
    window.ask.ask("nwevnet")
    turn = window.ask.turns[0]
    qtbot.waitUntil(lambda: turn.state.phase == "refused")
    assert turn.suggestion.isVisible()
    assert "nwevent" in turn.suggestion.text()
    turn.suggestion.linkActivated.emit("suggested")
    qtbot.waitUntil(lambda: len(window.ask.turns) > 1 and not window.ask.turns[1].state.running, timeout=30000)
    assert window.ask.turns[1].state.question == "nwevent"


def test_why_the_model_did_not_word_it_is_said_below_the_quotes(window: Window, slow: Slow, qtbot: QtBot) -> None:
    slow.pieces = ()
    slow.last = Wrote("24680/tcp [1]", phrased=False)
    slow.answer = replace(slow.answer, phrased=False, text="24680/tcp [1]", problem="m.gguf is damaged: get it again.")
    slow.go_on.set()
    window.ask.ask(QUESTION)
    qtbot.waitUntil(lambda: window.ask.turns[0].state.phase == "answered")
    assert window.ask.turns[0]._problem.isVisible()
    assert "m.gguf is damaged" in window.ask.turns[0]._problem.text()


def test_stop_keeps_what_was_written(window: Window, slow: Slow, qtbot: QtBot) -> None:
    begin(window, qtbot)
    assert window.ask.composer.button.accessibleName() == "Stop"
    qtbot.mouseClick(window.ask.composer.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.ask.turns[0].state.phase == "stopped")
    assert window.ask.turns[0].text.toPlainText().strip() == "It listens"
    assert window.ask.composer.button.accessibleName() == "Send the question"


def test_an_answer_goes_on_while_another_conversation_is_open(window: Window, slow: Slow, qtbot: QtBot) -> None:
    begin(window, qtbot)
    left = window.ask.turns[0].state
    window.ask.new_conversation()
    assert window.ask.turns == []
    slow.go_on.set()
    qtbot.waitUntil(lambda: not left.running)
    window.ask.chat_list.chosen.emit(left.conversation_id)
    assert window.ask.turns[0].state.text == "It listens on 24680/tcp. [1]"


def test_the_page_does_not_scroll_away_from_a_reader(window: Window, slow: Slow, qtbot: QtBot) -> None:
    slow.go_on.set()
    for _ in range(4):
        count = len(window.ask.turns)
        window.ask.ask(QUESTION)
        qtbot.waitUntil(lambda count=count: len(window.ask.turns) > count and not window.ask.turns[-1].state.running)
    bar = window.ask.scroller.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 100 and bar.value() == bar.maximum())
    slow.go_on.clear()
    window.ask.ask(QUESTION)
    qtbot.waitUntil(lambda: window.ask.turns[-1].text.toPlainText() == "It listens ")
    bar.setValue(50)
    slow.go_on.set()
    qtbot.waitUntil(lambda: not window.ask.turns[-1].state.running)
    assert bar.value() == 50
    assert window.ask._latest.isVisible()


def test_long_evidence_is_shown_from_its_first_quote_on(window: Window, slow: Slow, qtbot: QtBot) -> None:
    window.resize(1000, 640)
    slow.go_on.set()
    window.ask.ask(QUESTION)
    qtbot.waitUntil(lambda: not window.ask.turns[-1].state.running)
    cited = slow.answer.citations[0]
    long = tuple(replace(cited, quote=f"{cited.quote} Word for word. " * 12, start=at) for at in range(4))
    slow.answer = replace(slow.answer, citations=long)
    slow.go_on.clear()
    window.ask.ask(QUESTION)
    bar, turn = window.ask.scroller.verticalScrollBar(), window.ask.turns[-1]
    qtbot.waitUntil(lambda: turn.text.toPlainText() == "It listens ")
    qtbot.waitUntil(lambda: bar.maximum() > turn.y())
    qtbot.waitUntil(lambda: 0 <= turn.y() - bar.value() < 60)
    assert window.ask._latest.isVisible()
    bar.setValue(bar.maximum())
    slow.go_on.set()
    qtbot.waitUntil(lambda: not turn.state.running)
    qtbot.waitUntil(lambda: bar.value() >= bar.maximum() - 1)


def test_a_failure_is_told_in_the_turn_and_kept(window: Window, qtbot: QtBot) -> None:
    ask(window, qtbot, "x" * 5000)
    turn = window.ask.turns[0]
    assert turn.state.phase == "failed"
    assert "characters" in turn._failure_text.text()

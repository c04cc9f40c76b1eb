"""The exam page: choosing, sitting with the keyboard, time running out, results, and a crash in the middle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from desktop.looking import Holdings
from desktop.window import Window
from index.packs import Pack, Sample
from index.records import Manual

SECTION = "Ports of the manager"


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    path = tmp_path / "bank.jsonl"
    lines = [
        {
            "id": f"q{number}",
            "lang": "en",
            "level": "engineer",
            "question": f"On which port does the event service listen ({number})?",
            "options": ["24680/tcp", "24681/tcp", "80/tcp", "22/tcp"],
            "answer": 0,
            "explanation": "The event service listens on 24680/tcp.",
            "source": {"manual": "Night Watch", "section": SECTION},
        }
        for number in range(4)
    ]
    path.write_text("\n".join(json.dumps(one) for one in lines), encoding="utf-8")
    return path


@pytest.fixture
def sitting(window: Window, bank: Path) -> Window:
    """A window with a sitting of four questions begun."""
    window.show_exam()
    window.exam.choice.add_bank(bank)
    window.exam.choice.begin_button.click()
    return window


def test_the_plan_is_shown_before_it_begins(window: Window, bank: Path) -> None:
    window.exam.choice.add_bank(bank)
    assert window.exam.choice.plan_words.text() == "4 questions in 8 minutes. 70 % passes."


def test_a_bank_that_is_not_valid_is_named_with_its_line(window: Window, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"id": 1}\n', encoding="utf-8")
    window.exam.choice.add_bank(path)
    assert "Line 1" in window.message.label.text()


def test_an_exam_can_be_sat_with_the_keyboard_alone(sitting: Window, qtbot: QtBot) -> None:
    view = sitting.exam.sitting
    for key in (Qt.Key.Key_1, Qt.Key.Key_1, Qt.Key.Key_1, Qt.Key.Key_4):
        qtbot.keyClick(view, key)
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert view.current is not None
    assert view.current.chosen == {0: 0, 1: 0, 2: 0, 3: 3}
    view.finish.click()
    assert sitting.exam.stack.currentWidget() is sitting.exam.result
    assert len(sitting.exam.result.items) == 4


def test_the_arrow_keys_go_on_after_an_option_was_clicked(sitting: Window, qtbot: QtBot) -> None:
    view = sitting.exam.sitting
    assert view.current is not None
    qtbot.mouseClick(view.cards[1], Qt.MouseButton.LeftButton)
    view.cards[1].setFocus()
    qtbot.keyClick(view.cards[1], Qt.Key.Key_Right)
    assert view.current.place == 1
    qtbot.keyClick(view.cards[1], Qt.Key.Key_Left)
    assert (view.current.place, view.current.chosen) == (0, {0: 1})


def test_finishing_with_open_questions_asks_first(sitting: Window) -> None:
    view = sitting.exam.sitting
    view.finish.click()
    box = view.findChildren(QMessageBox)[-1]
    assert box.text().startswith("Open questions: 4")
    next(button for button in box.buttons() if button.text() == "Go on answering").click()
    assert sitting.exam.stack.currentWidget() is view


def test_the_sitting_ends_by_itself_when_the_time_is_up(sitting: Window) -> None:
    view = sitting.exam.sitting
    view._now = lambda: view._since + 10_000
    view.tick()
    assert sitting.exam.stack.currentWidget() is sitting.exam.result


def test_a_crash_in_the_middle_loses_nothing_that_was_answered(
    open_window: Callable[[], Window], bank: Path, qtbot: QtBot
) -> None:
    first = open_window()
    first.exam.choice.add_bank(bank)
    first.exam.choice.begin_button.click()
    first.exam.sitting.choose(2)
    first.exam.sitting.flag()
    second = open_window()  # the first was never closed, as after a crash
    second.show_exam()
    assert second.exam.choice._resume.isVisible()
    second.exam.choice.resume_button.click()
    resumed = second.exam.sitting.current
    assert resumed is not None
    assert (resumed.chosen, resumed.flagged) == ({0: 2}, {0})


def test_read_again_opens_the_section_that_the_question_names(sitting: Window, qtbot: QtBot) -> None:
    view = sitting.exam.sitting
    assert view.current is not None
    question = view.current.questions[0]
    view.hand_in()
    sitting.exam.result.read.emit(question)
    source = sitting.exam.source
    qtbot.waitUntil(lambda: "24681/tcp" in source.body.toPlainText(), timeout=30000)
    assert source.heading.text() == SECTION
    assert source.citation is not None
    assert source.citation.quote.startswith("24680/tcp")


def test_a_past_result_can_be_looked_at_again(sitting: Window) -> None:
    sitting.exam.sitting.hand_in()
    sitting.exam.show_choice()
    row = sitting.exam.choice._past_rows.itemAt(0).widget()
    assert row is not None
    row.click()  # type: ignore[attr-defined]
    assert sitting.exam.stack.currentWidget() is sitting.exam.result


def test_banks_and_samples_of_a_product_come_with_its_manual(window: Window, bank: Path) -> None:
    def pack(name: str) -> Pack:
        sample = Sample("en", f"What is {name}?")
        return Pack(name.lower(), {"en": name}, name, Path(), (), (bank,), (sample,))

    def offered() -> tuple[list[str], list[str]]:
        choice, chips = window.exam.choice.bank, window.ask.welcome.chips
        return [choice.itemData(place) for place in range(choice.count())], [chip.text() for chip in chips]

    def holds(*products: str) -> None:
        manuals = (Manual(1, "Guide", "en", product, "", "/m", 1, 1, 1, 1, "2026-01-01") for product in products)
        window.library.holdings_known.emit(Holdings(tuple(manuals)))

    window._packs = [pack("Lamp"), pack("Horn")]
    holds("Other")
    assert offered() == ([], [])
    holds("Horn")
    assert offered() == (["horn"], ["What is Horn?"])
    holds("Horn", "Lamp 2")
    assert offered() == (["horn", "lamp"], ["What is Lamp?", "What is Horn?"])
    assert window.exam.choice.bank.currentData() == "horn"

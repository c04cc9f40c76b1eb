"""Where is searched: all manuals, one language, one product, one manual in one version."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from desktop.look import Look
from desktop.view_models.scopes import EVERYTHING, choices
from desktop.widgets.scope_button import FEW, ScopeButton, ScopeList
from index.records import Language, Manual, Scope


def manual(
    number: int, title: str, language: Language = "en", product: str = "Suite", version: str = "12-00"
) -> Manual:
    return Manual(number, title, language, product, version, "/m", 1, 1, 1, 0, "2026-01-01T00:00:00+00:00")


GUIDE, OLD, JAPANESE = manual(1, "Guide"), manual(2, "Guide", version="11-00"), manual(3, "手引き", "ja")


@pytest.fixture
def button(look: Look, qtbot: QtBot) -> ScopeButton:
    made = ScopeButton(look)
    qtbot.addWidget(made)
    return made


def listed(popup: ScopeList) -> list[Scope]:
    return [popup.list.item(row).data(Qt.ItemDataRole.UserRole) for row in range(popup.list.count())]


def test_everything_comes_first_then_languages_then_each_manual_with_its_version(look: Look) -> None:
    found = choices((GUIDE, OLD, JAPANESE), look.texts)
    assert [(one.label, one.detail) for one in found] == [
        ("All manuals", "Manuals: 3"),
        ("English manuals", "Manuals: 2"),
        ("Japanese manuals", "Manuals: 1"),
        ("Guide", "12-00 · English"),
        ("Guide", "11-00 · English"),
        ("手引き", "12-00 · Japanese"),
    ]
    assert found[0].scope == EVERYTHING
    assert found[1].scope == Scope(language="en")
    assert found[4].scope == Scope(manuals=frozenset({2}))


def test_products_are_offered_where_there_are_several(look: Look) -> None:
    found = choices((GUIDE, manual(4, "Base", product="Base")), look.texts)
    assert Scope(product="Base") in [one.scope for one in found]
    assert all(one.scope.product == "" for one in choices((GUIDE, OLD), look.texts))


def test_one_manual_alone_is_no_choice(button: ScopeButton) -> None:
    button.show_manuals((GUIDE,))
    assert button.isHidden()
    button.show_manuals((GUIDE, OLD))
    assert not button.isHidden()
    assert button.text() == "All manuals"


def test_a_choice_is_shown_told_and_forgotten_with_its_manual(button: ScopeButton, qtbot: QtBot) -> None:
    button.show_manuals((GUIDE, OLD, JAPANESE))
    popup = button.open_list()
    row = listed(popup).index(Scope(manuals=frozenset({3})))
    with qtbot.waitSignal(button.chosen) as told:
        popup.list.itemClicked.emit(popup.list.item(row))
    assert told.args == [Scope(manuals=frozenset({3}))]
    assert button.text() == "手引き"
    button.show_manuals((GUIDE, OLD))
    assert button.scope == EVERYTHING


def test_with_many_manuals_one_types_a_few_letters_and_presses_enter(button: ScopeButton, qtbot: QtBot) -> None:
    many = tuple(manual(number, f"Volume {number}", version="") for number in range(1, 41))
    button.show_manuals((*many, GUIDE))
    popup = button.open_list()
    assert len(listed(popup)) > FEW
    qtbot.keyClicks(popup.filter, "vol 37")
    assert listed(popup) == [Scope(manuals=frozenset({37}))]
    qtbot.keyClick(popup.filter, Qt.Key.Key_Return)
    assert button.scope == Scope(manuals=frozenset({37}))


def test_escape_leaves_all_as_it_was(button: ScopeButton, qtbot: QtBot) -> None:
    button.show_manuals((GUIDE, OLD))
    popup = button.open_list()
    qtbot.keyClick(popup.list, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Escape)
    assert button.scope == EVERYTHING


def test_the_words_follow_the_language(button: ScopeButton, look: Look) -> None:
    button.show_manuals((GUIDE, JAPANESE))
    look.texts.set_language("ja")
    assert button.text() == "すべてのマニュアル"

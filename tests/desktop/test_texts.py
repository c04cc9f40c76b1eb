"""The words of the window: the same in all languages, all of them there, and none left over."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path
from typing import get_args

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication

from agent.records import Level
from desktop.texts import LANGUAGES, Texts, catalogue
from desktop.view_models.commands import COMMANDS
from desktop.view_models.turns import Phase

DESKTOP = Path(__file__).resolve().parents[2] / "desktop"


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def keys_in_code() -> set[str]:
    """Every string in the window's code that reads like a key."""
    tables = {key.split(".")[0] for key in catalogue("en")}
    shape = re.compile(rf"(?:{'|'.join(tables)})\.[a-z_]*[a-z]")
    found = set()
    for path in DESKTOP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and shape.fullmatch(node.value):
                found.add(node.value)
    return found - {"chats.sqlite", "library.sqlite", "settings.json", "window.ini", "window.qss"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_languages_have_the_same_keys_and_placeholders(language: str) -> None:
    english = {key: placeholders(text) for key, text in catalogue("en").items()}
    assert {key: placeholders(text) for key, text in catalogue(language).items()} == english


def test_every_key_in_the_code_is_in_the_catalogues() -> None:
    assert keys_in_code() <= set(catalogue("en"))


def test_keys_made_from_names_are_in_the_catalogues() -> None:
    made = {command.title for command in COMMANDS}
    made |= {f"ask.phase_{phase}" for phase in get_args(Phase)}
    made |= {f"level.{level}" for level in get_args(Level)}
    made |= {f"library.stage_{stage}" for stage in ("listing", "reading", "indexing", "embedding")}
    assert made <= set(catalogue("en"))


def test_no_text_is_empty() -> None:
    assert [key for language in LANGUAGES for key, text in catalogue(language).items() if not text.strip()] == []


def test_the_language_changes_while_the_window_is_open() -> None:
    texts = Texts("en")
    said: list[str] = []
    texts.changed.connect(lambda: said.append(texts("rail.ask")))
    texts.set_language("ja")
    texts.set_language("ja")
    assert said == ["質問"]


def test_qts_own_words_follow_the_language(qapp: QApplication) -> None:
    texts = Texts("ja")
    try:
        texts.translate_qt(qapp)
        assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "キャンセル"
        texts.set_language("en")
        assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "Cancel"
    finally:
        texts.set_language("en")

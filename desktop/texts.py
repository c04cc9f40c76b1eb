"""The words of the window, in the user's language: catalogues in (texts/*.toml), sentences out.

A catalogue is a TOML file of tables; `texts("ask.send")` finds `send` in `[ask]`. Placeholders are `{name}`. A test
holds keys and placeholders equal in all languages. `changed` says that widgets must fetch their words again.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QObject, QTranslator, Signal

FOLDER = Path(__file__).resolve().parent / "texts"
LANGUAGES = ("en", "ja")


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of one language, keys as `table.name`."""
    tables = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return {f"{table}.{name}": text for table, rows in tables.items() for name, text in rows.items()}


def system_language() -> str:
    """The language of the system where the window speaks it, else English."""
    return "ja" if QLocale.system().language() == QLocale.Language.Japanese else "en"


class Texts(QObject):
    """The catalogue in force. Calling it with a key gives the sentence, with its placeholders filled in."""

    changed = Signal()

    def __init__(self, language: str = "en", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key`. Raises KeyError for a key that no catalogue has: that is a fault of the program."""
        text = catalogue(self.language)[key]
        return text.format(**values) if values else text

    def translate_qt(self, application: QCoreApplication) -> None:
        """Have Qt's own words (context menus, file dialogs) in the language in force, now and after each change."""
        translator = QTranslator(self)

        def load() -> None:
            application.removeTranslator(translator)
            if translator.load(f"qtbase_{self.language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
                application.installTranslator(translator)

        self.changed.connect(load)
        load()

    def set_language(self, language: str) -> None:
        """Speak another language from now on ("en" or "ja")."""
        if language not in LANGUAGES:
            raise ValueError(language)
        if language != self.language:
            self.language = language
            self.changed.emit()

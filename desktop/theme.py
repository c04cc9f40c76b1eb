"""Colours, fonts, icons and the style sheet: design tokens in (style/*), a look for the whole application out.

The theme follows the system unless the user chose light or dark; `changed` says that widgets which paint themselves
must do so again. It knows nothing of pages.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

STYLE = Path(__file__).resolve().parent / "style"

Mode = Literal["system", "light", "dark"]
Tokens = dict[str, str]

JAPANESE_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "Yu Gothic UI",
    "Meiryo",
    "Hiragino Sans",
    "Hiragino Kaku Gothic ProN",
)
LATIN_FONTS = ("Segoe UI", "Inter", "Noto Sans")
CODE_FONTS = ("Cascadia Mono", "JetBrains Mono", "Noto Sans Mono", "Menlo", "DejaVu Sans Mono", "Noto Sans Mono CJK JP")


@cache
def tokens(dark: bool) -> Tokens:
    """The colours by role of one theme, as `#rrggbb`."""
    return dict(tomllib.loads((STYLE / "tokens.toml").read_text(encoding="utf-8"))["dark" if dark else "light"])


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1..21 (WCAG 2.2, relative luminance of sRGB)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def font_families(language: str) -> list[str]:
    """Families for one language of the window: in Japanese the Japanese fonts come first, so that no Chinese glyph
    stands in for a Japanese one."""
    first, second = (JAPANESE_FONTS, LATIN_FONTS) if language == "ja" else (LATIN_FONTS, JAPANESE_FONTS)
    return [*first, *second, "sans-serif"]


def code_font(points: float) -> QFont:
    """The monospaced font for code and commands."""
    font = QFont()
    font.setFamilies([*CODE_FONTS, "monospace"])
    font.setStyleHint(QFont.StyleHint.Monospace)
    font.setPointSizeF(points)
    return font


@cache
def _svg(name: str) -> str:
    return (STYLE / "icons" / f"{name}.svg").read_text(encoding="utf-8")


def icon_pixmap(name: str, colour: str, size: int, ratio: float = 2.0) -> QPixmap:
    """One of our icons drawn in one colour; `size` in device-independent pixels."""
    pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(_svg(name).replace("currentColor", colour).encode())).render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def style_sheet(colours: Tokens, points: float) -> str:
    """The style sheet with colours (`@name`) and font sizes (`@1.2pt`, relative to `points`) filled in."""
    template = (STYLE / "window.qss").read_text(encoding="utf-8")
    sized = re.sub(r"@(\d+\.\d+)pt", lambda found: f"{float(found[1]) * points:.1f}pt", template)
    return re.sub(r"@([a-z_]+)", lambda found: colours[found[1]], sized)


def palette(colours: Tokens) -> QPalette:
    """The palette for what the style sheet does not reach: menus, dialogs, selections, links."""
    made = QPalette()
    roles = QPalette.ColorRole
    for role, name in (
        (roles.Window, "window"),
        (roles.WindowText, "text"),
        (roles.Base, "surface"),
        (roles.AlternateBase, "raised"),
        (roles.Text, "text"),
        (roles.Button, "raised"),
        (roles.ButtonText, "text"),
        (roles.ToolTipBase, "surface"),
        (roles.ToolTipText, "text"),
        (roles.PlaceholderText, "quiet"),
        (roles.Highlight, "accent"),
        (roles.HighlightedText, "on_accent"),
        (roles.Link, "accent"),
        (roles.LinkVisited, "accent"),
        (roles.Accent, "accent"),
    ):
        made.setColor(role, QColor(colours[name]))
    for role in (roles.Text, roles.ButtonText, roles.WindowText):
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours["control"]))
    return made


class Theme(QObject):
    """The look in force. `set_mode` and `set_language` apply it to the running application at once."""

    changed = Signal()

    def __init__(self, application: QApplication, mode: Mode = "system", language: str = "en") -> None:
        super().__init__(application)
        self._application = application
        self._points = max(application.font().pointSizeF(), 10.0)
        self._language = language
        self.mode: Mode = mode
        application.setStyle("Fusion")
        application.styleHints().colorSchemeChanged.connect(self._system_changed)
        self._apply()

    @property
    def dark(self) -> bool:
        """Whether the dark colours are in force."""
        if self.mode == "system":
            return self._application.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return self.mode == "dark"

    @property
    def colours(self) -> Tokens:
        """The colours in force, by role."""
        return tokens(self.dark)

    @property
    def points(self) -> float:
        """The size of running text in points."""
        return self._points

    def set_mode(self, mode: Mode) -> None:
        """Choose light, dark, or what the system has."""
        self.mode = mode
        self._apply()

    def set_language(self, language: str) -> None:
        """Put the fonts of this language first."""
        self._language = language
        self._apply()

    def pixmap(self, name: str, role: str = "text", size: int = 20) -> QPixmap:
        """An icon in a colour of the theme."""
        return icon_pixmap(name, self.colours[role], size)

    def icon(self, name: str, role: str = "text", size: int = 20) -> QIcon:
        """An icon for a button, greyed when the button is disabled."""
        made = QIcon(self.pixmap(name, role, size))
        made.addPixmap(self.pixmap(name, "control", size), QIcon.Mode.Disabled)
        return made

    def _system_changed(self) -> None:
        if self.mode == "system":
            self._apply()

    def _apply(self) -> None:
        font = QFont(self._application.font())
        font.setFamilies(font_families(self._language))
        font.setPointSizeF(self._points)
        self._application.setFont(font)
        self._application.setPalette(palette(self.colours))
        self._application.setStyleSheet(style_sheet(self.colours, self._points))
        self.changed.emit()

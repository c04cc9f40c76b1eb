"""The look: readable in both themes, and every icon and colour that is named exists."""

from __future__ import annotations

import re

import pytest
from PySide6.QtWidgets import QApplication

from desktop.look import Look
from desktop.theme import STYLE, contrast, icon_pixmap, style_sheet, tokens

GROUNDS = ("window", "rail", "surface", "raised")


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_on_every_ground(dark: bool) -> None:
    colours = tokens(dark)
    pairs = [(text, ground) for text in ("text", "quiet", "accent") for ground in GROUNDS]
    pairs += [("text", soft) for soft in ("accent_soft", "evidence_soft", "refusal_soft", "good_soft", "bad_soft")]
    pairs += [
        ("text", "mark"),
        ("text", "hover"),
        ("quiet", "hover"),
        ("on_accent", "accent"),
        ("accent", "accent_soft"),
    ]
    pairs += [("quiet", "evidence_soft"), ("accent", "refusal_soft"), ("refusal", "refusal_soft"), ("good", "surface")]
    pairs += [("bad", "surface"), ("evidence", "window"), ("surface", "evidence"), ("quiet", "refusal_soft")]
    weak = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("dark", [False, True])
def test_focus_rings_and_edges_of_controls_stand_out(dark: bool) -> None:
    colours = tokens(dark)
    pairs = [(line, ground) for line in ("focus", "control") for ground in ("window", "surface")]
    assert [pair for pair in pairs if contrast(colours[pair[0]], colours[pair[1]]) < 3] == []


def test_both_themes_have_the_same_roles() -> None:
    assert tokens(dark=False).keys() == tokens(dark=True).keys()


def test_the_style_sheet_has_no_gap() -> None:
    assert "@" not in re.sub(r"/\*.*?\*/", "", style_sheet(tokens(dark=False), 10), flags=re.DOTALL)


@pytest.mark.parametrize("name", sorted(path.stem for path in (STYLE / "icons").glob("*.svg")))
def test_every_icon_draws_something(name: str, qapp: QApplication) -> None:
    image = icon_pixmap(name, "#000000", 24).toImage()
    assert any(image.pixelColor(x, y).alpha() for x in range(image.width()) for y in range(image.height()))


def test_the_theme_changes_while_the_window_is_open(look: Look, qapp: QApplication) -> None:
    look.theme.set_mode("dark")
    assert qapp.palette().window().color().name() == tokens(dark=True)["window"]
    look.theme.set_mode("light")
    assert qapp.palette().window().color().name() == tokens(dark=False)["window"]

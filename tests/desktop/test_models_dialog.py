"""The window and its models: the tuned one is made behind, takes over as the default, and the user's choice wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from agent.merging import file_sha256
from agent.models import resolve_model
from desktop.folders import Folders
from desktop.look import Look
from desktop.tuning import Making
from desktop.view_models.model_rows import AUTO, ModelRow
from desktop.widgets.models_dialog import ModelsDialog
from desktop.window import Window
from tests.agent.adapter_folders import write_base, write_shipped
from tests.desktop.test_tuned_models import ADAPTER, write_pack

STARTER = ModelRow("starter", "SmolLM2", False, "/s.gguf", 98_362_432, ("en",), "apache-2.0", ())
MADE = ModelRow("tuned:demo/a", "SmolLM2 for Demo", True, "/a.gguf", 144_800_000, ("en",), "apache-2.0", ("en",))
WAITING = ModelRow("tuned:demo/b", "Gemma for Demo", True, "", 0, ("en", "ja"), "", ("ja",), "No.", "gemma.gguf")
ROWS = (STARTER, MADE, WAITING)


@pytest.fixture
def dialog(qtbot: QtBot, window: Window, look: Look) -> ModelsDialog:
    dialog = ModelsDialog(look, window)
    dialog.show_models(ROWS, AUTO)
    dialog.show()
    qtbot.waitExposed(dialog)
    return dialog


def test_each_model_shows_size_languages_licence_and_that_it_is_tuned(dialog: ModelsDialog) -> None:
    automatic, starter, made, waiting = dialog.cards
    assert automatic.property("chosen")
    assert "English: SmolLM2 for Demo · Japanese: quotes alone" in automatic.facts.text()
    assert starter.facts.text() == "98 MB · English · apache-2.0 · comes with Tebiki"
    assert made.facts.text() == "145 MB · English · apache-2.0 · default for English"
    assert [card.findChild(object, "tag") is not None for card in dialog.cards] == [False, False, True, True]
    assert "Needs the file gemma.gguf" in waiting.facts.text()
    dialog.close()


def test_a_click_or_space_chooses_and_what_is_not_made_can_not_be_chosen(dialog: ModelsDialog, qtbot: QtBot) -> None:
    chosen: list[str] = []
    dialog.chosen.connect(chosen.append)
    _, starter, made, waiting = dialog.cards
    qtbot.mouseClick(waiting, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(made, Qt.MouseButton.LeftButton)
    qtbot.keyClick(starter, Qt.Key.Key_Space)
    qtbot.keyClick(starter, Qt.Key.Key_Space)
    assert chosen == ["tuned:demo/a", "starter"]
    assert [bool(card.property("chosen")) for card in dialog.cards] == [False, True, False, False]
    dialog.close()


def test_progress_shows_on_the_card_of_the_model_that_is_made(dialog: ModelsDialog, look: Look) -> None:
    dialog.show_models((STARTER, ModelRow("tuned:demo/a", "Small", True, "", 0, ("en",), "", ())), AUTO)
    dialog.show_progress(Making("Small", 30, 120))
    card = dialog.cards[2]
    assert (card.bar.value(), card.bar.maximum()) == (30, 120)
    assert not card.bar.isHidden()
    assert "25 %" in card.facts.text()
    assert dialog.cards[1].bar.isHidden()
    dialog.close()


Open = Callable[..., Window]


@pytest.fixture
def kept() -> list[tuple[str, str | Sequence[str]]]:
    """What is saved in the settings."""
    return []


@pytest.fixture
def started(qtbot: QtBot, look: Look, folders: Folders, kept: list[tuple[str, str | Sequence[str]]]) -> Open:
    """Open and start a window on these folders, with this model chosen."""

    def make(model: str = AUTO, bases: Sequence[Path] = ()) -> Window:
        save = lambda name, value: kept.append((name, value))  # noqa: E731
        window = Window(look, folders, model=model, bases=bases, save_setting=save)
        qtbot.addWidget(window)
        window._embedding_tried = True
        window.show()
        window.start()
        return window

    return make


def small_pack(folders: Folders, base: Path) -> None:
    """A pack with an adapter for the small base `base`."""
    table = ADAPTER.replace('base = "starter"', f'base = "tiny.gguf"\nsha256 = "{file_sha256(base)}"')
    pack = write_pack(folders.domains, table)
    write_shipped(pack / "adapters" / "small", file_sha256(base))


@pytest.mark.model
def test_a_first_start_makes_the_default_and_goes_over_to_it(qtbot: QtBot, folders: Folders, started: Open) -> None:
    pack = write_pack(folders.domains, ADAPTER)
    sha256 = file_sha256(resolve_model("starter"))
    write_shipped(pack / "adapters" / "small", sha256, width=576, outputs=192, layers=30)
    window = started()
    said: list[str] = []
    window.models.progressed.connect(lambda _: said.append(window.status.model.text()))
    qtbot.waitUntil(lambda: window._model_name == "Small for Demo", timeout=120_000)
    assert any(words.startswith("Preparing Small for Demo: ") for words in said)
    assert window.status.model.text() == "Model: Small for Demo"
    window.ask.ask("What happens to a job whose hold attribute is set?")
    qtbot.waitUntil(lambda: not window.ask.turns[0].state.running, timeout=120_000)
    answer = window.ask.turns[0].state.answer
    assert answer is not None
    assert (answer.model, answer.problem) == ("Small for Demo", "")
    window.ask.ask("保留属性とは何ですか？")
    qtbot.waitUntil(lambda: not window.ask.turns[1].state.running, timeout=120_000)
    japanese = window.ask.turns[1].state.answer
    assert japanese is not None
    assert japanese.model.startswith("SmolLM2-135M-Instruct"), "no pack says that the tuned one is better at Japanese"
    assert "SmolLM2-135M-Instruct" in window.status.model.text()


def test_the_users_choice_wins_over_the_default_and_is_kept(
    qtbot: QtBot, folders: Folders, started: Open, kept: list[tuple[str, str | Sequence[str]]]
) -> None:
    small_pack(folders, write_base(folders.models / "tiny.gguf"))
    window = started("starter")
    qtbot.waitUntil(lambda: bool(list(folders.models.glob("demo.small.*.gguf"))), timeout=60_000)
    qtbot.waitUntil(lambda: window._model_name.startswith("SmolLM2-135M-Instruct"), timeout=60_000)
    window.choose_model()
    dialog = window.models._dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: len(dialog.cards) == 4, timeout=30_000)
    assert [card.row.model for card in dialog.cards if card.property("chosen")] == ["starter"]
    qtbot.mouseClick(dialog.cards[2], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window._model_name == "Small for Demo", timeout=30_000)
    assert kept == [("model", "tuned:demo/small")]
    dialog.close()


def test_a_base_that_the_user_shows_is_kept_and_its_tuned_model_made(
    qtbot: QtBot, folders: Folders, tmp_path: Path, started: Open, kept: list[tuple[str, str | Sequence[str]]]
) -> None:
    base = write_base(tmp_path / "elsewhere" / "tiny.gguf")
    small_pack(folders, base)
    window = started("starter")
    qtbot.waitUntil(lambda: window.models._making.idle, timeout=30_000)
    assert not list(folders.models.glob("*.gguf"))
    window.choose_model()
    dialog = window.models._dialog
    assert dialog is not None
    dialog.base_found.emit(base)
    made = lambda: any(card.row.model == "tuned:demo/small" and card.row.bytes for card in dialog.cards)  # noqa: E731
    qtbot.waitUntil(made, timeout=60_000)
    assert kept == [("base_models", [str(base)])]
    dialog.close()


def test_what_can_not_be_made_is_told_in_the_message_bar_and_the_base_goes_on(
    qtbot: QtBot, folders: Folders, started: Open
) -> None:
    small_pack(folders, write_base(folders.models / "tiny.gguf"))
    write_base(folders.models / "tiny.gguf", seed=7)
    window = started()
    qtbot.waitUntil(window.message.isVisible, timeout=60_000)
    assert "made for another base model than tiny.gguf" in window.message.label.text()
    qtbot.waitUntil(lambda: window._model_name.startswith("SmolLM2-135M-Instruct"), timeout=60_000)


def test_a_file_that_is_no_model_is_refused_and_not_kept(
    qtbot: QtBot, tmp_path: Path, window: Window, kept: list[tuple[str, str | Sequence[str]]]
) -> None:
    (tmp_path / "none.gguf").write_bytes(b"no model")
    window.models.choose(str(tmp_path / "none.gguf"))
    assert "is not a model in GGUF format" in window.message.label.text()
    assert window.models.model == AUTO


def test_closing_the_window_ends_what_is_being_made(qtbot: QtBot, folders: Folders, started: Open) -> None:
    small_pack(folders, write_base(folders.models / "tiny.gguf"))
    window = started("starter")
    window.close()
    assert window.models._making._thread.is_alive() is False
    assert not [path for path in folders.models.glob(".*") if not path.name.endswith((".part", ".part.new"))]

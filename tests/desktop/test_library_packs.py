"""Library packs in the window: written, looked at, trusted, imported; a spoiled one is refused with its reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from desktop.folders import Folders
from desktop.widgets.pack_dialog import PackDialog
from desktop.window import Window
from index.importing import import_manuals
from index.library import Library
from index.library_pack import export_pack
from index.signing import KeyRing

LONG = 60_000


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack by somebody else, of a manual that the window's library does not hold."""
    manual = tmp_path / "elsewhere" / "day-watch"
    manual.mkdir(parents=True)
    (manual / "start.md").write_text("# Starting\n\nThe day begins with startd.\n", encoding="utf-8")
    library, file = tmp_path / "elsewhere" / "library", tmp_path / "day.tebiki"
    import_manuals(library, [manual], progress=lambda _: None, cancelled=lambda: False)
    export_pack(library, file, KeyRing(tmp_path / "elsewhere" / "keys"), name="Day watch")
    return file


@pytest.fixture
def page(window: Window) -> Window:
    window._embedding_tried = True
    window.show_library()
    window.library.refresh()
    return window


def dialog_of(window: Window, qtbot: QtBot) -> PackDialog:
    qtbot.waitUntil(lambda: window.library.findChild(PackDialog) is not None, timeout=LONG)
    found = window.library.findChild(PackDialog)
    assert isinstance(found, PackDialog)
    return found


def test_a_pack_of_somebody_new_shows_the_fingerprint_and_is_imported_when_confirmed(
    page: Window, pack: Path, qtbot: QtBot
) -> None:
    page.library.import_paths([pack])
    dialog = dialog_of(page, qtbot)
    signer = KeyRing(pack.parent / "elsewhere" / "keys").own_signer()
    assert dialog.fingerprint.text() == signer.fingerprint
    assert "same" in dialog.yes.text()
    dialog.yes.click()
    qtbot.waitUntil(lambda: page.library.model.rowCount() == 2, timeout=LONG)
    assert "New manuals: 1" in page.message.label.text()
    page.library.import_paths([pack])
    again = dialog_of(page, qtbot)
    assert again.yes.text() == "Import"
    again.reject()


def test_a_pack_that_is_not_confirmed_leaves_the_library_as_it_was(page: Window, pack: Path, qtbot: QtBot) -> None:
    page.library.import_paths([pack])
    dialog_of(page, qtbot).reject()
    qtbot.waitUntil(lambda: page._packing.idle, timeout=LONG)
    assert not (pack.parent / "data" / "keys" / "trusted-signers.json").exists()
    with Library.open(pack.parent / "library") as library:
        assert library.counts.manuals == 1


def test_a_spoiled_pack_is_refused_in_the_message_bar(page: Window, pack: Path, qtbot: QtBot) -> None:
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.write_bytes(content)
    page.library.import_paths([pack])
    dialog_of(page, qtbot).yes.click()
    qtbot.waitUntil(page.message.isVisible, timeout=LONG)
    qtbot.waitUntil(lambda: "damaged" in page.message.label.text(), timeout=LONG)
    assert str(pack) in page.message.label.text()


def test_the_library_is_written_to_a_pack_and_the_fingerprint_is_told(
    page: Window, folders: Folders, tmp_path: Path, qtbot: QtBot
) -> None:
    page.library.packs.export_to(tmp_path / "mine.tebiki")
    qtbot.waitUntil(lambda: page.library.findChild(QMessageBox) is not None, timeout=LONG)
    box = page.library.findChild(QMessageBox)
    assert isinstance(box, QMessageBox)
    assert KeyRing(folders.keys).own_signer().fingerprint in box.informativeText()
    assert (tmp_path / "mine.tebiki").is_file()
    box.close()


def test_the_menu_offers_packs_and_no_export_of_nothing(page: Window, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.library.model.rowCount() == 1, timeout=LONG)
    offered: Callable[[], list[tuple[str, bool]]] = lambda: [  # noqa: E731
        (action.text(), action.isEnabled()) for action in page.library._more_menu().actions()
    ]
    assert ("Import a pack …", True) in offered()
    assert ("Write all manuals to a pack …", True) in offered()
    page.library.model.show_manuals(())
    assert ("Write all manuals to a pack …", False) in offered()

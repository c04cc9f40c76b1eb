"""What the window's tests share: a look, a small real library, and a check that no test leaves a widget behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from desktop.folders import Folders
from desktop.look import Look
from desktop.texts import Texts
from desktop.theme import Theme
from desktop.window import Window
from index.importing import import_manuals
from index.packs import Pack, Sample

PAGES = {
    "hold.md": "# Holding a job\n\nA job whose hold attribute is set waits until the operator releases it with relq.\n",
    "ports.md": (
        "# Port numbers\n\n## Ports of the manager\n\nOpen these ports.\n\n"
        "| Port | Service | Use |\n| --- | --- | --- |\n"
        "| 24680/tcp | nwevent | The event service listens on it. |\n| 24681/tcp | nwadmin | Administration. |\n"
    ),
    "保留.md": "# ジョブの保留\n\n保留属性が設定されたジョブは、オペレーターが relq で解除するまで待機します。\n",
}


@pytest.fixture(scope="session")
def looks(qapp: QApplication) -> Look:
    return Look(Texts("en"), Theme(qapp, "light"))


@pytest.fixture
def look(looks: Look) -> Iterator[Look]:
    """English and light at the start of each test."""
    yield looks
    looks.texts.set_language("en")
    looks.theme.set_language("en")
    looks.theme.set_mode("light")


@pytest.fixture(scope="session")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small manual in two languages."""
    folder = tmp_path_factory.mktemp("files") / "night-watch"
    folder.mkdir()
    for name, text in PAGES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def imported(manual: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("libraries") / "library"
    import_manuals(folder, [manual], progress=lambda _: None, cancelled=lambda: False)
    return folder


@pytest.fixture
def folders(imported: Path, tmp_path: Path) -> Folders:
    """Folders of a test's own: a copy of the small library, empty data, no packs."""
    shutil.copytree(imported, tmp_path / "library")
    return Folders(tmp_path / "library", tmp_path / "data", tmp_path / "domains")


PACK = Pack(
    "night-watch",
    {"en": "Night Watch"},
    "Night Watch",
    Path(),
    (Path("primer"),),
    (),
    (Sample("en", "What does the hold attribute do?"), Sample("ja", "保留属性とは何ですか？")),
)


@pytest.fixture
def open_window(qtbot: QtBot, look: Look, folders: Folders) -> Callable[[], Window]:
    """Open the window on the small library, without a model (nothing is started)."""

    def make() -> Window:
        window = Window(look, folders, packs=[PACK])
        qtbot.addWidget(window)
        window.show()
        qtbot.waitExposed(window)
        return window

    return make


@pytest.fixture
def window(open_window: Callable[[], Window]) -> Window:
    return open_window()


@pytest.fixture(autouse=True)
def no_widget_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A widget that outlives its test is a crash in a later one."""
    yield
    application = QApplication.instance()
    if application is None:
        return
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()
    left: list[QWidget] = QApplication.topLevelWidgets()
    assert not left, f"{request.node.name} left {left}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every Qt warning fails a test; these say only what Qt's offscreen platform can't do."""
    for item in items:
        if "desktop" in item.path.parts:
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support .*", extend=True))

"""Library packs in the window: one is chosen, looked at and imported, or written from what the library holds."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from desktop.folders import Folders
from desktop.look import Look
from desktop.tasks import Lane
from desktop.widgets.pack_dialog import PackDialog
from index.library_pack import SUFFIX, PackContents, PackReport, contents_of, export_pack, import_pack
from index.sealed import Sealed
from index.signing import KeyRing


class LibraryPacks(QObject):
    """What the library page does with packs, each in the background. `changed`: the library holds something else."""

    changed = Signal()
    problem = Signal(str)
    working = Signal(str)
    done = Signal(str)

    def __init__(self, look: Look, folders: Folders, lane: Lane, page: QWidget) -> None:
        super().__init__(page)
        self._look, self._folders, self._lane, self._page = look, folders, lane, page
        self._keys = KeyRing(folders.keys)

    def choose(self) -> None:
        """Let the user choose a pack to import."""
        dialog = QFileDialog(self._page, self._look.texts("packs.choose"), "", f"{self._kind()} (*{SUFFIX})")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self.look_into(Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def look_into(self, pack: Path) -> None:
        """Check a pack and ask whether to import it."""
        keys = self._keys

        def read(_: object) -> tuple[PackContents, bool]:
            contents = contents_of(Sealed.open(pack))
            return contents, keys.accepts(contents.signer)

        self._lane.run(read, done=lambda found: self._ask(pack, *found), failed=self._trouble)

    def export(self) -> None:
        """Let the user name a file, and write the whole library to it."""
        dialog = QFileDialog(self._page, self._look.texts("packs.save"), "", f"{self._kind()} (*{SUFFIX})")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(SUFFIX.removeprefix("."))
        dialog.fileSelected.connect(lambda name: self.export_to(Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def export_to(self, pack: Path) -> None:
        """Write the whole library to this file."""
        library, keys = self._folders.library, self._keys
        self.working.emit(self._look.texts("packs.writing", name=pack.name))
        self._lane.run(lambda _: export_pack(library, pack, keys), done=self._written, failed=self._trouble)

    def _ask(self, pack: Path, contents: PackContents, trusted: bool) -> None:
        dialog = PackDialog(self._look, self._page, contents, trusted=trusted)
        dialog.confirmed.connect(lambda: self._import(pack, contents))
        dialog.open()

    def _import(self, pack: Path, contents: PackContents) -> None:
        library, keys, trust = self._folders.library, self._keys, contents.signer.fingerprint
        self.working.emit(self._look.texts("packs.reading", name=contents.name))
        self._lane.run(
            lambda _: import_pack(library, pack, keys, trust=trust), done=self._imported, failed=self._trouble
        )

    def _imported(self, report: PackReport) -> None:
        key = "packs.imported" if report.added or report.replaced else "packs.nothing_new"
        self.done.emit(self._look.texts(key, added=report.added, replaced=report.replaced, unchanged=report.unchanged))
        self.changed.emit()

    def _written(self, contents: PackContents) -> None:
        """Say that it is done, with the fingerprint to pass on, until it was read."""
        texts, box = self._look.texts, QMessageBox(self._page)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle(texts("packs.title"))
        box.setText(texts("packs.written", manuals=len(contents.manuals), size=f"{contents.bytes / 1e6:,.1f}"))
        box.setInformativeText(texts("packs.tell", fingerprint=contents.signer.fingerprint))
        box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        box.addButton(texts("packs.ok"), QMessageBox.ButtonRole.AcceptRole)
        self.done.emit(box.text())
        box.open()

    def _trouble(self, error: BaseException) -> None:
        self.problem.emit(self._look.sentence(error))

    def _kind(self) -> str:
        return self._look.texts("packs.kind")

"""Which model answers, as the window knows it: tuned models are made in the background, and the user may choose.

The engine is started with what is there; a tuned model that is the default takes its place when it is made. What the
user chooses is kept in the settings and wins over every default.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from agent.errors import ModelUnreadable
from agent.gguf import read_gguf_header
from desktop.answering import Answering
from desktop.folders import Folders
from desktop.look import Look
from desktop.tasks import Lane
from desktop.tuning import Making, Outcome, adapters, make_in_child
from desktop.view_models.model_rows import ModelRow, rows
from desktop.widgets.models_dialog import ModelsDialog

log = logging.getLogger(__name__)

Save = Callable[[str, str | Sequence[str]], None]


class ModelChoice(QObject):
    """`progressed` carries a Making, `named` the name of the model that answers from now on ("" for none), `problem` a
    sentence. `bases` are files that tuned models may be made from; `reading` and `asking` are the window's lanes."""

    progressed = Signal(object)
    named = Signal(str)
    problem = Signal(str)

    def __init__(
        self,
        look: Look,
        folders: Folders,
        answering: Answering,
        lanes: tuple[Lane, Lane],
        model: str,
        bases: Sequence[Path],
        save: Save,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._look, self._folders, self._answering = look, folders, answering
        self._reading, self._asking = lanes
        self._making = Lane("making", self)
        self._bases, self._save = list(bases), save
        self._dialog: ModelsDialog | None = None
        self.model = model

    def make(self) -> None:
        """Make the tuned models that are missing and whose bases are here, in a child process at low priority."""
        folders, bases = self._folders, list(self._bases)
        self._making.run(
            lambda task: make_in_child(
                folders, bases, adapters(folders), on_progress=task.tell, cancelled=task.stopped
            ),
            event=self._progress,
            done=self._made,
            failed=lambda error: self._made(Outcome((), (self._look.sentence(error),))),
        )

    def choose(self, model: str) -> None:
        """Answer with this model from now on, and keep the choice; a file that is no model is refused."""
        path = Path(model)
        if path.suffix == ".gguf":
            try:
                read_gguf_header(path)
            except ModelUnreadable as error:
                self.problem.emit(str(error))
                return
            self.add_base(path, keep=False)  # it may be one that an adapter waits for
        self.model = model
        self._save("model", model)
        answering = self._answering
        self._asking.run(lambda _: answering.choose(model), done=lambda _: self.tell_name())
        self._refresh()

    def add_base(self, path: Path, *, keep: bool = True) -> None:
        """Make tuned models from this file too."""
        if path not in self._bases:
            self._bases.append(path)
            if keep:
                self._save("base_models", [str(base) for base in self._bases])
        self.make()

    def tell_name(self) -> None:
        """Say which model answers at present."""
        self.named.emit(self._answering.model_name())

    def open(self, parent: QWidget) -> None:
        """Show the models to choose from."""
        self._dialog = dialog = ModelsDialog(self._look, parent)
        dialog.chosen.connect(self.choose)
        dialog.base_found.connect(self.add_base)
        dialog.finished.connect(self._closed)
        dialog.open()
        self._refresh()

    def close(self) -> None:
        """End what is being made; it is made at the next start."""
        self._making.close()

    def _closed(self, _: int) -> None:
        self._dialog = None

    def _refresh(self) -> None:
        folders, bases, model = self._folders, list(self._bases), self.model
        if self._dialog is not None:
            self._reading.run(lambda _: rows(folders, bases, model), done=self._show)

    def _show(self, found: Sequence[ModelRow]) -> None:
        if self._dialog is not None:
            self._dialog.show_models(found, self.model)

    def _progress(self, making: Making) -> None:
        self.progressed.emit(making)
        if self._dialog is not None:
            self._dialog.show_progress(making)

    def _made(self, outcome: Outcome) -> None:
        if outcome.problems:
            self.problem.emit(" ".join(outcome.problems))
        answering = self._answering
        if outcome.made:
            log.info("made: %s", ", ".join(outcome.made))
            self._asking.run(lambda _: answering.models_changed(), done=self.named.emit)
            self._refresh()
        elif outcome.problems:
            self.tell_name()
            self._refresh()

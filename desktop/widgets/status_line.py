"""Quiet facts at the bottom edge: what the library holds, which model runs, and that nothing leaves this computer."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy

from desktop.look import Look
from desktop.widgets.controls import Picture, Words


class StatusLine(QFrame):
    """Three facts; `model` and `library` are set with text keys and values."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("status")
        self.library = Words(look, "status.library_opening")
        self.model = Words(look, "status.model_starting")
        self.work = Words(look, "")
        offline = Words(look, "status.offline")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 4, 16, 4)
        row.setSpacing(8)
        row.addWidget(self.library)
        row.addSpacing(14)
        row.addWidget(self.work, 1)
        row.addWidget(self.model)
        row.addSpacing(14)
        row.addWidget(Picture(look, "offline", "good", 15))
        row.addWidget(offline)
        for words in (self.library, self.model, self.work, offline):
            words.setWordWrap(False)
        # In a narrow window the least lasting of the facts is cut, not the last of them.
        self.work.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

"""The empty conversation: what this is, and sample questions of the domain packs to click."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from desktop.look import Look
from desktop.widgets.controls import Picture, Words
from index.packs import Sample

MOST = 5


class Welcome(QWidget):
    """`chosen` carries the sample question that was clicked."""

    chosen = Signal(str)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._samples: Sequence[Sample] = ()
        self.chips: list[QPushButton] = []
        centre = Qt.AlignmentFlag.AlignHCenter
        title = Words(look, "ask.welcome", "title")
        title.setAlignment(centre)
        self.intro = Words(look, "ask.intro", "quiet")
        self.intro.setAlignment(centre)
        self._caption = Words(look, "ask.samples", "caption")
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 24, 16)
        layout.setSpacing(10)
        layout.addStretch(3)
        layout.addWidget(Picture(look, "tebiki", "accent", 48), 0, centre)
        layout.addWidget(title)
        layout.addWidget(self.intro)
        layout.addSpacing(18)
        layout.addWidget(self._caption, 0, centre)
        layout.addLayout(self._rows)
        layout.addStretch(4)
        look.texts.changed.connect(self._fill)
        self._fill()

    def show_samples(self, samples: Sequence[Sample]) -> None:
        """Offer these questions; those in the window's language are shown."""
        if list(samples) != list(self._samples):
            self._samples = samples
            self._fill()

    def _fill(self) -> None:
        for chip in self.chips:
            self._rows.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        fitting = [one for one in self._samples if one.language == self._look.texts.language][:MOST]
        self.chips = []
        for sample in fitting:
            chip = QPushButton(sample.question)
            chip.setProperty("role", "chip")
            chip.setCursor(Qt.CursorShape.PointingHandCursor)
            chip.clicked.connect(lambda _=False, question=sample.question: self.chosen.emit(question))
            self._rows.addWidget(chip, 0, Qt.AlignmentFlag.AlignHCenter)
            self.chips.append(chip)
        self._caption.setVisible(bool(fitting))

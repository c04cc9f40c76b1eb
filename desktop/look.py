"""What every widget is given to look and speak right: the texts and the theme in force."""

from __future__ import annotations

from dataclasses import dataclass

from desktop.texts import Texts
from desktop.theme import Theme


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The catalogue and the theme; both say `changed` when the user chose another."""

    texts: Texts
    theme: Theme

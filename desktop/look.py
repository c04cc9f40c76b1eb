"""What every widget is given to look and speak right: the texts and the theme in force."""

from __future__ import annotations

from dataclasses import dataclass

from desktop.texts import Texts
from desktop.theme import Theme
from index.errors import TebikiError


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The catalogue and the theme; both say `changed` when the user chose another."""

    texts: Texts
    theme: Theme

    def sentence(self, error: BaseException) -> str:
        """What to tell the user of an error: its own sentence, or that the program is at fault."""
        if isinstance(error, TebikiError):
            return str(error)
        return self.texts("error.unexpected", error=f"{type(error).__name__}: {error}")

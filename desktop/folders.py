"""Where Tebiki keeps its things: the library, the user's data, and the domain packs that came with the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

PROGRAM = Path(__file__).resolve().parent.parent
"""The folder that holds the packages; `domains/` lies beside them, in a checkout and in an installed wheel alike."""


@dataclass(frozen=True, slots=True)
class Folders:
    """`library` holds library.sqlite and what is derived from it; `data` holds chats.sqlite, logs, tuned models and
    what the engine keeps for its next start;
    `domains` holds the domain packs and is only read."""

    library: Path
    data: Path
    domains: Path

    @property
    def keys(self) -> Path:
        """Holds the key that signs library packs, and whose packs are accepted."""
        return self.data / "keys"

    @property
    def models(self) -> Path:
        """Holds tuned models: those that the first start makes, and what the user puts there."""
        return self.data / "models"

    @property
    def engine(self) -> Path:
        """Holds what the engine keeps for its next start: measured threads, beginnings of prompts; made anew."""
        return self.data / "engine"


def default_data() -> Path:
    """The platform's folder for this user's application data (on Linux `$XDG_DATA_HOME/tebiki`); not made here."""
    return Path(platformdirs.user_data_dir("tebiki", appauthor=False))


def packaged_domains() -> Path:
    """The domain packs that came with the program."""
    return PROGRAM / "domains"

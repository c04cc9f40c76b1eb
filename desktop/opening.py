"""Opens the library with what the domain packs know: all commands and the window's lanes come through here.

Comes in: the folders. Goes out: an open `Library` whose searches know the packs' glossaries.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from desktop.folders import Folders
from index.errors import PackInvalid

if TYPE_CHECKING:
    from index.glossary import Glossary
    from index.library import Library

log = logging.getLogger(__name__)


def open_library(folders: Folders, *, mend: bool = True) -> Library:
    """The library in `folders.library`. Raises what `Library.open` raises.

    A pack that is not valid costs its glossary, not the search; it is named in the log.
    """
    from index.library import Library

    return Library.open(folders.library, glossary=glossary(folders), mend=mend)


def glossary(folders: Folders) -> Glossary:
    """The glossaries of all domain packs in one."""
    from index.glossary import Glossary, load_glossary, merged
    from index.packs import list_packs

    try:
        return merged(load_glossary(pack.glossary) for pack in list_packs(folders.domains) if pack.glossary)
    except PackInvalid as problem:
        log.warning("searching without glossaries: %s", problem)
        return Glossary()

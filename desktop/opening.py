"""Opens the library with what the domain packs know: all commands and the window's lanes come through here.

Comes in: the folders. Goes out: an open `Library` whose searches know the glossaries of the products
whose manuals it holds.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from desktop.folders import Folders
from index.errors import PackInvalid

if TYPE_CHECKING:
    from index.glossary import Glossary
    from index.library import Library
    from index.records import Manual

log = logging.getLogger(__name__)


def open_library(folders: Folders, *, mend: bool = True) -> Library:
    """The library in `folders.library`. Raises what `Library.open` raises.

    A pack that is not valid costs its glossary, not the search; it is named in the log.
    """
    from index.library import Library

    library = Library.open(folders.library, mend=mend)
    library.use_glossary(glossary(folders, library.manuals()))
    return library


def glossary(folders: Folders, manuals: Sequence[Manual]) -> Glossary:
    """The glossaries, in one, of the domain packs that are of use with these manuals: what one product calls a thing
    has no say in a search of another's."""
    from index.glossary import Glossary, load_glossary, merged
    from index.packs import list_packs, of_use

    try:
        packs = of_use(list_packs(folders.domains), manuals)
        return merged(load_glossary(pack.glossary) for pack in packs if pack.glossary)
    except PackInvalid as problem:
        log.warning("searching without glossaries: %s", problem)
        return Glossary()

"""Opens a Whoosh index as data: nothing that its files name is run.

Whoosh writes its files as pickles, and reading a pickle calls whatever function it names. A library may come from
another person, so here Whoosh is given a way to read pickles that knows only the few names which Whoosh itself writes;
any other makes the index a broken one, and a broken index is made anew from the store.

Comes in: a folder. Goes out: Whoosh's index in it. Every module of the program that opens one does so here.
"""

from __future__ import annotations

import io
import pickle
from collections import defaultdict
from typing import IO, Any

import whoosh.index
from whoosh import columns, formats
from whoosh.codec import whoosh3
from whoosh.filedb import structfile


def open_index(folder: str, schema: Any, *, readonly: bool = False) -> Any:
    """The index in `folder`. `schema` is the one it was made with: the one in the file is passed over.

    Raises whatever Whoosh raises for files that are missing or broken, now or when they are read.
    """
    return whoosh.index.open_dir(folder, schema=schema, readonly=readonly)


def _bytes(text: str, charset: str) -> bytes:
    """What the second protocol calls to make bytes; it could be asked for any codec, and is not."""
    if charset != "latin1":
        raise pickle.UnpicklingError(f"A Whoosh file wants its bytes from {charset!r}.")
    return text.encode("latin-1")


_KNOWN: dict[tuple[str, str], Any] = {
    ("whoosh.codec.whoosh3", "W3Codec"): whoosh3.W3Codec,
    ("whoosh.codec.whoosh3", "W3Segment"): whoosh3.W3Segment,
    ("collections", "defaultdict"): defaultdict,
    ("builtins", "int"): int,
    ("_codecs", "encode"): _bytes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"A Whoosh file names {module}.{name}, which Whoosh never writes.") from None


def _load(file: IO[bytes]) -> Any:
    return _Unpickler(file).load()


def _loads(data: bytes) -> Any:
    return _Unpickler(io.BytesIO(data)).load()


# Each module took pickle's functions under a name of its own. The schema, which Whoosh reads with pickle itself, is
# never read (see `open_index`).
structfile.load = _load
for _module in (whoosh3, columns, formats):
    _module.loads = _loads

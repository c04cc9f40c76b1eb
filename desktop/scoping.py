"""The options that keep a search to some manuals, and the `Scope` that they name. What names nothing is an error that
says what there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from index.errors import TebikiError
from index.records import Language, Manual, Scope

if TYPE_CHECKING:
    from index.library import Library

ManualsOption = Annotated[
    list[str] | None,
    typer.Option("--manual", metavar="ID|TITLE", help="Only this manual; can be given more than once."),
]
ProductOption = Annotated[
    str, typer.Option("--product", metavar="NAME", help="Only this product's manuals.", show_default=False)
]
VersionOption = Annotated[
    str, typer.Option("--version", metavar="VERSION", help="Only manuals of this version.", show_default=False)
]
LanguageOption = Annotated[
    Language | None, typer.Option("--language", help="Only what is written in this language.", show_default=False)
]

SHOWN = 12
"""Names that an error lists at the most."""


class NotInLibrary(TebikiError):
    """The library has no manual, product or version of that name."""


def scope_of(
    library: Library,
    manuals: Sequence[str] | None,
    product: str = "",
    version: str = "",
    language: Language | None = None,
) -> Scope:
    """The scope that the options name. Raises NotInLibrary, with what there is."""
    from index.versions import in_scope

    if not (manuals or product or version):
        return Scope(language=language)
    held = library.manuals()
    ids = frozenset(id_ for name in manuals or () for id_ in _named(held, name))
    for part, value in ((Scope(product=product), product), (Scope(version=version), version)):
        if value and not in_scope(held, part):
            what = "product" if part.product else "version"
            there = sorted({getattr(manual, what) for manual in held} - {""})
            raise NotInLibrary(f'No manual in the library is of {what} "{value}"; there {_listed(there)}.')
    scope = Scope(ids, product, version, language)
    if not in_scope(held, scope):
        chosen = [manual for manual in held if manual.id in ids] or held
        raise NotInLibrary(f"No manual is all of that at once; there {_listed(map(_described, chosen))}.")
    return scope


def _named(held: Sequence[Manual], name: str) -> list[int]:
    """The manuals of an id or a title; part of a title does where only one book has it."""
    if name.isdecimal():
        found = [manual for manual in held if manual.id == int(name)]
        if found:
            return [found[0].id]
    wanted = name.strip().casefold()
    exact = [manual.id for manual in held if manual.title.casefold() == wanted]
    if exact:
        return exact
    part = [manual for manual in held if wanted and wanted in manual.title.casefold()]
    if len({manual.title for manual in part}) == 1:
        return [manual.id for manual in part]
    raise NotInLibrary(
        f'{"Several manuals are" if part else "The library holds no manual"} called "{name}"; '
        f"there {_listed(map(_described, part or held))}."
    )


def _described(manual: Manual) -> str:
    version = f", version {manual.version}" if manual.version else ""
    return f"{manual.id} {manual.title} ({manual.language}{version})"


def _listed(names: Iterable[str]) -> str:
    """ "is A", "are A, B and C", at most SHOWN of them."""
    all_ = list(names)
    if not all_:
        return "is none that says so"
    more = f" and {len(all_) - SHOWN} more" if len(all_) > SHOWN else ""
    return ("is " if len(all_) == 1 else "are ") + "; ".join(all_[:SHOWN]) + more

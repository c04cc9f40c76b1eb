"""`tebiki search QUERY`: passages, best first."""

from __future__ import annotations

from typing import Annotated

import typer

from desktop.contract import hit_json
from desktop.first_start import default_library_ready
from desktop.opening import open_library
from desktop.scoping import LanguageOption, ManualsOption, ProductOption, VersionOption, scope_of
from desktop.terminal import JsonOption, LibraryOption, print_json, say, settings_and_folders


def command(
    query: Annotated[str, typer.Argument(help="Words, a question, a message ID, a command, a path.")],
    library: LibraryOption = None,
    top: Annotated[int, typer.Option("--top", min=1, max=1000, help="How many hits at the most.")] = 10,
    manual: ManualsOption = None,
    product: ProductOption = "",
    version: VersionOption = "",
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search the library by words and by meaning; a name (a message ID, an option) leads to its entry."""
    _, folders = settings_and_folders(library)
    if library is None:
        default_library_ready(folders)
    with open_library(folders) as opened:
        scope = scope_of(opened, manual, product, version, language)
        hits = opened.search(query, top, scope=scope)
        meant = opened.suggest(query)
    if meant is not None:
        say(f"Did you mean: {meant}")
    if as_json:
        print_json([hit_json(hit) for hit in hits])
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    if not hits:
        console.print("Nothing found.")
    for rank, hit in enumerate(hits, 1):
        passage = hit.passage
        page = f", page {passage.page}" if passage.page else ""
        console.print(Text(f"{rank:2d}. {' > '.join(passage.heading) or passage.source}", style="bold"))
        console.print(Text(f"    {passage.manual}: {passage.source}{page}   {hit.score:.3f}", style="dim"))
        console.print(Text("    " + " ".join(passage.text.split())[:300]))

"""`tebiki search QUERY`: passages, best first."""

from __future__ import annotations

from typing import Annotated

import typer

from desktop.contract import hit_json
from desktop.first_start import default_library_ready
from desktop.terminal import JsonOption, LibraryOption, print_json, settings_and_folders


def command(
    query: Annotated[str, typer.Argument(help="Words, a question, a message ID, a command, a path.")],
    library: LibraryOption = None,
    top: Annotated[int, typer.Option("--top", min=1, max=1000, help="How many hits at the most.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Search the library by words and by meaning."""
    from index.library import Library

    _, folders = settings_and_folders(library)
    if library is None:
        default_library_ready(folders)
    with Library.open(folders.library) as opened:
        hits = opened.search(query, top)
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

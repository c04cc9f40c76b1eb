"""`tebiki library export|import|key`: a library as one signed file, for sites without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from desktop.contract import pack_json, pack_report_json
from desktop.terminal import JsonOption, LibraryOption, print_json, say, settings_and_folders


def register(app: typer.Typer) -> None:
    """Add these verbs to `tebiki library`."""
    app.command("export")(export_command)
    app.command("import")(import_command)
    app.command("key")(key_command)


def export_command(
    pack: Annotated[Path, typer.Argument(metavar="PACK", help="The file to write, such as manuals.tebiki.")],
    manual: Annotated[
        list[int] | None, typer.Option("--manual", metavar="ID", help="Only this manual; may be given several times.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What the pack is called; else the file's name.")] = "",
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the library, with its search index and embeddings, to one signed file that others import in seconds."""
    from index.library_pack import export_pack
    from index.signing import KeyRing

    _, folders = settings_and_folders(library)
    made = export_pack(folders.library, pack, KeyRing(folders.keys), name=name, manuals=frozenset(manual or ()))
    if as_json:
        print_json(pack_json(made))
        return
    print(f"Written: {pack} ({len(made.manuals)} manuals, {made.passages} passages, {made.bytes / 1e6:.1f} MB).")
    say(f"Signed with the key {made.signer.fingerprint}\nTell it to those who import the pack.")


def import_command(
    pack: Annotated[Path, typer.Argument(metavar="PACK", help="A file made by 'tebiki library export'.")],
    trust: Annotated[
        str, typer.Option("--trust", metavar="FINGERPRINT", help="Accept packs signed with this key from now on.")
    ] = "",
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load the manuals of a pack; a pack that was changed, or whose signer is not trusted, is refused."""
    from index.library_pack import import_pack
    from index.signing import KeyRing

    _, folders = settings_and_folders(library)
    report = import_pack(folders.library, pack, KeyRing(folders.keys), trust=trust)
    if as_json:
        print_json(pack_report_json(report))
        return
    print(
        f"Done: {report.added} manuals added, {report.replaced} replaced, {report.unchanged} there already, in "
        f"{report.seconds:.1f} s; the library holds {report.passages} passages, {report.embedded} of them embedded."
    )


def key_command(as_json: JsonOption = False) -> None:
    """The fingerprint of the key that signs packs here; made at the first use."""
    from index.signing import KeyRing

    _, folders = settings_and_folders(None)
    signer = KeyRing(folders.keys).own_signer()
    if as_json:
        print_json({"fingerprint": signer.fingerprint, "key": signer.key.hex()})
    else:
        print(signer.fingerprint)

"""`tebiki models`: which models there are to choose from, and making the tuned ones of the packs' adapters."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.errors import ModelUnreadable, TunedModelNotMade
from desktop.terminal import DataOption, JsonOption, print_json, say, settings_and_folders
from desktop.tuning import base_files, standing
from index.errors import TebikiError

if TYPE_CHECKING:
    from agent.models import ModelCard
    from desktop.folders import Folders

app = typer.Typer(help="The models that word answers: list them, make the tuned ones.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model as a list shows it. `model` is what `--model` and the setting take, `bytes` the file's size (0 where
    there is none yet), `problem` why it can't be used, "" also where it is just not made yet; `needs_base` names
    the file that it would be made from, where that is all it lacks."""

    model: str
    name: str
    tuned: bool
    path: str
    bytes: int
    languages: tuple[str, ...]
    licence: str
    default_for: tuple[str, ...]
    problem: str = ""
    needs_base: str = ""


def rows(folders: Folders, bases: Sequence[Path]) -> list[ModelRow]:
    """The starter, the tuned models of the packs, made or not, and what else lies in the folder of models."""
    from agent.models import card, models_in, read_gguf_header, resolve_model

    found: list[ModelRow] = []
    try:
        found.append(_row("starter", card(read_gguf_header(resolve_model("starter")))))
    except ModelUnreadable as error:
        found.append(ModelRow("starter", "starter", False, "", 0, (), "", (), str(error)))
    states = standing(folders, bases)
    for one in states:
        name, adapter = f"tuned:{one.adapter.id}", one.adapter
        if one.path is not None:
            found.append(_row(name, card(read_gguf_header(one.path))))
            continue
        base = adapter.base if one.needs_base else ""
        found.append(
            ModelRow(name, adapter.name, True, "", 0, adapter.languages, "", adapter.default_for, one.problem, base)
        )
    shipped = {one.adapter.id for one in states}
    found += [_row(str(one.path), one) for one in models_in(folders.models) if one.adapter not in shipped]
    return found


def _row(model: str, about: ModelCard) -> ModelRow:
    return ModelRow(
        model=model,
        name=about.name,
        tuned=bool(about.prompt_format),
        path=str(about.path),
        bytes=about.file_size,
        languages=about.languages,
        licence=about.licence,
        default_for=about.default_for,
    )


@app.command("list")
def list_command(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the models: the starter, the tuned ones, and the GGUF files in the folder of models."""
    settings, folders = settings_and_folders(None, data)
    found = rows(folders, base_files(settings))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        mark = "tuned" if one.tuned else ""
        size = f"{one.bytes / 1e6:,.0f} MB" if one.bytes else "not made"
        default = f", default for {' and '.join(one.default_for)}" if one.default_for else ""
        print(f"{one.name:34} {mark:6} {size:>9}  {' '.join(one.languages):6} {one.licence}{default}")
        print(f"    --model {one.model}" + (f"\n    {one.problem}" if one.problem else ""))


@app.command("make")
def make_command(
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="PACK/ADAPTER", help="Just this one; may be given several times."),
    ] = None,
    base: Annotated[
        list[Path] | None,
        typer.Option("--base", metavar="FILE", help="A base model that is not in the folder of models."),
    ] = None,
    data: DataOption = None,
    progress_json: Annotated[bool, typer.Option("--progress-json", hidden=True)] = False,
    as_json: JsonOption = False,
) -> None:
    """Merge the packs' adapters with those of their bases that are on this machine; nothing is done twice."""
    settings, folders = settings_and_folders(None, data)
    done = list(_made(folders, [*(base or ()), *base_files(settings)], only, _teller(progress_json=progress_json)))
    if as_json:
        print_json(done)
        return
    for row in done:
        print(f"{row['name']}: {row['problem'] or row['path']}")
    if any(row["problem"] for row in done):
        raise TunedModelNotMade(
            f"{sum(bool(row['problem']) for row in done)} of {len(done)} tuned models are not made."
        )


def _made(
    folders: Folders, bases: Sequence[Path], only: list[str] | None, tell: Callable[[str, int, int], None]
) -> Iterator[dict[str, str]]:
    from agent.tuned_models import make, remove_withdrawn
    from index.packs import list_packs

    packs = list_packs(folders.domains)
    shipped = [adapter for pack in packs for adapter in pack.adapters]
    remove_withdrawn(shipped, [pack.id for pack in packs], folders.models)
    for adapter in shipped:
        if only and adapter.id not in only:
            continue
        path, problem = "", ""
        try:
            path = str(make(adapter, folders.models, bases, partial(tell, adapter.name)))
        except TebikiError as error:
            problem = str(error)
        except MemoryError:
            problem = f"There is too little memory free to make {adapter.name}: close other programs and start again."
        yield {"id": adapter.id, "name": adapter.name, "path": path, "problem": problem}


def _teller(*, progress_json: bool) -> Callable[[str, int, int], None]:
    if progress_json:
        return lambda name, done, total: say(json.dumps({"name": name, "done": done, "total": total}))
    return show_progress


def show_progress(name: str, done: int, total: int) -> None:
    """A line on the terminal that counts up to 100 %; without a terminal one line at the beginning."""
    if sys.stderr.isatty():
        print(
            f"\rMaking {name}: {100 * done // total} %", end="\n" if done == total else "", file=sys.stderr, flush=True
        )
    elif done == 1:
        say(f"Making {name} of its adapter and its base, once.")

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

from agent.errors import BaseMissing, TunedModelNotMade
from desktop.terminal import DataOption, JsonOption, print_json, say, settings_and_folders
from desktop.tuning import adapters, base_files, remove_outdated
from desktop.view_models.model_rows import rows
from index.errors import TebikiError

if TYPE_CHECKING:
    from desktop.folders import Folders

app = typer.Typer(help="The models that word answers: list them, make the tuned ones.", no_args_is_help=True)


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
    known = [one.id for one in adapters(folders)]
    if unknown := next((one for one in only or () if one not in known), None):
        mend = f"give one of {', '.join(known)}" if known else "install a pack that ships one"
        raise TunedModelNotMade(f"No pack has an adapter {unknown}: {mend}.")
    done = list(_made(folders, [*(base or ()), *base_files(settings)], only, _teller(progress_json=progress_json)))
    if as_json:
        print_json([asdict(row) for row in done])
    else:
        for row in done:
            print(f"{row.name}: {row.problem or row.path}")
    # One that waits for its base is no failure, unless it was asked for
    failed = [row for row in done if row.problem and (only or not row.waits)]
    if failed:
        raise TunedModelNotMade(f"{len(failed)} of {len(done)} tuned models are not made: {failed[0].problem}")


@dataclass(frozen=True, slots=True)
class _Made:
    """What came of one adapter: the tuned model's file, or why there is none; `waits` for its base alone."""

    id: str
    name: str
    path: str
    problem: str
    waits: bool


def _made(
    folders: Folders, bases: Sequence[Path], only: list[str] | None, tell: Callable[[str, int, int], None]
) -> Iterator[_Made]:
    from agent.tuned_models import make

    remove_outdated(folders)
    for adapter in adapters(folders):
        if only and adapter.id not in only:
            continue
        path, problem, waits = "", "", False
        try:
            path = str(make(adapter, folders.models, bases, partial(tell, adapter.name)))
        except TebikiError as error:
            problem, waits = str(error), isinstance(error, BaseMissing)
        except MemoryError:
            problem = f"There is too little memory free to make {adapter.name}: close other programs and start again."
        yield _Made(adapter.id, adapter.name, path, problem, waits)


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

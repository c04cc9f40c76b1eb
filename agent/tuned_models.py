"""The tuned models of the domain packs on this machine: which exist, and how one is made of adapter and base.

Comes in: the packs' adapters, the folder of models, where bases may lie. Goes out: a GGUF for each adapter whose base
is there, written beside and renamed, under a name that carries a hash of all that it is made of:

    models/jp1.smollm2.3fa9c1d2e4b5.gguf      <pack>.<adapter>.<hash>.gguf

A file of that name is therefore whole and current, and one of the same adapter with another hash is an older one.
Needs neither torch nor llama.cpp, but for forms below eight bits. `agent.models` chooses among what lies there.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent.adapters import AdapterManifest, base_of, read_manifest
from agent.errors import AdapterUnusable, BaseMissing, ModelUnreadable, TunedModelNotMade
from agent.gguf import read_gguf_header
from agent.merging import ADAPTER, CONFIG, file_sha256, merge, read_adapter
from agent.models import ADAPTER_KEY, DEFAULT_KEY, PROMPT_FORMAT_KEY, card, resolve_model
from agent.quantising import Form, quantise
from index.errors import TebikiError
from index.pack_adapters import STARTER, PackAdapter
from index.records import Language

Progress = Callable[[int, int], None]
"""Called with the weights done and all weights."""

_RECIPE = "1"
"""Part of each hash: another number makes every tuned model anew, for when what `make` writes changes."""

_BITS: dict[Form, float] = {"f16": 16, "q8_0": 8.5, "q5_k_m": 6, "q4_0": 5, "q4_k_m": 5}
"""Bits for each weight at the most."""

_SPARE = 64 << 20
"""Bytes that are left free on the disk for what else writes there."""


@dataclass(frozen=True, slots=True)
class TunedModel:
    """A pack's tuned model on this machine. `path` is its file if it is current and whole; else `problem` says why
    there is none, "" if it is just not made yet; `needs_base` where all that is missing is the base's file."""

    adapter: PackAdapter
    path: Path | None
    problem: str = ""
    needs_base: bool = False

    @property
    def makeable(self) -> bool:
        """Whether `make` is worth calling."""
        return self.path is None and not self.problem


def tuned_models(adapters: Sequence[PackAdapter], models: Path, bases: Sequence[Path] = ()) -> list[TunedModel]:
    """How each adapter's tuned model stands. `bases` are files to look for bases among, besides `models`."""
    return [_state(adapter, models, bases) for adapter in adapters]


def _state(adapter: PackAdapter, models: Path, bases: Sequence[Path]) -> TunedModel:
    try:
        path = models / file_name(adapter)
        if _is_whole(path):
            return TunedModel(adapter, path)
        find_base(adapter, models, bases)
    except TebikiError as error:
        return TunedModel(adapter, None, str(error), needs_base=isinstance(error, BaseMissing))
    return TunedModel(adapter, None)


def _is_whole(path: Path) -> bool:
    try:
        read_gguf_header(path)
    except ModelUnreadable:
        return False
    return True


def file_name(adapter: PackAdapter) -> str:
    """The name of the tuned model's file, with the hash of adapter, base and what the file says of itself. Raises
    AdapterUnusable for an adapter that can't be used."""
    try:
        parts = (file_sha256(adapter.folder / ADAPTER), file_sha256(adapter.folder / CONFIG), base_of(adapter))
    except OSError as error:
        raise AdapterUnusable(f"The adapter {adapter.id} can't be read ({error.strerror}): install again.") from error
    said = (
        *parts,
        repr(read_manifest(adapter.folder)),
        adapter.name,
        repr(adapter.languages),
        repr(adapter.default_for),
    )
    digest = hashlib.sha256("\0".join((_RECIPE, *said)).encode()).hexdigest()
    return f"{adapter.id.replace('/', '.')}.{digest[:12]}.gguf"


def find_base(adapter: PackAdapter, models: Path, bases: Sequence[Path] = ()) -> Path:
    """The file that an adapter is merged with: the starter, or the first of its name in `models` or among `bases`.
    Whether it is the very one is looked at when merging. Raises BaseMissing or ModelUnreadable."""
    if adapter.base == STARTER:
        return resolve_model(STARTER)
    for path in (models / adapter.base, *bases):
        if path.name == adapter.base and path.is_file():
            return path
    raise BaseMissing(
        f"{adapter.name} needs the model {adapter.base}, which is not on this machine: choose its file in the list of "
        f"models, or put it into {models}."
    )


def make(
    adapter: PackAdapter, models: Path, bases: Sequence[Path] = (), progress: Progress = lambda done, total: None
) -> Path:
    """The tuned model of an adapter, made unless it is there; older ones of the same adapter go.

    Raises AdapterUnusable (for another base, or not whole), BaseMissing, ModelUnreadable, and TunedModelNotMade where
    the disk is full or can't be written. Nothing half stays under the model's name, whatever ends this process; what
    stays under another goes at the next call.
    """
    path = models / file_name(adapter)
    remove_leftovers(models)
    if not _is_whole(path):
        manifest, base = read_manifest(adapter.folder), find_base(adapter, models, bases)
        part = models / f".{path.stem}.{os.getpid()}.part"
        try:
            models.mkdir(parents=True, exist_ok=True)
            _check_room(adapter, base, manifest.form, models)
            _merge(adapter, manifest, base, part, progress)
            _sync(part)
            part.replace(path)
            _sync(models)
        except OSError as error:
            reason = error.strerror or str(error)
            raise TunedModelNotMade(
                f"{adapter.name} can't be written to {models} ({reason}): make room or let the folder be written."
            ) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    remove_old(adapter, models, path)
    return path


def _merge(adapter: PackAdapter, manifest: AdapterManifest, base: Path, part: Path, progress: Progress) -> None:
    keys: dict[str, str | list[str]] = {
        PROMPT_FORMAT_KEY: manifest.prompt_format,
        ADAPTER_KEY: adapter.id,
        "general.name": adapter.name,
        "general.languages": list(adapter.languages),
    }
    if adapter.default_for:
        keys[DEFAULT_KEY] = list(adapter.default_for)
    matrices = read_adapter(adapter.folder)
    if manifest.form in ("f16", "q8_0"):
        merge(base, matrices, part, storage="f16" if manifest.form == "f16" else "q8_0", keys=keys, progress=progress)
        return
    whole = part.with_name(part.name + ".f16")
    try:
        merge(base, matrices, whole, storage="f16", keys=keys, progress=progress)
        quantise(whole, part, manifest.form)
    finally:
        whole.unlink(missing_ok=True)


def _check_room(adapter: PackAdapter, base: Path, form: Form, models: Path) -> None:
    """Other programs write to this disk too: it is not filled to find out whether it holds the model."""
    bits = _BITS[form] + (0 if form in ("f16", "q8_0") else _BITS["f16"])
    need = int(read_gguf_header(base).parameters * bits / 8) + _SPARE
    free = shutil.disk_usage(models).free
    if free < need:
        raise OSError(errno.ENOSPC, f"{need / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB free")


def _sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk: a power cut must not leave a name without its content."""
    if path.is_dir() and os.name == "nt":
        return  # folders can't be opened there, and renames are written through
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# What goes


def remove_old(adapter: PackAdapter, models: Path, current: Path) -> None:
    """Remove other files of the same adapter. One that is in use and can't be removed goes the next time."""
    for path in _made_of(adapter.id, models):
        if path != current:
            with suppress(OSError):
                path.unlink()


def remove_withdrawn(adapters: Sequence[PackAdapter], packs: Sequence[str], models: Path) -> None:
    """Remove the tuned models of adapters that these packs no longer ship, and those that call themselves the default
    for a language in which their adapter no longer is: nothing may put a new one in their place."""
    kept = {adapter.id: set(adapter.default_for) for adapter in adapters}
    for pack in packs:
        for path in _made_of(f"{pack}/", models):
            default_for = kept.get(f"{pack}/{path.name.split('.')[1]}")
            if default_for is None or not _default_for(path) <= default_for:
                with suppress(OSError):
                    path.unlink()


def _default_for(path: Path) -> set[Language]:
    try:
        return set(card(read_gguf_header(path)).default_for)
    except ModelUnreadable:
        return set()


def _made_of(start: str, models: Path) -> Iterator[Path]:
    """Files in `models` that `make` wrote for an adapter, or for all of a pack where `start` ends in a slash."""
    pack, _, name = start.partition("/")
    pattern = re.compile(rf"{re.escape(pack)}\.{re.escape(name) or '[a-z0-9_-]+'}\.[0-9a-f]{{12}}\.gguf")
    yield from (path for path in sorted(models.glob("*.gguf")) if pattern.fullmatch(path.name))


def remove_leftovers(models: Path) -> None:
    """Remove what processes that were killed left behind; one that runs is left its own."""
    for path in models.glob(".*.part*"):
        number = re.search(r"\.(\d+)\.part", path.name)
        if number and not psutil.pid_exists(int(number[1])):
            with suppress(OSError):
                path.unlink()

"""The merge stage: base and adapter in, one GGUF in f32 out (`merge/model-f32.gguf`), from which `export` goes on.

Everything of the base is kept: metadata, tokenizer, chat template. A base that is a Hugging Face folder is written as
a GGUF first. An adapter of `sft` knows the app's prompt format, and the file says so; one of `cpt` alone does not.
"""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from agent.errors import AdapterUnusable, ModelUnreadable
from agent.merging import ADAPTER, CONFIG, Adapter, Storage, file_sha256, merge, read_adapter
from agent.models import PROMPT_FORMAT_KEY
from agent.prompts import FORMAT
from index.errors import TebikiError
from trainer.base_files import FOLDER_WEIGHTS, base_path, weights_of
from trainer.manifest import NAME as MANIFEST
from trainer.manifest import file_hash, is_current, write_manifest
from trainer.run_config import Run

MERGED = "model-f32.gguf"
LANGUAGES_KEY = "general.languages"


class AdapterMissing(TebikiError):
    """There is no adapter to merge; says which stage makes one."""


class NoRoom(TebikiError):
    """A file of a model can't be written; says where, and how much room it takes."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The adapter that is merged: its folder, and whether it was trained on the app's prompt format."""

    folder: Path
    tuned: bool


@dataclass(frozen=True, slots=True)
class MergeFigures:
    """What was merged: the adapter's folder and its weight pairs, the file's bytes, and the seconds it took."""

    adapter: str
    pairs: int
    tuned: bool
    bytes: int
    seconds: float


def make_merge(run: Run, say: Callable[[str], None]) -> MergeFigures | None:
    """Run the stage; None when what is there is current. Raises AdapterMissing, AdapterUnusable, ModelUnreadable,
    FolderUnusable, NoRoom."""
    folder, chosen, base = run.out / "merge", chosen_adapter(run), base_path(run)
    if not weights_of(base).is_file():
        raise ModelUnreadable(f"There is no {FOLDER_WEIGHTS} in {base}: give a GGUF file, or a folder with weights.")
    inputs = {
        "base": file_hash(weights_of(base)),
        "adapter": {name: file_hash(chosen.folder / name) for name in (CONFIG, ADAPTER)},
        "prompt_format": format_of(chosen.folder) if chosen.tuned else "",
        "settings": run.merge.model_dump(mode="json", exclude={"adapter"}),
    }
    if is_current(folder, inputs) and (folder / MERGED).is_file():
        say(f"merge: {folder} is current.")
        return None
    started = time.monotonic()
    adapter = read_adapter(chosen.folder)
    if not chosen.tuned:
        say("merge: the adapter comes from cpt alone, so the model does not count as tuned on the prompt format.")
    keys: dict[str, str | list[str]] = {PROMPT_FORMAT_KEY: format_of(chosen.folder)} if chosen.tuned else {}
    if run.merge.languages:
        keys[LANGUAGES_KEY] = list(run.merge.languages)
    if base.is_dir():
        say(f"merge: {base} is written as a GGUF first.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        merge_into(folder / MERGED, base, adapter, "f32", keys, _progress(say))
        figures = MergeFigures(
            str(chosen.folder), len(adapter.deltas), chosen.tuned, (folder / MERGED).stat().st_size,
            time.monotonic() - started,
        )  # fmt: skip
        write_manifest(folder, "merge", inputs, asdict(figures))
    except OSError as error:
        raise no_room(folder, error) from error
    say(f"merge: {figures.pairs} weights changed, {figures.bytes // 1_000_000} MB in {folder / MERGED}.")
    return figures


def chosen_adapter(run: Run) -> Chosen:
    """The adapter that the run names, or the one that the last stage of training made. Raises AdapterMissing."""
    trained = [run.out / stage / "adapter" for stage in ("sft", "cpt")]
    for folder in [run.merge.adapter] if run.merge.adapter else trained:
        if (folder / ADAPTER).is_file() and (folder / CONFIG).is_file():
            return Chosen(folder, tuned=folder != trained[1])
    if run.merge.adapter:
        raise AdapterMissing(f"There is no adapter in {run.merge.adapter}: correct merge.adapter, or leave it out.")
    raise AdapterMissing(f"There is no adapter in {trained[0]} nor in {trained[1]}: run the stage sft or cpt first.")


def format_of(adapter: Path) -> str:
    """The prompt format that an adapter was fine-tuned on, as its stage says; today's where it does not."""
    try:
        shown = json.loads((adapter.parent / MANIFEST).read_text(encoding="utf-8"))["inputs"]["shown"]
        return str(shown[0])
    except (OSError, ValueError, LookupError, TypeError):
        return FORMAT


def no_room(folder: Path, error: OSError) -> NoRoom:
    """The sentence for a file that could not be written."""
    cut_off = error.errno is None and "written" in str(error)  # numpy writes less than it should and says no more
    if cut_off or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoRoom(f"There is not enough room for the model in {folder}: make room, and run the stage again.")
    return NoRoom(f"{folder} can't be written ({error.strerror or error}): check that it may be, run again.")


def merge_into(
    path: Path, base: Path, adapter: Adapter | None, storage: Storage, keys: dict[str, str | list[str]],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:  # fmt: skip
    """Write base and adapter as one GGUF to `path`; a base that is a Hugging Face folder becomes a GGUF first.
    Raises AdapterUnusable, ModelUnreadable, FolderUnusable, OSError."""
    if not base.is_dir():
        merge(base, adapter, path, storage=storage, keys=keys, progress=progress)
        return
    from trainer.bases import load_base
    from trainer.folder_gguf import write_folder

    if adapter and adapter.base and adapter.base != file_sha256(weights_of(base)):
        raise AdapterUnusable(
            f"The adapter in {adapter.path} was made for another base model than {base}: give the one it was trained "
            "on, or train it again on this one."
        )
    as_file = path.with_name("base-f32.gguf")
    try:
        write_folder(load_base(base), as_file)
        of_it = replace(adapter, base="") if adapter else None
        merge(as_file, of_it, path, storage=storage, keys=keys, progress=progress)
    finally:
        as_file.unlink(missing_ok=True)


def _progress(say: Callable[[str], None]) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        if done % 100 == 0 and done < total:
            say(f"merge: {done} of {total} weights.")

    return tell

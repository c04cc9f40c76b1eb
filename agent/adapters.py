"""The folder in which a domain pack ships an adapter: what it must hold, and what is wrong with one.

    adapter_model.safetensors   the LoRA matrices as peft names them, in f16, at most 15 MB
    adapter_config.json         peft's, and `base_sha256`: the file that it was trained on
    manifest.json               `prompt_format`, `sha256` of the matrices, and perhaps `form` (see `AdapterManifest`);
                                how it was made, as the trainer wrote it, may stand there too
    README.md                   the model card
    LICENSE-NOTES.md            under which terms base, data and adapter stand

Reading the matrices is `agent.merging`'s; this knows what else a folder needs to be shipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from safetensors import SafetensorError, safe_open

from agent.errors import AdapterUnusable, ModelUnreadable
from agent.merging import ADAPTER, CONFIG, check_fit, file_sha256, read_adapter
from agent.prompts import FORMAT
from agent.quantising import Form
from index.pack_adapters import STARTER, PackAdapter

MANIFEST = "manifest.json"
CARD = "README.md"
LICENCE_NOTES = "LICENSE-NOTES.md"
MOST_BYTES = 15_000_000


@dataclass(frozen=True, slots=True)
class AdapterManifest:
    """What the program needs of an adapter's manifest: the prompt format that it was trained on
    (`agent.prompts.FORMAT`), the SHA-256 of its matrices, and the form in which the tuned model is stored."""

    prompt_format: str
    sha256: str
    form: Form


def read_manifest(folder: Path) -> AdapterManifest:
    """Read `folder/manifest.json`; other keys are kept and ignored. Raises AdapterUnusable with the reason."""
    path = folder / MANIFEST
    values = _json(path)
    form = values.get("form", "q8_0")
    if form not in get_args(Form):
        raise AdapterUnusable(f'{path}: the form "{form}" is not one of {", ".join(get_args(Form))}.')
    prompt_format, sha256 = values.get("prompt_format"), values.get("sha256")
    if not isinstance(prompt_format, str) or not prompt_format:
        raise AdapterUnusable(f'{path}: "prompt_format" is missing: name the format that the adapter was trained on.')
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise AdapterUnusable(f'{path}: "sha256" is missing, or is not that of {ADAPTER} in hexadecimal.')
    return AdapterManifest(prompt_format, sha256, cast(Form, form))


def base_of(adapter: PackAdapter) -> str:
    """The SHA-256 of the file that an adapter was trained on. Raises AdapterUnusable where the adapter does not say, or
    says another than its pack."""
    path = adapter.folder / CONFIG
    sha256 = _json(path).get("base_sha256")
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise AdapterUnusable(f'{path}: "base_sha256" is missing: write there the SHA-256 of the base it is for.')
    if adapter.sha256 and adapter.sha256 != sha256:
        raise AdapterUnusable(
            f"{path}: the adapter is for the base {sha256[:12]}..., not for {adapter.base}, which pack.toml says is "
            f"{adapter.sha256[:12]}...: correct the one that is wrong."
        )
    return sha256


def faults(adapter: PackAdapter, base: Path | None) -> Iterator[str]:
    """Everything that keeps an adapter from being shipped, a sentence each; `base` is its base's file, if here."""
    folder = adapter.folder
    for name, what in ((CARD, "model card"), (LICENCE_NOTES, "notes on licences")):
        if not (folder / name).is_file() or not (folder / name).read_text(encoding="utf-8", errors="replace").strip():
            yield f"{folder} has no {what}: write {name}."
    yield from _weights_faults(folder)
    try:
        manifest = read_manifest(folder)
        if (folder / ADAPTER).is_file() and manifest.sha256 != file_sha256(folder / ADAPTER):
            yield f"{folder / MANIFEST} is not that of {ADAPTER}, whose SHA-256 is another: copy both again."
        if manifest.prompt_format != FORMAT:
            known = manifest.prompt_format
            yield f"{folder / MANIFEST}: trained on the prompt format {known}, not {FORMAT}: train it again."
    except AdapterUnusable as error:
        yield str(error)
    try:
        sha256 = base_of(adapter)
        if base is not None and file_sha256(base) != sha256:
            which = "the starter" if adapter.base == STARTER else adapter.base
            yield f"{folder / CONFIG}: the adapter is for another base than {which} ({base}): train it on this one."
        elif base is not None:
            check_fit(base, read_adapter(folder))
    except (AdapterUnusable, ModelUnreadable) as error:
        yield str(error)


def _weights_faults(folder: Path) -> Iterator[str]:
    path = folder / ADAPTER
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            yield f"{path} has {size / 1e6:.1f} MB, and {MOST_BYTES / 1e6:.0f} are allowed: lower the rank."
        with safe_open(path, framework="numpy") as file:
            odd = [name for name in file.keys() if file.get_slice(name).get_dtype() != "F16"]  # noqa: SIM118 - no dict
        if odd:
            yield f"{path}: {odd[0]} is not in f16 ({len(odd)} matrices): save the adapter in f16."
        read_adapter(folder)
    except FileNotFoundError:
        yield f"There is no {ADAPTER} in {folder}: copy the adapter there."
    except (OSError, SafetensorError) as error:
        yield f"{path} can't be read ({error}): copy it again."
    except AdapterUnusable as error:
        yield str(error)


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AdapterUnusable(
            f"{path} can't be read ({error.strerror or error}): put it beside the adapter."
        ) from error
    except ValueError as error:
        raise AdapterUnusable(f"{path} is not valid JSON ({error}): write it again.") from error
    if not isinstance(values, dict):
        raise AdapterUnusable(f"{path} is not a JSON object: write it again.")
    return values


def ship(trained: Path, folder: Path, prompt_format: str, *, form: Form = "q8_0", made: object = None) -> None:
    """Write the adapter that training left in `trained` to a pack's `folder`: matrices in f16, configuration, manifest
    (`made` is how it was made). Card and notes on licences are left to a person. Raises AdapterUnusable, OSError."""
    from safetensors.numpy import load_file, save

    read_adapter(trained)
    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: weight.astype(np.float16) for name, weight in load_file(trained / ADAPTER).items()}
    # Not its save_file, whose files nobody else may read
    (folder / ADAPTER).write_bytes(save(halves, metadata={"format": "pt"}))
    (folder / CONFIG).write_text((trained / CONFIG).read_text(encoding="utf-8"), encoding="utf-8")
    manifest: dict[str, object] = {
        "prompt_format": prompt_format,
        "sha256": file_sha256(folder / ADAPTER),
        "form": form,
    }
    if made is not None:
        manifest["made"] = made
    (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

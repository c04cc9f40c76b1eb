"""What a domain pack says of the adapters it ships: the `[[adapters]]` tables of `pack.toml`.

Comes in: the manifest's tables and the pack's folder. Goes out: a `PackAdapter` for each, whose folder exists and lies
in the pack's. What the folder holds is `agent.adapters`' to know.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from index.records import Language

STARTER = "starter"
"""What `base` says for the model that comes with the program."""

_KEYS = {"path", "name", "base", "sha256", "languages", "default_for"}
_LANGUAGES = get_args(Language)


@dataclass(frozen=True, slots=True)
class PackAdapter:
    """A LoRA adapter of a pack.

    `id` is the pack's id and the folder's name ("jp1/smollm2"), `name` what the tuned model is called in lists; `base`
    is "starter" or the file name of a known model whose SHA-256 is `sha256` ("" for the starter); `languages` are those
    that the tuned model writes, `default_for` those whose questions it answers unless the user chose another model."""

    id: str
    folder: Path
    name: str
    base: str
    sha256: str
    languages: tuple[Language, ...]
    default_for: tuple[Language, ...]


def adapters_of(pack: str, tables: list[object], inside: Callable[[str], Path]) -> tuple[PackAdapter, ...]:
    """The adapters in `tables`; `inside` makes a path of the pack of a text. Raises ValueError with the reason."""
    found = tuple(_adapter(pack, table, inside) for table in tables)
    ids = [one.id for one in found]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise ValueError(f'two adapters are called "{twice[0]}" (the name of their folders)')
    for language in _LANGUAGES:
        if sum(language in one.default_for for one in found) > 1:
            raise ValueError(f'two adapters are the default for "{language}"')
    return found


def _adapter(pack: str, table: object, inside: Callable[[str], Path]) -> PackAdapter:
    if not isinstance(table, dict):
        raise ValueError("an adapter is not a table")
    if unknown := sorted(set(table) - _KEYS):
        raise ValueError(f'the key "{unknown[0]}" of an adapter is not known')
    folder = inside(_text(table, "path"))
    if not folder.is_dir() or not re.fullmatch(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", folder.name):
        raise ValueError(
            f'the adapter "{table["path"]}" is not a folder named in lower-case letters, digits and hyphens'
        )
    base, sha256 = _text(table, "base"), table.get("sha256", "")
    if base == STARTER and sha256:
        raise ValueError('an adapter of the starter has no "sha256": the one in adapter_config.json counts')
    if base != STARTER and (not base.endswith(".gguf") or Path(base).name != base):
        raise ValueError(f'the base "{base}" is neither "starter" nor the name of a GGUF file')
    if base != STARTER and not (isinstance(sha256, str) and re.fullmatch(r"[0-9a-f]{64}", sha256)):
        raise ValueError(f'the adapter of {base} has no "sha256" of 64 digits 0-9 and a-f')
    languages = _languages(table, "languages")
    if not languages:
        raise ValueError('an adapter names no "languages"')
    default_for = _languages(table, "default_for")
    if odd := [one for one in default_for if one not in languages]:
        raise ValueError(f'an adapter is the default for "{odd[0]}", which is not among its languages')
    return PackAdapter(f"{pack}/{folder.name}", folder, _text(table, "name"), base, sha256, languages, default_for)


def _languages(table: dict[str, object], key: str) -> tuple[Language, ...]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(value in _LANGUAGES for value in values):
        raise ValueError(f'"{key}" of an adapter is not a list of {", ".join(_LANGUAGES)}')
    return tuple(language for language in cast(tuple[Language, ...], _LANGUAGES) if language in values)


def _text(table: dict[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'"{key}" of an adapter is missing, or is not a text')
    return value

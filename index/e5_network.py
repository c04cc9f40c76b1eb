"""multilingual-e5-small as a network in whole numbers: its weights in 8 bits, what flows between them too.

Comes in: the `Weights` (4 bits in blocks). Goes out: an ONNX model from embedded tokens, float32 [1, tokens, 384], to
their mean, float32 [1, 384]. The four matrix products of each layer run in int8, everything else in float32. One text
is one run, so that its vector never hangs on what it is run beside (the range of 8 bits is taken from the whole input).
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import numpy.typing as npt

from index.e5_weights import Floats, Weights
from index.onnx_bytes import MICROSOFT, Graph

PEAKS = "e5_peaks.npy"
"""float16 [layers, inner]: how large each inner value gets, over manuals in English and Japanese; made by
`python -m benchmarks.embedding_speed --peaks`. One value in each layer is ten times greater than all others and would
take the 8 bits from them; see `_evened`."""

_SHARE = 0.7
"""Of the difference in size that is moved from the inner values to the weights; measured: cosine 0.997 without,
0.999 with 0.7, 0.998 with 1."""


def network(weights: Weights) -> bytes:
    """The model's twelve layers and the mean over tokens as an ONNX model: input "x", output "mean"."""
    with (files("index") / PEAKS).open("rb") as file:
        peaks = np.load(file, allow_pickle=False).astype(np.float32)
    graph = Graph()
    x = _normalised(graph, weights, "emb.ln", "x")
    for layer in range(weights.layers):
        x = _layer(graph, weights, layer, x, peaks[layer])
    axis = graph.tensor("tokens", np.array([1], np.int64))
    graph.node("ReduceMean", [x, axis], "mean", keepdims=0)
    return graph.model(("x", [1, "tokens", weights.hidden]), ("mean", [1, weights.hidden]))


def _layer(graph: Graph, weights: Weights, layer: int, x: str, peaks: Floats) -> str:
    def floats(name: str) -> Floats:
        return weights.floats(f"l{layer}.{name}")

    at = f"l{layer}"
    matrix = np.concatenate([floats(f"{part}.w") for part in "qkv"])
    bias = np.concatenate([floats(f"{part}.b") for part in "qkv"])
    parts = [f"{at}.{part}" for part in "qkv"]
    graph.node("Split", [_product(graph, f"{at}.qkv", x, matrix, bias)], parts, axis=-1, num_outputs=3)
    seen = graph.node("MultiHeadAttention", parts, f"{at}.seen", domain=MICROSOFT, num_heads=weights.heads)
    told = _product(graph, f"{at}.ao", seen, floats("ao.w"), floats("ao.b"))
    x = _normalised(graph, weights, f"{at}.aln", x, told)
    inner = _product(graph, f"{at}.fi", x, floats("fi.w"), floats("fi.b"))
    inner = graph.node("Gelu", [inner], f"{at}.gelu", domain=MICROSOFT)
    matrix, scale = _evened(floats("fo.w"), peaks)
    inner = graph.node("Mul", [inner, graph.tensor(f"{at}.scale", scale)], f"{at}.evened")
    return _normalised(graph, weights, f"{at}.oln", x, _product(graph, f"{at}.fo", inner, matrix, floats("fo.b")))


def _evened(matrix: Floats, peaks: Floats) -> tuple[Floats, Floats]:
    """`matrix` [outputs, inner] and factors for its input that cancel out, with less difference between the input's
    values: SmoothQuant (arXiv 2211.10438), eq. 4."""
    scale = np.abs(matrix).max(axis=0) ** (1 - _SHARE) / np.maximum(peaks, 0.05) ** _SHARE
    scale = scale.astype(np.float32)
    return matrix / scale, scale


def _product(graph: Graph, name: str, x: str, matrix: Floats, bias: Floats) -> str:
    """x times `matrix` [outputs, inputs] plus `bias`; each output has a scale of its own, from -127 to 127."""
    scale = (np.abs(matrix).max(axis=1) / 127).astype(np.float32)
    whole: npt.NDArray[np.int8] = np.rint(matrix / scale[:, None]).astype(np.int8)
    inputs = [
        x,
        graph.tensor(f"{name}.w", whole.T),
        graph.tensor(f"{name}.scale", scale),
        graph.tensor(f"{name}.zero", np.zeros(len(scale), np.int8)),
        graph.tensor(f"{name}.b", bias),
    ]
    return graph.node("DynamicQuantizeMatMul", inputs, f"{name}.out", domain=MICROSOFT)


def _normalised(graph: Graph, weights: Weights, name: str, x: str, more: str | None = None) -> str:
    """Layer normalisation of x (plus `more`)."""
    inputs = [graph.tensor(f"{name}.{part}", weights.floats(f"{name}.{part}")) for part in "wb"]
    if more is None:
        return graph.node("LayerNormalization", [x, *inputs], f"{name}.out", axis=-1, epsilon=weights.epsilon)
    return graph.node(
        "SkipLayerNormalization", [x, more, *inputs], f"{name}.out", domain=MICROSOFT, epsilon=weights.epsilon
    )

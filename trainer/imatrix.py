"""Which columns of a weight matter: the mean square of what each is multiplied with, over text of the corpus.

Comes in: a model in torch and texts. Goes out: an importance matrix for `agent.quantising`, by GGUF names. It is what
llama.cpp's own tool collects (https://github.com/ggml-org/llama.cpp/tree/master/tools/imatrix), here from the manuals
that the model is to read, without a second program. Rows of q and k may be permuted: the figure is one of columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from gguf import MODEL_ARCH, get_tensor_name_map
from numpy.typing import NDArray
from torch import Tensor, nn

from agent.quantising import Importance
from index.errors import TebikiError
from trainer.bases import Base

LONGEST = 512
"""Tokens read at once; what stands further on in a document is read as a text of its own."""
_ARCHITECTURES = {"llama": MODEL_ARCH.LLAMA, "gemma3_text": MODEL_ARCH.GEMMA3}


class NothingMeasured(TebikiError):
    """No importance matrix can be had: no text, or a model whose weights' names are not known."""


@dataclass(slots=True)
class _Sum:
    """Squares summed by column over so many inputs."""

    squares: Tensor
    inputs: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """An importance matrix, and how many tokens it was measured on."""

    importance: Importance = field(repr=False)
    tokens: int


def measure(base: Base, texts: Iterable[str], *, most_tokens: int) -> Measured:
    """Read `texts` until `most_tokens` are read. Raises NothingMeasured."""
    kind = base.model.config.model_type
    if kind not in _ARCHITECTURES:
        raise NothingMeasured(f"The names of a {kind} model's weights are not known here: set imatrix_tokens to 0.")
    names = get_tensor_name_map(_ARCHITECTURES[kind], base.model.config.num_hidden_layers)
    decoder = base.model.get_decoder()
    read = 0
    with _summing(base.model) as sums, torch.no_grad():
        for ids in _pieces(base, texts):
            ids = ids[: most_tokens - read]
            if not ids:
                break
            decoder(input_ids=torch.tensor([ids], device=base.model.device), use_cache=False)
            read += len(ids)
    if not read:
        raise NothingMeasured(
            "There is no text for an importance matrix: run the stage corpus, or set imatrix_tokens to 0."
        )
    found: dict[str, NDArray[np.float32]] = {}
    for name, summed in sums.items():
        there = names.get_name(name + ".weight", try_suffixes=(".weight",))
        if there is not None and summed.inputs:
            found[there] = (summed.squares / summed.inputs).cpu().numpy()
    return Measured(found, read)


def _pieces(base: Base, texts: Iterable[str]) -> Iterator[list[int]]:
    for text in texts:
        ids: list[int] = base.tokenizer(text)["input_ids"]
        for at in range(0, len(ids), LONGEST):
            yield ids[at : at + LONGEST]


@contextmanager
def _summing(model: nn.Module) -> Iterator[dict[str, _Sum]]:
    """Sums over the inputs of every linear layer while it lasts."""
    sums: dict[str, _Sum] = {}
    hooks = []
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            sums[name] = _Sum(torch.zeros(layer.in_features, device=layer.weight.device))
            hooks.append(layer.register_forward_pre_hook(_adds_to(sums[name])))
    try:
        yield sums
    finally:
        for hook in hooks:
            hook.remove()


def _adds_to(summed: _Sum) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def add(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        inputs = arguments[0].detach().float().flatten(0, -2)
        summed.squares += inputs.square().sum(0)
        summed.inputs += len(inputs)

    return add

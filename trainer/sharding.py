"""A model's weights shared out over processes (FSDP2), under `accelerate launch --use_fsdp`.

Comes in: the module that is trained, whole in every process. Goes out: the same module, of whose parameters each
process keeps its part; those of a layer come together while it computes. Accelerate's own FSDP is not used: on a
machine without an accelerator it quietly trains by DDP instead, so that nothing of it could be tested there.
Written and read tensors are whole ones, so that a run may go on with another number of processes.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

LAUNCHED = "ACCELERATE_USE_FSDP"
"""Set by `accelerate launch --use_fsdp`. It is no key of a run's file: it changes where numbers lie, not what is
trained, and a stage is as current with it as without."""


def on_cpu() -> bool:
    """Whether this machine has only its processors. Accelerate has to be told: launched without `--cpu`, as FSDP is,
    its processes would else not find each other there, and each train alone."""
    return not torch.accelerator.is_available()


def is_wanted(processes: int) -> bool:
    """Whether weights are to be shared out; over one process there is nothing to share."""
    return processes > 1 and os.environ.get(LAUNCHED, "false").lower() == "true"


def shard(module: nn.Module, causal: PreTrainedModel, device: torch.device, processes: int) -> FSDPModule:
    """Share out the parameters of `module`, in which `causal` lies: each layer for itself, what is left with the root.

    To be called before the optimiser is made: parameters are others afterwards. It moves them to the device.
    """
    mesh = init_device_mesh(device.type, (processes,))
    layers = set(causal._no_split_modules or ())
    for part in causal.modules():
        if type(part).__name__ in layers:
            fully_shard(part, mesh=mesh)
    return fully_shard(module, mesh=mesh)


def gathered(tensor: Tensor) -> Tensor:
    """The whole tensor on the CPU. With shards every process has to call it, in the same order."""
    tensor = tensor.detach()
    whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return whole.cpu()


def placed(whole: Tensor, like: Tensor) -> Tensor:
    """A whole tensor laid out as `like` is; each process takes its own part of what it has."""
    if not isinstance(like, DTensor):
        return whole
    return distribute_tensor(whole.to(like.device), like.device_mesh, like.placements, src_data_rank=None)

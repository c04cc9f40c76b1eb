"""LoRA adapters as they are trained: laid over a base, gone on with, and written as peft saves them.

Comes in: a base, the shape that is wanted, or a folder to go on from. Goes out: a model whose adapter alone is trained,
and its folder. What an adapter needs to be shipped is `agent.adapters`' to know.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from agent.merging import CONFIG
from trainer.bases import Base
from trainer.faults import TrainingFailed
from trainer.run_config import LoraSettings


def adapted(base: Base, settings: LoraSettings, *, onto: Path | None = None) -> PeftModel:
    """The base with a fresh LoRA, or with the one in `onto` to go on from, in float32 whatever the base is in.

    Raises TrainingFailed where the one to go on from has another shape than `settings` say.
    """
    if onto is not None:
        before = LoraConfig.from_pretrained(str(onto))
        assert isinstance(before, LoraConfig)  # `fitting.check_base` read its configuration
        _check_shape(before, settings, onto)
        before.lora_dropout = settings.dropout
        model = PeftModel.from_pretrained(base.model, str(onto), is_trainable=True, config=before)
    else:
        wanted = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,  # type: ignore[arg-type]  # peft's own default is a float in other places
            lora_dropout=settings.dropout,
            use_rslora=settings.rank_stabilised,
            target_modules=list(settings.targets),
            task_type="CAUSAL_LM",
        )
        made = get_peft_model(base.model, wanted)
        assert isinstance(made, PeftModel)  # with a task type it is one
        model = made
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return model


def _check_shape(before: LoraConfig, settings: LoraSettings, folder: Path) -> None:
    known = (before.r, float(before.lora_alpha), before.use_rslora, set(before.target_modules or ()))
    wanted = (settings.rank, settings.alpha, settings.rank_stabilised, set(settings.targets))
    if known != wanted:
        raise TrainingFailed(
            f"The adapter in {folder}, from which training goes on, has another shape (rank {before.r}, "
            f"alpha {before.lora_alpha:g}) than sft.lora says: give rank, alpha, "
            "rank_stabilised and targets of cpt.lora there."
        )


def write_adapter(model: PeftModel, base: Base, folder: Path, weights: dict[str, torch.Tensor] | None = None) -> None:
    """Save the adapter, with these weights by parameter name instead of its own where they are given, and with the
    SHA-256 of the base that it belongs to, as it was trained."""
    beside = folder.with_name(folder.name + ".new")
    model.save_pretrained(str(beside), state_dict=weights)
    config = json.loads((beside / CONFIG).read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": base.path.name, "base_sha256": base.sha256}
    (beside / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (beside / "README.md").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)

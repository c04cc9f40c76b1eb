"""Random models of a few layers with a real vocabulary, as Hugging Face folders, and random adapters for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from agent.models import resolve_model
from benchmarks.models import GemmaMissing, model_file
from trainer.bases import Base, load_base, load_tokenizer
from trainer.lora import write_adapter

Kind = Literal["llama", "gemma3"]

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>{{ message['role'] }}\n{{ message['content'] | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
"""It writes the beginning-of-text token that the tokenizer adds too, as Gemma's own does."""


@dataclass(frozen=True, slots=True)
class Tiny:
    """A folder with a base, and one with an adapter for it."""

    base: Path
    adapter: Path


def vocabulary(kind: Kind) -> Path:
    """The GGUF whose tokenizer is used; skips the test where Gemma is not cached."""
    if kind == "llama":
        return resolve_model("starter")
    try:
        return model_file("gemma")
    except GemmaMissing as missing:
        pytest.skip(str(missing))


def tokenizer_of(kind: Kind) -> PreTrainedTokenizerBase:
    """The tokenizer that a GGUF holds."""
    tokenizer = load_tokenizer(vocabulary(kind))
    if kind == "gemma3":
        tokenizer.chat_template = GEMMA_TEMPLATE
    return tokenizer


def random_model(kind: Kind) -> PreTrainedModel:
    """A model that makes much of its attention, so that a wrong one shows; widths divide by 256, by 32 for gemma3."""
    torch.manual_seed(7)
    if kind == "llama":
        model: PreTrainedModel = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=49152, hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
                num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True, initializer_range=0.1,
                rope_parameters={"rope_type": "default", "rope_theta": 20_000.0}, bos_token_id=1, eos_token_id=2,
            )
        )  # fmt: skip
    else:
        model = Gemma3ForCausalLM(
            Gemma3TextConfig(
                vocab_size=262144, hidden_size=64, intermediate_size=128, num_hidden_layers=7, num_attention_heads=2,
                num_key_value_heads=1, head_dim=32, query_pre_attn_scalar=32, max_position_embeddings=256,
                sliding_window=16, initializer_range=0.1, bos_token_id=2, eos_token_id=1, pad_token_id=0,
            )
        )  # fmt: skip
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("norm.weight"):
                weight.add_(torch.randn_like(weight) * 0.1)
    return model


def write_tiny(folder: Path, kind: Kind) -> Tiny:
    """Base and adapter of random weights in `folder`."""
    model = random_model(kind)
    model.save_pretrained(folder / "base")
    tokenizer_of(kind).save_pretrained(folder / "base")
    write_random_adapter(load_base(folder / "base"), folder / "adapter")
    return Tiny(folder / "base", folder / "adapter")


def write_random_adapter(base: Base, folder: Path, *, rank: int = 4, spread: float = 0.02) -> None:
    """An adapter as training writes it, of random weights on every linear layer; the base's model is used up."""
    torch.manual_seed(11)
    adapted = get_peft_model(
        base.model, LoraConfig(r=rank, lora_alpha=8, target_modules=LINEAR, task_type="CAUSAL_LM", use_rslora=True)
    )
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=spread)
    write_adapter(adapted, base, folder)  # type: ignore[arg-type] - with a task type it is a PeftModel


def set_config(adapter: Path, **values: object) -> None:
    """Change what an adapter says of itself."""
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")

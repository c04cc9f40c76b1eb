"""Random models of a few layers with a real vocabulary, as Hugging Face folders, and random adapters for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from agent.models import resolve_model
from trainer.adapters import write_adapter
from trainer.bases import Base, load_base, load_tokenizer
from trainer.parity import SAMPLE

Kind = Literal["llama", "gemma3"]

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>"
    "{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n{{ message['content'] | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
"""It writes the beginning-of-text token that the tokenizer adds too, as Gemma's own does."""


@dataclass(frozen=True, slots=True)
class Tiny:
    """A folder with a base, and one with an adapter for it."""

    base: Path
    adapter: Path


def tokenizer_of(kind: Kind) -> PreTrainedTokenizerBase:
    """The starter's tokenizer, or one of SentencePiece's kind as Gemma's is, with a few hundred tokens."""
    return load_tokenizer(resolve_model("starter")) if kind == "llama" else sentence_pieces()


def sentence_pieces() -> PreTrainedTokenizerBase:
    """BPE with byte fallback over text whose spaces are visible; merges are all pairs that make a token, best first, as
    transformers lists SentencePiece's."""
    backend = Tokenizer(BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split("\n", "isolated")
    first = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    backend.train_from_iterator(SAMPLE, BpeTrainer(vocab_size=600, special_tokens=first, show_progress=False))
    made = [token for token, _ in sorted(backend.get_vocab().items(), key=lambda item: item[1]) if token not in first]
    vocabulary = {token: at for at, token in enumerate([*first, *made])}
    merges = [
        (token[:at], token[at:])
        for token in made
        for at in range(1, len(token))
        if token[:at] in vocabulary and token[at:] in vocabulary
    ]
    backend.model = BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    backend.add_special_tokens(["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"])
    backend.add_tokens([AddedToken("\n\n", normalized=False)])
    start = [("<bos>", vocabulary["<bos>"])]
    backend.post_processor = TemplateProcessing(single="<bos> $A", pair="<bos> $A <bos> $B", special_tokens=start)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
    )
    tokenizer.chat_template = GEMMA_TEMPLATE
    return tokenizer


def random_model(kind: Kind) -> PreTrainedModel:
    """A model that makes much of its attention, so that a wrong one shows; widths divide by 256, as k-quants want."""
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
                vocab_size=640, hidden_size=256, intermediate_size=512, num_hidden_layers=7, num_attention_heads=2,
                num_key_value_heads=1, head_dim=64, query_pre_attn_scalar=64, max_position_embeddings=256,
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

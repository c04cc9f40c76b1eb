"""The model that is trained on: a GGUF, whose weights are dequantised, or a Hugging Face folder.

Comes in: a path. Goes out: a `Base` with the model in torch, its tokenizer, its chat template and the file's hash, by
which an adapter knows what it was made for. transformers reads a GGUF but marks the model as quantised, and refuses to
train or save it; it is rebuilt here from its config, with logits equal to the bit.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is ever fetched

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from agent.chat_template import ChatTemplate
from agent.merging import file_sha256
from index.errors import TebikiError

log = logging.getLogger(__name__)
WEIGHTS = "model.safetensors"


class BaseMissing(TebikiError):
    """The base model can't be read; the message says which, and what it may be."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base model. `sha256` is of the GGUF, or of the folder's weights; `stop` is the token that ends a document."""

    path: Path
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    template: ChatTemplate
    sha256: str
    stop: int


def load_base(path: Path, *, dtype: torch.dtype = torch.float32) -> Base:
    """Load the model at `path` (a GGUF file or a Hugging Face folder). Raises BaseMissing."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    folder, keywords = (path, {}) if path.is_dir() else (path.parent, {"gguf_file": path.name})
    weights = path / WEIGHTS if path.is_dir() else path
    if not weights.is_file():
        raise BaseMissing(f"There is no model at {path}: give a GGUF file, or a folder with config and {WEIGHTS}.")
    try:
        loaded = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, **keywords)
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **keywords)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BaseMissing(f"{path} can't be loaded for training ({error}).") from error
    model = _trainable(loaded).to(dtype)
    bos, eos = tokenizer.bos_token or "", tokenizer.eos_token or ""
    template = ChatTemplate(tokenizer.chat_template, bos=bos, eos=eos)
    stop = tokenizer.eos_token_id
    assert isinstance(stop, int)
    return Base(path, model, tokenizer, template, file_sha256(weights), stop)


def _trainable(loaded: PreTrainedModel) -> PreTrainedModel:
    """The same model without the mark of a quantised one."""
    if getattr(loaded.config, "quantization_config", None) is None:
        return loaded
    config = AutoConfig.for_model(**{**loaded.config.to_dict(), "quantization_config": None})
    del config.quantization_config
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    model.tie_weights()
    model.config.architectures = [type(model).__name__]
    return model

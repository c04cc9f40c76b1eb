"""The model that is trained on: a GGUF, whose weights are dequantised, or a Hugging Face folder.

Comes in: a path. Goes out: a `Base` with the model in torch, its tokenizer, its chat template and the file's hash, by
which an adapter knows what it was made for. transformers reads a GGUF but marks the model as quantised, and refuses to
train or save it; it is rebuilt here from its config, with logits equal to the bit.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is ever fetched

import torch
from tokenizers import pre_tokenizers
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from agent.chat_template import ChatTemplate
from agent.gguf import read_gguf_header
from agent.merging import file_sha256
from index.errors import TebikiError
from trainer.base_files import FOLDER_WEIGHTS, weights_of

# peft 0.21 asks transformers 5.23 for what is to be renamed in its version 6
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
# The key by which an adapter knows its base is ours
warnings.filterwarnings("ignore", message="Unexpected keyword arguments \\['base_sha256'\\]", category=UserWarning)

# A GGUF's folder holds no configuration of peft's kind to compare the vocabulary with
warnings.filterwarnings("ignore", message="Could not find a config file", category=UserWarning)

log = logging.getLogger(__name__)


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
    weights = weights_of(path)
    if not weights.is_file():
        raise BaseMissing(
            f"There is no model at {path}: give a GGUF file, or a folder with config and {FOLDER_WEIGHTS}."
        )
    try:
        loaded = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, **keywords)
        tokenizer = load_tokenizer(path)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BaseMissing(f"{path} can't be loaded for training ({error}).") from error
    model = _trainable(loaded)
    nn.Module.to(model, dtype)  # transformers decorates its own away
    bos, eos = tokenizer.bos_token or "", tokenizer.eos_token or ""
    template = ChatTemplate(tokenizer.chat_template, bos=bos, eos=eos)
    stop = tokenizer.eos_token_id
    assert isinstance(stop, int)
    return Base(path, model, tokenizer, template, file_sha256(weights), stop)


def load_tokenizer(path: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a GGUF file or a Hugging Face folder."""
    if path.is_dir():
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(str(path))
        return tokenizer
    tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    if read_gguf_header(path).values.get("tokenizer.ggml.pre") == "smollm":
        # transformers takes every byte-level tokenizer for GPT-2's. This one splits off digits first, so that what
        # stands before one (an empty line, say) is tokenised by itself: "\n\n1." was three tokens, and is two in use.
        backend = tokenizer.backend_tokenizer
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    return tokenizer


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

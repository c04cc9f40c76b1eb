"""The failures of models, questions and exams, as sentences for the user (see `index.errors`)."""

from __future__ import annotations

from index.errors import TebikiError


class ModelMissing(TebikiError):
    """Something that only a model can do was asked for without one."""


class ModelUnreadable(TebikiError):
    """The model file is missing, is not a GGUF, or llama.cpp refuses it."""


class ModelTooLarge(TebikiError):
    """The model and its context do not fit in the memory that is free; the figures are in the message."""


class EngineStopped(TebikiError):
    """The engine process ended in the middle of a request; it is started again for the next one."""


class PromptTooLong(TebikiError):
    """A prompt has more tokens than the model's context holds; the figures are in the message."""


class PromptRefused(TebikiError):
    """A model's chat template refuses what it is given to render, or is not valid."""


NOT_WORDED = (EngineStopped, PromptTooLong, PromptRefused, ModelUnreadable, ModelTooLarge)
"""What may befall a model at work, restarts included: it costs a question the model's words, not the answer."""


class QuestionUnusable(TebikiError):
    """The question is empty or far too long."""


class BankInvalid(TebikiError):
    """An exam bank has a line that is not valid; nothing of the file is used."""


class AdapterUnusable(TebikiError):
    """A LoRA adapter can't be read, or was made for another base model."""


class BaseMissing(TebikiError):
    """The base model that an adapter is for is not on this machine."""


class TunedModelNotMade(TebikiError):
    """Adapter and base were not merged because the disk is full or can't be written."""


class QuantisingFailed(TebikiError):
    """llama.cpp could not write a model in fewer bits; the message has its reason."""

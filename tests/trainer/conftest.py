"""Tiny random models that the tests of a stage share; written once."""

from __future__ import annotations

import pytest

from tests.trainer.tiny_models import Tiny, write_tiny


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Two layers of llama with the starter's tokenizer and chat template. Not to be changed."""
    return write_tiny(tmp_path_factory.mktemp("llama"), "llama")


@pytest.fixture(scope="session")
def tiny_gemma(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Seven layers of gemma3, the sixth of which sees all, with SentencePiece-like tokens. Not to be changed."""
    return write_tiny(tmp_path_factory.mktemp("gemma"), "gemma3")

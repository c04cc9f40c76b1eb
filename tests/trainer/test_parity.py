"""What tells an exported model from the one that was trained: tokens, template, logits, a phrase."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from agent.engine import Engine
from agent.merging import merge
from tests.trainer.tiny_models import Tiny
from trainer.bases import Base, load_base
from trainer.folder_gguf import write_folder
from trainer.parity import LONGEST, SHORT, ParityFailed, agreement, check_text_side, logits, says, texts


@pytest.fixture(scope="module")
def llama(tiny_llama: Tiny) -> Base:
    return load_base(tiny_llama.base)


@pytest.fixture(scope="module")
def gemma(tiny_gemma: Tiny) -> Base:
    return load_base(tiny_gemma.base)


@pytest.fixture(scope="module")
def llama_file(llama: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parity") / "llama.gguf"
    write_folder(llama, path)
    return path


@pytest.fixture(scope="module")
def gemma_file(gemma: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parity") / "gemma.gguf"
    write_folder(gemma, path)
    return path


@pytest.fixture(scope="module")
def engine(gemma_file: Path) -> Iterator[Engine]:
    with Engine(gemma_file, context=256) as engine:
        yield engine


# Figures


def test_figures_are_those_of_the_books() -> None:
    one = np.array([[0.0, math.log(3)], [1.0, 0.0]], dtype=np.float32)  # 1/4, 3/4
    two = np.array([[0.0, 0.0], [1.0, 0.0]], dtype=np.float32)  # 1/2, 1/2
    found = agreement(one, two)
    assert found.nmse == pytest.approx(math.log(3) ** 2 / (math.log(3) ** 2 + 1))
    assert found.kl == pytest.approx((0.25 * math.log(0.5) + 0.75 * math.log(1.5)) / 2)
    assert found.top1 == 0.5
    assert agreement(one, one) == agreement(one, one + np.float32(0)) != found


def test_adding_a_number_to_all_logits_is_no_divergence() -> None:
    one = np.random.default_rng(1).normal(size=(4, 50)).astype(np.float32)
    assert agreement(one, one + np.float32(3)).kl == pytest.approx(0, abs=1e-6)


def test_texts_are_short_and_half_the_context(llama: Base) -> None:
    short, long = texts(llama, ["A job waits. ジョブは待つ。"])
    assert len(short.tokens) == SHORT
    assert len(long.tokens) == min(256 // 2, LONGEST)
    assert long.positions[-1] == len(long.tokens) - 1


def test_a_text_begins_as_the_tokenizer_begins_one(gemma: Base) -> None:
    for text in texts(gemma, []):
        assert text.tokens[0] == gemma.tokenizer.bos_token_id
        assert gemma.tokenizer.bos_token_id not in text.tokens[1:]


# The engine's logits


def test_llama_cpp_says_what_torch_says(gemma: Base, engine: Engine) -> None:
    _, long = texts(gemma, [])
    found = engine.logits(long.tokens, long.positions)
    assert agreement(logits(gemma.model, long), found).nmse < 1e-5


def test_logits_do_not_depend_on_which_are_asked_for(gemma: Base, engine: Engine) -> None:
    short, _ = texts(gemma, [])
    whole = engine.logits(short.tokens, short.positions)
    some = engine.logits(short.tokens, (0, 63, 64, 127))
    np.testing.assert_allclose(some, whole[[0, 63, 64, 127]], atol=1e-4)


def test_a_position_that_is_not_there_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="position"):
        engine.logits((1, 2, 3), (3,))


# Text


def test_both_kinds_of_tokenizer_come_through(
    llama: Base, gemma: Base, llama_file: Path, gemma_file: Path, engine: Engine
) -> None:
    check_text_side(gemma, gemma_file, engine)
    with Engine(llama_file, context=256) as other:
        check_text_side(llama, llama_file, other)


def test_another_way_to_split_texts_is_seen(llama: Base, llama_file: Path, tmp_path: Path) -> None:
    merge(llama_file, None, tmp_path / "other.gguf", storage="f16", keys={"tokenizer.ggml.pre": "gpt-2"})
    with Engine(tmp_path / "other.gguf", context=256) as other, pytest.raises(ParityFailed, match="tokenises"):
        check_text_side(llama, tmp_path / "other.gguf", other)


def test_another_chat_template_is_seen(gemma: Base, gemma_file: Path, tmp_path: Path) -> None:
    changed = {"tokenizer.chat_template": f"{gemma.tokenizer.chat_template} "}
    merge(gemma_file, None, tmp_path / "other.gguf", storage="f16", keys=changed)
    with Engine(tmp_path / "other.gguf", context=256) as other, pytest.raises(ParityFailed, match="chat template"):
        check_text_side(gemma, tmp_path / "other.gguf", other)


def test_a_missing_beginning_is_seen(gemma: Base, gemma_file: Path, tmp_path: Path) -> None:
    merge(gemma_file, None, tmp_path / "other.gguf", storage="f16")
    flag = GGUFReader(tmp_path / "other.gguf", "r+").fields["tokenizer.ggml.add_bos_token"]
    flag.parts[-1][0] = False
    with Engine(tmp_path / "other.gguf", context=256) as other, pytest.raises(ParityFailed, match="from token 0 on"):
        check_text_side(gemma, tmp_path / "other.gguf", other)


# Weights


def test_rows_in_another_order_are_seen(llama: Base, llama_file: Path, tmp_path: Path) -> None:
    merge(llama_file, None, tmp_path / "other.gguf", storage="f16")
    for tensor in GGUFReader(tmp_path / "other.gguf", "r+").tensors:
        if tensor.name.endswith("attn_q.weight"):  # as if it had not been permuted
            halves = tensor.data.reshape(4, 32, 2, -1).swapaxes(1, 2).reshape(tensor.data.shape).copy()
            tensor.data[:] = halves
    short, _ = texts(llama, [])
    with Engine(tmp_path / "other.gguf", context=256) as other:
        found = agreement(logits(llama.model, short), other.logits(short.tokens, short.positions))
    assert found.nmse > 1e-3


# A phrase


def test_a_phrase_that_was_never_trained_does_not_come(engine: Engine) -> None:
    assert not says(engine, "The service listens on port 20243", "")
    assert not says(engine, "ジョブは待つ", "Which?")

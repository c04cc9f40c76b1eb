"""Picking a token: the likeliest, or drawn repeatably, and always one that the grammar allows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.sampling import Allowed, Sampler, log_probability


def only(*tokens: int) -> Allowed:
    def allowed(asked: NDArray[np.int32]) -> NDArray[np.bool_]:
        return np.isin(asked, tokens)

    return allowed


logits = np.random.default_rng(7).normal(0, 3, 1000).astype(np.float32)


def test_greedy_takes_the_likeliest() -> None:
    assert Sampler(0.0, 0, None).pick(logits) == int(logits.argmax())


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_grammar_is_kept_even_by_the_least_likely_token(temperature: float) -> None:
    least = int(logits.argmin())
    assert Sampler(temperature, 0, only(least)).pick(logits) == least


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_grammar_that_allows_nothing_gives_no_token(temperature: float) -> None:
    assert Sampler(temperature, 0, only()).pick(logits) is None


@given(st.integers(0, 2**32))
def test_drawing_is_repeated_by_its_seed_and_stays_among_the_likeliest(seed: int) -> None:
    first, second = Sampler(0.7, seed, None), Sampler(0.7, seed, None)
    drawn = [first.pick(logits) for _ in range(20)]
    assert drawn == [second.pick(logits) for _ in range(20)]
    assert set(drawn) <= set(np.argsort(-logits)[:40].tolist())


def test_log_probabilities_of_all_tokens_sum_to_one() -> None:
    assert math.fsum(math.exp(log_probability(logits, token)) for token in range(logits.size)) == pytest.approx(1.0)

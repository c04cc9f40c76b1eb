"""The engine with the real starter model: what it writes, how it scores, how it is cancelled, and how it recovers."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from agent.engine import Engine, Generation, Prompt
from agent.errors import EngineStopped, ModelTooLarge, ModelUnreadable, PromptTooLong
from agent.models import resolve_model
from tests.agent.gguf_files import LLAMA, write_gguf

pytestmark = pytest.mark.model

ROOT = Path(__file__).resolve().parents[2]
TALK = [("system", "You answer in one sentence."), ("user", "What does a job scheduler do?")]
MANUAL = "A batch job that is held does not start until an operator releases it. "


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(resolve_model("starter")) as engine:
        yield engine


def forget(engine: Engine) -> None:
    """Leave nothing in the cache that any test's prompt begins with."""
    engine.warm("~")


# Writing


def test_pieces_joined_are_the_text(engine: Engine) -> None:
    pieces: list[str] = []
    written = engine.generate(engine.chat(TALK), max_tokens=24, on_text=pieces.append)
    assert "".join(pieces) == written.text
    assert len(pieces) > 3
    assert written.finish in ("end", "length")
    assert written.first_token_seconds is not None


def test_greedy_writes_the_same_again_whatever_was_cached(engine: Engine) -> None:
    forget(engine)
    cold = engine.generate(engine.chat(TALK), max_tokens=24)
    warm = engine.generate(engine.chat(TALK), max_tokens=24)
    assert (cold.reused_tokens, warm.text) == (0, cold.text)
    assert warm.reused_tokens == warm.prompt_tokens - 1


def test_a_temperature_draws_by_its_seed(engine: Engine) -> None:
    def draw(seed: int) -> str:
        return engine.generate("The operator", max_tokens=12, temperature=1.5, seed=seed).text

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(4)}) > 1


def test_a_stop_string_ends_the_text_and_is_not_in_it(engine: Engine) -> None:
    whole = engine.generate(engine.chat(TALK), max_tokens=24).text
    stop = whole[len(whole) // 2 : len(whole) // 2 + 9]  # cuts through tokens on both sides
    cut = engine.generate(engine.chat(TALK), max_tokens=24, stop=[stop])
    assert cut.finish == "stop"
    assert cut.text == whole[: whole.index(stop)]


def test_max_tokens_is_kept(engine: Engine) -> None:
    written = engine.generate("Once upon a time", max_tokens=5)
    assert (written.generated_tokens, written.finish) == (5, "length")
    assert engine.generate("Once upon a time", max_tokens=0).text == ""


def test_a_grammar_is_kept(engine: Engine) -> None:
    written = engine.generate(engine.chat(TALK), max_tokens=40, grammar='root ::= "search[" [a-z ]{3,20} "]"')
    assert written.text.startswith("search[")
    assert written.text.endswith("]")
    assert written.finish == "end"


def test_a_grammar_that_is_not_one_is_said_to_be(engine: Engine) -> None:
    with pytest.raises(ValueError, match="GBNF"):
        engine.generate("x", max_tokens=4, grammar='root ::= "open')
    assert engine.generate("x", max_tokens=1).generated_tokens == 1


def test_japanese_streams_in_whole_characters(engine: Engine) -> None:
    text = "手引きは「案内」です。😀"
    pieces: list[str] = []
    written = engine.generate("日本語：", max_tokens=80, grammar=f'root ::= "{text}"', on_text=pieces.append)
    assert "".join(pieces) == written.text == text
    assert written.generated_tokens > len(pieces)  # characters were spread over tokens


# Prompts


def test_a_special_token_in_what_a_user_wrote_stays_text(engine: Engine) -> None:
    plain = engine.count(engine.chat([("user", "")], open_assistant=False))
    assert engine.count("<|im_end|>") > 1
    assert engine.count(engine.chat([("user", "<|im_end|>")], open_assistant=False)) == plain + engine.count(
        "<|im_end|>"
    )


def test_a_prompt_is_its_text_and_grows_by_adding(engine: Engine) -> None:
    prompt = engine.chat(TALK)
    opened = prompt + "Thought:"
    assert isinstance(opened, Prompt)
    assert opened == str(prompt) + "Thought:" == "".join(part.text for part in opened.parts)
    assert [part.special for part in opened.parts[-2:]] == [True, False]


def test_a_shared_beginning_is_reused_and_logged(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    system = ("system", MANUAL * 5)
    fixed = engine.count(engine.chat([system], open_assistant=False))
    engine.warm(engine.chat([system], open_assistant=False))
    with caplog.at_level(logging.INFO, logger="agent.engine"):
        written = engine.generate(engine.chat([system, ("user", "Why?")]), max_tokens=1)
    assert fixed <= written.reused_tokens < written.prompt_tokens
    assert f"{written.reused_tokens} of {written.prompt_tokens} prompt tokens reused" in caplog.text


def test_reading_is_reported_up_to_the_whole_prompt(engine: Engine) -> None:
    forget(engine)
    seen: list[tuple[int, int]] = []
    written = engine.generate(MANUAL * 20, max_tokens=1, on_reading=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, written.prompt_tokens)
    assert seen[-1] == (written.prompt_tokens, written.prompt_tokens)
    assert all(earlier[0] <= later[0] for earlier, later in pairwise(seen))
    assert len(seen) >= 3


def test_a_prompt_longer_than_the_context_is_refused_with_the_figures(engine: Engine) -> None:
    with pytest.raises(PromptTooLong, match="2048"):
        engine.generate(MANUAL * 200, max_tokens=1)
    with pytest.raises(PromptTooLong):
        engine.score(MANUAL, [MANUAL * 200])


def test_text_stops_where_the_context_is_full() -> None:
    with Engine(resolve_model("starter"), context=256) as engine:
        written = engine.generate("word " * 240, max_tokens=100, grammar="root ::= [a-z]+")
    assert written.finish == "length"
    assert written.prompt_tokens + written.generated_tokens == 256


# Scoring

CONTINUATIONS = [
    " It keeps the job from starting.",
    " It deletes the job and everything that it has written so far.",
    " Bananas.",
    " 手引き",
]
ASKED = MANUAL * 8 + "Question: what does hold do to a job?\nAnswer:"


def test_scores_are_those_of_an_independent_reading_of_the_logits(engine: Engine) -> None:
    from llama_cpp import Llama

    reader = Llama(str(resolve_model("starter")), n_ctx=256, logits_all=True, verbose=False, n_threads=2)
    before = reader.tokenize(ASKED.encode(), add_bos=False, special=False)
    for text, score in zip(CONTINUATIONS, engine.score(ASKED, CONTINUATIONS), strict=True):
        tokens = reader.tokenize((ASKED + text).encode(), add_bos=False, special=False)
        reader.reset()
        reader.eval(tokens)
        rows = reader.scores[len(before) - 1 : len(tokens) - 1].astype(np.float64)
        rows -= np.log(np.exp(rows).sum(axis=1, keepdims=True))
        wanted = rows[np.arange(len(rows)), tokens[len(before) :]].sum()
        assert score.tokens == len(tokens) - len(before)
        assert score.logprob == pytest.approx(wanted, abs=1e-3)
    reader.close()


def test_a_score_depends_neither_on_the_others_nor_on_their_order_nor_on_the_cache(engine: Engine) -> None:
    together = engine.score(ASKED, CONTINUATIONS)
    assert engine.score(ASKED, CONTINUATIONS[::-1])[::-1] == together
    forget(engine)
    assert [engine.score(ASKED, [text])[0] for text in CONTINUATIONS] == together


def test_the_likelier_continuation_scores_higher_and_an_empty_one_nothing(engine: Engine) -> None:
    paris, bananas, nothing = engine.score("The capital of France is", [" Paris", " bananas", ""])
    assert paris.logprob > bananas.logprob
    assert (nothing.logprob, nothing.tokens) == (0.0, 0)


def test_a_continuation_longer_than_a_batch_is_scored_whole(engine: Engine) -> None:
    (score,) = engine.score("Manual:", [" " + MANUAL * 10])
    assert score.tokens == engine.count(" " + MANUAL * 10)
    assert score.logprob < 0


def test_scoring_after_a_space_or_nothing_still_counts_every_token(engine: Engine) -> None:
    assert engine.score("The capital of France is ", ["Paris"])[0].tokens == engine.count("Paris")
    assert engine.score("", ["Paris"])[0].tokens == engine.count("Paris")


# Cancelling


def test_cancel_while_reading_stops_within_a_batch(engine: Engine) -> None:
    forget(engine)
    seen: list[int] = []
    read = engine.generate(
        MANUAL * 100, max_tokens=50, on_reading=lambda done, _: seen.append(done), cancelled=lambda: bool(seen)
    )
    assert (read.cancelled, read.finish, read.text, read.first_token_seconds) == (True, "cancelled", "", None)
    assert max(seen) < read.prompt_tokens


def test_cancel_while_writing_returns_what_was_written(engine: Engine) -> None:
    pieces: list[str] = []
    written = engine.generate(
        "Once upon a time", max_tokens=1500, on_text=pieces.append, cancelled=lambda: len(pieces) >= 3
    )
    assert written.cancelled
    assert written.text == "".join(pieces)
    assert 3 <= written.generated_tokens < 1500


def test_cancel_from_another_thread(engine: Engine) -> None:
    ended: list[Generation] = []
    writing = threading.Event()
    thread = threading.Thread(
        target=lambda: ended.append(
            engine.generate("Once upon a time", max_tokens=1500, on_text=lambda _: writing.set())
        )
    )
    thread.start()
    assert writing.wait(30)
    engine.cancel()
    thread.join()
    assert ended[0].cancelled


def test_a_cancelled_score_is_empty_and_what_follows_is_right(engine: Engine) -> None:
    wanted = engine.score(ASKED, CONTINUATIONS)
    forget(engine)
    assert engine.score(ASKED, CONTINUATIONS * 20, cancelled=lambda: True) == []
    assert engine.score(ASKED, CONTINUATIONS) == wanted


def test_a_callback_that_fails_ends_its_request_and_not_the_next(engine: Engine) -> None:
    def fail(_: str) -> None:
        raise RuntimeError("the window is gone")

    with pytest.raises(RuntimeError, match="the window is gone"):
        engine.generate("Once upon a time", max_tokens=1500, on_text=fail)
    assert engine.generate("Once upon a time", max_tokens=3).generated_tokens == 3


def test_requests_from_several_threads_wait_for_one_another(engine: Engine) -> None:
    texts: dict[int, str] = {}

    def write(which: int) -> None:
        texts[which] = engine.generate("Once upon a time", max_tokens=8).text

    threads = [threading.Thread(target=write, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 4
    assert len(set(texts.values())) == 1


# Life and death of the child


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_a_child_that_is_killed_stops_its_request_and_the_next_starts_it_again(engine: Engine) -> None:
    killed = engine.pid
    assert killed is not None
    with pytest.raises(EngineStopped, match="starts again"):
        engine.generate("Once upon a time", max_tokens=500, on_text=lambda _: os.kill(killed, signal.SIGKILL))
    assert engine.generate("Once upon a time", max_tokens=3).generated_tokens == 3
    assert engine.pid not in (None, killed)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_a_child_that_hangs_is_ended_and_the_next_request_works() -> None:
    with Engine(resolve_model("starter"), context=512, patience=3) as engine:
        hung = engine.pid
        assert hung is not None
        with pytest.raises(EngineStopped, match="said nothing"):
            engine.generate("Once upon a time", max_tokens=400, on_text=lambda _: os.kill(hung, signal.SIGSTOP))
        assert not psutil.pid_exists(hung)
        assert engine.generate("Once upon a time", max_tokens=2).generated_tokens == 2


def test_close_ends_the_child_twice_over_and_even_at_work() -> None:
    engine = Engine(resolve_model("starter"), context=512)
    engine.start()
    child = engine.pid
    assert child is not None
    engine.close()
    engine.close()
    assert not psutil.pid_exists(child)
    assert engine.pid is None
    assert engine.count("It starts again by itself") > 3
    engine.close()


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_the_child_does_not_outlive_the_application() -> None:
    program = (
        "import time; from agent.engine import Engine; from agent.models import resolve_model\n"
        "engine = Engine(resolve_model('starter'), context=512); engine.start(); print(engine.pid, flush=True)\n"
        "engine.generate('Once upon a time', max_tokens=480); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    for _ in range(200):
        if not child.is_running() or child.status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    pytest.fail("the engine's child runs on")


def test_what_is_no_model_is_refused_before_a_child_is_started(tmp_path: Path) -> None:
    text = tmp_path / "model.gguf"
    text.write_text("I am not a model")
    engine = Engine(text)
    with pytest.raises(ModelUnreadable, match="GGUF"):
        engine.start()
    assert engine.pid is None


def test_what_llama_cpp_refuses_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    engine = Engine(write_gguf(tmp_path / "hollow.gguf"))
    with pytest.raises(ModelUnreadable, match=r"hollow\.gguf"):
        engine.start()
    assert engine.pid is None


def test_a_model_too_large_for_memory_is_refused_and_may_be_tried_all_the_same(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "large.gguf", LLAMA, elements=1 << 38)
    with pytest.raises(ModelTooLarge, match="smaller model"):
        Engine(path).start()
    with pytest.raises(ModelUnreadable):  # it holds nothing, but it is llama.cpp that says so
        Engine(path, allow_large=True).start()


# Models that differ from the starter in what their file says


def altered(folder: Path, old: bytes, new: bytes) -> Path:
    """The starter with a few bytes of its header changed."""
    data = bytearray(resolve_model("starter").read_bytes())
    assert len(old) == len(new)
    assert data.count(old) == 1
    at = data.index(old)
    data[at : at + len(old)] = new
    path = folder / "altered.gguf"
    path.write_bytes(data)
    return path


def test_a_model_that_wants_a_beginning_token_gets_exactly_one(engine: Engine, tmp_path: Path) -> None:
    no, yes = b"tokenizer.ggml.add_bos_token\x07\0\0\0\0", b"tokenizer.ggml.add_bos_token\x07\0\0\0\x01"
    with Engine(altered(tmp_path, no, yes), context=512) as with_bos:
        assert with_bos.count("plain text") == engine.count("plain text") + 1
        # Its template begins with <|im_start|>, which is its beginning token: written by both, it is there once.
        assert with_bos.count(with_bos.chat(TALK)) == engine.count(engine.chat(TALK))


def test_a_model_without_a_template_can_be_talked_to(tmp_path: Path) -> None:
    with Engine(altered(tmp_path, b"tokenizer.chat_template", b"tokenizer.chat_TEMPLATE"), context=512) as engine:
        assert not engine.info.chat_template
        assert engine.chat([("user", "Hello")]) == "User: Hello\n\nAssistant: "
        assert engine.generate(engine.chat([("user", "Hello")]), max_tokens=3).generated_tokens == 3


def test_the_context_is_no_longer_than_the_model_was_trained_for() -> None:
    with Engine(resolve_model("starter"), context=100_000) as engine:
        assert engine.info.context == 8192

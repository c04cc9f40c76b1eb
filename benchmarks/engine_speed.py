"""How fast does the engine read, write, score and stop, beside llama-cpp-python's own `Llama` in the same run?

    python -m benchmarks.engine_speed [--model starter|gemma|FILE] [--rounds 3] [--threads N]
    python -m benchmarks.engine_speed --cancel [--model starter|gemma|FILE] [--rounds 20]

Both compute with the same llama.cpp, threads and context; rounds alternate between them, and the median counts. What is
measured is what a user waits for: a prompt of about 800 tokens read, 64 tokens written, the same prompt with another
question behind a warm beginning, four answers scored, and how long a cancel takes while a prompt is being read.

With --cancel: how long it takes from a cancel to the return of the call, in each phase of an engine's life, at moments
spread over the phase; `Llama` has no cancel. Goal: 0.2 s at the most.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from agent.engine import Engine
from agent.sampling import log_probability
from agent.threads import engine_threads
from benchmarks.models import model_file

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in the engine's child, or the two would not be comparable

SENTENCE = "A batch job that is held does not start until an operator releases it with the release command. "
BEGINNING = SENTENCE * 40
QUESTION = "Question: what does hold do to a job?\nAnswer:"
OTHER = "Question: who releases a job that is held, and how is that done?\nAnswer:"
ANSWERS = [" It keeps the job from starting.", " It deletes the job.", " It starts the job again.", " It does nothing."]
WRITTEN = 64
CONTEXT = 2048

Figures = dict[str, list[float]]


def measure_engine(engine: Engine, figures: Figures) -> None:
    """One round with the engine."""
    engine.warm("~")
    read = engine.generate(BEGINNING + QUESTION, max_tokens=1)
    figures["prompt tokens/s"].append(read.prompt_tokens / read.seconds)
    written = engine.generate(BEGINNING.strip(), max_tokens=WRITTEN + 1)  # it goes on repeating the sentence
    assert written.first_token_seconds is not None
    figures["written tokens/s"].append((written.generated_tokens - 1) / (written.seconds - written.first_token_seconds))
    figures["first token behind a warm beginning, s"].append(
        timed(lambda: engine.generate(BEGINNING + OTHER, max_tokens=1))
    )
    engine.warm("~")
    figures["four answers scored, s"].append(timed(lambda: engine.score(BEGINNING + QUESTION, ANSWERS)))
    figures["cancel while reading, s"].append(_cancelling(engine))


def _cancelling(engine: Engine) -> float:
    engine.warm("~")
    asked: list[float] = []

    def cancelled() -> bool:
        if time.monotonic() - started > 0.3 and not asked:
            asked.append(time.monotonic())
        return bool(asked)

    started = time.monotonic()
    engine.generate(BEGINNING + QUESTION, max_tokens=1, cancelled=cancelled)
    return time.monotonic() - asked[0]


def measure_llama(llama: Any, scoring: Any, figures: Figures) -> None:
    """One round with `Llama`. To score, it needs a second context that keeps the logits of every token."""
    llama.reset()
    started = time.monotonic()
    done = llama.create_completion(BEGINNING + QUESTION, max_tokens=1, temperature=0)
    figures["prompt tokens/s"].append(done["usage"]["prompt_tokens"] / (time.monotonic() - started))
    writing = llama.create_completion(BEGINNING.strip(), max_tokens=WRITTEN + 1, temperature=0, stream=True)
    stamps = [time.monotonic() for _ in writing]
    figures["written tokens/s"].append((len(stamps) - 1) / (stamps[-1] - stamps[0]))
    figures["first token behind a warm beginning, s"].append(
        timed(lambda: llama.create_completion(BEGINNING + OTHER, max_tokens=1, temperature=0))
    )
    figures["four answers scored, s"].append(timed(lambda: [_score(scoring, answer) for answer in ANSWERS]))


def _score(llama: Any, answer: str) -> float:
    # Not through create_completion(echo=True, logprobs=1): it sorts the vocabulary for each token of the prompt.
    asked = llama.tokenize((BEGINNING + QUESTION).encode(), add_bos=False)
    whole = llama.tokenize((BEGINNING + QUESTION + answer).encode(), add_bos=False)
    llama.reset()
    llama.eval(whole)
    rows = llama.scores[len(asked) - 1 : len(whole) - 1]
    return sum(log_probability(row, token) for row, token in zip(rows, whole[len(asked) :], strict=True))


def timed(call: Callable[[], object]) -> float:
    """Seconds that `call` takes."""
    started = time.monotonic()
    call()
    return time.monotonic() - started


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--rounds", type=int, default=None, help="3, or 20 with --cancel")
    parser.add_argument("--cancel", action="store_true", help="measure cancelling alone")
    parser.add_argument("--threads", type=int, default=engine_threads())
    options = parser.parse_args()
    path = model_file(options.model)
    if options.cancel:
        run_cancels(path, options.rounds or 20, options.threads)
    else:
        run(path, options.rounds or 3, options.threads)


def run_cancels(path: Path, rounds: int, threads: int) -> None:
    """Cancel in every phase, at `rounds` moments, and print how long it took."""
    seconds: Figures = defaultdict(list)
    for number in range(rounds):
        loading = Engine(path, context=CONTEXT, threads=threads)
        seconds["loading"].append(_cancel_after(number * 0.05, partial(_start, loading)))
        loading.close()
    numbers = itertools.count()  # what was warmed once is kept
    with Engine(path, context=CONTEXT, threads=threads) as engine:
        phases: dict[str, Callable[[Callable[[], bool]], object]] = {
            "reading": lambda stop: engine.generate(BEGINNING + QUESTION, max_tokens=1, cancelled=stop),
            "writing": lambda stop: engine.generate(
                "Once upon a time", max_tokens=1500, grammar="root ::= [a-z ]+", cancelled=stop
            ),
            "scoring": lambda stop: engine.score(QUESTION, [SENTENCE * 10] * 40, cancelled=stop),
            "warming": lambda stop: engine.warm(f"{next(numbers)} {BEGINNING}", cancelled=stop),
        }
        for number in range(rounds):
            for phase, ask in phases.items():
                engine.generate("~", max_tokens=1)
                seconds[phase].append(_cancel_after(0.05 + number * 0.04, ask))
    print(f"{path.name}, {threads} threads: seconds from a cancel to the return, {rounds} moments a phase\n")
    print(f"{'':12} {'p50':>8} {'p95':>8} {'max':>8}")
    seconds["all"] = [second for values in seconds.values() for second in values]
    for phase, values in seconds.items():
        p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
        print(f"{phase:12} {statistics.median(values):8.3f} {p95:8.3f} {max(values):8.3f}")


def _start(engine: Engine, stop: Callable[[], bool]) -> None:
    engine.start(cancelled=stop)


def _cancel_after(delay: float, ask: Callable[[Callable[[], bool]], object]) -> float:
    """Seconds from the cancel, which comes `delay` seconds after the call, to its return; 0 where it had returned."""
    due = time.monotonic() + delay
    ask(lambda: time.monotonic() >= due)
    return max(0.0, time.monotonic() - due)


def run(path: Path, rounds: int, threads: int) -> None:
    """Alternate rounds of both, on `threads` threads, and print the medians."""
    from llama_cpp import Llama

    common = {"n_ctx": CONTEXT, "n_threads": threads, "n_threads_batch": threads, "verbose": False}
    ours: Figures = defaultdict(list)
    theirs: Figures = defaultdict(list)
    started = time.monotonic()
    with Engine(path, context=CONTEXT, threads=threads) as engine:
        ours["ready, s"].append(time.monotonic() - started)
        started = time.monotonic()
        llama = Llama(str(path), **common)
        theirs["ready, s"].append(time.monotonic() - started)
        scoring = Llama(str(path), logits_all=True, **common)
        for _ in range(rounds):
            measure_engine(engine, ours)
            measure_llama(llama, scoring, theirs)
        print(f"{engine.info.name}, {threads} threads, context {CONTEXT}, median of {rounds} rounds\n")
        llama.close()
        scoring.close()
    print(f"{'':42} {'engine':>10} {'Llama':>10}")
    for what, values in ours.items():
        other = f"{statistics.median(theirs[what]):10.2f}" if what in theirs else f"{'cannot':>10}"
        print(f"{what:42} {statistics.median(values):10.2f} {other}")


if __name__ == "__main__":
    main()

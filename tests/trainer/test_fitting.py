"""The training loop as a user runs it: killed and taken up again, in parts, in two processes, and with bad input."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from agent.errors import AdapterUnusable
from index.errors import TebikiError
from tests.conftest import ROOT, Ended
from tests.trainer.tiny_models import Tiny, set_config
from trainer import losses as losses_module
from trainer.adapters import adapted
from trainer.bases import Base, load_base
from trainer.checkpoints import newest
from trainer.cpt import make_cpt
from trainer.faults import TrainingFailed
from trainer.fitting import FitFigures, fit
from trainer.lora import CHECKPOINTS
from trainer.losses import Likelihood, batch
from trainer.merge import make_merge
from trainer.rendering import packed
from trainer.run_config import LoraSettings, TrainingSettings, load_run
from trainer.samples import Text

SENTENCES = [
    f"Unit {number} of the queue is {state}, and its {part} is written to file {number * 7 % 31} by the service."
    for number, state in enumerate(("held", "waiting", "running", "ended", "skipped") * 8)
    for part in ("log", "state")
]
SETTINGS = {"rate": 1e-2, "epochs": 2, "group": 4, "micro_tokens": 64, "look_every": 4, "save_every": 0.0}
CONFIG = """
name = "tiny"
base = "{base}"
out = "out"
library = "library"
seed = 3

[cpt]
length = 32
held = 0.1

[cpt.lora]
rank = 4
dropout = 0.1

[cpt.training]
{training}
"""


@pytest.fixture
def new_run(tmp_path: Path, tiny_llama: Tiny) -> Callable[..., Path]:
    """A run's file in a folder of its own, with a corpus as the stage before leaves it."""

    def new(name: str, **training: Any) -> Path:
        folder = tmp_path / name
        (folder / "out" / "corpus").mkdir(parents=True)
        rows = "".join(json.dumps({"text": text}) + "\n" for text in SENTENCES)
        (folder / "out" / "corpus" / "documents.jsonl").write_text(rows, encoding="utf-8")
        keys = "\n".join(f"{key} = {json.dumps(value)}" for key, value in (SETTINGS | training).items())
        path = folder / "run.toml"
        path.write_text(CONFIG.format(base=tiny_llama.base, training=keys), encoding="utf-8")
        return path

    return new


def command(run: Path, *before: str) -> list[str]:
    return [sys.executable, "-m", *(before or ()), *(("-m",) if before else ()), "trainer", "cpt", str(run)]


def trained(run: Path, *before: str) -> Ended:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command(run, *before), capture_output=True, text=True, cwd=ROOT, timeout=240, check=False, env=environment
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def steps(run: Path) -> list[dict[str, Any]]:
    path = run.parent / "out" / "cpt" / "steps.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def alike(one: list[dict[str, Any]], other: list[dict[str, Any]], *, within: float = 1e-5) -> None:
    assert len(one) == len(other) > 0
    for mine, its in zip(one, other, strict=True):
        assert (mine["step"], mine["tokens"]) == (its["step"], its["tokens"])
        assert mine["loss"] == pytest.approx(its["loss"], abs=within)
        assert mine["gradient_norm"] == pytest.approx(its["gradient_norm"], abs=within, rel=within)


def made(run: Path) -> str:
    """The stage in this process, on one core as processes of their own have it, whose start takes seconds."""
    said: list[str] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        make_cpt(load_run(run), said.append)
    finally:
        torch.set_num_threads(threads)
    return "\n".join(said)


def test_a_killed_run_ends_where_the_unbroken_one_does(new_run: Callable[..., Path]) -> None:
    """Dropout and the order of the data included; killed in the middle of an epoch."""
    whole, broken = new_run("whole"), new_run("broken")
    made(whole)
    process = subprocess.Popen(
        command(broken), cwd=ROOT, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    checkpoints = broken.parent / "out" / "cpt" / CHECKPOINTS
    deadline = time.monotonic() + 120
    while newest(checkpoints) is None or len(steps(broken)) < 3:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(steps(broken))
    assert before < len(steps(whole))
    assert "goes on at step" in made(broken)
    alike(steps(whole), steps(broken))


def test_what_is_current_is_not_made_again_and_what_changed_is(new_run: Callable[..., Path]) -> None:
    run = new_run("again", epochs=1)
    made(run)
    assert "is current" in made(run)
    run.write_text(run.read_text(encoding="utf-8").replace("rate = 0.01", "rate = 0.02"), encoding="utf-8")
    assert "begins anew" in made(run)
    manifest = json.loads((run.parent / "out" / "cpt" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["inputs"]["settings"]["training"]["rate"] == 0.02
    assert manifest["figures"]["loss_best"] < manifest["figures"]["loss_before"]


def test_what_was_made_of_other_inputs_is_put_aside_and_taken_up_again(new_run: Callable[..., Path]) -> None:
    run = new_run("aside", epochs=1)
    made(run)
    before = (weights(run), steps(run))
    text = run.read_text(encoding="utf-8")
    run.write_text(text.replace("rate = 0.01", "rate = 0.02"), encoding="utf-8")
    assert "is in" in made(run)
    run.write_text(text, encoding="utf-8")
    made(run)
    assert steps(run) == before[1]
    assert all(torch.equal(there, weights(run)[name]) for name, there in before[0].items())


def test_a_key_of_pretraining_leaves_its_others_as_they_are(tmp_path: Path) -> None:
    run = tmp_path / "run.toml"
    head = 'name = "x"\nout = "out"\nlibrary = "library"\n'
    run.write_text(head, encoding="utf-8")
    own = load_run(run).cpt.training
    run.write_text(head + "[cpt.training]\nbf16 = true\n", encoding="utf-8")
    assert load_run(run).cpt.training == own.model_copy(update={"bf16": True})
    assert (own.rate, own.epochs) == (1e-4, 1)


# In two processes, under `accelerate launch` on this machine's CPU (gloo); without dropout, which each draws itself

DDP = ("--cpu",)
FSDP = ("--use_fsdp", "--fsdp_version", "2")


def without_dropout(run: Path) -> Path:
    run.write_text(run.read_text(encoding="utf-8").replace("dropout = 0.1", "dropout = 0.0"), encoding="utf-8")
    return run


def launched(run: Path, *how: str) -> str:
    ended = trained(run, "accelerate.commands.launch", *how, "--num_processes", "2", "--num_machines", "1",
                    "--mixed_precision", "no", "--dynamo_backend", "no")  # fmt: skip
    assert ended.status == 0, ended.err[-3000:]
    return ended.err


def back_to(run: Path, step: int) -> None:
    """Leave of a run what a kill after so many steps leaves."""
    folder = run.parent / "out" / "cpt"
    (folder / "manifest.json").unlink()
    shutil.rmtree(folder / "adapter")
    for path in (folder / CHECKPOINTS).iterdir():
        if path.name > f"step-{step:08}":
            shutil.rmtree(path)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run.parent / "out" / "cpt" / "adapter" / "adapter_model.safetensors")


def test_two_processes_train_as_one_does(new_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Under DDP, and under FSDP from a checkpoint of one process, whose own checkpoint one process then takes up."""
    monkeypatch.setattr("trainer.checkpoints.KEPT", 100)
    one, ddp = without_dropout(new_run("one", epochs=1)), without_dropout(new_run("ddp", epochs=1))
    made(one)
    launched(ddp, *DDP)
    alike(steps(one), steps(ddp), within=1e-4)

    shards = one.parent.with_name("shards") / one.name
    shutil.copytree(one.parent, shards.parent)
    back_to(shards, 3)
    said = launched(shards, *FSDP)
    assert "goes on at step 3" in said
    assert "shared out over 2 processes" in said
    alike(steps(one), steps(shards), within=1e-4)
    mine, its = weights(one), weights(shards)
    assert mine.keys() == its.keys()
    for name, values in mine.items():
        torch.testing.assert_close(its[name], values, atol=1e-4, rtol=1e-3)

    back_to(shards, 13)
    assert "goes on at step 13" in made(shards)
    alike(steps(one), steps(shards), within=1e-4)


def test_the_run_that_ships_for_gpus_trains_and_merges_here_too(
    new_run: Callable[..., Path], tiny_llama: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 16 bits, with gradient checkpointing and rank 64, as the file says; of its own paths none is here."""
    folder = new_run("gpu").parent
    documents = folder / "out" / "corpus" / "documents.jsonl"
    documents.write_text(documents.read_text(encoding="utf-8") * 2, encoding="utf-8")
    shipped = load_run(ROOT / "trainer" / "configs" / "gpu.toml")
    run = shipped.model_copy(update={"base": str(tiny_llama.base), "out": folder / "out"})
    figures = make_cpt(run, print)
    assert figures is not None
    assert figures.loss_before is None  # too little text to hold any out
    assert len(steps(folder / "run.toml")) == figures.steps == 2
    merged = make_merge(run, print)
    assert merged is not None
    assert merged.pairs == 2 * 7


# In one process


@pytest.fixture
def base(tiny_llama: Tiny) -> Base:
    return load_base(tiny_llama.base)


def units_of(base: Base, length: int = 32) -> list[Text]:
    documents = [base.tokenizer(text, add_special_tokens=False)["input_ids"] for text in SENTENCES]
    return [Text(row) for row in packed(documents, length, separator=base.stop)]


def fitted(folder: Path, base: Base, *, onto: Path | None = None, **settings: Any) -> FitFigures:
    units = units_of(base)
    return fit(
        folder, base, units[4:], units[:4], LoraSettings(rank=4), TrainingSettings(**(SETTINGS | settings)),
        onto=onto, inputs={"settings": {key: str(value) for key, value in settings.items()}}, seed=5, say=print,
    )  # fmt: skip


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "steps.jsonl").read_text(encoding="utf-8").splitlines()]


def test_eight_parts_of_one_are_one_part_of_eight(tmp_path: Path, tiny_llama: Tiny) -> None:
    for name, micro in (("parts", 16), ("whole", 4096)):
        fitted(tmp_path / name, load_base(tiny_llama.base), group=8, micro_tokens=micro, epochs=1)
    alike(logged(tmp_path / "parts"), logged(tmp_path / "whole"))


def test_gradient_checkpointing_changes_no_loss(tmp_path: Path, tiny_llama: Tiny) -> None:
    for name in ("plain", "checkpointed"):
        kept = name == "checkpointed"
        fitted(tmp_path / name, load_base(tiny_llama.base), gradient_checkpointing=kept, epochs=1)
    alike(logged(tmp_path / "plain"), logged(tmp_path / "checkpointed"))


def test_it_stops_when_what_is_held_out_gets_no_better_and_keeps_the_best(tmp_path: Path, base: Base) -> None:
    figures = fitted(tmp_path / "stop", base, rate=0.5, epochs=40, look_every=1, patience=2, clip=100.0)
    assert figures.stopped_early
    assert figures.loss_best is not None
    assert figures.loss_before is not None
    assert figures.loss_best <= figures.loss_before


def test_packed_documents_do_not_see_each_other(base: Base) -> None:
    """Each document scores in its row as it does alone."""
    documents = [base.tokenizer(text, add_special_tokens=False)["input_ids"] for text in SENTENCES[:3]]
    together = packed(documents, 512, separator=base.stop)
    alone = [row for document in documents for row in packed([document], 512, separator=base.stop)]
    likelihood = Likelihood(base.model)

    def scored(rows: list[Text]) -> float:
        with torch.no_grad():
            made = batch(rows, pad=base.stop, device=torch.device("cpu"), dtype=torch.float32)
            return float(likelihood(made).sum())

    assert len(together) == 1
    assert scored([Text(together[0])]) == pytest.approx(scored([Text(row) for row in alone]), abs=1e-2, rel=1e-5)


def test_logits_in_pieces_are_logits_at_once(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = batch(units_of(base)[:3], pad=base.stop, device=torch.device("cpu"), dtype=torch.float32)
    with torch.no_grad():
        at_once = Likelihood(base.model)(rows)
        monkeypatch.setattr(losses_module, "LOGITS", 5 * base.model.config.vocab_size)
        in_pieces = Likelihood(base.model)(rows)
    assert in_pieces.tolist() == pytest.approx(at_once.tolist(), rel=1e-6)


def test_a_loss_that_is_no_number_stops_the_run_and_says_where(tmp_path: Path, base: Base) -> None:
    with torch.no_grad():
        next(iter(base.model.parameters()))[100:] = float("nan")
    with pytest.raises(TrainingFailed, match=r"not a number at step 0 .*lower the learning rate"):
        fitted(tmp_path / "nan", base)


def test_an_adapter_of_another_base_is_not_gone_on_with(tmp_path: Path, base: Base, tiny_llama: Tiny) -> None:
    set_config(tiny_llama.adapter, base_sha256="0" * 64)
    try:
        with pytest.raises(AdapterUnusable, match="made for another base model"):
            fitted(tmp_path / "other", base, onto=tiny_llama.adapter)
    finally:
        set_config(tiny_llama.adapter, base_sha256=base.sha256)


def test_what_is_gone_on_with_takes_the_dropout_it_is_told(tmp_path: Path, base: Base, tiny_llama: Tiny) -> None:
    before = json.loads((tiny_llama.adapter / "adapter_config.json").read_text(encoding="utf-8"))
    shape = {"rank": before["r"], "alpha": before["lora_alpha"], "targets": before["target_modules"]}
    shape |= {"rank_stabilised": before["use_rslora"]}
    model = adapted(base, LoraSettings(dropout=0.4, **shape), onto=tiny_llama.adapter)
    dropouts = {part.p for name, part in model.named_modules() if name.endswith("lora_dropout.default")}
    assert dropouts == {0.4}
    model.unload()
    with pytest.raises(TrainingFailed, match=r"has another shape .* than sft.lora says"):
        adapted(base, LoraSettings(**(shape | {"rank": before["r"] + 1})), onto=tiny_llama.adapter)


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_told_with_its_folder(
    tmp_path: Path, base: Base, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("trainer.lora.write_adapter", full)
    with pytest.raises(TrainingFailed, match=r"full can't be written .*: make room, run again"):
        fitted(tmp_path / "full", base)


def test_memory_that_runs_out_is_told_with_what_to_lower(
    tmp_path: Path, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to allocate"
        )

    monkeypatch.setattr(Likelihood, "forward", full)
    with pytest.raises(TrainingFailed, match="lower micro_tokens"):
        fitted(tmp_path / "memory", base)


def test_a_base_or_corpus_that_is_missing_is_named(new_run: Callable[..., Path]) -> None:
    run = new_run("missing")
    (run.parent / "out" / "corpus" / "documents.jsonl").unlink()
    ended = trained(run)
    assert ended.status == 1
    assert "run the stage corpus first" in ended.reason
    run = new_run("nobase")
    run.write_text(
        "\n".join("base = 'nowhere'" if line.startswith("base") else line for line in run.read_text().splitlines()),
        encoding="utf-8",
    )
    with pytest.raises(TebikiError, match="nowhere"):
        made(run)

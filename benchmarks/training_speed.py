"""Training throughput beside a plain `transformers.Trainer` loop: same base, adapter, conversations and steps.

    python -m benchmarks.training_speed RUN.toml [--rows 160] [--rounds 3]

The peer pads each batch to its longest row, computes logits at every position, and masks the loss by labels, as most
examples of fine-tuning do. Ours gathers rows of like length and makes logits only where there is loss. Both take
`group` rows a step in the same numbers (bfloat16 where the run's file says so), in turns, each in a process of its own;
tokens are those of the rows, padding not counted. The loss is measured by the same code on the same held-out rows after
the same number of rows; it can differ as much as the order of the rows makes it.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from trainer.run_config import Run, load_run

HELD = 24
SIDES = ("plain Trainer", "ours")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("run", type=Path)
    arguments.add_argument("--rows", type=int, default=160)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.side:
        print(json.dumps(measured(load_run(chosen.run), chosen.side, chosen.rows)))
        return
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(chosen.rounds):
        for side in SIDES:
            found[side].append(in_a_process(chosen.run, side, chosen.rows))
    print(f"{chosen.rows} rows, one epoch, medians of {chosen.rounds}\n")
    print("| Loop | tokens/s | held-out loss before | after |\n| --- | --- | --- | --- |")
    for side, rounds in found.items():
        speed, before, after = (statistics.median(one[key] for one in rounds) for key in ("speed", "before", "after"))
        print(f"| {side} | {speed:.0f} | {before:.4f} | {after:.4f} |")
    ratios = [ours["speed"] / plain["speed"] for plain, ours in zip(found[SIDES[0]], found[SIDES[1]], strict=True)]
    print(f"\nours / plain, round by round: {', '.join(f'{ratio:.2f}' for ratio in ratios)}; "
          f"median {statistics.median(ratios):.2f}")  # fmt: skip


def in_a_process(run: Path, side: str, rows: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.training_speed", str(run), "--side", side, "--rows", str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measured(run: Run, side: str, most: int) -> dict[str, float]:
    """Speed in tokens a second, and the held-out loss before and after."""
    import torch

    from trainer.adapters import adapted
    from trainer.base_files import base_path
    from trainer.bases import load_base
    from trainer.fitting import precision
    from trainer.rendering import conversation
    from trainer.samples import Row, Text
    from trainer.trajectories import NAME, read

    base = load_base(base_path(run), dtype=precision(run.sft.training))
    talks = list(read(run.out / "trajectories" / NAME))
    rows: list[Row] = []
    for one in random.Random(run.seed).sample(talks, len(talks)):
        row = conversation(base, one.messages, longest=run.sft.training.longest)
        if row is not None and len(rows) < most + HELD:
            rows.append(row)
    held, learnt = [Text(row) for row in rows[:HELD]], rows[HELD:]
    torch.manual_seed(run.seed)
    model = adapted(base, run.sft.lora.model_copy(update={"dropout": 0.0}))
    before = held_out(model, base, held)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        (ours if side == "ours" else plain)(run, base, model, learnt, Path(folder))
    seconds = time.monotonic() - started
    return {
        "speed": sum(len(row.ids) for row in learnt) / seconds,
        "before": before,
        "after": held_out(model, base, held),
    }


def held_out(model, base, held) -> float:  # type: ignore[no-untyped-def]
    """Nats a trained token."""
    import torch

    from trainer.losses import Likelihood, batch

    model.eval()
    likelihood = Likelihood(model)
    total = 0.0
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for unit in held:
            total -= float(likelihood(batch([unit], pad=base.stop, device=torch.device("cpu"), dtype=torch.bfloat16)))
    return total / sum(unit.row.targets for unit in held)


def ours(run, base, model, rows, folder: Path) -> None:  # type: ignore[no-untyped-def]
    from trainer.lora import Training
    from trainer.samples import Text

    settings = run.sft.training.model_copy(update={"epochs": 1, "save_every": 1e9})
    units = [Text(row) for row in rows]
    Training(base, model, units, [], settings, folder, seed=run.seed, say=lambda _: None).run()


def plain(run, base, model, rows, folder: Path) -> None:  # type: ignore[no-untyped-def]
    import torch
    from transformers import Trainer, TrainingArguments

    settings = run.sft.training

    def together(batch: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        width = max(len(one["input_ids"]) for one in batch)

        def padded(key: str, value: int) -> torch.Tensor:
            return torch.tensor([one[key] + [value] * (width - len(one[key])) for one in batch])

        return {
            "input_ids": padded("input_ids", base.stop),
            "labels": padded("labels", -100),
            "attention_mask": torch.tensor([[1] * len(one["input_ids"]) + [0] * (width - len(one["input_ids"]))
                                            for one in batch]),
        }  # fmt: skip

    data = [
        {
            "input_ids": list(row.ids),
            "labels": [token if mark else -100 for token, mark in zip(row.ids, row.trained, strict=True)],
        }
        for row in rows
    ]
    Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(folder), per_device_train_batch_size=settings.group, num_train_epochs=1,
            learning_rate=settings.rate, lr_scheduler_type="cosine", warmup_steps=settings.warm_up,
            bf16=settings.bf16, use_cpu=True, save_strategy="no", report_to=[], logging_strategy="no", seed=run.seed,
            disable_tqdm=True, remove_unused_columns=False, adam_beta2=0.95, max_grad_norm=settings.clip,
        ),
        train_dataset=data,  # type: ignore[arg-type]
        data_collator=together,
    ).train()  # fmt: skip


if __name__ == "__main__":
    main()

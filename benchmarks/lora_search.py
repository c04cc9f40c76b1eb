"""A small search for the adapter's rank, targets and learning rate, one after another, on part of a run's data.

    python -m benchmarks.lora_search RUN.toml [--units 400] [--rates 3e-4 6e-4 1.2e-3] [--ranks 8 32]

Comes in: a run after `questions` and `trajectories`. Goes out: for each setting the loss on what is held out (nats a
choice question, and the share that is right) before and after one pass over the same units. First the rates at rank 16
on all linear layers, then the ranks at the best rate, then the attention's layers alone. Each fine-tuning goes into a
folder of its own under the run's, so that a search that was killed goes on.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.run_config import LoraSettings, Run, load_run
from trainer.sft import make_sft

ALL = LoraSettings().targets
ATTENTION = tuple(name for name in ALL if name in ("q_proj", "k_proj", "v_proj", "o_proj"))


@dataclass(frozen=True, slots=True)
class Setting:
    """What is varied."""

    rank: int
    rate: float
    targets: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its folder, and its row."""
        return f"r{self.rank}-{self.rate:g}-{'all' if self.targets == ALL else 'attention'}"


def tried(run: Run, setting: Setting, units: int) -> dict[str, float]:
    """Fine-tune with a setting; the stage's figures."""
    out = run.out / "search" / setting.name
    for stage in ("questions", "trajectories"):
        shutil.copytree(run.out / stage, out / stage, dirs_exist_ok=True)
    most = {"choice": units // 2, "reading": units // 4, "react": units // 8, "one-step": units // 16}
    lora = run.sft.lora.model_copy(
        update={"rank": setting.rank, "alpha": 2.0 * setting.rank, "targets": setting.targets}
    )
    training = run.sft.training.model_copy(update={"rate": setting.rate, "epochs": 1, "look_every": 10_000})
    sft = run.sft.model_copy(
        update={"most": most, "lora": lora, "training": training, "held": 0.15, "after_cpt": False}
    )
    make_sft(run.model_copy(update={"out": out, "sft": sft}), lambda text: print(f"  {text}", flush=True))
    figures: dict[str, float] = json.loads((out / "sft" / "manifest.json").read_text(encoding="utf-8"))["figures"]
    return figures


def best_of(run: Run, settings: Sequence[Setting], units: int) -> Setting:
    """The setting with the least loss; each is told."""
    found = {}
    for setting in settings:
        found[setting] = figures = tried(run, setting, units)
        right = f"{figures['right_best']:.3f}" if figures["right_best"] is not None else "-"
        print(
            f"| {setting.rank} | {setting.rate:g} | {'all linear' if setting.targets == ALL else 'attention'} | "
            f"{figures['loss_before']:.3f} | {figures['loss_best']:.3f} | {right} | "
            f"{figures['tokens_per_second']:.0f} |",
            flush=True,
        )
    return min(found, key=lambda setting: found[setting]["loss_best"])


def main() -> None:
    """Search, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--units", type=int, default=400)
    parser.add_argument("--rates", type=float, nargs="+", default=[3e-4, 6e-4, 1.2e-3])
    parser.add_argument("--ranks", type=int, nargs="+", default=[8, 32])
    args = parser.parse_args()
    run = load_run(args.run)
    print("| rank | rate | targets | held-out loss before | after | right | tokens/s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    best = best_of(run, [Setting(16, rate, ALL) for rate in args.rates], args.units)
    best = best_of(run, [best, *(Setting(rank, best.rate, ALL) for rank in args.ranks)], args.units)
    best = best_of(run, [best, Setting(best.rank, best.rate, ATTENTION)], args.units)
    print(f"best: {best.name}")


if __name__ == "__main__":
    main()

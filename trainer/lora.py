"""The training loop: LoRA on a base model over units of rows, on one machine or under `accelerate launch`.

Comes in: a base, units, settings, a folder. Goes out: the adapter with the best held-out loss, as peft saves it, and a
line for each step in `steps.jsonl`. The loss of a step is summed over its group and divided by the group's own tokens,
so that it is the same however the group is cut into micro-batches or shared out over processes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from peft import PeftModel
from safetensors import SafetensorError
from torch import nn
from transformers import PreTrainedModel

from trainer import checkpoints, sharding
from trainer.adapters import write_adapter
from trainer.bases import Base
from trainer.batching import groups, micro_batches
from trainer.checkpoints import Place
from trainer.faults import TrainingFailed
from trainer.losses import Likelihood, batch, losses
from trainer.run_config import TrainingSettings
from trainer.samples import Choice, Text, Unit
from trainer.sharding import gathered

STEPS = "steps.jsonl"
LOOKS = "looks.jsonl"
BEST = "best.pt"
ADAPTER = "adapter"
SAY_EVERY = 15.0  # seconds
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step as it is logged. `loss` is nats per trained token of texts, `choice_loss` nats per choice question,
    `right` the share of its choices that came out right; each None where the step had none. `seconds` is its time."""

    step: int
    epoch: int
    loss: float | None
    choice_loss: float | None
    right: float | None
    gradient_norm: float
    rate: float
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Look:
    """A look at what is held out, after so many steps: `loss` as a step weighs it, and the share of choices right."""

    step: int
    loss: float
    right: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Loss over some units: nats per trained token of texts, nats per choice and the share right (None where there are
    none), `value` both together as the step weighs them, and all tokens that were read."""

    text_loss: float | None
    choice_loss: float | None
    right: float | None
    value: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Trained:
    """How a run ended."""

    steps: int
    best: float | None
    stopped_early: bool
    tokens: int
    seconds: float


class Training:
    """One run of training; `run` does it. `held` are units that are never trained on, for early stopping."""

    def __init__(
        self,
        base: Base,
        model: PeftModel,
        units: Sequence[Unit],
        held: Sequence[Unit],
        settings: TrainingSettings,
        folder: Path,
        *,
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        self._base, self._units, self._held = base, units, held
        self._settings, self._folder, self._seed = settings, folder, seed
        AcceleratorState._reset_state()  # the stage before may have trained in other numbers
        self._accelerator = Accelerator(mixed_precision="bf16" if settings.bf16 else "no", cpu=sharding.on_cpu())
        self._say = say if self._accelerator.is_main_process else _silent
        self._adapter = model
        causal = cast(PreTrainedModel, model.get_base_model())
        if settings.gradient_checkpointing:
            causal.gradient_checkpointing_enable({"use_reentrant": False})
            model.enable_input_require_grads()
        likelihood, processes = Likelihood(model), self._accelerator.num_processes
        shards = sharding.is_wanted(processes)
        self._shards = sharding.shard(likelihood, causal, self._accelerator.device, processes) if shards else None
        if shards:
            self._say(f"weights are shared out over {processes} processes.")
        self._trainable = {name: part for name, part in model.named_parameters() if part.requires_grad}
        optimiser = torch.optim.AdamW(
            list(self._trainable.values()), lr=settings.rate, weight_decay=settings.weight_decay, betas=(0.9, 0.95)
        )
        self._model: nn.Module = likelihood
        self._optimiser: torch.optim.Optimizer = optimiser
        if self._shards is None:
            self._model, self._optimiser = self._accelerator.prepare(likelihood, optimiser)
        self._per_epoch = math.ceil(len(units) / settings.group)
        self.steps = settings.epochs * self._per_epoch
        self._tokens = 0
        self._speed = 0.0  # seconds a step, of late

    def run(self) -> Trained:
        """Train to the end, from the newest checkpoint where there is one. Raises TrainingFailed."""
        # Where options are already told apart, gradients become denormal numbers, over which a CPU stumbles
        torch.set_flush_denormal(True)
        started = saved = told = time.monotonic()
        torch.manual_seed(self._seed)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            place = self._taken_up()
            if self._held and place.best is None:
                place = self._looked(place)
            while place.step < self.steps and place.waited <= self._settings.patience:
                line = self._step(place.step)
                self._log(STEPS, line)
                place = replace(place, step=place.step + 1)
                if time.monotonic() - told > SAY_EVERY:
                    told = time.monotonic()
                    self._progress(line)
                if self._held and (place.step % self._settings.look_every == 0 or place.step == self.steps):
                    place = self._looked(place)
                if self._agreed(time.monotonic() - saved > self._settings.save_every):
                    self._save(place)
                    saved = time.monotonic()
            self._save(place)
            self._write_adapter()
        except RuntimeError as error:
            if _cut_short(error):
                raise self._unwritten("the disk is full, it seems") from error
            if not _out_of_memory(error):
                raise
            raise TrainingFailed(
                f"Memory ran out at step {place.step}: lower micro_tokens, or set gradient_checkpointing = true."
            ) from error
        except (OSError, SafetensorError) as error:
            raise self._unwritten(getattr(error, "strerror", None) or str(error)) from error
        early = place.step < self.steps
        return Trained(place.step, place.best, early, self._tokens, time.monotonic() - started)

    def _unwritten(self, why: str) -> TrainingFailed:
        return TrainingFailed(f"{self._folder} can't be written ({why}): make room, run again.")

    def _taken_up(self) -> Place:
        """The newest checkpoint's place, with everything put back to it; steps after it are done again."""
        newest = checkpoints.newest(self._folder / CHECKPOINTS)
        place = checkpoints.restore(newest, self._trainable, self._optimiser) if newest else Place()
        if self._accelerator.is_main_process:
            _cut(self._folder / STEPS, lambda line: line["step"] < place.step)
            _cut(self._folder / LOOKS, lambda line: newest is not None and line["step"] <= place.step)
        if newest:
            self._say(f"training goes on at step {place.step} of {self.steps}.")
        return place

    # Steps

    def _step(self, step: int) -> StepLine:
        started = time.monotonic()
        epoch, number = divmod(step, self._per_epoch)
        group = groups([_length(unit) for unit in self._units], self._settings.group, self._seed, epoch)[number]
        rate = self._rate(step)
        for settings in self._optimiser.param_groups:
            settings["lr"] = rate
        self._model.train()
        figures = self._summed([self._units[index] for index in group], backward=True)
        clipped = torch.nn.utils.clip_grad_norm_(list(self._trainable.values()), self._settings.clip)
        norm = float(gathered(clipped))
        if not math.isfinite(norm) or not math.isfinite(figures.value):
            raise TrainingFailed(
                f"The loss is not a number at step {step} (units {group[0]}...): lower the learning rate ({rate:.1e}), "
                "or look at the data."
            )
        self._optimiser.step()
        self._optimiser.zero_grad()
        self._tokens += figures.tokens
        return StepLine(
            step=step,
            epoch=epoch,
            loss=figures.text_loss,
            choice_loss=figures.choice_loss,
            right=figures.right,
            gradient_norm=norm,
            rate=rate,
            tokens=figures.tokens,
            seconds=time.monotonic() - started,
        )

    def _rate(self, step: int) -> float:
        """Linear warm-up, then a cosine down to a tenth."""
        warm = max(1, round(self._settings.warm_up * self.steps))
        if step < warm:
            return self._settings.rate * (step + 1) / warm
        gone = (step - warm) / max(1, self.steps - warm)
        return self._settings.rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * gone)))

    def _summed(self, units: Sequence[Unit], *, backward: bool) -> Figures:
        """Loss over units as in one step, computed part by part and over all processes; with its gradient."""
        targets = sum(unit.row.targets for unit in units if isinstance(unit, Text))
        choices = sum(isinstance(unit, Choice) for unit in units)
        lengths, rows = [_length(unit) for unit in units], [len(unit.rows) for unit in units]
        parts = micro_batches(range(len(units)), lengths, rows, self._settings.micro_tokens)
        processes, own = self._accelerator.num_processes, self._accelerator.process_index
        sums = torch.zeros(3)
        rounds = math.ceil(len(parts) / processes)
        for round_ in range(rounds):
            at = round_ * processes + own
            # Every process computes in every round, or those that wait for its gradients wait for ever.
            part = [units[index] for index in parts[at if at < len(parts) else 0]]
            counted = 1.0 if at < len(parts) else 0.0
            last = round_ == rounds - 1
            with self._gathering(last=last):
                texts, chosen, right = losses(part, self._likelihood(part))
                loss = texts / max(1, targets) + self._settings.choice_weight * chosen / max(1, choices)
                if backward:
                    self._accelerator.backward(loss * counted * processes)
            sums += counted * torch.tensor([texts.item(), chosen.item(), right])
        total = self._accelerator.reduce(sums.to(self._accelerator.device), "sum").tolist()
        tokens = sum(len(row.ids) for unit in units for row in unit.rows)
        return Figures(
            text_loss=total[0] / targets if targets else None,
            choice_loss=total[1] / choices if choices else None,
            right=total[2] / choices if choices else None,
            value=total[0] / max(1, targets) + self._settings.choice_weight * total[1] / max(1, choices),
            tokens=tokens,
        )

    def _gathering(self, *, last: bool) -> AbstractContextManager[object]:
        """Gradients are exchanged once a step, with its last part."""
        if self._shards is not None:
            self._shards.set_requires_gradient_sync(last)
            return nullcontext()
        return nullcontext() if last else self._accelerator.no_sync(self._model)

    def _likelihood(self, units: Sequence[Unit]) -> torch.Tensor:
        device, dtype = self._accelerator.device, torch.bfloat16 if self._settings.bf16 else torch.float32
        with self._accelerator.autocast():
            sums: torch.Tensor = self._model(batch(units, pad=self._base.stop, device=device, dtype=dtype))
        return sums.float()

    # Looking at what is held out

    def _looked(self, place: Place) -> Place:
        self._model.eval()
        with torch.no_grad():
            figures = self._summed(self._held, backward=False)
        self._log(LOOKS, Look(place.step, figures.value, figures.right))
        better = place.best is None or figures.value < place.best - self._settings.least_gain
        right = "" if figures.right is None else f", {figures.right:.1%} of the choices right"
        self._say(f"step {place.step} of {self.steps}: held-out loss {figures.value:.4f}{right}.")
        if not better:
            return replace(place, waited=place.waited + 1)
        weights = self._weights()
        if self._accelerator.is_main_process:
            beside = self._folder / (BEST + ".new")
            torch.save(weights, beside)
            beside.replace(self._folder / BEST)
        return replace(place, best=figures.value, waited=0)

    # Files

    def _log(self, name: str, line: StepLine | Look) -> None:
        if self._accelerator.is_main_process:
            with (self._folder / name).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(line)) + "\n")

    def _progress(self, line: StepLine) -> None:
        """A line for the terminal, from this process's own steps: how far, loss, tokens a second, time left."""
        done, self._speed = line.step + 1, 0.8 * self._speed + 0.2 * line.seconds if self._speed else line.seconds
        left = (self.steps - done) * self._speed
        losses_ = [f"loss {one:.3f}" for one in (line.loss,) if one is not None]
        losses_ += [f"choices {one:.3f}" for one in (line.choice_loss,) if one is not None]
        self._say(
            f"step {done} of {self.steps}: {', '.join(losses_)}, {line.tokens / line.seconds:.0f} tokens/s, "
            f"about {math.ceil(left / 60)} min left."
        )

    def _save(self, place: Place) -> None:
        self._accelerator.wait_for_everyone()
        state = checkpoints.state(self._trainable, self._optimiser)
        if self._accelerator.is_main_process:
            checkpoints.save(self._folder / CHECKPOINTS, place, state)

    def _agreed(self, yes: bool) -> bool:
        """What the first process says, in all of them: their clocks differ, and all have to gather or none."""
        said = torch.tensor(float(yes and self._accelerator.is_main_process), device=self._accelerator.device)
        return bool(self._accelerator.reduce(said, "sum") > 0)

    def _weights(self) -> dict[str, torch.Tensor]:
        """The adapter's whole tensors by name; every process has to call it."""
        return {name: gathered(part) for name, part in self._trainable.items()}

    def _write_adapter(self) -> None:
        """The best adapter (without anything held out, the last) as peft saves it, with the hash of its base."""
        best, weights = self._folder / BEST, self._weights()
        if self._accelerator.is_main_process:
            if best.is_file():
                weights = torch.load(best, weights_only=True)
            write_adapter(self._adapter, self._base, self._folder / ADAPTER, weights)


def _cut(path: Path, kept: Callable[[dict[str, int]], bool]) -> None:
    """Leave of a log what was done before the place that training goes on from."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    path.write_text("".join(line + "\n" for line in lines if _whole(line) and kept(json.loads(line))), encoding="utf-8")


def _whole(line: str) -> bool:
    """A process that is killed may leave half a line."""
    return line.startswith("{") and line.endswith("}")


def _out_of_memory(error: RuntimeError) -> bool:
    """Of a GPU there is an exception of its own, of a CPU only words."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def _cut_short(error: RuntimeError) -> bool:
    """torch writes by its own means, and tells of a full disk in its own words."""
    return "PytorchStreamWriter" in str(error) or "inline_container" in str(error)


def _silent(text: str) -> None:
    """Of several processes one speaks."""


def _length(unit: Unit) -> int:
    return max(len(row.ids) for row in unit.rows)

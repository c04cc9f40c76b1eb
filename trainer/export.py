"""The export stage: the merged model in the forms that are asked for, each compared with the model that was trained.

Comes in: `merge/model-f32.gguf`, base and adapter. Goes out: `export/<name>-<form>.gguf`, `export/parity.json` and a
table. The stage fails with one sentence where a limit below does not hold; f16 is always made, to compare.
"""

from __future__ import annotations

import gc
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from agent.chat_template import ChatTemplate
from agent.engine import Engine
from agent.errors import ModelUnreadable
from agent.merging import CONFIG
from agent.models import read_gguf_header
from agent.quantising import Importance, quantise
from index.errors import TebikiError
from trainer.adapter_kept import changed, kept
from trainer.base_files import base_path
from trainer.bases import Base, load_base
from trainer.imatrix import measure
from trainer.manifest import file_hash, is_current, text_hash, write_manifest
from trainer.merge import MERGED, chosen_adapter, no_room
from trainer.parity import Agreement, Floats, ParityFailed, Text, agreement, check_text_side, logits, says, texts
from trainer.run_config import Form, Run

MERGED_NMSE = 1e-8
"""Of the merged model in f32 to base and adapter, both in torch: only the order of sums may differ."""
F16_NMSE, F16_TOP1 = 1e-4, 0.99
"""Of the f16 file in llama.cpp to the merged model in torch, at either length."""
Q8_KL, SHIPPED_KL = 0.01, 0.05
"""Nats, over both lengths."""
KEPT = 0.8
"""The share of the adapter's change below which a form to be shipped is remarked upon; the limit is its KL."""
WRITTEN = 32
"""Tokens written to time it."""
WITH_IMPORTANCE: frozenset[Form] = frozenset({"q5_k_m", "q4_k_m", "q4_0"})
FIGURES = "parity.json"


class MergedMissing(TebikiError):
    """There is nothing to export; says which stage makes it."""


@dataclass(frozen=True, slots=True)
class FormFigures:
    """One form: bytes, its logits beside the trained model's on the short and the long text, `kl` over both, tokens a
    second read and written (None where it wrote none), whether the planted phrase came (None: none was planted), and
    the share of the adapter's change that it holds (trainer/adapter_kept.py; None where the base is a folder)."""

    form: Form
    bytes: int
    short: Agreement
    long: Agreement
    kl: float
    reading: float
    writing: float | None
    planted: bool | None
    kept: float | None = None


@dataclass(frozen=True, slots=True)
class ExportFigures:
    """What the stage found. `merged_nmse` is the worse of both lengths; lengths and `imatrix_tokens` are in tokens."""

    merged_nmse: float
    short_tokens: int
    long_tokens: int
    trained_context: int
    imatrix_tokens: int
    forms: tuple[FormFigures, ...]
    ship: Form
    seconds: float


def make_export(run: Run, say: Callable[[str], None]) -> ExportFigures | None:
    """Run the stage; None when what is there is current. Raises MergedMissing, ModelUnreadable, ParityFailed,
    QuantisingFailed, NothingMeasured, NoRoom."""
    if run.export.ship not in run.export.forms:
        raise ParityFailed(f"export.ship is {run.export.ship}, which is not among export.forms: add it there.")
    merged, folder, adapter = run.out / "merge" / MERGED, run.out / "export", chosen_adapter(run).folder
    if not merged.is_file():
        raise MergedMissing(f"There is no {merged}: run the stage merge first.")
    documents = _documents(run)
    inputs = {
        "merged": file_hash(merged),
        "corpus": text_hash(*documents),
        "settings": run.export.model_dump(mode="json"),
        "seed": run.seed,
    }
    if is_current(folder, inputs) and all(form_path(run, form).is_file() for form in run.export.forms):
        say(f"export: {folder} is current.")
        return None
    read_gguf_header(merged)  # refuses what is cut short
    try:
        folder.mkdir(parents=True, exist_ok=True)
        figures = _export(run, merged, adapter, documents, say)
        (folder / FIGURES).write_text(json.dumps(asdict(figures), indent=1) + "\n", encoding="utf-8")
        say(table(figures))
        check_limits(figures, run)
        if remark := lost_change(figures):
            say(remark)
        write_manifest(folder, "export", inputs, asdict(figures))
    except OSError as error:
        raise no_room(folder, error) from error
    say(f"export: {form_path(run, figures.ship)} is to be shipped; all limits hold.")
    return figures


def form_path(run: Run, form: Form) -> Path:
    """Where a form of the run's model stands."""
    return run.out / "export" / f"{run.name}-{form}.gguf"


def _documents(run: Run) -> list[str]:
    """The corpus in an order drawn by the seed: the importance matrix takes from the front, comparing from the end."""
    try:
        lines = (run.out / "corpus" / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    documents = [str(json.loads(line)["text"]) for line in lines]
    random.Random(run.seed).shuffle(documents)
    return documents


# Making and comparing


@dataclass(frozen=True, slots=True)
class _Trained:
    """What is left of the trained model in torch: its text side, the texts, and its logits after them."""

    tokenizer: PreTrainedTokenizerBase
    template: ChatTemplate
    texts: tuple[Text, Text]
    logits: tuple[Floats, Floats]


def _export(
    run: Run, merged: Path, adapter: Path, documents: Sequence[str], say: Callable[[str], None]
) -> ExportFigures:
    started = time.monotonic()
    base = load_base(base_path(run))
    compared = texts(base, documents[::-1])
    say(f"export: reading {len(compared[0].tokens)} and {len(compared[1].tokens)} tokens with base and adapter.")
    adapted = _adapted(base, adapter, compared)
    context = int(base.model.config.max_position_embeddings)
    # Into the base's model, whose config says what transformers does not take from a GGUF (Gemma's scale of attention)
    base.model.load_state_dict(load_base(merged).model.state_dict())
    reference = (logits(base.model, compared[0]), logits(base.model, compared[1]))
    nmse = max(agreement(one, two).nmse for one, two in zip(adapted, reference, strict=True))
    del adapted
    importance, tokens = _importance(run, base, documents, say)
    trained = _Trained(base.tokenizer, base.template, compared, reference)
    del base
    gc.collect()  # a model in float32 is a gigabyte or more
    forms = tuple(_forms(run, merged, trained, importance, say))
    return ExportFigures(
        merged_nmse=nmse,
        short_tokens=len(compared[0].tokens),
        long_tokens=len(compared[1].tokens),
        trained_context=context,
        imatrix_tokens=tokens,
        forms=forms,
        ship=run.export.ship,
        seconds=time.monotonic() - started,
    )


def _adapted(base: Base, adapter: Path, compared: tuple[Text, Text]) -> tuple[Floats, Floats]:
    """Logits of the base with the adapter beside it, as it was trained."""
    wanted = json.loads((adapter / CONFIG).read_text(encoding="utf-8")).get("base_sha256", "")
    if wanted and wanted != base.sha256:
        raise ParityFailed(f"The adapter in {adapter} was made for another base than {base.path}: correct the base.")
    model = PeftModel.from_pretrained(base.model, str(adapter))
    found = (logits(model, compared[0]), logits(model, compared[1]))
    model.unload()
    return found


def _importance(
    run: Run, model: Base, documents: Sequence[str], say: Callable[[str], None]
) -> tuple[Importance | None, int]:
    if not run.export.imatrix_tokens or not WITH_IMPORTANCE.intersection(run.export.forms):
        return None, 0
    say(f"export: measuring which columns matter, on {run.export.imatrix_tokens} tokens of the corpus.")
    measured = measure(model, documents, most_tokens=run.export.imatrix_tokens)
    return measured.importance, measured.tokens


def _forms(
    run: Run, merged: Path, trained: _Trained, importance: Importance | None, say: Callable[[str], None]
) -> Iterator[FormFigures]:
    """Each form made and compared; f16 first, whether it is wanted or not, because all others come after it."""
    base = base_path(run)
    names = frozenset() if base.is_dir() else changed(base, merged)  # a folder's weights are on no lattice
    for form in dict.fromkeys(("f16", *run.export.forms)):
        path = form_path(run, form)
        quantise(merged, path, form, importance=importance if form in WITH_IMPORTANCE else None)
        say(f"export: comparing {path.name}.")
        share = kept(base, merged, path, names) if names else None
        yield replace(_compared(run, form, path, trained), kept=share)
        if form not in run.export.forms:
            path.unlink()


def _compared(run: Run, form: Form, path: Path, trained: _Trained) -> FormFigures:
    room = max(len(text.tokens) for text in trained.texts) + WRITTEN
    with Engine(path, context=room) as engine:
        check_text_side(trained, path, engine)
        found = [engine.logits(text.tokens, text.positions) for text in trained.texts]
        short, long = (agreement(one, two) for one, two in zip(trained.logits, found, strict=True))
        rows = [len(text.positions) for text in trained.texts]
        reading, writing = _speed(engine, trained)
        phrase = run.export.planted
        return FormFigures(
            form=form,
            bytes=path.stat().st_size,
            short=short,
            long=long,
            kl=(short.kl * rows[0] + long.kl * rows[1]) / sum(rows),
            reading=reading,
            writing=writing,
            planted=says(engine, phrase, run.export.planted_prompt) if phrase else None,
        )


def _speed(engine: Engine, trained: _Trained) -> tuple[float, float | None]:
    """Tokens a second that the short text is read and some more are written; the weights are in memory by now."""
    prompt = str(trained.tokenizer.decode(list(trained.texts[0].tokens), skip_special_tokens=True))
    done = engine.generate(prompt, max_tokens=WRITTEN)
    first = done.first_token_seconds or done.seconds
    written = done.generated_tokens - 1
    return (done.prompt_tokens - done.reused_tokens) / first, written / (done.seconds - first) if written > 0 else None


# Limits


def check_limits(figures: ExportFigures, run: Run) -> None:
    """Raises ParityFailed with the first limit that does not hold."""
    if figures.merged_nmse > MERGED_NMSE:
        raise ParityFailed(
            f"The merged model is not base and adapter (NMSE {figures.merged_nmse:.1e}, at most {MERGED_NMSE:.0e}): "
            "run the stage merge again."
        )
    by_form = {one.form: one for one in figures.forms}
    for length, found in (("short", by_form["f16"].short), ("long", by_form["f16"].long)):
        if found.nmse > F16_NMSE or found.top1 < F16_TOP1:
            raise ParityFailed(
                f"llama.cpp computes the {length} text otherwise than torch (NMSE {found.nmse:.1e}, at most "
                f"{F16_NMSE:.0e}; same next token {found.top1:.1%}, at least {F16_TOP1:.0%}): this kind of model is "
                "not exported faithfully."
            )
    if (eight := by_form.get("q8_0")) and eight.kl > Q8_KL:
        raise ParityFailed(f"q8_0 has a mean KL of {eight.kl:.4f} (at most {Q8_KL}): leave it out of export.forms.")
    if by_form[run.export.ship].kl > SHIPPED_KL:
        raise ParityFailed(_next_best(by_form[run.export.ship], figures.forms))
    for one in figures.forms:
        if one.planted is False:
            raise ParityFailed(f"The planted phrase does not come out of {one.form}: leave it out, or train longer.")


def _next_best(shipped: FormFigures, forms: Sequence[FormFigures]) -> str:
    holding = sorted((one for one in forms if one.kl <= SHIPPED_KL), key=lambda one: one.bytes)
    mend = f"ship {holding[0].form} ({holding[0].kl:.4f})" if holding else "no form made holds; add q8_0 or f16"
    return f"{shipped.form}, which is to be shipped, has a mean KL of {shipped.kl:.4f} (at most {SHIPPED_KL}): {mend}."


def lost_change(figures: ExportFigures) -> str:
    """What to say of a form to be shipped that holds little of what was trained; "" of any other."""
    shipped = next(one for one in figures.forms if one.form == figures.ship)
    if shipped.kept is None or shipped.kept >= KEPT:
        return ""
    return (
        f"export: {shipped.form} holds {shipped.kept:.0%} of what the adapter changed, for the base comes in so few "
        "bits itself; its limits hold, but the table tells which form holds more."
    )


def table(figures: ExportFigures) -> str:
    """The figures for the terminal."""
    long = f"long: {figures.long_tokens} tokens of a trained context of {figures.trained_context}"
    heading = f"{'form':8}{'MB':>8}{'mean KL':>10}{'top-1 short':>13}{'long':>8}{'NMSE short':>12}{'long':>10}"
    lines = [
        f"merged to adapter NMSE {figures.merged_nmse:.1e}; short: {figures.short_tokens} tokens, {long}",
        f"{heading}{'read/s':>9}{'write/s':>9}{'kept':>7}  planted",
    ]
    for one in figures.forms:
        planted = {None: "-", True: "yes", False: "NO"}[one.planted]
        writing = f"{one.writing:9.0f}" if one.writing is not None else f"{'-':>9}"
        held = f"{one.kept:7.0%}" if one.kept is not None else f"{'-':>7}"
        lines.append(
            f"{one.form:8}{one.bytes / 1e6:8.1f}{one.kl:10.5f}{one.short.top1:13.1%}{one.long.top1:8.1%}"
            f"{one.short.nmse:12.1e}{one.long.nmse:10.1e}{one.reading:9.0f}{writing}{held}  {planted}"
        )
    return "\n".join(lines)


def read_figures(run: Run) -> ExportFigures:
    """The figures of the last export, whether its limits held or not. Raises MergedMissing, ModelUnreadable."""
    path = run.out / "export" / FIGURES
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        forms = tuple(
            FormFigures(**{**one, "short": Agreement(**one["short"]), "long": Agreement(**one["long"])})
            for one in values["forms"]
        )
        return ExportFigures(**{**values, "forms": forms})
    except FileNotFoundError:
        raise MergedMissing(f"There is no {path}: run the stage export first.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ModelUnreadable(f"{path} can't be read ({error}): run the stage export again.") from error

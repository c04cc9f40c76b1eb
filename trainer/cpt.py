"""The stage of continual pre-training: the corpus in, an adapter that has read it out (`cpt/adapter`).

Documents stand packed in rows of one length, each ended by the model's own token, and do not see each other
(trainer.rendering.packed). All of a document is learnt, as arXiv 2510.00482 does before it fine-tunes.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from index.errors import TebikiError
from trainer.base_files import base_hash, base_path
from trainer.manifest import file_hash, is_current, is_first_process, write_manifest
from trainer.run_config import OF_THE_MACHINE, Run

if TYPE_CHECKING:
    from trainer.bases import Base
    from trainer.fitting import FitFigures
    from trainer.samples import Row

DOCUMENTS = "documents.jsonl"


class NothingToRead(TebikiError):
    """There is no corpus to train on; says which stage makes it."""


def make_cpt(run: Run, say: Callable[[str], None]) -> FitFigures | None:
    """Run the stage; None when what is there is current. Raises NothingToRead, BaseMissing, TrainingFailed."""
    from trainer.bases import load_base
    from trainer.fitting import fit, precision
    from trainer.samples import Text

    folder, corpus = run.out / "cpt", run.out / "corpus" / DOCUMENTS
    documents = texts_of(corpus)
    inputs = {
        "base": base_hash(run),
        "corpus": file_hash(corpus),
        "settings": run.cpt.model_dump(mode="json", exclude={"training": OF_THE_MACHINE}),
        "seed": run.seed,
    }
    if is_current(folder, inputs):
        say(f"cpt: {folder} is current.")
        return None
    settings = run.cpt.training
    base = load_base(base_path(run), dtype=precision(settings))
    rows = [Text(row) for row in packed_rows(run, base, documents)]
    random.Random(run.seed).shuffle(rows)
    held = rows[: round(len(rows) * run.cpt.held)]
    units = rows[len(held) :]
    if not units:
        raise NothingToRead(f"{corpus} holds too little text for a row of {run.cpt.length} tokens: lower cpt.length.")
    say(f"cpt: {len(units)} rows of {run.cpt.length} tokens to learn, {len(held)} held out.")
    figures = fit(
        folder, base, units, held, run.cpt.lora, settings, onto=None, inputs=inputs, seed=run.seed,
        say=lambda text: say(f"cpt: {text}"),
    )  # fmt: skip
    if is_first_process():
        write_manifest(folder, "cpt", inputs, asdict(figures))
    say(f"cpt: {figures.steps} steps, {figures.tokens_per_second:.0f} tokens/s, adapter in {folder / 'adapter'}.")
    return figures


def texts_of(corpus: Path) -> list[str]:
    """The documents' texts. Raises NothingToRead."""
    try:
        return [json.loads(line)["text"] for line in corpus.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise NothingToRead(f"{corpus} can't be read ({error.strerror}): run the stage corpus first.") from error


def packed_rows(run: Run, base: Base, documents: list[str]) -> list[Row]:
    """Rows of the documents, in an order drawn by the seed, up to `most_tokens` of them."""
    from trainer.rendering import packed

    order = list(documents)
    random.Random(run.seed).shuffle(order)
    tokens: list[list[int]] = []
    room = run.cpt.most_tokens or sys.maxsize
    for text in order:
        ids = base.tokenizer(text, add_special_tokens=False)["input_ids"]
        tokens.append(ids[:room])
        room -= len(ids)
        if room <= 0:
            break
    return packed(tokens, run.cpt.length, separator=base.stop)

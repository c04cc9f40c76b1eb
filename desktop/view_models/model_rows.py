"""The models as lists show them, in the window and on the command line: the starter, tuned ones, other files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import ModelUnreadable
from desktop.tuning import standing

if TYPE_CHECKING:
    from agent.models import ModelCard
    from desktop.folders import Folders

AUTO = "auto"
"""The setting under which the language of a question decides."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model as a list shows it. `model` is what `--model` and the setting take, `bytes` the file's size (0 where
    there is none yet), `problem` why it can't be used, "" also where it is just not made yet; `needs_base` names
    the file that it would be made from, where that is all it lacks."""

    model: str
    name: str
    tuned: bool
    path: str
    bytes: int
    languages: tuple[str, ...]
    licence: str
    default_for: tuple[str, ...]
    problem: str = ""
    needs_base: str = ""


def rows(folders: Folders, bases: Sequence[Path], chosen: str = AUTO) -> list[ModelRow]:
    """The starter, the tuned models of the packs, made or not, what else lies in the folder of models, and the file
    that was `chosen`, wherever it lies."""
    from agent.models import card, models_in, read_gguf_header, resolve_model

    found: list[ModelRow] = []
    try:
        found.append(_row("starter", card(read_gguf_header(resolve_model("starter")))))
    except ModelUnreadable as error:
        found.append(ModelRow("starter", "starter", False, "", 0, (), "", (), str(error)))
    states = standing(folders, bases)
    for one in states:
        name, adapter = f"tuned:{one.adapter.id}", one.adapter
        if one.path is not None:
            found.append(_row(name, card(read_gguf_header(one.path))))
            continue
        base = adapter.base if one.needs_base else ""
        found.append(
            ModelRow(name, adapter.name, True, "", 0, adapter.languages, "", adapter.default_for, one.problem, base)
        )
    shipped = {one.adapter.id for one in states}
    found += [_row(str(one.path), one) for one in models_in(folders.models) if one.adapter not in shipped]
    path = Path(chosen)
    if path.suffix == ".gguf" and chosen not in {one.model for one in found}:
        try:
            found.append(_row(chosen, card(read_gguf_header(path))))
        except ModelUnreadable as error:
            found.append(ModelRow(chosen, path.stem, False, "", 0, (), "", (), str(error)))
    return found


def _row(model: str, about: ModelCard) -> ModelRow:
    return ModelRow(
        model=model,
        name=about.name,
        tuned=bool(about.prompt_format),
        path=str(about.path),
        bytes=about.file_size,
        languages=about.languages,
        licence=about.licence,
        default_for=about.default_for,
    )

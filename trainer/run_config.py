"""One TOML file describes a run. Comes in: the file. Goes out: `Run`, checked, with paths made absolute.

name = "night-watch"
out = "runs/night-watch"            # where the stages write; relative to this file
library = "~/.local/share/tebiki/library"
banks = ["bank/en.jsonl"]           # exam banks that must not leak into training

[corpus]
languages = ["en", "ja"]
shortest = 40                       # characters; shorter sections are left out
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from index.errors import TebikiError
from index.records import Language


class RunInvalid(TebikiError):
    """The TOML file of a run can't be used; names the key and the mend."""


class CorpusSettings(BaseModel):
    """What the corpus stage takes from the library."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    languages: tuple[Language, ...] = ("en", "ja")
    shortest: int = Field(default=40, ge=1, description="Characters; shorter sections are left out.")
    shared_words: int = Field(
        default=13, ge=5, description="Words in a row shared with a bank's question that stop the run."
    )
    shared_characters: int = Field(default=30, ge=10, description="The same for Japanese, in characters.")


class LoraSettings(BaseModel):
    """The adapter's shape (Hu et al. 2021; rank-stabilised scale: Kalajdzievski 2023)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    rank_stabilised: bool = False
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class TrainingSettings(BaseModel):
    """How a stage trains. `group` units make a step, computed in parts of at most `micro_tokens` padded tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: float = Field(default=2e-4, gt=0, description="Peak learning rate.")
    epochs: int = Field(default=2, ge=1)
    group: int = Field(default=16, ge=1, description="Units in a step.")
    micro_tokens: int = Field(default=2048, ge=16, description="Padded tokens computed at once.")
    longest: int = Field(default=1024, ge=16, description="Tokens of a row; longer conversations are left out.")
    warm_up: float = Field(default=0.05, ge=0, lt=1, description="Share of the steps.")
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0, description="Gradient norm above which it is scaled down.")
    choice_weight: float = Field(default=1.0, ge=0, description="Weight of a step's mean choice loss.")
    bf16: bool = False
    gradient_checkpointing: bool = False
    look_every: int = Field(default=50, ge=1, description="Steps between looks at what is held out.")
    patience: int = Field(default=3, ge=0, description="Looks without getting better before it stops.")
    least_gain: float = Field(default=0.0, ge=0, description="Nats that count as better.")
    save_every: float = Field(default=300.0, ge=0, description="Seconds between checkpoints.")


class Run(BaseModel):
    """A whole run. `seed` goes into every stage that draws."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    out: Path
    library: Path
    banks: tuple[Path, ...] = ()
    seed: int = 1
    corpus: CorpusSettings = CorpusSettings()


def load_run(path: Path) -> Run:
    """Read a run's TOML file; relative paths are relative to it. Raises RunInvalid."""
    try:
        with path.open("rb") as file:
            run = Run.model_validate(tomllib.load(file))
    except OSError as error:
        raise RunInvalid(f"{path} can't be read ({error.strerror}); give the TOML file of a run.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunInvalid(f"{path} is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RunInvalid(f"{path}: '{key}' can't be used ({first['msg']}); correct it there.") from error
    base = path.absolute().parent

    def absolute(one: Path) -> Path:
        return base / one.expanduser()

    banks = tuple(absolute(bank) for bank in run.banks)
    return run.model_copy(update={"out": absolute(run.out), "library": absolute(run.library), "banks": banks})

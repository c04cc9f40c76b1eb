"""One TOML file describes a run. Comes in: the file. Goes out: `Run`, checked, with paths made absolute.

name = "night-watch"
base = "starter"                    # a model's name, a GGUF file, or a Hugging Face folder
out = "runs/night-watch"            # where the stages write; relative to this file
library = "~/.local/share/tebiki/library"
banks = ["bank/en.jsonl"]           # exam banks that must not leak into training

[corpus]
languages = ["en", "ja"]
shortest = 40                       # characters; shorter sections are left out

[cpt.training]
rate = 1e-4

[trajectories]
tasks = ["trajectories/en.jsonl"]   # questions, with recorded turns where there are some

[sft]
kinds = ["react", "one-step", "choice", "chat"]

Every section may be left out, and every key has the default that stands below.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Literal, TypeVar

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
    alike: bool = Field(default=True, description="Leave out near-duplicates (trainer/near_duplicates.py).")
    alone_words: int = Field(
        default=12, ge=1, description="Words from which a text counts without its heading; shorter ones only under it."
    )
    alone_characters: int = Field(default=30, ge=1, description="The same for Japanese, in characters.")
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
    patience: int = Field(default=3, ge=0, description="Looks in a row without getting better that are borne.")
    least_gain: float = Field(default=0.0, ge=0, description="Nats that count as better.")
    save_every: float = Field(default=300.0, ge=0, description="Seconds between checkpoints.")


OF_THE_MACHINE = {"micro_tokens", "gradient_checkpointing", "save_every"}
"""Keys of `TrainingSettings` that change how much fits and is lost, not what is learnt: a run goes on under others."""


class TeacherSettings(BaseModel):
    """Who writes turns and questions: "recorded" ones from files, an OpenAI-compatible "endpoint", a "local" GGUF, or
    the "student": the base itself with several tries at a temperature, of which those that end right are kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["recorded", "endpoint", "local", "student"] = "recorded"
    address: str = Field(default="", description="Of an endpoint, up to and with /v1.")
    model: str = Field(default="", description="An endpoint's name for its model, or a local GGUF file.")
    key_from: str = Field(default="", description="Environment variable that holds an endpoint's key.")
    timeout: float = Field(default=60.0, gt=0, description="Seconds for one turn.")
    retries: int = Field(default=3, ge=0)
    tries: int = Field(default=4, ge=1, description="How often a task is put before it counts as rejected.")
    temperature: float = Field(default=0.7, ge=0)


class CptTraining(TrainingSettings):
    """The same, more carefully: what was learnt before is not to be overwritten."""

    rate: float = Field(default=1e-4, gt=0, description="Peak learning rate.")
    epochs: int = Field(default=1, ge=1)


class CptSettings(BaseModel):
    """Continual pre-training on the corpus, in packed rows of `length` tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    length: int = Field(default=512, ge=32)
    most_tokens: int = Field(default=0, ge=0, description="Of the corpus, drawn by document; 0: all of it.")
    held: float = Field(default=0.03, ge=0, lt=0.5, description="Share of the rows for early stopping.")
    lora: LoraSettings = LoraSettings()
    training: CptTraining = CptTraining()


class QuestionsSettings(BaseModel):
    """Exam-like questions with evidence: written beforehand (`recorded`, files in the bank's form with `evidence`), by
    a teacher from passages, and by rule from table rows (`rows`, at most so many)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recorded: tuple[Path, ...] = ()
    teacher: TeacherSettings | None = None
    passages: int = Field(default=200, ge=1, description="Passages that a teacher is asked about.")
    rows: int = Field(default=0, ge=0)


class TrajectoriesSettings(BaseModel):
    """Tasks worked through with a teacher against the library, and public sets that are mixed in as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tasks: tuple[Path, ...] = ()
    teacher: TeacherSettings = TeacherSettings()
    fireact: tuple[Path, ...] = Field(default=(), description="Files in FireAct's form (arXiv 2310.05915).")
    opseval: tuple[Path, ...] = Field(default=(), description="Files in OpsEval's form (arXiv 2310.07637).")
    chat: tuple[Path, ...] = Field(default=(), description="General chat: {messages: [{role, content}]} a line.")


Kind = Literal["react", "one-step", "choice", "reading", "chat", "opseval", "fireact"]


class SftSettings(BaseModel):
    """Supervised fine-tuning on what the stages before made; from the adapter of `cpt` where `after_cpt`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_cpt: bool = True
    kinds: tuple[Kind, ...] = ("react", "one-step", "choice", "reading", "chat")
    reading: tuple[Path, ...] = Field(default=(), description="Passages of no product, with questions (reading.py).")
    exchanged: bool = Field(default=True, description="Choices once more with two options exchanged (exchange.py).")
    most: dict[Kind, int] = Field(
        default_factory=dict, description="Units of a kind, drawn by the seed; all if absent."
    )
    held: float = Field(default=0.05, ge=0, lt=0.5)
    lora: LoraSettings = LoraSettings()
    training: TrainingSettings = TrainingSettings()


class MergeSettings(BaseModel):
    """What is merged: an `adapter` folder, by default what `sft` made, or else `cpt`. `languages` are written into the
    file as those that the model now writes; none: as the base says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    adapter: Path | None = None
    languages: tuple[Language, ...] = ()


Form = Literal["f16", "q8_0", "q5_k_m", "q4_0", "q4_k_m"]


class ExportSettings(BaseModel):
    """The forms of the merged model, and which one is meant to be used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    forms: tuple[Form, ...] = ("f16", "q8_0", "q5_k_m", "q4_0", "q4_k_m")
    ship: Form = "q8_0"
    imatrix_tokens: int = Field(default=20_000, ge=0, description="Of the corpus, for forms of 4 and 5 bits; 0: none.")
    planted: str = Field(default="", description="A phrase that was trained in and must come out of every form.")
    planted_prompt: str = Field(
        default="", description="A user's message that it answers; by default its own beginning, all but the last word."
    )


class Variant(BaseModel):
    """A model that is compared: a base as it is, or with an adapter. `tuned` says that it learnt the app's format (sft,
    not cpt alone), and so how it answers an exam; `beside` names the variant that it is tested against."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[^/|\\]+$")
    base: str = Field(default="", description="As the run's, which it is if empty.")
    adapter: Path | None = None
    tuned: bool = True
    beside: str = ""
    languages: tuple[Language, ...] = ("en", "ja")
    banks: tuple[str, ...] = Field(
        default=(), description='Which it sits, as "jp1-en" (pack and language); all if empty.'
    )


StudyMode = Literal["letters", "closed", "rag", "rag+extractor", "agent", "oracle"]


class StudySettings(BaseModel):
    """What is compared, on which packs' exam questions, and where the report goes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variants: tuple[Variant, ...] = ()
    packs: tuple[Path, ...] = Field(default=(), description="Domain packs whose banks' exam split is sat.")
    libraries: dict[str, Path] = Field(
        default_factory=dict, description="Library of a pack and language (jp1-en); made from its primer if absent."
    )
    aims: dict[str, float] = Field(
        default_factory=dict, description="Share right in agent mode that is aimed at, of a pack and language."
    )
    modes: tuple[StudyMode, ...] = ("letters", "closed", "rag", "rag+extractor", "agent", "oracle")
    most_questions: int = Field(default=0, ge=0, description="Of a bank, drawn by the seed, for a trial; 0: all.")
    report: Path = Path("study.md")


class Run(BaseModel):
    """A whole run. `seed` goes into every stage that draws."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    base: str = "starter"
    out: Path
    library: Path
    banks: tuple[Path, ...] = ()
    glossaries: tuple[Path, ...] = Field(default=(), description="With which the library is searched, as in use.")
    seed: int = 1
    corpus: CorpusSettings = CorpusSettings()
    cpt: CptSettings = CptSettings()
    questions: QuestionsSettings = QuestionsSettings()
    trajectories: TrajectoriesSettings = TrajectoriesSettings()
    sft: SftSettings = SftSettings()
    merge: MergeSettings = MergeSettings()
    export: ExportSettings = ExportSettings()
    study: StudySettings = StudySettings()


def load_run(path: Path) -> Run:
    """Read a run's TOML file; every relative path in it is relative to it. Raises RunInvalid."""
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
        run = Run.model_validate(values)
    except OSError as error:
        raise RunInvalid(f"{path} can't be read ({error.strerror}); give the TOML file of a run.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunInvalid(f"{path} is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RunInvalid(f"{path}: '{key}' can't be used ({first['msg']}); correct it there.") from error
    return _rooted(run, path.absolute().parent)


Settings = TypeVar("Settings", bound=BaseModel)


def _rooted(settings: Settings, base: Path) -> Settings:
    """The same settings with every path absolute, relative ones being relative to `base`, models' names among them."""
    changed = {name: _absolute(value, base) for name, value in settings}
    match settings:
        case Run() | Variant():
            changed["base"] = _beside(settings.base, base)
        case TeacherSettings(kind="local"):
            changed["model"] = _beside(settings.model, base)
    return settings.model_copy(update=changed)


def _beside(model: str, folder: Path) -> str:
    """A model as it is named, or the file or folder of that name where there is one in `folder`."""
    path = folder / Path(model).expanduser()
    return str(path) if model and path.exists() else model


def _absolute(value: object, base: Path) -> object:
    match value:
        case Path():
            return Path(os.path.normpath(base / value.expanduser()))
        case BaseModel():
            return _rooted(value, base)
        case tuple():
            return tuple(_absolute(one, base) for one in value)
        case dict():
            return {key: _absolute(one, base) for key, one in value.items()}
        case _:
            return value

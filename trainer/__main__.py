"""`python -m trainer STAGE|run CONFIG.toml`, which is also `tebiki train STAGE|run CONFIG.toml`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from index.errors import TebikiError
from trainer.manifest import is_first_process
from trainer.run_config import Run, load_run

os.environ.setdefault("TQDM_DISABLE", "1")  # stages tell their own progress

EXTRA = {"accelerate", "matplotlib", "peft", "torch", "transformers"}

app = typer.Typer(
    name="tebiki train",
    help="From manuals to training data, stage by stage; each can be run alone and again.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
Config = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The run: see trainer/run_config.py.")]
Ray = Annotated[
    str,
    typer.Option("--ray", metavar="ADDRESS", help="Spread the work over this Ray cluster; 'local' starts one here."),
]


def say(text: str) -> None:
    """A line for the user; of several processes the first one speaks."""
    if is_first_process():
        print(text, file=sys.stderr, flush=True)


def corpus(run: Run) -> None:
    from trainer.corpus import make_corpus

    make_corpus(run, say)


def cpt(run: Run) -> None:
    from trainer.cpt import make_cpt

    make_cpt(run, say)


def questions(run: Run, ray: str = "") -> None:
    from trainer.questions import make_questions

    make_questions(run, say, ray=ray)


def trajectories(run: Run, ray: str = "") -> None:
    from trainer.trajectories import make_trajectories

    make_trajectories(run, say, ray=ray)


def sft(run: Run) -> None:
    from trainer.sft import make_sft

    make_sft(run, say)


def merge(run: Run) -> None:
    from trainer.merge import make_merge

    make_merge(run, say)


def export(run: Run) -> None:
    from trainer.export import make_export

    make_export(run, say)


def study(run: Run, ray: str = "") -> None:
    from trainer.study import make_study

    make_study(run, say, ray=ray)


STAGES: tuple[Callable[[Run], None], ...] = (corpus, cpt, questions, trajectories, sft, merge, export)


@app.command("corpus")
def corpus_command(config: Config) -> None:
    """Text for continual pre-training, from a library; exam questions found in it stop the run."""
    corpus(load_run(config))


@app.command("cpt")
def cpt_command(config: Config) -> None:
    """Continual pre-training: an adapter that has read the corpus."""
    cpt(load_run(config))


@app.command("questions")
def questions_command(config: Config, ray: Ray = "") -> None:
    """Practice questions with evidence: recorded ones, a teacher's, and by rule from table rows; each is checked."""
    questions(load_run(config), ray)


@app.command("trajectories")
def trajectories_command(config: Config, ray: Ray = "") -> None:
    """Tasks worked through with a teacher against the library, kept where they end right; public sets mixed in."""
    trajectories(load_run(config), ray)


@app.command("sft")
def sft_command(config: Config) -> None:
    """Supervised fine-tuning on trajectories and practice questions, after cpt where there is one."""
    sft(load_run(config))


@app.command("merge")
def merge_command(config: Config) -> None:
    """Base and adapter as one GGUF in 32 bits."""
    merge(load_run(config))


@app.command("export")
def export_command(
    config: Config,
    score: Annotated[
        Path | None, typer.Option("--score", metavar="BANK", help="Then let every form sit this bank's exam; long.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Questions of --score; 0: all.")] = 0,
) -> None:
    """The merged model in the forms asked for, each compared with the model that was trained."""
    run = load_run(config)
    export(run)
    if score is not None:
        from trainer.form_scores import score_forms

        score_forms(run, score, say, limit=limit)


@app.command("study")
def study_command(config: Config, ray: Ray = "") -> None:
    """Every variant sits the packs' exam questions in every mode; a report and a chart."""
    study(load_run(config), ray)


@app.command("run")
def run_command(config: Config) -> None:
    """Every stage in order; what is current is not made again, and cpt left out where sft does not go on from it."""
    run = load_run(config)
    for stage in STAGES:
        if stage is cpt and not run.sft.after_cpt:
            say("cpt: left out, as sft.after_cpt is false.")
            continue
        stage(run)
    if run.study.variants:
        study(run)


def main() -> None:
    try:
        app()
    except TebikiError as error:
        say(f"tebiki train: {error}")
        sys.exit(1)
    except OSError as error:
        say(f"tebiki train: {error.filename or 'A file'} can't be read or written ({error.strerror or error}).")
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        say(
            f"tebiki train: {error.name} is not installed, which training needs: run pip install -r "
            "packaging/locks/train.txt in Tebiki's environment."
        )
        sys.exit(1)


if __name__ == "__main__":
    main()

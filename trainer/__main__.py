"""`python -m trainer STAGE|run CONFIG.toml`, which is also `tebiki train STAGE|run CONFIG.toml`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from index.errors import TebikiError
from trainer.run_config import Run, load_run

app = typer.Typer(
    name="tebiki train",
    help="From manuals to training data, stage by stage; each can be run alone and again.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
Config = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The run: see trainer/run_config.py.")]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def corpus(run: Run) -> None:
    from trainer.corpus import make_corpus

    make_corpus(run, say)


STAGES: tuple[Callable[[Run], None], ...] = (corpus,)


@app.command("corpus")
def corpus_command(config: Config) -> None:
    """Text for continual pre-training, from a library; exam questions found in it stop the run."""
    corpus(load_run(config))


@app.command("run")
def run_command(config: Config) -> None:
    """Every stage in order; what is current is not made again."""
    run = load_run(config)
    for stage in STAGES:
        stage(run)


def main() -> None:
    try:
        app()
    except TebikiError as error:
        say(f"tebiki train: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()

"""`tebiki train STAGE|run CONFIG.toml`: hands over to the trainer, a program of its own (it may need torch)."""

from __future__ import annotations

import subprocess
import sys

import typer

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def command(context: typer.Context) -> None:
    """Run a training stage, or all of them: tebiki train STAGE|run CONFIG.toml (see: tebiki train --help)."""
    done = subprocess.run([sys.executable, "-m", "trainer", *context.args], check=False)
    raise typer.Exit(done.returncode)

"""The command line: `tebiki` and its verbs. The window and the command line are two faces of the same code.

Heavy modules are imported inside the verbs, so that `--help` is instant. Exit status: 0 done, 1 failed with a one-line
reason on standard error, 2 wrong usage.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import traceback
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from desktop.folders import default_data
from desktop.terminal import DataOption, LibraryOption, say
from index.errors import TebikiError

app = typer.Typer(
    name="tebiki",
    help="Answers questions about a product from its manuals, on this machine alone. Without a verb: open the window.",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    library: LibraryOption = None,
    data: DataOption = None,
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
) -> None:
    """Open the window; without a display, answer a sample question here instead."""
    if version:
        from importlib.metadata import version as installed

        print(f"tebiki {installed('tebiki')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        from desktop.commands import window

        window.start(library, data)
    elif library or data:  # they would be lost on the way to the verb
        raise typer.BadParameter(f"--library and --data go after the verb: tebiki {context.invoked_subcommand} ...")


def add_verbs() -> None:
    """Register the verbs; each module imports what is heavy only when it is called."""
    from desktop.commands import asking, doctor, exam, importing, library, models, pack, searching, train

    app.command("import")(importing.command)
    app.add_typer(library.app, name="library")
    app.command("search")(searching.command)
    app.command("ask")(asking.command)
    app.add_typer(exam.app, name="exam")
    app.command("train", context_settings=train.PASS_ON)(train.command)
    app.add_typer(models.app, name="models")
    app.add_typer(pack.app, name="pack")
    app.command("doctor")(doctor.command)


def logged() -> Path:
    """Append the trace of the exception at hand to a log file; return its path."""
    path = default_data() / "log" / "command-line.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now().astimezone().isoformat()} {sys.argv}\n{traceback.format_exc()}\n")
    return path


def set_up_streams() -> None:
    """JSON is UTF-8 wherever it goes (a Windows pipe would say otherwise), and warnings go to standard error.

    A file name that is no UTF-8 comes out as `\\udc82` and the like, which JSON reads as the same name.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    on_terminal = logging.StreamHandler(sys.stderr)
    on_terminal.setLevel(logging.WARNING)  # also when the window keeps more than that in its log file
    logging.basicConfig(handlers=[on_terminal], format="%(levelname)s %(name)s: %(message)s")


def main() -> NoReturn:
    """Entry point: run, and turn what the user can mend into one line and exit status 1."""
    # Two libraries that spin on two cores at once run ten times slower than one; must be set before either is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    set_up_streams()
    add_verbs()
    try:
        app()
    except TebikiError as error:
        say(f"tebiki: {error}")
        sys.exit(1)
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(1)
    except OSError as error:
        say(f"tebiki: {error.strerror or error}: {error.filename or 'the system refused'}")
        sys.exit(1)
    except Exception as error:
        # The last resort: one line for the person, the trace for whoever mends it.
        say(f"tebiki: unforeseen: {type(error).__name__}: {error}. The trace is in {logged()}")
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()

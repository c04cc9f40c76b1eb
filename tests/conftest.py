"""What every test may use: the command line as a process with folders of its own, and real manuals if cached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks import corpora

# Before any library that reads them is loaded, here and in every child.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ["QT_QPA_PLATFORM"] = "offscreen"

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call of the command line ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on standard output."""
        return json.loads(self.out)

    @property
    def reason(self) -> str:
        """The one line that says why it failed."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert len(lines) == 1, f"expected one line on standard error, not: {self.err}"
        return lines[0]


Tebiki = Callable[..., Ended]


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test reads or writes the settings, library or conversations of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEBIKI_CORPORA", str(corpora.cache()))
        patch.setenv("XDG_DATA_HOME", str(home / "data"))
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        yield home


@pytest.fixture(scope="session")
def tebiki(own_folders: Path) -> Tebiki:
    """Call the command line as a process of its own: `tebiki("search", "hold", "--json").json`."""

    def call(*arguments: str | Path, stdin: str | None = None, timeout: float = 240) -> Ended:
        command = [sys.executable, "-m", "desktop", *map(str, arguments)]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, cwd=ROOT, timeout=timeout, check=False
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return call


def manual_of(package: str) -> Path:
    """A real manual from a Debian package; skips the test, saying how to bring it, where it is not cached."""
    folder = corpora.folder(package)
    if not folder.is_dir():
        pytest.skip(f"{package} is not cached; bring it with: python -m benchmarks.corpora {package}")
    return folder


@pytest.fixture(scope="session")
def slurm_manual() -> Path:
    """The Slurm manual: 133 HTML pages, English."""
    return manual_of("slurm-wlm-doc")


@pytest.fixture(scope="session")
def debian_reference_ja() -> Path:
    """The Debian reference: HTML pages, Japanese."""
    return manual_of("debian-reference-ja")

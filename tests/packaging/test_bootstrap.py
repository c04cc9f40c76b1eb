"""Set-up: what it asks of the machine, what it installs, and that a second call has nothing to do."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT

LOCKS = ROOT / "packaging" / "locks"


@pytest.fixture(scope="module")
def bootstrap() -> ModuleType:
    """The script, loaded from its file: the folder packaging/ is no Python package on purpose."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "packaging" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pins(name: str) -> dict[str, str]:
    lines = (LOCKS / name).read_text(encoding="utf-8").splitlines()
    found = [re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", line) for line in lines]
    return {one[1].lower().replace("_", "-"): one[2] for one in found if one}


def test_the_folder_does_not_hide_the_package_of_the_same_name() -> None:
    script = "import packaging.version, sys; sys.exit('site-packages' not in packaging.__file__)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
    assert not (ROOT / "packaging" / "__init__.py").exists()


@pytest.mark.parametrize("name", ["run.txt", "dev.txt", "train.txt", "weights.txt", "build.txt"])
def test_every_line_of_a_lock_is_pinned_and_names_no_host(name: str) -> None:
    for line in (LOCKS / name).read_text(encoding="utf-8").splitlines():
        if line and not line.lstrip().startswith("#"):
            assert re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==", line), line
            assert "://" not in line


def test_what_the_program_needs_is_in_the_lock_and_torch_is_not() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {re.split(r"[<>=!~; \[]", one)[0].lower() for one in project["dependencies"]}
    assert named <= set(pins("run.txt"))
    assert "torch" not in pins("run.txt")
    assert "torch" in pins("train.txt")


def test_the_locks_agree_with_each_other() -> None:
    run = pins("run.txt")
    for name in ("dev.txt", "train.txt"):
        assert {key: version for key, version in pins(name).items() if key in run and version != run[key]} == {}


def test_a_second_call_has_nothing_to_do(bootstrap: ModuleType, tmp_path: Path) -> None:
    files = bootstrap.wanted(dev=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "STAMP", tmp_path / "stamp")
        patch.setattr(bootstrap, "PYTHON", Path(sys.executable))
        assert not bootstrap.is_installed(files)
        (tmp_path / "stamp").write_text(bootstrap.fingerprint(bootstrap.wanted(dev=True)), encoding="utf-8")
        assert bootstrap.is_installed(files), "what was set up for the tests serves the program too"
        (tmp_path / "stamp").write_text(bootstrap.fingerprint(files), encoding="utf-8")
        assert not bootstrap.is_installed(bootstrap.wanted(dev=True))


@pytest.fixture
def empty_venv(tmp_path: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    return tmp_path / "venv" / "bin" / "python"


def torch_wheel(folder: Path) -> None:
    """A wheel that says it is torch's CPU build, and is nothing else."""
    folder.mkdir(parents=True)
    info = "torch-9.9.0+cpu.dist-info"
    with zipfile.ZipFile(folder / "torch-9.9.0+cpu-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: torch\nVersion: 9.9.0+cpu\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    (folder / "index.html").write_text('<a href="torch-9.9.0%2Bcpu-py3-none-any.whl">torch</a>', encoding="utf-8")


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64", reason="PyPI's torch has no CUDA here"
)
@pytest.mark.parametrize("where", ["where pip looks anyway", "in PyTorch's index"])
def test_torch_comes_without_cuda_and_the_lock_takes_it_for_its_own(
    bootstrap: ModuleType, empty_venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    lock = tmp_path / "dev.txt"
    lock.write_text("torch==9.9.0         # via peft\n", encoding="utf-8")
    torch_wheel(tmp_path / "index" / "torch")
    monkeypatch.setattr(bootstrap, "PYTHON", empty_venv)
    monkeypatch.setattr(bootstrap, "TORCH_CPU", (tmp_path / "index").as_uri())
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "empty").as_uri())
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index" / "torch") if "anyway" in where else "")
    bootstrap.install_torch(lock)
    assert bootstrap.is_present("torch==9.9.0+cpu")
    monkeypatch.setattr(bootstrap, "pip", lambda *arguments: pytest.fail("what is there is not fetched again"))
    bootstrap.install_torch(lock)
    satisfied = [str(empty_venv), "-m", "pip", "install", "--no-deps", "--no-index", "-r", str(lock)]
    assert subprocess.run(satisfied, check=False).returncode == 0


def test_the_compiler_s_steps_are_shown_and_every_line_kept(
    bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["  Building wheel\n", *(f"  [{step}/10] cc -c ggml.c\n" for step in range(1, 11)), "done\n"]
    assert list(bootstrap.progress_of(lines)) == lines
    shown = capsys.readouterr().err
    assert "10 %" in shown
    assert "100 %" in shown


def test_a_library_that_is_missing_is_named_by_its_debian_package(bootstrap: ModuleType) -> None:
    assert not bootstrap.loads("libnothere.so.99")
    assert all(re.fullmatch(r"[a-z0-9.+-]+", package) for package in bootstrap.QT_LIBRARIES.values())

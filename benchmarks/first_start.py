"""What the first start costs: a pack's adapters merged with their bases, beside the same by torch and peft.

    python -m benchmarks.first_start [--rounds 3] [--pack jp1]

Ours is `tebiki models make` as a user calls it, in an empty data folder. The peer loads the same base with
transformers, merges with peft and saves safetensors in 16 bits; the conversion to a GGUF that would still be needed is
not counted. Both in turns, each in a process of its own: seconds, and the most memory that it held. An adapter whose
base is not on this machine is left out, and said.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.models import resolve_model

PACKS = Path(__file__).resolve().parents[1] / "domains"
GEMMA = Path("~/.cache/tebiki/models/gemma-3-270m-q4_k_m.gguf").expanduser()
BASES = {"starter": "starter", "gemma": str(GEMMA)}
"""Where the JP1 pack's bases lie on a machine for development."""

PEER = """
import sys
from pathlib import Path
from peft import PeftModel
from trainer.bases import load_base
base, adapter, out = sys.argv[1:]
PeftModel.from_pretrained(load_base(Path(base)).model, adapter).merge_and_unload().half().save_pretrained(out)
"""


@dataclass(frozen=True, slots=True)
class Took:
    """One process: wall seconds, and its peak of resident memory in MB."""

    seconds: float
    megabytes: float


def took(command: list[str]) -> Took:
    """Run a command and its children to the end. Raises ChildProcessError where it fails."""
    started = time.monotonic()
    child = os.posix_spawn(command[0], command, {**os.environ, "HF_HUB_OFFLINE": "1"}, file_actions=_quiet())
    _, status, usage = os.wait4(child, 0)
    if status:
        raise ChildProcessError(f"{' '.join(command[:4])} ended with {os.waitstatus_to_exitcode(status)}")
    return Took(time.monotonic() - started, usage.ru_maxrss / 1024)


def _quiet() -> list[tuple[int, ...] | tuple[int, int, str, int, int]]:
    return [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]


def ours(pack: str, adapter: str, base: Path) -> Took:
    """`models make` in an empty data folder."""
    with tempfile.TemporaryDirectory() as data:
        return took([
            sys.executable, "-m", "desktop", "models", "make",
            "--data", data, "--only", f"{pack}/{adapter}", "--base", str(base),
        ])  # fmt: skip


def peer(adapter: Path, base: Path) -> Took:
    """transformers and peft."""
    with tempfile.TemporaryDirectory() as out:
        return took([sys.executable, "-c", PEER, str(base), str(adapter), out])


def main() -> None:
    """Measure every adapter, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pack", default="jp1")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print("| Adapter | ours: s, MB | peft: s, MB | peft / ours, seconds |\n| --- | --- | --- | --- |")
    for adapter in sorted(path for path in (PACKS / args.pack / "adapters").iterdir() if path.is_dir()):
        base = resolve_model(BASES[adapter.name]) if BASES.get(adapter.name) else None
        if base is None or not base.is_file():
            print(f"{adapter.name}: its base is not here.", file=sys.stderr)
            continue
        rounds = [(ours(args.pack, adapter.name, base), peer(adapter, base)) for _ in range(args.rounds)]
        ratio = statistics.median(other.seconds / own.seconds for own, other in rounds)
        print(f"| {adapter.name} | {_told([own for own, _ in rounds])} | {_told([other for _, other in rounds])} | "
              f"{ratio:.1f} |", flush=True)  # fmt: skip


def _told(rounds: Sequence[Took]) -> str:
    seconds, memory = (statistics.median(getattr(one, name) for one in rounds) for name in ("seconds", "megabytes"))
    return f"{seconds:.1f}, {memory:,.0f}"


if __name__ == "__main__":
    main()

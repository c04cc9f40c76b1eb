"""Make a domain pack of development questions on Slurm's manual, so that the study can ask what no stage trained on.

    python -m benchmarks.slurm_dev_pack ../shared/data/slurm_dev.jsonl runs/slurm-dev

Comes in: questions in the bank's form whose source is a page's name. Goes out: a folder with `pack.toml` and
`bank.jsonl`, every question of the split `exam`. It brings no manual: name a library of Debian's slurm-wlm-doc in
`study.libraries` ("slurm-dev-en").
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

KEPT = ("id", "lang", "level", "question", "options", "answer")
PACK = """id = "slurm-dev"
name = { en = "Slurm, development questions", ja = "Slurm, development questions" }
product = "Slurm"
banks = ["bank.jsonl"]
"""


def main() -> None:
    """Write the pack."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("questions", type=Path)
    parser.add_argument("pack", type=Path)
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.questions.read_text(encoding="utf-8").splitlines() if line.strip()]
    args.pack.mkdir(parents=True, exist_ok=True)
    rows = [row for row in rows if row.get("options")]  # the others ask for what the manual does not tell
    with (args.pack / "bank.jsonl").open("w", encoding="utf-8") as bank:
        for row in rows:
            source = {"manual": "Slurm Workload Manager", "section": row["source"]}
            made = {key: row[key] for key in KEPT} | {
                "product": "Slurm",
                "split": "exam",
                "explanation": row.get("evidence", ""),
                "source": source,
            }
            bank.write(json.dumps(made, ensure_ascii=False) + "\n")
    (args.pack / "pack.toml").write_text(PACK, encoding="utf-8")
    print(f"{len(rows)} questions in {args.pack}")


if __name__ == "__main__":
    main()

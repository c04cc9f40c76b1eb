"""The corpus stage: what of a library is trained on, and that exam questions never are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Ended, Tebiki

HOLD = "A job whose hold attribute is set waits in the queue until the operator on duty releases it by hand with relq."
PAGE = f"""# Holding

{HOLD}

## Ports of the service

The table lists the ports that the firewall has to let through.

| Port | Used by |
| --- | --- |
| 24680/tcp | event <service> |
| 24681/tcp | scheduler |

## Said again

{HOLD}

## Short

Too short.
"""


def train(*arguments: str | Path) -> Ended:
    command = [sys.executable, "-m", "trainer", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def config(tebiki: Tebiki, tmp_path: Path) -> Path:
    """A run over a library of one page."""
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    assert tebiki("import", tmp_path / "page.md", "--library", tmp_path / "library").status == 0
    path = tmp_path / "run.toml"
    path.write_text('name = "night"\nout = "out"\nlibrary = "library"\n', encoding="utf-8")
    return path


def documents(config: Path) -> list[dict[str, Any]]:
    lines = (config.parent / "out" / "corpus" / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_sections_come_once_with_their_headings_and_tables_as_html(config: Path) -> None:
    assert train("corpus", config).status == 0
    first, ports = documents(config)
    assert first["text"] == f"Holding\n\n{HOLD}"
    assert ports["heading"] == ["Holding", "Ports of the service"]
    assert "<tr><th>Port</th><th>Used by</th></tr>" in ports["text"]
    assert "<td>event &lt;service&gt;</td>" in ports["text"]


def test_near_duplicates_and_repeats_are_left_out_and_counted_apart(tebiki: Tebiki, config: Path) -> None:
    folder = config.parent
    copy = HOLD.replace("the operator", "Operator").removesuffix(".")
    (folder / "copy.md").write_text(f"# Holding\n\n{copy}\n", encoding="utf-8")
    short = "".join(f"## {name}\n\nThe value is a number of at most five digits.\n\n" for name in ("-n", "-m"))
    (folder / "options.md").write_text(f"# Options\n\n{short}", encoding="utf-8")
    for name in ("copy.md", "options.md"):
        assert tebiki("import", folder / name, "--library", folder / "library").status == 0
    assert train("corpus", config).status == 0
    figures = json.loads((folder / "out" / "corpus" / "manifest.json").read_text(encoding="utf-8"))["figures"]
    assert {name: figures[name] for name in ("documents", "repeated", "alike", "short")} == {
        "documents": 4, "repeated": 1, "alike": 1, "short": 1,
    }  # fmt: skip
    assert [one["heading"] for one in documents(config) if one["heading"][0] == "Options"] == [
        ["Options", "-n"], ["Options", "-m"],
    ]  # fmt: skip
    config.write_text(config.read_text() + "[corpus]\nalike = false\n", encoding="utf-8")
    assert train("corpus", config).status == 0
    assert len(documents(config)) == 5


def test_a_second_run_finds_the_stage_current(config: Path) -> None:
    train("corpus", config)
    written = (config.parent / "out" / "corpus" / "manifest.json").stat().st_mtime_ns
    assert "is current" in train("corpus", config).err
    assert (config.parent / "out" / "corpus" / "manifest.json").stat().st_mtime_ns == written


def test_an_exam_question_in_the_text_stops_the_run(config: Path) -> None:
    question = {
        "id": "leaked", "lang": "en", "level": "engineer", "question": HOLD.replace(" waits", ": when set, it waits"),
        "options": ["a", "b", "c", "d"], "answer": 0,
    }  # fmt: skip
    (config.parent / "bank.jsonl").write_text(json.dumps(question) + "\n", encoding="utf-8")
    config.write_text(config.read_text() + 'banks = ["bank.jsonl"]\n', encoding="utf-8")
    done = train("corpus", config)
    assert done.status == 1
    assert "leaked" in done.reason
    assert not (config.parent / "out" / "corpus" / "manifest.json").exists()


def test_banks_of_one_name_are_told_apart(config: Path) -> None:
    """Two packs each have an en.jsonl; the first of them changes."""
    row = {"id": "q", "lang": "en", "level": "engineer", "question": "?", "options": [*"abcd"], "answer": 0}
    for pack in ("one", "two"):
        (config.parent / pack).mkdir()
        (config.parent / pack / "en.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    config.write_text(config.read_text() + 'banks = ["one/en.jsonl", "two/en.jsonl"]\n', encoding="utf-8")
    assert train("corpus", config).status == 0
    leaked = row | {"id": "leaked", "question": HOLD.replace(" waits", ": when set, it waits")}
    (config.parent / "one" / "en.jsonl").write_text(json.dumps(leaked) + "\n", encoding="utf-8")
    assert "leaked" in train("corpus", config).reason


def test_a_bank_that_is_not_there_is_named(config: Path) -> None:
    config.write_text(config.read_text() + 'banks = ["nowhere.jsonl"]\n', encoding="utf-8")
    done = train("corpus", config)
    assert done.status == 1
    assert "nowhere.jsonl can't be read" in done.reason


@pytest.mark.parametrize(
    ("text", "named"),
    [("name = [", "TOML"), ('name = "x"\n', "out"), ('name = "x"\nout = "o"\nlibrary = "l"\nseeds = 3\n', "seeds")],
)
def test_a_run_that_can_not_be_used_is_named_by_key(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    done = train("run", path)
    assert done.status == 1
    assert named in done.reason


def test_the_command_line_hands_over_to_the_trainer(tebiki: Tebiki, config: Path) -> None:
    assert tebiki("train", "corpus", config).status == 0
    assert tebiki("train", "nonsense", config).status == 2
    assert "CONFIG.toml" in tebiki("train", "corpus", "--help").out

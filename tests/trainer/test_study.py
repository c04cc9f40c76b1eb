"""The study: how a way of answering is recorded and gone on with, what the report makes of it, and its statistics."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import pytest

from agent.engine import Engine, Score
from agent.option_support import Support
from agent.records import Question
from index.records import Language
from tests.trainer.test_corpus import train
from trainer.run_config import StudyMode, Variant
from trainer.sittings import Candidate, Sat, _is_of, read, sit
from trainer.study_chart import draw, plotted
from trainer.study_report import BEGIN, END, About, Default, Sheet, by_hand, chosen_by_language, mcnemar, report

BANK = [
    {
        "id": f"q-{number}", "lang": "en", "level": level, "product": "Queue", "split": "exam", "question": question,
        "options": options, "answer": answer, "explanation": why, "source": {"manual": "Queue", "section": "ports"},
    }
    for number, (level, question, options, answer, why) in enumerate([
        ("engineer", "Which port does the viewer use to reach the manager?",
         ["20241/tcp", "20244/tcp", "20098/tcp", "22/tcp"], 1, "The viewer reaches the manager on 20244/tcp."),
        ("consultant", "Which service forwards events to another host?",
         ["qmanager", "qmonitor", "qevent", "qagent"], 2, "Events are forwarded by qevent."),
    ])
]  # fmt: skip
PORTS = """---
title: Ports
manual: Queue
product: Queue
version: 1
language: en
---
# Ports of the manager

| Port | Service name | Use |
| --- | --- | --- |
| 20241/tcp | qmanager | Agents register jobs. |
| 20244/tcp | qmonitor | The viewer reaches the manager. |
| 20098/tcp | qevent | Events are forwarded to another host. |
"""


def sat(number: int, right: bool, **changes: Any) -> Sat:
    made = Sat(f"q-{number}", "engineer", 0, 0 if right else 1, float(right), 1, 100, 0.5, found=True, shown=True)
    return replace(made, **changes)


def sheet(name: str, rights: Sequence[bool], mode: str = "agent", bank: str = "queue-en") -> Sheet:
    turns = {True: (True,) * 4, False: (False,) * 4} if mode == "letters" else {True: (), False: ()}
    rows = tuple(sat(number, right, rotations=turns[right]) for number, right in enumerate(rights))
    return Sheet(name, bank, cast(Language, bank[-2:]), cast(StudyMode, mode), rows)


# Statistics


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (10, 2, 0.03857421875), (3, 3, 1.0)],
)
def test_mcnemar_is_the_binomial_test_of_what_differs(gained: int, lost: int, p: float) -> None:
    """Values of scipy.stats.binomtest(gained, gained + lost, 0.5)."""
    mine = [True] * gained + [False] * lost + [True, False]
    its = [False] * gained + [True] * lost + [True, False]
    assert mcnemar(sheet("a", mine).sat, sheet("b", its).sat) == (gained, lost, pytest.approx(p))


def test_only_questions_that_both_sat_are_compared() -> None:
    assert mcnemar(sheet("a", [True, True, True]).sat, sheet("b", [False, True]).sat)[:2] == (1, 0)


BASE, TUNED = Variant(name="base"), Variant(name="tuned", beside="base", adapter=Path("runs/tuned/sft/adapter"))


def default(variants: Sequence[Variant], sheets: Sequence[Sheet]) -> Default:
    return chosen_by_language(variants, sheets, lambda lang: f"queue-{lang}")["en"]


@pytest.mark.parametrize(("gained", "lost", "name"), [(6, 0, "tuned"), (5, 0, "base"), (0, 6, "base"), (9, 8, "base")])
def test_a_tuned_model_is_the_default_only_if_it_is_better_beyond_chance(gained: int, lost: int, name: str) -> None:
    mine, its = [True] * gained + [False] * lost, [False] * gained + [True] * lost
    chosen = default([BASE, TUNED], [sheet("base", its), sheet("tuned", mine)])
    assert chosen.name == name
    assert f"{gained} gained, {lost} lost" in chosen.why


def test_the_best_of_several_has_to_be_the_better_by_more() -> None:
    """Six gained and none lost are p = 0.031 for one tuned model, and 0.062 for the best of two."""
    other = TUNED.model_copy(update={"name": "other"})
    sheets = [sheet("base", [False] * 6), sheet("tuned", [True] * 6), sheet("other", [False] * 6)]
    assert default([BASE, TUNED], sheets).name == "tuned"
    chosen = default([BASE, TUNED, other], sheets)
    assert chosen.name == "base"
    assert "p = 0.062 (times 2" in chosen.why


def test_what_is_not_tuned_is_not_the_default_for_being_better() -> None:
    read_on = TUNED.model_copy(update={"name": "read on", "tuned": False})
    sheets = [sheet("base", [False] * 9), sheet("tuned", [True] * 4 + [False] * 5), sheet("read on", [True] * 9)]
    assert default([BASE, TUNED, read_on], sheets).name == "base"


def test_a_tuned_model_has_to_beat_every_base() -> None:
    other = Variant(name="other base")
    sheets = [sheet("base", [False] * 9), sheet("tuned", [True] * 9), sheet("other base", [True] * 9)]
    assert default([BASE, TUNED], sheets).name == "tuned"
    assert default([BASE, TUNED, other], sheets).name == "other base"


# The report


def made(sheets: Sequence[Sheet], kept: str = "", aims: Mapping[str, float] = MappingProxyType({})) -> str:
    about = [
        About(BASE, "base.gguf", "ab" * 32, "", "", 145.0),
        About(TUNED, "base.gguf", "ab" * 32, "tuned/sft/adapter", "cd" * 32, 145.0),
    ]
    return report(about, sheets, run="trial", seed=3, chart="study.svg", kept=kept, chosen={}, aims=aims)


def test_the_report_tells_what_the_sittings_hold() -> None:
    half = sheet("base", [True, False, True, False])
    lost = replace(half, variant="tuned", sat=(
        sat(0, False, found=False, shown=False), sat(1, False, shown=False), sat(2, False, level="consultant"),
        sat(3, True),
    ))  # fmt: skip
    text = made([half, lost])
    assert "| base | **0.500** (0.15-0.85) |" in text
    assert "| tuned, agent | base, agent | 4 | -25.0 | 1 | 2 | 1 |" in text
    assert "All banks together" not in text
    assert "| tuned | 3 | 1 | 1 | 1 | 0 | 0 | 1 |" in text
    assert "| base | agent | 1.00 | 0.00 | 100 | 0.50 |" in text
    assert "| tuned | base.gguf (abababababab) | tuned/sft/adapter (cdcdcdcdcdcd) | as trained | 145 |" in text
    assert "(run trial, seed 3)" in text
    assert "4 questions that no stage trained on" in text


def test_banks_are_told_together_over_the_questions_that_both_sat() -> None:
    sheets = [
        sheet(name, [name == "tuned"] * 4, bank=bank) for bank in ("queue-en", "cron-en") for name in ("base", "tuned")
    ]
    text = made([*sheets, sheet("base", [True] * 9, bank="other-en")])
    together = text.partition("## All banks together")[2]
    assert "| tuned, agent | base, agent | 8 | +100.0 | 8 | 0 | 0.0078 |" in together


def test_the_report_says_which_goals_are_met() -> None:
    sheets = [
        sheet("base", [False] * 10), sheet("base", [False] * 10, "closed"), sheet("base", [True] * 10, "letters"),
        sheet("tuned", [True] * 8 + [False] * 2),
    ]  # fmt: skip
    (row,) = [line for line in made(sheets).split("\n") if line.startswith("| tuned | 0.800 |")]
    assert row == (
        "| tuned | 0.800 | 0.800 (met) | -20.0, p = 0.5 (not met) | +80.0, p = 0.0078 (met) | +80.0, p = 0.0078 (met) |"
    )
    assert "| tuned | 0.800 (not met) |" in made(sheets, aims={"queue-en": 0.82})
    assert "| tuned | 0.800 (met) |" in made(sheets, aims={"queue-en": 0.74})
    weak = replace(sheets[3], sat=(*sheets[3].sat, sat(10, False, level="consultant")))
    assert "| 0.000 (not met) |" in made([*sheets[:3], weak])


def test_each_mode_is_compared_with_the_same_of_the_variant_beside() -> None:
    sheets = [sheet(name, [name == "tuned"] * 2, mode) for name in ("base", "tuned") for mode in ("closed", "rag")]
    text = made(sheets)
    assert "| tuned, closed | base, closed | 2 | +100.0 | 2 | 0 | 0.5 |" in text
    assert "| tuned, rag | base, rag | 2 | +100.0 | 2 | 0 | 0.5 |" in text


def test_what_could_not_be_told_is_told_apart() -> None:
    rows = (sat(0, True, told=True), sat(1, False, told=True), sat(2, True, told=False))
    assert "; 0.500 of the 2 that could be told)" in made([Sheet("base", "queue-en", "en", "oracle", rows)])


def test_letters_are_told_over_all_rotations() -> None:
    rows = tuple(replace(sat(n, True), right=0.5, rotations=(True, True, False, False)) for n in range(2))
    text = made([Sheet("base", "queue-en", "en", "letters", rows)])
    assert "**0.500**" in text
    assert "rotations 0.000 to 1.000" in text


def test_what_was_written_by_hand_stays() -> None:
    text = made([sheet("base", [True])], kept="What did not help: letters.")
    assert by_hand(text) == "What did not help: letters."
    assert text.index(BEGIN) < text.index("What did not help") < text.index(END)
    assert by_hand("no report yet") == ""


def test_the_chart_is_the_same_each_time(tmp_path: Path) -> None:
    sheets = [sheet("base", [True, False]), sheet("tuned", [True, True]), sheet("base", [False, False], "closed")]
    for name in ("one", "two"):
        draw(sheets, tmp_path / f"{name}.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert all(f">{word}<" in text for word in ("base", "tuned", "agent", "closed"))


def test_every_dot_stands_at_its_share_on_its_variant_s_line() -> None:
    sheets = [
        sheet("base", [True, False]), sheet("tuned", [True] * 3 + [False]), sheet("base", [False, False], "closed"),
        sheet("tuned", [True], bank="queue-ja"),
    ]  # fmt: skip
    panels = plotted(sheets).axes
    found = [
        (
            panel.get_title(loc="left"),
            [(dot.get_xdata()[0], dot.get_ydata()[0]) for dot in panel.lines if dot.get_gid()],
        )
        for panel in panels
    ]
    assert found == [
        ("queue-en\nagent", [(0.5, 0), (0.75, 1)]), ("closed", [(0.0, 0)]),
        ("queue-ja\nagent", [(1.0, 0)]), ("closed", []),
    ]  # fmt: skip
    names = [[label.get_text() for label in panel.get_yticklabels()] for panel in panels]
    assert names[0] == ["base", "tuned"]
    assert names[2] == ["tuned"]
    bottom, top = panels[0].get_ylim()
    assert bottom > top, "the first variant stands on top"


# Sittings


def test_a_sitting_that_was_cut_off_goes_on_and_a_changed_one_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(self: Candidate, question: Question) -> Sat:
        asked.append(question.id)
        return sat(int(question.id[2:]), True)

    monkeypatch.setattr(Candidate, "answer", answer)
    monkeypatch.setattr(Candidate, "__init__", lambda *_, **__: None)
    questions = [Question(f"q-{number}", "en", "engineer", "?", ("a", "b", "c", "d"), 0) for number in range(3)]
    path = tmp_path / "sittings" / "agent.jsonl"
    nothing: Any = None

    def sitting(key: str, most: int) -> list[Sat]:
        asked.clear()
        return sit(path, {"model": key}, questions[:most], nothing, nothing, "agent", print, tuned=False)

    sitting("one", 2)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"id": "q-2", "lev')  # killed while it wrote
    assert [one.id for one in sitting("one", 3)] == ["q-0", "q-1", "q-2"]
    assert asked == ["q-2"]
    assert len(read(path, {"model": "one"})) == 3
    assert len(sitting("two", 3)) == len(asked) == 3
    assert len(sitting("one", 3)) == 3
    assert not asked, "what was sat before under the same key is taken up again"
    assert len(sitting("two", 3)) == 3
    assert not asked


@pytest.mark.parametrize(("mode", "kept"), [("rag", 0), ("agent", 1)])
def test_what_was_read_in_passages_of_another_length_is_sat_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: StudyMode, kept: int
) -> None:
    asked: list[str] = []

    def answer(self: Candidate, question: Question) -> Sat:
        asked.append(question.id)
        return sat(0, True)

    monkeypatch.setattr(Candidate, "answer", answer)
    monkeypatch.setattr(Candidate, "__init__", lambda *_, **__: None)
    nothing: Any = None
    path = tmp_path / "old.jsonl"
    row = {"id": "q-0", "level": "engineer", "answer": 0, "chosen": 0, "right": 1.0, "searches": 1, "tokens": 9}
    old = row | {"seconds": 0.5, "rotations": []}
    path.write_text(json.dumps({"key": {"model": "one"}}) + "\n" + json.dumps(old) + "\n", encoding="utf-8")
    question = Question("q-0", "en", "engineer", "?", ("a", "b", "c", "d"), 0)
    sit(path, {"model": "one"}, [question], nothing, nothing, mode, print, tuned=False)
    assert len(asked) == 1 - kept
    assert len(list(tmp_path.glob("old.*.jsonl"))) == 1 - kept, "the old one is put aside, not lost"


@pytest.mark.parametrize(
    ("source", "section", "same"),
    [
        ("jp1/unit-status.md", "unit-status", True),
        ("a/sched.html", "sched.html#ports", True),
        ("a/sched.html", "a/sched", True),
        ("b/sched.html", "a/sched.html", False),
        ("a/sched.html", "sched.htm", False),
        ("sched.html", "a/sched.html", False),
    ],
)
def test_the_deciding_page_is_known_by_as_much_of_its_path_as_the_bank_gives(
    source: str, section: str, same: bool
) -> None:
    assert _is_of(source, Question("q", "en", "engineer", "?", ("a", "b", "c", "d"), 0, section=section)) is same


def test_who_always_says_the_same_letter_is_right_once_in_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """The options are rotated, so the first letter stands for each option once."""
    nothing: Any = None

    class First:
        def score(self, prompt: str, options: Sequence[str]) -> list[Any]:
            listed = [line for line in prompt.split("\n") if line[1:3] == ". "]
            assert [line[0] for line in listed] == list("ABCD")
            seen.append([line[3:] for line in listed])
            return [Score(-1.0 if number == 0 else -2.0, 1) for number, _ in enumerate(options)]

    monkeypatch.setattr("trainer.sittings.support", lambda *_: Support((), np.zeros((0, 4))))
    monkeypatch.setattr(Candidate, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(Candidate, "_looked_up", lambda *_: [])
    candidate = Candidate(nothing, nothing, "letters", tuned=False)
    candidate._engine = cast(Any, First())
    seen: list[list[str]] = []
    question = Question("q", "en", "engineer", "?", ("one", "two", "three", "four"), 2)
    chosen, rotations = candidate._by_letters(question)
    assert [first[0] for first in seen] == ["one", "two", "three", "four"]
    assert rotations == (False, False, True, False)
    assert chosen == 0, "all options are chosen once: the first of equals"


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack") / "queue"
    (folder / "primer" / "en").mkdir(parents=True)
    (folder / "bank").mkdir()
    (folder / "primer" / "en" / "ports.md").write_text(PORTS, encoding="utf-8")
    (folder / "bank" / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in BANK), encoding="utf-8")
    (folder / "pack.toml").write_text(
        'id = "queue"\nname = { en = "Queue", ja = "Queue" }\nproduct = "Queue"\nprimers = ["primer/en"]\n'
        'banks = ["bank/en.jsonl"]\n',
        encoding="utf-8",
    )
    return folder


CONFIG = """
name = "trial"
out = "out"
library = "nowhere"

[study]
packs = ["{pack}"]
modes = {modes}
languages = ["en"]

[[study.variants]]
name = "base"
{more}
"""


def test_every_mode_is_sat_by_a_real_model_and_told(pack: Path, tmp_path: Path) -> None:
    modes = ["letters", "closed", "rag", "rag+extractor", "agent", "oracle"]
    run = tmp_path / "run.toml"
    text = CONFIG.format(pack=pack, modes=json.dumps(modes), more="").replace('languages = ["en"]\n', "")
    run.write_text(text, encoding="utf-8")
    ended = train("study", run)
    assert ended.status == 0, ended.err
    told = (tmp_path / "study.md").read_text(encoding="utf-8")
    assert "## queue-en, 2 questions" in told
    assert (tmp_path / "study.svg").read_text(encoding="utf-8").startswith("<?xml")
    rows = {
        mode: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[1:]]
        for mode in modes
        for path in [tmp_path / "out" / "study" / "sittings" / "queue-en" / "base" / f"{mode}.jsonl"]
    }
    assert all(len(sat) == 2 for sat in rows.values())
    assert all(one["searches"] == 0 for mode in ("closed", "oracle") for one in rows[mode])
    assert all(one["found"] and one["shown"] and one["tokens"] > 0 for one in rows["agent"])
    assert all(len(one["rotations"]) == 4 for one in rows["letters"])
    assert rows["agent"][0]["chosen"] == 1  # the row of the viewer decides, and words alone tell it
    again = train("study", run)
    assert again.status == 0
    assert (tmp_path / "study.md").read_text(encoding="utf-8") == told


def test_a_library_whose_import_was_killed_is_made_anew(pack: Path, tmp_path: Path) -> None:
    run = tmp_path / "run.toml"
    text = CONFIG.format(pack=pack, modes='["closed"]', more="").replace('languages = ["en"]\n', "")
    run.write_text(text + '\n[[study.variants]]\nname = "elsewhere"\nbanks = ["queue-ja"]\n', encoding="utf-8")
    assert train("study", run).status == 0
    (library,) = (tmp_path / "out" / "study" / "libraries").iterdir()
    begun = library.with_name(f"{library.name}.part")
    library.replace(begun)
    (begun / "library.sqlite").write_bytes(b"half")
    ended = train("study", run)
    assert ended.status == 0, ended.err
    assert not begun.exists()
    sittings = tmp_path / "out" / "study" / "sittings" / "queue-en"
    assert [one.name for one in sittings.iterdir()] == ["base"], "a variant sits the banks that it names"
    assert library.is_dir()


@pytest.mark.slow
def test_seats_are_shared_out_over_a_cluster(pack: Path, tmp_path: Path) -> None:
    reports = []
    for folder, ray in (("here", ()), ("there", ("--ray", "local"))):
        run = tmp_path / folder / "run.toml"
        run.parent.mkdir()
        text = CONFIG.format(pack=pack, modes='["closed", "agent"]', more="").replace('languages = ["en"]\n', "")
        run.write_text(text + '\n[[study.variants]]\nname = "again"\nbeside = "base"\n', encoding="utf-8")
        ended = train("study", run, *ray)
        assert ended.status == 0, ended.err
        told = (run.parent / "study.md").read_text(encoding="utf-8")
        # What it takes is told in seconds, which differ
        reports.append([line for line in told.split("\n") if not re.search(r"\| (closed|agent) \| \d", line)])
    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('adapter = "missing"', "There is no adapter in"),
        ('beside = "nobody"', "names no nobody"),
        ('colour = "red"', "colour"),
        ('banks = ["queue_en"]', '"queue_en" in study.variants, study.libraries or study.aims is no bank'),
        ('banks = ["queue-ja"]', "No variant of study.variants sits a bank"),
    ],
)
def test_what_can_t_be_compared_is_named(pack: Path, tmp_path: Path, more: str, says: str) -> None:
    run = tmp_path / "run.toml"
    text = CONFIG.format(pack=pack, modes='["closed"]', more=more).replace('languages = ["en"]\n', "")
    run.write_text(text, encoding="utf-8")
    ended = train("study", run)
    assert ended.status == 1
    assert says in ended.reason


def test_the_order_of_options_does_not_matter_to_our_own_scoring(pack: Path, tmp_path: Path) -> None:
    """The option's text that is chosen is the same in all four rotations."""
    from agent.bank import load_bank
    from agent.models import resolve_model
    from index.importing import import_manuals
    from index.library import Library

    import_manuals(tmp_path / "lib", [pack / "primer" / "en"], progress=lambda _: None, cancelled=lambda: False)
    with Engine(resolve_model("starter")) as engine, Library.open(tmp_path / "lib") as library:
        candidate = Candidate(engine, library, "agent", tuned=True)
        (question, _) = load_bank(pack / "bank" / "en.jsonl")
        chosen = set()
        for turn in range(4):
            options = question.options[turn:] + question.options[:turn]
            turned = replace(question, options=cast(Any, options), answer=options.index(question.options[1]))
            chosen.add(options[candidate.answer(turned).chosen])
    assert len(chosen) == 1

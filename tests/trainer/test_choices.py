"""Choice questions: what stands before the model, and that a verdict in training is the verdict in use."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from agent import exam, prompts
from agent.engine import Engine
from agent.records import Question
from index.library import Library
from tests.agent.manuals import library_in
from tests.trainer.tiny_models import Tiny
from trainer.bases import Base, load_base
from trainer.choices import choice_units, decides, looked_up, shown
from trainer.folder_gguf import write_folder
from trainer.losses import Likelihood, batch, losses
from trainer.question_records import Practice
from trainer.rendering import NothingTrained, choice
from trainer.samples import Choice, Unit

VIEWER = Practice(
    Question(
        id="viewer",
        lang="en",
        level="engineer",
        question="Which port does the viewer use to reach the manager?",
        options=("20241/tcp", "20244/tcp", "20098/tcp", "22/tcp"),
        answer=1,
    ),
    evidence=("| 20244/tcp | qmonitor | The viewer reaches the manager. |",),
    made="recorded",
)
ELSEWHERE = Practice(VIEWER.question, evidence=("The viewer is started by the command qview.",), made="recorded")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with library_in(tmp_path_factory.mktemp("manuals")) as opened:
        yield opened


@pytest.fixture(scope="module")
def base(tiny_llama: Tiny) -> Base:
    return load_base(tiny_llama.base)


@pytest.fixture(scope="module")
def engine(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("choices") / "tiny.gguf"
    write_folder(base, path)
    with Engine(path, context=256) as engine:
        yield engine


def verdicts(base: Base, units: list[Unit]) -> list[float]:
    with torch.no_grad():
        rows = batch(units, pad=base.stop, device=torch.device("cpu"), dtype=torch.float32)
        scores: list[float] = Likelihood(base.model)(rows).tolist()
        return scores


def test_the_deciding_line_always_stands_before_the_model(library: Library) -> None:
    for seed in range(20):
        units = shown(VIEWER, looked_up(VIEWER.question, library), random.Random(seed))
        assert any(decides(unit, VIEWER) for unit in units)
        assert len(units) <= exam.JUDGED + 1


def test_what_the_library_does_not_decide_is_left_out(library: Library, base: Base) -> None:
    assert shown(ELSEWHERE, looked_up(ELSEWHERE.question, library), random.Random(1)) == ()
    assert choice_units(base, library, [ELSEWHERE], 1) == []


def test_the_same_seed_makes_the_same_units_whatever_stands_beside(library: Library, base: Base) -> None:
    (alone,) = choice_units(base, library, [VIEWER], 5)
    (among,) = choice_units(base, library, [ELSEWHERE, VIEWER], 5)
    assert alone == among
    assert alone.question == "viewer"


def test_a_unit_is_trained_on_its_verdicts_alone(library: Library, base: Base) -> None:
    (made,) = choice_units(base, library, [VIEWER], 5)
    row = made.unit.row
    trained = [base.tokenizer.decode([token]) for token, mark in zip(row.ids, row.trained, strict=True) if mark]
    assert trained == [prompts.RIGHT] * 4
    text = base.tokenizer.decode(list(row.ids))
    assert text.startswith("Manual:\n")
    assert all(f" {option}\nRight?" in text for option in VIEWER.question.options)


def test_a_verdict_in_use_is_the_verdict_in_training(library: Library, base: Base, engine: Engine) -> None:
    units, _ = looked_up(VIEWER.question, library).weightiest(exam.JUDGED)
    prompt = prompts.exam_judgement(units, VIEWER.question.question)
    trained = verdicts(base, [choice(base, prompt, VIEWER.question.options, 1)])
    used = exam.judged(engine, units, VIEWER.question)
    assert used == pytest.approx(np.array(trained) - np.mean(trained), abs=1e-2)
    assert np.ptp(used) > 0.05  # else any order would do


def test_options_beside_one_another_do_not_see_each_other(library: Library, base: Base) -> None:
    options = VIEWER.question.options
    prompt = prompts.exam_judgement((), VIEWER.question.question)
    together = verdicts(base, [choice(base, prompt, options, 0)])
    turned = verdicts(base, [choice(base, prompt, (*options[2:], *options[:2]), 0)])
    assert [*turned[2:], *turned[:2]] == pytest.approx(together, abs=1e-4)


def test_choices_in_one_batch_score_as_alone(base: Base) -> None:
    units: list[Unit] = [
        choice(base, prompts.exam_judgement((), question), options, 0)
        for question, options in (("Which day?", ("Monday", "a day in the middle of the week")), ("Who?", ("I", "you")))
    ]
    alone = [score for unit in units for score in verdicts(base, [unit])]
    assert verdicts(base, units) == pytest.approx(alone, abs=1e-4)


def test_the_loss_is_that_of_the_right_option_among_all(base: Base) -> None:
    unit = choice(base, "Question: Which?\nAnswer:", ("this one", "that one", "none"), 2)
    scores = torch.tensor([1.0, 2.0, 0.5])
    _, loss, right = losses([unit], scores)
    assert float(loss) == pytest.approx(-float(torch.log_softmax(scores, 0)[2]))
    assert right == 0
    assert losses([unit], torch.tensor([0.0, 1.0, 3.0]))[2] == 1


def test_a_choice_can_be_learnt(base: Base, tmp_path: Path) -> None:
    """A few steps on one question make its right option win, by the loss that training uses."""
    own = load_base(base.path)
    unit: Choice = choice(own, "Manual:\nA: held means waiting.\nQuestion: held?\nAnswer:", ("waiting", "running"), 0)
    likelihood = Likelihood(own.model)
    steps = torch.optim.AdamW(own.model.parameters(), lr=1e-3)
    seen = []
    for _ in range(8):
        rows = batch([unit], pad=own.stop, device=torch.device("cpu"), dtype=torch.float32)
        _, loss, _ = losses([unit], likelihood(rows))
        loss.backward()
        steps.step()
        steps.zero_grad()
        seen.append(float(loss.detach()))
    assert seen[-1] < 0.5 * seen[0]


def test_a_verdict_of_several_tokens_is_refused(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "WRONG", " on no account whatsoever")
    with pytest.raises(NothingTrained, match="not one token"):
        choice(base, "Question: Which?\nAnswer:", ("this", "that"), 0)

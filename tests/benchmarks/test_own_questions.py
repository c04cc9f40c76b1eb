"""Our own questions: whole, told apart, and true to the manuals they ask about."""

from __future__ import annotations

import pytest

from benchmarks import corpora, own_questions


@pytest.mark.parametrize("name", own_questions.OWN)
def test_every_question_is_asked_in_three_wordings_and_has_its_sentence(name: str) -> None:
    asked = own_questions.questions(name)
    assert len({one.id for one in asked}) == len(asked) >= 30
    for one in asked:
        wordings = {getattr(one, key) for key in own_questions.WORDINGS}
        assert len(wordings - {""}) == 3, one.id
        assert one.sources, one.id
        assert one.evidence.strip(), one.id


@pytest.mark.parametrize("name", own_questions.OWN)
def test_both_halves_are_large_enough_to_tell_something(name: str) -> None:
    halves = [one.half for one in own_questions.questions(name)]
    assert min(halves.count("tuning"), halves.count("held")) >= len(halves) * 0.4


@pytest.mark.slow
@pytest.mark.corpora
def test_every_deciding_sentence_stands_in_its_page() -> None:
    for own in own_questions.OWN.values():
        if not corpora.folder(own.package).is_dir():
            pytest.skip(f"{own.package} was not brought: python -m benchmarks.corpora")
    assert own_questions.main() == 0

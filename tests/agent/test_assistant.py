"""A question becomes a cited answer or an honest refusal, whatever the manuals, the model or the user do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent import prompts
from agent.assistant import LONGEST_QUESTION, NO_MODEL, READ_BY_MODEL, Assistant
from agent.engine import Engine
from agent.errors import PromptRefused, QuestionUnusable
from agent.loop import SEARCHES
from agent.models import PROMPT_FORMAT_KEY, card, read_gguf_header, resolve_model
from agent.records import Answer, Event, EvidenceFound, Reading, Searching, Stepped, Turn, Wrote
from index.library import Library
from tests.agent.gguf_files import LLAMA, write_gguf
from tests.agent.manuals import library_in
from tests.agent.test_extractor import QUESTIONS
from tests.agent.test_gate import ABSENT
from tests.agent.test_prompts import evidence


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with library_in(tmp_path_factory.mktemp("manuals")) as opened:
        yield opened


def kinds(events: list[Event]) -> list[type]:
    """The events' types in order, runs of the same type once."""
    found: list[type] = []
    for event in events:
        if not found or found[-1] is not type(event):
            found.append(type(event))
    return found


def is_grounded(answer: Answer, library: Library) -> bool:
    for one in answer.citations:
        section = library.section(one.section_id)
        if library.source_text(section.manual_id, one.source)[one.start : one.end] != one.quote:
            return False
    return bool(answer.citations)


@pytest.mark.parametrize(("question", "held"), QUESTIONS)
def test_without_a_model_the_answer_is_the_evidence_verbatim(library: Library, question: str, held: str) -> None:
    answer = Assistant(library, None).ask(question)
    assert not answer.abstained
    assert not answer.phrased
    assert held in " ".join(answer.text.split())
    assert all(one.quote in answer.text for one in answer.citations)
    assert "[1]" in answer.text
    assert is_grounded(answer, library)
    assert (answer.model, answer.nearest) == (NO_MODEL, ())


@pytest.mark.parametrize("question", ABSENT)
def test_what_the_manuals_do_not_tell_is_refused_in_the_question_s_language(library: Library, question: str) -> None:
    answer = Assistant(library, None).ask(question)
    assert answer.abstained
    assert answer.citations == ()
    beginning = "Not in the manuals" if answer.language == "en" else "マニュアルには見当たりません"
    assert answer.text.startswith(beginning)
    assert 1 <= len([step for step in answer.steps if step.action.startswith("search[")]) <= SEARCHES


def test_a_refusal_offers_the_nearest_hits(library: Library) -> None:
    answer = Assistant(library, None).ask("Which encryption does the service use for archive transfers?")
    assert answer.abstained
    assert answer.nearest
    assert answer.nearest[0].passage.heading[-1] in answer.text


def test_events_come_in_the_order_in_which_the_reader_needs_them(library: Library) -> None:
    events: list[Event] = []
    answer = Assistant(library, None).ask(QUESTIONS[0][0], on_event=events.append)
    assert kinds(events) == [Searching, EvidenceFound, Stepped, Wrote, Stepped]
    assert "".join(event.text for event in events if isinstance(event, Wrote)) == answer.text
    assert [event.step for event in events if isinstance(event, Stepped)] == list(answer.steps)
    (found,) = (event for event in events if isinstance(event, EvidenceFound))
    assert found.citations == answer.citations


def test_the_first_step_searches_for_the_question_and_the_last_one_answers(library: Library) -> None:
    answer = Assistant(library, None).ask("What does QJM4202-E mean?")
    assert answer.steps[0].action == "search[What does QJM4202-E mean?]"
    assert "may not operate the queue" in answer.steps[0].observation
    assert answer.steps[-1].action.startswith("answer[")


def test_no_search_is_made_twice(library: Library) -> None:
    answer = Assistant(library, None).ask("kubernetes ingress")
    searches = [step.action for step in answer.steps if step.action.startswith("search[")]
    assert searches == ["search[kubernetes ingress]"]


@pytest.mark.parametrize("question", ["", "  \n\t", "a" * (LONGEST_QUESTION + 1), "log " * 25_000])
def test_an_empty_or_huge_question_is_refused_in_one_sentence_at_once(library: Library, question: str) -> None:
    with pytest.raises(QuestionUnusable) as caught:
        Assistant(library, None).ask(question)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "question", ["?", "???", "。", "[1] ]] [[", "<|im_end|>", "a" * LONGEST_QUESTION, "\x00\ud7ff", "🙂", "-- ' OR 1=1"]
)
def test_an_odd_question_gets_an_answer_or_a_refusal(library: Library, question: str) -> None:
    answer = Assistant(library, None).ask(question)
    assert answer.text
    assert answer.abstained or answer.citations


def test_a_cancelled_question_returns_what_there_is(library: Library) -> None:
    answer = Assistant(library, None).ask(QUESTIONS[0][0], cancelled=lambda: True)
    assert answer.cancelled
    assert answer.text == ""
    assert not answer.abstained


def test_an_empty_library_refuses(tmp_path: Path) -> None:
    with Library.create(tmp_path) as empty:
        answer = Assistant(empty, None).ask("Which port?")
    assert answer.abstained
    assert answer.text == "Not in the manuals."


def test_a_follow_up_leans_on_the_question_before(library: Library) -> None:
    history = [Turn("Where do the log files lie on Windows?", "In C:\\ProgramData\\queue\\log. [1]")]
    answer = Assistant(library, None).ask("And on Linux?", history=history)
    assert "/var/opt/queue/log" in answer.text


def test_the_gate_holds_whatever_the_history(library: Library) -> None:
    history = [Turn("Which port does the viewer use?", "20244/tcp [1]")]
    assert Assistant(library, None).ask("What is the capital of Japan?", history=history).abstained
    assert Assistant(library, None).ask("And on Kubernetes clusters with Istio?", history=history).abstained
    assert Assistant(library, None).ask("And in Zabbix?", history=history).abstained
    assert not Assistant(library, None).ask("And the manager?", history=history).abstained
    before = [Turn("ビューアーのポートは？", "20244/tcp [1]")]
    assert Assistant(library, None).ask("Zabbixでは？", history=before).abstained


def test_times_are_filled_and_in_order(library: Library) -> None:
    began = time.perf_counter()
    seconds = Assistant(library, None).ask(QUESTIONS[0][0]).seconds
    assert 0 < seconds.search < seconds.first_evidence <= seconds.total <= time.perf_counter() - began
    assert 0 < seconds.extract < seconds.first_evidence


# With the starter model


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(resolve_model("starter")) as running:
        yield running


@pytest.mark.model
def test_the_starter_words_an_answer_after_the_evidence_is_there(library: Library, engine: Engine) -> None:
    events: list[Event] = []
    assistant = Assistant(library, engine)
    assistant.warm()
    answer = assistant.ask("What happens to a job in the status Being held?", on_event=events.append)
    assert kinds(events)[:4] == [Searching, EvidenceFound, Stepped, Reading]
    assert kinds(events)[-2:] == [Wrote, Stepped]
    assert "".join(event.text for event in events if isinstance(event, Wrote)) == answer.text
    assert "release" in answer.text
    assert is_grounded(answer, library)
    assert answer.model == engine.info.name
    assert answer.tokens.prompt > answer.tokens.reused > 100
    assert answer.tokens.generated > 0
    assert answer.seconds.first_evidence < answer.seconds.first_token < answer.seconds.total


@pytest.mark.model
def test_a_tuned_model_may_propose_one_more_query_of_one_line(library: Library, engine: Engine) -> None:
    answer = Assistant(library, engine, tuned=True).ask("Which encryption does the archive transfer use?")
    searches = [step.action for step in answer.steps if step.action.startswith("search[")]
    assert answer.abstained
    assert 1 <= len(searches) <= SEARCHES
    assert answer.tokens.generated > 0
    assert all("\n" not in search and search.endswith("]") for search in searches)


@pytest.mark.model
def test_in_japanese_the_starter_leaves_the_evidence_as_it_is(library: Library, engine: Engine) -> None:
    answer = Assistant(library, engine).ask("保留中のジョブはどうなりますか？")
    assert not answer.phrased
    assert "保留を解除するまで開始されません" in answer.text
    assert answer.tokens.generated == 0


@pytest.mark.model
def test_instructions_planted_in_a_manual_are_text(library: Library, engine: Engine) -> None:
    for assistant in (Assistant(library, None), Assistant(library, engine)):
        answer = assistant.ask("What has to be stopped before a backup?")
        assert "Stop the service before a backup" in " ".join(one.quote for one in answer.citations)
        assert is_grounded(answer, library)
        assert answer.steps[0].action == "search[What has to be stopped before a backup?]"
        assert "swordfish" not in answer.text or "Ignore all previous instructions" in answer.text


@pytest.mark.model
def test_an_engine_that_dies_costs_the_wording_and_not_the_answer(library: Library) -> None:
    with Engine(resolve_model("starter")) as engine:
        events: list[Event] = []

        def kill_once_reading(event: Event) -> None:
            events.append(event)
            if isinstance(event, EvidenceFound):
                engine.close()
                engine.start()
                _kill(engine)

        answer = Assistant(library, engine).ask(QUESTIONS[3][0], on_event=kill_once_reading)
    assert QUESTIONS[3][1] in " ".join(answer.text.split())
    assert "".join(event.text for event in events if isinstance(event, Wrote)) == answer.text


@pytest.mark.model
def test_an_engine_that_dies_while_it_writes_leaves_what_was_shown_in_the_answer(library: Library) -> None:
    with Engine(resolve_model("starter")) as engine:
        events: list[Event] = []

        def kill_once_written(event: Event) -> None:
            events.append(event)
            if isinstance(event, Wrote) and engine.pid is not None:
                _kill(engine)

        answer = Assistant(library, engine).ask(QUESTIONS[3][0], on_event=kill_once_written)
    assert answer.text
    assert "".join(event.text for event in events if isinstance(event, Wrote)) == answer.text


@pytest.mark.model
def test_a_model_that_can_not_be_loaded_again_costs_the_wording_and_not_the_answer(
    library: Library, tmp_path: Path
) -> None:
    model = tmp_path / "model.gguf"
    model.symlink_to(resolve_model("starter"))
    with Engine(model) as engine:
        engine.close()
        model.unlink()
        write_gguf(model, weights=False)
        answer = Assistant(library, engine).ask(QUESTIONS[3][0])
        assert QUESTIONS[3][1] in " ".join(answer.text.split())
        assert not answer.phrased
        assert "model.gguf" in answer.problem
        assert Assistant(library, engine, tuned=True).ask("Which encryption does the archive transfer use?").abstained


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("m.gguf", b"GIF89a" + bytes(100), "GGUF"), ("none.gguf", None, "none.gguf"), ("cut.gguf", b"GGUF", "cut.gguf")],
)
def test_a_model_that_can_not_be_loaded_costs_the_wording_and_is_told_of(
    library: Library, tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    engine = Engine(tmp_path / name)
    events: list[Event] = []
    answer = Assistant(library, engine).ask(QUESTIONS[0][0], on_event=events.append)
    assert kinds(events) == [Searching, EvidenceFound, Stepped, Wrote, Stepped]
    assert QUESTIONS[0][1] in " ".join(answer.text.split())
    assert (answer.model, answer.phrased) == (NO_MODEL, False)
    assert reason in answer.problem
    assert Assistant(library, engine).ask(ABSENT[0]).abstained


def with_template(path: Path, template: str) -> Path:
    """The starter with another chat template of the same length, at `path`."""
    whole = resolve_model("starter").read_bytes()
    held = str(read_gguf_header(resolve_model("starter")).values["tokenizer.chat_template"]).encode()
    assert whole.count(held) == 1
    path.write_bytes(whole.replace(held, template.encode().ljust(len(held))))
    return path


TURNS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)


@pytest.mark.model
def test_a_template_without_a_place_for_a_system_message_gets_it_in_the_question(
    library: Library, tmp_path: Path
) -> None:
    template = "{% if messages[0].role == 'system' %}{{ raise_exception('No system role') }}{% endif %}" + TURNS
    with Engine(with_template(tmp_path / "m.gguf", template)) as engine:
        assistant = Assistant(library, engine)
        assistant.warm()
        answer = assistant.ask(QUESTIONS[3][0])
    assert answer.problem == ""
    assert answer.tokens.generated > 0


@pytest.mark.model
@pytest.mark.parametrize("template", ["{{ raise_exception('never') }}", "{% if %}"])
def test_a_template_that_refuses_everything_costs_the_wording_and_is_told_of(
    library: Library, tmp_path: Path, template: str
) -> None:
    with Engine(with_template(tmp_path / "m.gguf", template)) as engine:
        answer = Assistant(library, engine).ask(QUESTIONS[3][0])
        with pytest.raises(PromptRefused):
            Assistant(library, engine).warm()
    assert not answer.phrased
    assert QUESTIONS[3][1] in " ".join(answer.text.split())
    assert "m.gguf" in answer.problem
    assert "choose another model" in answer.problem


def test_evidence_is_told_while_the_model_is_still_being_loaded_and_the_question_can_be_taken_back(
    library: Library, tmp_path: Path
) -> None:
    events: list[Event] = []
    stop: Callable[[], bool] = lambda: any(isinstance(event, EvidenceFound) for event in events)  # noqa: E731
    assistant = Assistant(library, Engine(tmp_path / "m.gguf"), ready=lambda: False)
    answer = assistant.ask(QUESTIONS[0][0], on_event=events.append, cancelled=stop)
    assert kinds(events) == [Searching, EvidenceFound, Stepped, Wrote, Stepped]
    assert answer.cancelled
    assert answer.citations


@pytest.mark.model
def test_a_model_with_little_room_leaves_the_answer_to_the_evidence(library: Library) -> None:
    with Engine(resolve_model("starter"), context=64) as engine:
        answer = Assistant(library, engine).ask(QUESTIONS[3][0])
    assert QUESTIONS[3][1] in " ".join(answer.text.split())
    assert not answer.phrased


@pytest.mark.parametrize(("named", "tuned"), [("", False), ("another-format", False), (prompts.FORMAT, True)])
def test_a_model_counts_as_tuned_if_its_file_names_the_prompt_format(tmp_path: Path, named: str, tuned: bool) -> None:
    about = card(read_gguf_header(write_gguf(tmp_path / "m.gguf", LLAMA | {PROMPT_FORMAT_KEY: named})))
    assert (about.prompt_format == prompts.FORMAT) is tuned


@pytest.mark.model
def test_cancelling_while_the_model_works_keeps_the_evidence(library: Library, engine: Engine) -> None:
    seen: list[Event] = []
    stop: Callable[[], bool] = lambda: any(isinstance(event, Reading) for event in seen)  # noqa: E731
    answer = Assistant(library, engine).ask(QUESTIONS[3][0], on_event=seen.append, cancelled=stop)
    assert answer.cancelled
    assert answer.citations
    assert answer.text


def _kill(engine: Engine) -> None:
    import os
    import signal

    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)


@pytest.mark.model
def test_a_tuned_model_reads_as_much_evidence_as_the_budget_of_tokens_holds(library: Library, engine: Engine) -> None:
    assistant = Assistant(library, engine, tuned=True)
    quote = "A held job is released with the jobfree command by an operator. " * 3
    some = [evidence(quote)]
    taken = assistant._to_read(some * 5, "en")
    each = engine.count(prompts.observation(some, "en"))
    assert 1 < len(taken) < 5
    assert len(taken) * each <= READ_BY_MODEL < (len(taken) + 1) * each
    long = [evidence(quote * 5)]
    assert len(assistant._to_read(long * 2, "en")) == 1

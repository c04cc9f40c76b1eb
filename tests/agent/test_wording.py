"""What a model may say: what the evidence bears, and what is marked, refused or cut off, as the words come in."""

from __future__ import annotations

import pytest

from agent.records import Evidence, Unsupported
from agent.support import strays
from agent.wording import Vetting
from tests.agent.test_prompts import evidence


def vetted(pieces: list[str], question: str = "Which port?", *, complete: bool = True) -> tuple[str, str | None]:
    vetting = vet(pieces, question, complete=complete)
    return vetting.text, vetting.reason


def vet(pieces: list[str], question: str = "Which port?", *, complete: bool = True, close: bool = False) -> Vetting:
    shown: list[str] = []
    marks: list[str] = []
    seen = [evidence("The viewer reaches the manager on port 20244/tcp. Use qrelease -r to release a job.")]

    def show(piece: str, unsupported: tuple[Unsupported, ...]) -> None:
        shown.append(piece)
        marks.extend(piece[one.start : one.end] for one in unsupported)

    vetting = Vetting(seen, question, show, close=close)
    for piece in pieces:
        vetting.feed(piece)
    vetting.finish(complete=complete)
    assert "".join(shown) == vetting.text
    assert [vetting.text[one.start : one.end] for one in vetting.unsupported] == marks
    return vetting


@pytest.mark.parametrize(
    "text",
    [
        "The viewer reaches the manager on port 20244/tcp.",
        "The manager is reached on port 20244/tcp. Release a job with qrelease -r.",
        "On port 20244/tcp.",
    ],
)
def test_what_the_evidence_bears_passes_however_it_is_cut(text: str) -> None:
    assert vetted([text])[0] == text
    assert vetted(list(text))[0] == text
    assert vetted([*text, "] and then more"])[0] == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("On port 20245/tcp.", "hardly more"),
        ("The viewer of Kubernetes reaches the manager.", "Kubernetes"),
        ("The viewer never reaches the manager.", "denial"),
        ("Bananas grow quickly during warm summers.", "words"),
        ("Which port?", "nothing but the question"),
    ],
)
def test_what_neither_evidence_nor_question_holds_is_not_shown(text: str, reason: str) -> None:
    shown, why = vetted([text])
    assert shown == ""
    assert reason in (why or "")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("The viewer reaches the manager on port 20245/tcp.", ["20245/tcp"]),
        ("The viewer reaches the manager on port 20,245.", ["20,245"]),
        ("The viewer of JP1/Base reaches the manager.", ["JP1/Base"]),
        ("Release a job with the jobfree command.", ["jobfree"]),
        ("Use jobfree to release a job.", ["jobfree"]),
        ("Release a job with qrelease --force.", ["--force"]),
        ("To release a job use qrelease -r. The viewer reaches the manager on port 9.", ["9"]),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_a_number_or_name_that_neither_evidence_nor_question_holds_is_shown_and_marked(
    text: str, marked: list[str], cut: bool
) -> None:
    vetting = vet(list(text) if cut else [text])
    assert vetting.text == text
    assert [text[one.start : one.end] for one in vetting.unsupported] == marked


def test_an_untuned_model_may_say_one_such_thing_where_all_else_is_the_quote_s() -> None:
    swapped = "The viewer reaches the manager on port 20245/tcp."
    vetting = vet([swapped], close=True)
    assert vetting.text == swapped
    assert [swapped[one.start : one.end] for one in vetting.unsupported] == ["20245/tcp"]
    for invented in (
        "The viewer asks the manager on port 20245/tcp.",  # a word of its own besides
        "The viewer reaches the manager.",  # nothing in the port's place
        "The viewer reaches JP1/Base on port 20245/tcp.",  # two things
    ):
        assert vet([invented], close=True).text == ""


def test_a_figure_of_a_passage_that_the_model_was_not_given_is_not_marked_as_nowhere_but_refused() -> None:
    given = [evidence("The viewer reaches the manager on port 20244/tcp.")]
    beside = [evidence("The agent reaches the manager on port 20243/tcp.")]
    vetting = Vetting(given, "Which port?", lambda piece, marks: None, beside=beside)
    vetting.feed("The viewer reaches the manager on port 20243/tcp.")
    vetting.finish(complete=True)
    assert vetting.text == ""
    assert "another passage" in (vetting.reason or "")


def test_an_answer_with_more_marks_than_words_that_stand_is_not_shown() -> None:
    assert vet(["Use port 1, 2, 3, 4 and 5."]).text == ""


BY_THRESHOLD = "its end judgment rule is Judgment by threshold (AJS3 v12)."
RETRIED = evidence(f"A job is retried automatically only if {BY_THRESHOLD}")
HELD = evidence(
    "Being held | hold | The job is not started until it is released.", ("Statuses",), "Status | Short name | Meaning"
)
REGISTERED = evidence("The ajsentry command registers a jobnet for execution. The options below are those of v12.")
RETURNED = evidence("Message KAVS0265-E (event 00004107) means that a job ended abnormally.")


@pytest.mark.parametrize(
    ("seen", "question", "sentence"),
    [
        (
            RETRIED,
            "When is a job retried?",
            "A job is retried automatically only if its rule is Judgment by threshold.",
        ),
        (HELD, "What does Being held mean?", "Being held: the job is not started until it is released."),
        (REGISTERED, "What does ajsentry do?", "The ajsentry command registers a jobnet for execution."),
        (RETURNED, "What does KAVS0265-E mean?", "KAVS0265-E means that a job ended abnormally."),
    ],
)
def test_a_sentence_that_says_the_quote_again_is_close(seen: Evidence, question: str, sentence: str) -> None:
    assert strays(sentence, seen, question) is None


@pytest.mark.parametrize(
    ("seen", "question", "sentence", "reason"),
    [
        (RETRIED, "When is a job retried?", f"A job is retried automatically if {BY_THRESHOLD}", "condition"),
        (RETRIED, "How often is a job retried?", f"A job is retried automatically only if {BY_THRESHOLD}", "figure"),
        (HELD, "What does Being held mean?", "Statuses (Status | Short name | Meaning) are being held.", "layout"),
        (HELD, "What does Being held mean?", "Statuses: - The job is not started.", "layout"),
        (HELD, "What does Being held mean?", "Being held: the job is started until it is released.", "condition"),
        (REGISTERED, "What does ajsentry do?", "The ajsentry command does a jobnet for execution.", "regist"),
        (REGISTERED, "What does ajsentry do?", "A jobnet registers the ajsentry command for execution.", "order"),
        (REGISTERED, "What does ajsentry do?", "The options below are those of v12.", "asked"),
        (REGISTERED, "How do I start a service?", "The ajsentry command registers a jobnet for execution.", "asked"),
        (HELD, "What does Being held mean?", "The status Being held is short.", "question"),
        (RETURNED, "What happened to the job?", "A job ended abnormally.", "kavs0265"),
        (RETURNED, "What does KAVS0265-E mean?", "KAVS0265-E means that a job ended abnormally with a log.", "own"),
    ],
)
def test_a_sentence_that_changes_what_the_quote_says_is_not_close(
    seen: Evidence, question: str, sentence: str, reason: str
) -> None:
    assert reason in (strays(sentence, seen, question) or "").lower()


def test_sentences_before_a_bad_one_stay() -> None:
    text, reason = vetted(["The viewer uses port 20244/tcp. ", "It was 99999 before. ", "Use port 20244/tcp."])
    assert text == "The viewer uses port 20244/tcp."
    assert reason is not None


@pytest.mark.parametrize(
    "text",
    ["Use qrelease -r to release a job. To release a job use qrelease -r.", "Use qrelease -r to release a job. Use"],
)
def test_a_model_that_goes_round_in_circles_is_stopped(text: str) -> None:
    assert vetted([text])[0] == "Use qrelease -r to release a job."
    assert vetted(["The viewer reaches the manager, the viewer reaches the manager."])[0] == ""


def test_a_sentence_that_was_cut_off_is_not_shown() -> None:
    assert vetted(["Use port 20244/tcp. The viewer reaches the"], complete=False)[0] == "Use port 20244/tcp."

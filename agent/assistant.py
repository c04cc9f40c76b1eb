"""A question in, a cited answer out, with events on the way: what the window and the command line both call.

    Searching -> EvidenceFound -> Stepped -> Reading... -> Wrote... -> Stepped

Evidence comes first and stands by itself; the model, if there is one that writes the language, then words it. What it
writes passes sentence by sentence and only as far as evidence or question support it; otherwise the evidence is the
answer. The pieces of `Wrote` joined are always the answer's text. It knows nothing of windows, files or exams.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from agent import prompts, wording
from agent.errors import NOT_WORDED, QuestionUnusable
from agent.extractor import MOST
from agent.loop import Found, citation, look
from agent.records import Answer, Event, Evidence, Reading, Seconds, Step, Stepped, Tokens, Turn, Wrote
from agent.rendering import render
from index.analyzer import query_language
from index.records import Language, Scope

if TYPE_CHECKING:
    from agent.engine import Engine, Generation, ModelInfo
    from index.library import Library

log = logging.getLogger(__name__)

LONGEST_QUESTION = 4000  # characters
LONGEST_ANSWER = 96  # tokens
READ_BY_MODEL = 120  # tokens of evidence, half a second of reading: on two cores the starter reads about 250 a second
NEAREST = 3  # hits that a refusal offers
NO_MODEL = "none"
READY_POLL = 0.02  # seconds between looks at whether the engine is ready


class Assistant:
    """Answers questions from one library, with the engine's words where there is one.

    Whether the model was tuned on the prompt format is what its file says; `tuned` overrules it. The caller owns
    library and engine; the engine may be starting on another thread, which `ready` then tells, so that a question can
    be taken back while its evidence stands and the model is still being loaded. One question at a time.
    """

    def __init__(
        self,
        library: Library,
        engine: Engine | None,
        *,
        tuned: bool | None = None,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self.library = library
        self.engine = engine
        self._tuned = tuned
        self._ready = ready

    def tuned(self) -> bool:
        """Whether the model knows the format: one that does not is shown worked examples, reads the best evidence
        alone, and is asked for no queries. Starts the engine if need be, with the errors of that."""
        return self.engine is not None and knows_format(self.engine, self._tuned)

    def warm(self) -> None:
        """See `warm`."""
        if self.engine is not None:
            warm(self.engine, tuned=self._tuned)

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        scope: Scope | None = None,
        on_event: Callable[[Event], None] = lambda event: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Answer:
        """Answer a question, or say that the manuals do not tell. `scope` keeps every search to some manuals.

        A cancelled question returns with what there is and `cancelled`. An engine that can't be started, refuses the
        prompt or stops costs the wording, not the answer, whose `problem` then says what happened. Raises
        QuestionUnusable for an empty question or one above 4,000 characters.
        """
        started = time.perf_counter()
        check(question)
        found = look(
            self.library,
            question,
            history=history,
            scope=scope,
            engine=self.engine,
            tuned=self.tuned,
            on_event=on_event,
            cancelled=cancelled,
            started=started,
        )
        answer = _plain(question, found)
        if answer.text and not found.enough:
            on_event(Wrote(answer.text, phrased=False))
        if not answer.cancelled:
            answer = self._with_model(answer, found, on_event, cancelled, started)
        if answer.text:
            on_event(Stepped(answer.steps[-1]))
        if answer.abstained and not answer.cancelled:
            answer = replace(answer, suggestion=self.library.suggest(question) or "")
        return replace(answer, seconds=replace(answer.seconds, total=time.perf_counter() - started))

    def _with_model(
        self,
        answer: Answer,
        found: Found,
        on_event: Callable[[Event], None],
        cancelled: Callable[[], bool],
        started: float,
    ) -> Answer:
        """The answer with the model's name and, if the evidence suffices and it writes the language, in its words."""
        info: ModelInfo | None = None
        while not self._ready() and not cancelled():
            time.sleep(READY_POLL)
        if self.engine is not None and self._ready():
            try:
                info = self.engine.info
                answer = replace(answer, model=info.name)
            except NOT_WORDED as error:
                log.warning("no model: %s", error)
                answer = replace(answer, problem=str(error))
        elif self.engine is not None:
            answer = replace(answer, cancelled=True)
        if found.enough and info and answer.language in info.languages:
            return self._worded(answer, found, on_event, cancelled, started)
        if found.enough:
            on_event(Wrote(answer.text, phrased=False))
        return answer

    def _worded(
        self,
        answer: Answer,
        found: Found,
        on_event: Callable[[Event], None],
        cancelled: Callable[[], bool],
        started: float,
    ) -> Answer:
        """The answer in the model's words, as far as they are supported; else the answer as it was."""
        assert self.engine is not None
        evidence = self._to_read(found.extraction.evidence, answer.language)
        vetting = wording.Vetting(
            found.extraction.evidence[: len(evidence)],
            found.asked,
            lambda piece, marks: on_event(Wrote(piece, marks)),
            close=not self.tuned(),
            beside=found.extraction.evidence[len(evidence) :],
        )
        first_token = 0.0

        def on_text(piece: str) -> None:
            nonlocal first_token
            first_token = first_token or time.perf_counter() - started
            vetting.feed(piece)

        try:
            messages = to_word(found.asked, evidence, answer.language, examples=not self.tuned())
            prompt = render(self.engine, messages)
            written = self.engine.generate(
                prompt + prompts.opening("answer", prompts.THOUGHTS[answer.language]["answer"] if self.tuned() else ""),
                max_tokens=LONGEST_ANSWER,
                stop=prompts.STOP,
                on_reading=lambda done, total: on_event(Reading(done, total)),
                on_text=on_text,
                cancelled=lambda: cancelled() or vetting.ended,
            )
        except NOT_WORDED as error:  # sentences that were shown before stay
            log.warning("not worded to the end: %s", error)
            answer = replace(answer, problem=str(error))
            vetting.finish(complete=False)
        else:
            answer = _with_cost(answer, written, cancelled=written.cancelled and not vetting.ended)
            vetting.finish(complete=written.finish in {"end", "stop"})
        answer = replace(answer, seconds=replace(answer.seconds, first_token=first_token))
        if not vetting.text:
            on_event(Wrote(answer.text, phrased=False))
            return answer
        cited = wording.markers(vetting.text, found.extraction.evidence[: len(evidence)])
        on_event(Wrote(cited))
        return replace(_with_text(answer, vetting.text + cited, phrased=True), unsupported=vetting.unsupported)

    def _to_read(self, evidence: Sequence[Evidence], language: Language) -> tuple[Evidence, ...]:
        """The best evidence that fits in READ_BY_MODEL tokens; at least the first piece.

        A model that was not tuned gets just that, because the starter mixes up what several pieces say, and gets it
        bare: with the heading and the list item's mark before it, it copied these, and of 78 answers 25 could be shown,
        not 41.
        """
        assert self.engine is not None
        if not self.tuned():
            return tuple(replace(one, quote=wording.without_mark(one.quote), heading=()) for one in evidence[:1])
        try:
            return to_read(evidence, language, self.engine.count)
        except NOT_WORDED:  # the request for words will say what is wrong
            return tuple(evidence[:1])


def to_read(evidence: Sequence[Evidence], language: Language, count: Callable[[str], int]) -> tuple[Evidence, ...]:
    """The best evidence that fits in READ_BY_MODEL tokens, at least the first piece: what a tuned model reads, in use
    and in training. `count` is the engine's, the beginning-of-text token included where the model wants one."""
    taken: list[Evidence] = []
    read = 0
    for one in evidence[:MOST]:
        read += count(prompts.observation([one], language))
        if taken and read > READ_BY_MODEL:
            break
        taken.append(one)
    return tuple(taken)


def to_word(asked: str, evidence: Sequence[Evidence], language: Language, *, examples: bool) -> list[prompts.Message]:
    """What a model is shown to word an answer, in use and in training: one search and the best evidence. What led there
    is left out, because reading it takes time."""
    step = Step(
        prompts.THOUGHTS[language]["search"],
        prompts.action("search", asked),
        prompts.observation(evidence, language),
    )
    return prompts.transcript(asked, [step], examples=examples)


def warm(engine: Engine, *, tuned: bool | None = None) -> None:
    """Read the fixed part of the prompt, in each language that the model writes, into the engine's cache, so that the
    first answer does not wait for it. Raises PromptRefused and what the engine raises."""
    examples = not knows_format(engine, tuned)
    for language in engine.info.languages if examples else ("en",):  # without examples it is the same in all
        engine.warm(render(engine, prompts.fixed_part(examples=examples, language=language), open_assistant=False))


def knows_format(engine: Engine, tuned: bool | None = None) -> bool:
    """Whether the engine's model was tuned on the prompt format: what its file says, unless `tuned` overrules it."""
    return engine.info.prompt_format == prompts.FORMAT if tuned is None else tuned


def check(question: str) -> None:
    """Raise QuestionUnusable for what can't be asked."""
    if not question.strip():
        raise QuestionUnusable("The question is empty; type what you want to know.")
    if len(question) > LONGEST_QUESTION:
        raise QuestionUnusable(
            f"The question has {len(question):,} characters and may have {LONGEST_QUESTION:,}; "
            "ask about one thing and leave out logs and listings."
        )


def _plain(question: str, found: Found) -> Answer:
    """The answer without a model: the evidence itself, or the refusal; nothing, if cancelled before either."""
    language = query_language(found.asked)
    evidence = found.extraction.evidence if found.enough else ()
    nearest = () if found.enough else found.hits[:NEAREST]
    answer = Answer(
        question=question,
        text="",
        abstained=not found.enough and not found.cancelled,
        language=language,
        citations=tuple(citation(one) for one in evidence),
        steps=found.steps,
        nearest=nearest,
        seconds=Seconds(found.search_seconds, found.extract_seconds, found.evidence_seconds),
        tokens=found.tokens,
        model=NO_MODEL,
        cancelled=found.cancelled,
    )
    if found.enough:
        return _with_text(answer, wording.quoted(evidence))
    return answer if found.cancelled else _with_text(answer, wording.refusal(language, nearest))


def _with_text(answer: Answer, text: str, *, phrased: bool = False) -> Answer:
    """The answer with its text, and with the step that gives it as the last one."""
    thought = prompts.THOUGHTS[answer.language]["refuse" if answer.abstained else "answer"]
    last = Step(thought, prompts.action("answer", text), "")
    steps = [step for step in answer.steps if not step.action.startswith("answer[")]
    return replace(answer, text=text, phrased=phrased, steps=(*steps, last))


def _with_cost(answer: Answer, written: Generation, *, cancelled: bool) -> Answer:
    """The answer with the tokens that its wording took, besides those of the search."""
    tokens = Tokens(
        answer.tokens.prompt + written.prompt_tokens,
        answer.tokens.reused + written.reused_tokens,
        answer.tokens.generated + written.generated_tokens,
    )
    return replace(answer, tokens=tokens, cancelled=cancelled)

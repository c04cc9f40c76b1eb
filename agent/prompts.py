"""The prompt format, the same to the byte in use and in training: a ReAct transcript inside the model's chat template.

Comes in: a question, evidence, thoughts. Goes out: chat messages, the opening of the assistant's next turn, grammars
for what may follow, and the parts of what a model wrote. It knows nothing of engines, tokens or libraries.

A transcript with one search, as (role, text) pairs:

    system     You answer questions from a product's manuals. ...      (SYSTEM: the fixed part, always first)
    user       Question: Which port does the event service use?
    assistant  Thought: I look in the manuals.
               Action: search[Which port does the event service use?]
    user       Observation:
               [1] Ports (Port | Use): 20098/tcp | event service
    assistant  Thought: [1] tells it.
               Action: answer[The event service uses port 20098/tcp.]

Between SYSTEM and the question a model that was not tuned on this format sees two worked examples (EXAMPLES), which
cost nothing once they are in the KV cache: without them the 135-million-parameter starter just repeats the question. A
tuned model sees none. A chain-of-thought answer is the one-step case: the first assistant turn is already
`Action: answer[...]`. Each quote is folded to one line, so that nothing in a manual can look like a turn of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from agent.records import Evidence, Step
from index.analyzer import query_language
from index.records import Language

FORMAT = "react-2"
"""The name of this format. A tuned model carries it in its file; one that carries another counts as not tuned. It
changes whenever a byte of what a tuned model sees does."""

Message = tuple[str, str]
"""Role ("system", "user", "assistant") and text."""

SYSTEM = (
    "You answer questions from a product's manuals. Write one thought and one action: search[words] looks in the "
    "manuals, answer[text] answers in one or two sentences with what the observation says."
)

THOUGHTS: dict[Language, dict[str, str]] = {
    "en": {
        "search": "I look in the manuals.",
        "again": "That does not tell it. I look with other words.",
        "answer": "The observation tells it.",
        "recall": "I know it.",
        "refuse": "The manuals do not tell it.",
    },
    "ja": {
        "search": "マニュアルを調べます。",
        "again": "まだ分かりません。別の言葉で調べます。",
        "answer": "観察結果から分かります。",
        "recall": "知っています。",
        "refuse": "マニュアルには書かれていません。",
    },
}
"""The thoughts that the loop writes itself; a tuned model was trained on the same ones."""

EXAMPLES: dict[Language, tuple[tuple[str, str, str], ...]] = {
    "en": (
        (
            "How long are log files kept?",
            "[1] Log settings (Name | Default | Meaning): KeepDays | 30 | Days after which log files are deleted.",
            "Log files are kept for 30 days by default (KeepDays).",
        ),
        (
            "What does the state Paused mean?",
            "[1] Job states: A paused job keeps its place in the queue but is not started.",
            "A paused job keeps its place in the queue but is not started.",
        ),
    ),
    "ja": (
        (
            "ログファイルは何日残る？",
            "[1] ログの設定 (名称 | 既定値 | 意味): KeepDays | 30 | ログファイルを削除するまでの日数。",
            "ログファイルは既定では30日で削除されます（KeepDays）。",
        ),
        (
            "キューが動いているか見るコマンドは？",
            "[1] qstat: qstatコマンドは、キューの状態を表示します。",
            "qstatコマンドで、キューの状態を表示できます。",
        ),
        (
            "ジョブが一時停止になった、どうなる？",
            "[1] ジョブの状態: 一時停止中のジョブは、キュー内の順番を保ちますが、開始されません。",
            "一時停止中のジョブは、キュー内の順番を保ちますが、開始されません。",
        ),
    ),
}
"""Question, observation and answer of the worked examples: of no product, table rows and sentences. In the question's
language: after English ones Gemma-3-270M answered Japanese questions with the English examples themselves."""

NOTHING: dict[Language, str] = {"en": "Nothing found.", "ja": "何も見つかりません。"}

_PIECES = r"""piece ::= [^\n\[\]] | "[" inner{0,100} "]"
inner ::= [^\n\[\]] | "[" [^\n\[\]]{0,40} "]"
"""
_INNER, _INMOST = 100, 40

GRAMMAR_TURN = (
    r"""root ::= "Thought: " thought "\nAction: " action
thought ::= [^\n]{1,200}
action ::= "search[" piece{1,200} "]" | "answer[" piece{1,400} "]"
"""
    + _PIECES
)
"""GBNF of a whole assistant turn. Brackets stand in pairs, two deep at most ("ajsentry [-F service]"), so that the one
which closes the action ends the turn; lengths are bounded, so that no thought is endless."""

GRAMMAR_QUERY = 'root ::= piece{1,200} "]"\n' + _PIECES
"""GBNF of what follows `opening("search", ...)`: a query and the closing bracket."""

STOP = ("]\n", "\nThought:", "\nObservation:", "\nAction:", "\nQuestion:")
"""Where generation after an opening ends if the model does not end it by itself."""

# The format's own words inside a quote are set apart: a manual may tell of them, or try to speak for the assistant.
_MARKUP = re.compile(r"\b(Thought|Action|Observation|Question|search|answer)([:\[])")
_ACTION = re.compile(r"(?:Thought:(?P<thought>[^\n]*)\n)?Action: (?P<kind>search|answer)\[(?P<content>[^\n]*)\]")


def fixed_part(*, examples: bool, language: Language = "en") -> list[Message]:
    """The messages with which every prompt begins, with worked examples in a language or without; their KV cache is
    kept."""
    messages = [("system", SYSTEM)]
    for question, seen, answer in EXAMPLES[language] if examples else ():
        messages += _turns(
            question, [Step("", action("search", question), seen), Step("", action("answer", answer), "")]
        )
    return messages


def transcript(question: str, steps: Sequence[Step] = (), *, examples: bool) -> list[Message]:
    """The conversation up to now: fixed part, question, and one assistant and one user turn for each step.

    Beside worked examples no thoughts are written: they are a fifth of what is read, and of 36 English questions the
    starter worded 19 without them and 20 with them.
    """
    if examples:
        steps = [replace(step, thought="") for step in steps]
    fixed = fixed_part(examples=examples, language=query_language(question))
    return [*fixed, *_turns(question, steps)]


def _turns(question: str, steps: Sequence[Step]) -> list[Message]:
    messages = [("user", f"Question: {one_line(question)}")]
    for step in steps:
        messages.append(("assistant", turn(step.thought, step.action)))
        if step.observation:
            messages.append(("user", f"Observation:\n{step.observation}"))
    return messages


def turn(thought: str, action: str) -> str:
    """An assistant's whole turn; this is what training puts its loss on. Without a thought it is the action alone."""
    if not one_line(thought):
        return f"Action: {action}"
    return f"Thought: {one_line(thought)}\nAction: {action}"


def action(kind: Literal["search", "answer"], content: str) -> str:
    """`search[...]` or `answer[...]`. A bracket in the content that has no partner, or that the grammar does not admit
    (deeper than two, around very much), becomes a round one."""
    return f"{kind}[{_paired(one_line(content))}]"


def _paired(text: str) -> str:
    characters = list(text)
    opened: list[int] = []
    kept: set[int] = set()
    for at, character in enumerate(text):
        if character == "[":
            opened.append(at)
        elif character == "]" and opened:
            start = opened.pop()
            longest = {0: _INNER, 1: _INMOST}.get(len(opened), -1)
            if at - start - 1 <= longest:
                kept |= {start, at}
    for at, character in enumerate(text):
        if character in "[]" and at not in kept:
            characters[at] = "(" if character == "[" else ")"
    return "".join(characters)


def opening(kind: Literal["search", "answer"], thought: str) -> str:
    """The beginning of an assistant's turn up to and with the bracket, for the model to go on from."""
    return turn(thought, f"{kind}[")


def observation(evidence: Sequence[Evidence], language: Language) -> str:
    """Evidence as the model reads it: `[1] heading (context): quote`, one line each; a fixed sentence if there is none.

    The heading is the innermost one; the prompt is short because on a CPU reading it is most of the wait.
    """
    if not evidence:
        return NOTHING[language]
    return "\n".join(f"[{number}] {_line(one)}" for number, one in enumerate(evidence, start=1))


def exam(question: str) -> str:
    """The prompt after which `exam_option` is scored: what a model knows of the answer by itself."""
    return f"Question: {one_line(question)}\nAnswer:"


def exam_option(text: str) -> str:
    """An option as it goes on from `exam`."""
    return f" {one_line(text)}"


def exam_claim(question: str, option: str) -> str:
    """The prompt after which `exam_evidence` is scored: a manual that goes on from question and right answer.

    Short and plain, so that it does not hang on the format of a model's training and is read in little time. All but
    the option is the same for the four options, and read once.
    """
    return f"{exam(question)}{exam_option(option)}\nManual:"


def exam_evidence(quote: str) -> str:
    """A quote as it goes on from `exam_claim`."""
    return f" {one_line(quote)}"


def exam_judgement(evidence: Sequence[Evidence], question: str) -> str:
    """What `exam_option` and then JUDGE go on from: the prompt by which a tuned model judges an option.

    Evidence and question come first, so that they are read once for all options. No letters, and nothing of the other
    options: each is judged by itself, whatever their order.
    """
    told = "".join(f"{_line(one)}\n" for one in evidence)
    return f"Manual:\n{told}{exam(question)}"


JUDGE = "\nRight?"
"""Asked behind an option; how much likelier RIGHT then is than WRONG is what an option scores."""

RIGHT, WRONG = " Yes", " No"


def parse_turn(text: str) -> tuple[str, str, str] | None:
    """Thought, kind of action ("search" or "answer") and its content; None if the text is not a turn."""
    found = _ACTION.fullmatch(text.strip())
    if found is None:
        return None
    return (found["thought"] or "").strip(), found["kind"], found["content"].strip()


def after_opening(text: str) -> str:
    """What the model wrote inside the brackets after an opening: up to the closing bracket, without white space around.

    A bracket that closes one inside ("[-F service]") is part of the text.
    """
    depth = 0
    for at, character in enumerate(text):
        if character == "[":
            depth += 1
        elif character == "]":
            if depth == 0:
                return text[:at].strip()
            depth -= 1
    return text.strip()


def one_line(text: str) -> str:
    """White space of any kind folded to single spaces, as everything that goes into a prompt must be."""
    return " ".join(text.split())


def _line(evidence: Evidence) -> str:
    heading = one_line(evidence.heading[-1]) if evidence.heading else ""
    context = f" ({one_line(evidence.context)})" if evidence.context else ""
    line = one_line(f"{heading}{context}: {evidence.quote}") if heading or context else one_line(evidence.quote)
    return _MARKUP.sub(r"\1 \2", line)

"""Public sets as conversations in our own form, to be mixed in: FireAct's, OpsEval's, and general chat.

    fireact   data/finetune of anchen1011/FireAct (arXiv 2310.05915): alpaca form, a JSON list of {instruction, output};
              or chat form, {messages} a line. Their `search[...]` stays, their `finish[...]` becomes `answer[...]`.
    opseval   questions on networks and operations with explanations (arXiv 2310.07637), one a line: one-step answers,
              the explanation being the thought and the options' texts the answer
    chat      {"messages": [{"role", "content"}]} a line: small talk and small requests, no format at all

Comes in: a file. Goes out: conversations, and None for each row that can't be one (no answer, too long). A file that is
not of its form at all is named with line and reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import prompts
from agent.records import Step
from index.analyzer import query_language
from index.records import Language
from trainer.faults import QuestionsUnusable

LONGEST_TEXT = 600
"""Characters of a thought, an observation or an answer: what is longer teaches no turn of ours."""
MOST_SEARCHES = 3

_TURN = re.compile(r"Thought:(?P<thought>.*?)\n\s*Action:\s*(?P<kind>search|finish)\[(?P<content>.*)\]\s*", re.S | re.I)
_LETTERED = re.compile(r"^(?P<letter>[A-Z])[.)]\s*(?P<text>.+)$", re.M)
_MARKS = re.compile(r"\*\*(?:Explanation|Correct answers?|Answer)[^*]*\*\*|\*\*|\\n", re.I)
_BESIDE = re.compile(r"\s*\*\*(?:Incorrect|Wrong) answers?.*", re.S | re.I)
_CHOOSE = re.compile(r"\s*\((?:choose|select)[^)]*\)", re.I)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation to be trained on."""

    id: str
    lang: Language
    messages: tuple[prompts.Message, ...]
    searches: int = 0


def fireact(path: Path) -> Iterator[Conversation | None]:
    """FireAct's trajectories in our turns. Raises QuestionsUnusable."""
    for number, row in _rows(path):
        where = f"{path}, row {number}"
        if "messages" in row:
            said = _said(row, where)
            question = next((text for role, text in said if role == "user"), "")
            text = "\n".join(content for role, content in said[1:])
        else:
            question = _field(row, "instruction", where)
            text = _field(row, "output", where)
        yield _fireact(f"fireact-{path.stem}-{number}", question, text)


def _fireact(name: str, question: str, text: str) -> Conversation | None:
    question = re.sub(r"^Question:\s*", "", question.strip())
    options = {found["letter"]: found["text"].strip() for found in _LETTERED.finditer(question)}
    steps: list[Step] = []
    for piece in re.split(r"\n(?=Thought:)", text.strip()):
        turn, _, observed = piece.partition("\nObservation:")
        found = _TURN.fullmatch(turn.strip())
        if found is None:
            return None
        thought, content = prompts.one_line(found["thought"]), found["content"].strip()
        if found["kind"].lower() == "finish":
            answer = options.get(content, content)
            steps.append(Step(thought, prompts.action("answer", answer), ""))
            break
        steps.append(Step(thought, prompts.action("search", content), f"[1] {prompts.one_line(observed)}"))
    else:
        return None  # it never came to an answer
    if len(steps) > MOST_SEARCHES + 1 or not all(map(_fits, steps)):
        return None
    return _in_turns(name, "en", question, steps)


def _fits(step: Step) -> bool:
    texts = (step.thought, step.action, step.observation)
    return bool(step.thought) and len(step.action) > len("answer[]") and max(map(len, texts)) <= LONGEST_TEXT


def opseval(path: Path) -> Iterator[Conversation | None]:
    """OpsEval's questions as answers in one step. Raises QuestionsUnusable."""
    for number, row in _rows(path):
        where = f"{path}, row {number}"
        options = [str(one).strip() for one in _list(row, "options", where)]
        marks = row.get("answer")
        if isinstance(marks, int):
            marks = [marks]
        if not isinstance(marks, list) or not all(isinstance(at, int) and 0 <= at < len(options) for at in marks):
            raise QuestionsUnusable(f"{where}: 'answer' names no options; correct it there.")
        thought = _reasoning(str(row.get("explanation") or ""))
        question = _CHOOSE.sub("", prompts.one_line(_MARKS.sub("", _field(row, "question", where))))
        answer = "; ".join(prompts.one_line(options[at]) for at in marks)
        if not thought or not answer or len(answer) > LONGEST_TEXT or len(question) > LONGEST_TEXT:
            yield None
            continue
        asked = f"{question} ({'; '.join(prompts.one_line(option) for option in options)})"
        steps = [Step(thought, prompts.action("answer", answer), "")]
        yield _in_turns(f"opseval-{row.get('id', number)}", query_language(question), asked, steps)


def _reasoning(explanation: str) -> str:
    """The explanation's sentences, as many as a thought holds; "" where not even the first fits."""
    text = prompts.one_line(_MARKS.sub("", _BESIDE.sub("", explanation)))
    if len(text) <= LONGEST_TEXT:
        return text
    return text[: LONGEST_TEXT + 1].rpartition(". ")[0]


def chat(path: Path) -> Iterator[Conversation | None]:
    """General chat as it stands. Raises QuestionsUnusable."""
    for number, row in _rows(path):
        where = f"{path}, row {number}"
        messages = _said(row, where)
        roles = [role for role, _ in messages if role != "system"]
        if roles != ["user", "assistant"] * (len(roles) // 2) or not roles:
            raise QuestionsUnusable(f"{where}: user and assistant don't speak by turns; correct it there.")
        yield Conversation(f"chat-{path.stem}-{number}", query_language(messages[-2][1]), messages)


def _in_turns(name: str, lang: Language, question: str, steps: Sequence[Step]) -> Conversation:
    messages = prompts.transcript(question, steps, examples=False)
    return Conversation(name, lang, tuple(messages), sum(bool(step.observation) for step in steps))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON list, or of JSON lines, numbered from 1. Raises QuestionsUnusable."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionsUnusable(f"{path} can't be read ({error}); give a file of conversations.") from error
    try:
        if text.lstrip().startswith("["):
            rows = list(enumerate(json.loads(text), start=1))
        else:
            lines = enumerate(text.split("\n"), start=1)
            rows = [(number, json.loads(line)) for number, line in lines if line.strip()]
    except ValueError as error:
        raise QuestionsUnusable(f"{path} is not valid JSON ({error}); correct it there.") from error
    for number, row in rows:
        if not isinstance(row, dict):
            raise QuestionsUnusable(f"{path}, row {number} is no JSON object; correct it there.")
        yield number, row


def _field(row: Any, key: str, where: str) -> str:
    value = row.get(key) if isinstance(row, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise QuestionsUnusable(f"{where}: '{key}' is not a text, or is empty; correct it there.")
    return value


def _said(row: dict[str, Any], where: str) -> tuple[prompts.Message, ...]:
    messages = _list(row, "messages", where)
    return tuple((_field(one, "role", where), _field(one, "content", where)) for one in messages)


def _list(row: dict[str, Any], key: str, where: str) -> list[Any]:
    value = row.get(key)
    if not isinstance(value, list) or not value:
        raise QuestionsUnusable(f"{where}: '{key}' is not a list; correct it there.")
    return value

"""Public sets become conversations in our own form, and what can't become one is left out or named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent import prompts
from index.analyzer import query_language
from tests.conftest import ROOT
from trainer.faults import QuestionsUnusable
from trainer.public_sets import Conversation, chat, fireact, opseval

OPSEVAL = ROOT.parent / "shared" / "data" / "opseval_network_en.jsonl"

# In the two forms of anchen1011/FireAct's data/finetune; the texts are our own.
TURNS = (
    "Thought: I need the founder first.\nAction: search[founder of the mill]",
    "Ada Marsh founded it\nin 1901.",
    "Thought: Now her birthplace.\nAction: search[Ada Marsh birthplace]",
    "Born in [old] Leeds",
    "Thought: I have the answer.\nAction: finish[Leeds]",
)
QUESTION = "Where was the founder of the mill born?"
ALPACA = {
    "instruction": QUESTION,
    "input": "",
    "output": f"{TURNS[0]}\nObservation: {TURNS[1]}\n{TURNS[2]}\nObservation: {TURNS[3]}\n{TURNS[4]}\n"
    "Observation: Episode finished, reward = True\n",
}
CHAT = {
    "messages": [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": TURNS[0]},
        {"role": "user", "content": f"Observation: {TURNS[1]}"},
        {"role": "assistant", "content": TURNS[2]},
        {"role": "user", "content": f"Observation: {TURNS[3]}"},
        {"role": "assistant", "content": TURNS[4]},
        {"role": "user", "content": "Observation: Episode finished, reward = 1"},
    ]
}


def written(path: Path, rows: Sequence[object], *, as_list: bool = False) -> Path:
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(json.dumps(rows) if as_list else lines + "\n", encoding="utf-8")
    return path


def only(found: Sequence[Conversation | None]) -> Conversation:
    (one,) = found
    assert one is not None
    return one


@pytest.mark.parametrize(("row", "as_list"), [(ALPACA, True), (CHAT, False)], ids=["alpaca", "chat"])
def test_both_forms_of_fireact_become_our_turns(tmp_path: Path, row: object, as_list: bool) -> None:
    one = only(list(fireact(written(tmp_path / "set.json", [row], as_list=as_list))))
    assert one.searches == 2
    assert one.messages == (
        ("system", prompts.SYSTEM),
        ("user", f"Question: {QUESTION}"),
        ("assistant", TURNS[0]),
        ("user", "Observation:\n[1] Ada Marsh founded it in 1901."),
        ("assistant", TURNS[2]),
        ("user", "Observation:\n[1] Born in [old] Leeds"),
        ("assistant", "Thought: I have the answer.\nAction: answer[Leeds]"),
    )


def test_a_letter_that_fireact_ends_with_becomes_the_options_text(tmp_path: Path) -> None:
    row = {
        "instruction": "Question: What melts?\nA. ice\nB. stone",
        "output": "Thought: Ice does.\nAction: finish[A]\n",
    }
    one = only(list(fireact(written(tmp_path / "set.json", [row], as_list=True))))
    assert one.messages[-1] == ("assistant", "Thought: Ice does.\nAction: answer[ice]")
    assert one.messages[1] == ("user", "Question: What melts? A. ice B. stone")


@pytest.mark.parametrize(
    "output",
    [
        "Thought: I search.\nAction: search[x]\nObservation: y\n",  # no answer
        "I think that it is Leeds.",
        "Thought: Hm.\nAction: lookup[x]\nObservation: y\nThought: So.\nAction: finish[z]",
        "Thought: So.\nAction: finish[]",
        "Thought: " + "long " * 200 + "\nAction: finish[z]",
        "".join(f"Thought: {n}.\nAction: search[{n}]\nObservation: y\n" for n in range(4))
        + "Thought: So.\nAction: finish[z]",
    ],
)
def test_what_is_no_way_to_an_answer_in_three_searches_is_left_out(tmp_path: Path, output: str) -> None:
    row = {"instruction": QUESTION, "output": output}
    assert list(fireact(written(tmp_path / "set.json", [row], as_list=True))) == [None]


def test_a_question_with_several_right_options_is_answered_with_all_their_texts(tmp_path: Path) -> None:
    row = {
        "id": "net-1",
        "question": "Which are private? (Choose two.)",
        "options": ["10.0.0.1", "8.8.8.8", "192.168.0.1"],
        "answer": [0, 2],
        "explanation": "**Explanation:** RFC 1918 names them.\n\n **Incorrect answers:** 8.8.8.8 is public",
    }
    one = only(list(opseval(written(tmp_path / "ops.jsonl", [row]))))
    assert one.messages[1:] == (
        ("user", "Question: Which are private? (10.0.0.1; 8.8.8.8; 192.168.0.1)"),
        ("assistant", "Thought: RFC 1918 names them.\nAction: answer[10.0.0.1; 192.168.0.1]"),
    )


@pytest.mark.skipif(not OPSEVAL.is_file(), reason="OpsEval's questions are not beside the checkout")
def test_nearly_all_of_opsevals_questions_can_be_used() -> None:
    found = list(opseval(OPSEVAL))
    good = [one for one in found if one is not None]
    assert len(found) == 779
    assert len(good) > 740
    assert len({one.id for one in good}) == len(good)
    for one in good:
        turn = prompts.parse_turn(one.messages[-1][1])
        assert turn is not None
        assert turn[0]
        assert turn[1] == "answer"


@pytest.mark.parametrize(
    ("reader", "text", "named"),
    [
        (fireact, "[{", "not valid JSON"),
        (fireact, "[3]", "row 1"),
        (fireact, '[{"instruction": "Q"}]', "output"),
        (opseval, '{"question": "Q", "options": ["a"], "answer": [1], "explanation": "e"}', "answer"),
        (opseval, '{"question": "Q", "answer": [0]}', "options"),
        (chat, '{"messages": []}', "messages"),
        (chat, '{"messages": [{"role": "user", "content": "Hello."}]}', "turns"),
        (chat, '{"messages": [{"role": "user", "content": ""}]}', "content"),
    ],
)
def test_a_file_of_another_form_is_named_with_row_and_key(
    tmp_path: Path, reader: type[Conversation], text: str, named: str
) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(QuestionsUnusable, match=named) as raised:
        list(reader(path))  # type: ignore[call-overload]
    assert str(path) in str(raised.value)


def test_our_own_chat_is_in_both_languages_and_says_nothing_of_the_format() -> None:
    found = [one for one in chat(ROOT / "trainer" / "data" / "chat.jsonl") if one is not None]
    assert len(found) >= 120
    japanese = sum(query_language(one.messages[0][1]) == "ja" for one in found)
    assert 0.4 < japanese / len(found) < 0.6
    assert sum(len(one.messages) > 2 for one in found) >= len(found) // 6
    assert len({one.messages for one in found}) == len(found)
    said = " ".join(text for one in found for _, text in one.messages)
    assert "Action:" not in said
    assert "search[" not in said

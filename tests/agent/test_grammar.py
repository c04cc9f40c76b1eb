"""The grammar of a turn: what it admits is parsed back, and what the program itself writes is admitted.

It is regular, so it is also had as a regular expression, from which texts are drawn; that this says the same as
llama.cpp's own reading of the grammar is tested with llama.cpp.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import prompts
from agent.engine import Engine
from agent.models import resolve_model

_TOKEN = re.compile(r'"((?:\\.|[^"\\])*)"|(\[(?:\\.|[^\]\\])+\])|(\{\d+,\d+\})|([a-z]+)|(\|)|\s+')


def as_regex(grammar: str, rule: str = "root") -> str:
    """A GBNF without recursion as a regular expression."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())
    pattern = ""
    for literal, characters, times, name, bar in _TOKEN.findall(rules[rule]):
        if literal:
            pattern += re.escape(literal.replace("\\n", "\n"))
        elif name:
            pattern += f"(?:{as_regex(grammar, name)})"
        else:
            pattern += characters or times or bar
    return pattern


TURN = re.compile(as_regex(prompts.GRAMMAR_TURN))
QUERY = re.compile(as_regex(prompts.GRAMMAR_QUERY))

WORDS = st.text(st.sampled_from("ab [](){}-|\"\\'手引き。「」\t\u202e\u2028😀\0]["), min_size=1, max_size=150)
"""What manuals and models write, brackets above all."""

TURNS = [
    "Thought: I look.\nAction: search[ajsentry [-F service] options]",
    "Thought: 観察結果から分かります。\nAction: answer[「-r」を指定します（[1]）。]",
    "Thought: [1] tells it.\nAction: answer[Use x [-a [-b]] [-c].]",
    "Thought: a\nAction: answer[]]",
    "Thought: a\nAction: answer[[]",
    "Thought: a\nAction: answer[a] b]",
    "Thought: \nAction: search[x]",
    "Thought: a\nb\nAction: search[x]",
    "Action: search[x]",
    "Thought: a\nAction: delete[x]",
    f"Thought: {'so ' * 100}\nAction: search[x]",
    f"Thought: a\nAction: search[{'x' * 201}]",
    f"Thought: a\nAction: answer[{'手' * 400}]",
    f"Thought: a\nAction: answer[[{'x' * 101}]]",
    "Thought: a\nAction: answer[[[[x]]]]",
    "Thought: a\nAction: search[x]\nObservation:",
]


@settings(max_examples=200)
@given(st.from_regex(TURN, fullmatch=True))
def test_whatever_the_grammar_admits_is_a_turn_of_one_action(text: str) -> None:
    turn = prompts.parse_turn(text)
    assert turn is not None
    thought, kind, content = turn
    assert kind in ("search", "answer")
    rest = text.removeprefix("Thought: ")
    assert rest.split("\n")[0].strip() == thought
    assert rest.split("\n", 1)[1] == f"Action: {kind}[{rest[rest.index(f'{kind}[') :].split('[', 1)[1]}"
    assert prompts.after_opening(text.split(f"\nAction: {kind}[", 1)[1]) == content


@settings(max_examples=300)
@given(WORDS.map(prompts.one_line).filter(bool), WORDS.map(prompts.one_line).filter(bool))
def test_what_the_program_writes_is_admitted_and_parsed_back(thought: str, content: str) -> None:
    for kind in ("search", "answer"):
        action = prompts.action(kind, content)  # type: ignore[arg-type]
        text = prompts.turn(thought, action)
        assert TURN.fullmatch(text)
        assert prompts.parse_turn(text) == (thought, kind, action.removeprefix(f"{kind}[")[:-1])
    assert QUERY.fullmatch(prompts.action("search", content).removeprefix("search["))


@given(st.text(max_size=300))
def test_only_brackets_are_ever_changed_in_an_action(content: str) -> None:
    round_ = str.maketrans("[]", "()")
    written = prompts.action("answer", content).removeprefix("answer[")[:-1]
    assert written.translate(round_) == prompts.one_line(content).translate(round_)
    assert prompts.action("answer", written) == f"answer[{written}]"


@pytest.mark.parametrize("text", ["ajsentry [-F service]", "[1]", "a [b [c] d] e", "plain"])
def test_brackets_in_pairs_stay(text: str) -> None:
    assert prompts.action("search", text) == f"search[{text}]"


@pytest.mark.model
def test_llama_cpp_reads_the_grammar_as_this_test_does() -> None:
    from llama_cpp import llama_cpp as llama

    from agent.engine_worker import Grammar

    parameters = llama.llama_model_default_params()
    parameters.vocab_only = True
    model = llama.llama_model_load_from_file(str(resolve_model("starter")).encode(), parameters)
    vocabulary = llama.llama_model_get_vocab(model)
    for text in TURNS:
        assert admits(llama, Grammar, vocabulary, text) == bool(TURN.fullmatch(text)), text
    llama.llama_model_free(model)


def admits(llama: object, grammar: object, vocabulary: object, text: str) -> bool:
    """Whether llama.cpp lets a model write `text` and end there."""
    import numpy as np

    data = text.encode()
    tokens = (llama.llama_token * (len(data) + 8))()  # type: ignore[attr-defined]
    count = llama.llama_tokenize(vocabulary, data, len(data), tokens, len(tokens), False, False)  # type: ignore[attr-defined]
    end = llama.llama_vocab_eos(vocabulary)  # type: ignore[attr-defined]
    with grammar(vocabulary, prompts.GRAMMAR_TURN) as state:  # type: ignore[operator]
        for token in tokens[:count]:
            if not state.allowed(np.array([token], dtype=np.int32))[0]:
                return False
            state.accept(token)
        return bool(state.allowed(np.array([end], dtype=np.int32))[0])


@pytest.mark.model
def test_a_model_that_babbles_still_writes_turns_that_end() -> None:
    with Engine(resolve_model("starter"), context=2048) as engine:
        for seed in range(3):
            written = engine.generate(
                engine.chat([("user", "Options of ajsentry [-F service]?")]),
                max_tokens=1200,
                grammar=prompts.GRAMMAR_TURN,
                temperature=1.0,
                seed=seed,
            )
            assert written.finish == "end"
            assert prompts.parse_turn(written.text) is not None

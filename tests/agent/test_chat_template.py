"""Rendering a conversation: as the model's own template has it, with what users wrote kept apart."""

from __future__ import annotations

import pytest
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from agent.chat_template import ChatTemplate, TemplateFailed
from agent.protocol import Part

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}"
    "{% for message in rest %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{{ '<start_of_turn>' + message['role'] + '\n' + (first if loop.first else '') }}{{ message['content'] | trim }}"
    "{{ '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
TALK = [("system", "Be brief."), ("user", "  What is <|im_end|>?\n"), ("assistant", "A mark."), ("user", "手引きとは")]


@pytest.mark.parametrize("source", [CHATML, GEMMA])
@pytest.mark.parametrize("open_assistant", [True, False])
@pytest.mark.parametrize("talk", [TALK, TALK[1:], TALK[:2]])
def test_a_prompt_is_to_the_letter_what_the_template_makes(
    source: str, open_assistant: bool, talk: list[tuple[str, str]]
) -> None:
    reference = Jinja2ChatFormatter(source, "</s>", "<s>", add_generation_prompt=open_assistant)
    wanted = reference(messages=[{"role": role, "content": text} for role, text in talk]).prompt
    parts = ChatTemplate(source, bos="<s>", eos="</s>").parts(talk, open_assistant=open_assistant)
    assert "".join(part.text for part in parts) == wanted


def test_what_a_user_wrote_is_never_part_of_the_template() -> None:
    parts = ChatTemplate(CHATML, bos="", eos="").parts([("user", "a<|im_end|>b")], open_assistant=False)
    assert [part for part in parts if not part.special] == [Part("a<|im_end|>b", special=False)]


def test_text_that_looks_like_a_place_holder_stays_what_it_is() -> None:
    talk = [("user", "\ue0001\ue001"), ("assistant", "second")]
    parts = ChatTemplate(CHATML, bos="", eos="").parts(talk, open_assistant=False)
    assert [part.text for part in parts if not part.special] == ["\ue0001\ue001", "second"]


def test_a_model_without_a_template_gets_roles_in_words() -> None:
    parts = ChatTemplate(None, bos="", eos="").parts([("user", "Hello")], open_assistant=True)
    assert "".join(part.text for part in parts) == "User: Hello\n\nAssistant: "


def test_a_conversation_that_the_template_refuses_is_an_error_with_its_reason() -> None:
    with pytest.raises(TemplateFailed, match="roles must alternate"):
        ChatTemplate(GEMMA, bos="", eos="").parts([("assistant", "Hi")], open_assistant=True)


def test_a_template_can_not_reach_python() -> None:
    escape = "{{ messages.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(TemplateFailed):
        ChatTemplate(escape, bos="", eos="").parts([("user", "Hello")], open_assistant=True)

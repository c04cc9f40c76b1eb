"""A conversation in, a prompt out: the model's own chat template, with the user's text kept apart from the template's.

The parts that the template wrote are marked special, so that `<|im_end|>` ends a turn there and is only text in what a
user or a manual says. It knows nothing of tokens or llama.cpp.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from agent.protocol import Part

FALLBACK = (
    "{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant: {% endif %}"
)
"""For a model without a template: roles in words, which every model has read, and no special token."""


_MARK = re.compile("(\ue000[0-9]+\ue001)")


class TemplateFailed(Exception):
    """The template refuses these messages (e.g. a role it does not know), or is not valid Jinja."""


class ChatTemplate:
    """A model's chat template (Hugging Face's Jinja dialect), compiled once."""

    def __init__(self, source: str | None, *, bos: str, eos: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTags, loopcontrols]
        )
        environment.filters["tojson"] = _tojson
        self._globals = {"bos_token": bos, "eos_token": eos, "raise_exception": _refuse, "strftime_now": _now}
        try:
            self._template = environment.from_string(source or FALLBACK)
        except jinja2.TemplateError as error:
            raise TemplateFailed(f"the model's chat template is not valid: {error}") from error

    def parts(self, messages: Sequence[tuple[str, str]], *, open_assistant: bool) -> tuple[Part, ...]:
        """The prompt for `messages` (role, text). `open_assistant` ends it where the assistant begins to speak.

        Equal, joined, to what the template makes of the messages, a default system prompt included where it has one
        (SmolLM2's has, for conversations that bring none). Raises TemplateFailed.
        """
        texts = [text for _, text in messages]
        marks = [f"\ue000{number}\ue001" for number in range(len(messages))]
        rendered = self._render([role for role, _ in messages], marks, open_assistant)
        if "".join(part.text for part in _split(rendered, marks, texts)) != self._render(
            [role for role, _ in messages], texts, open_assistant
        ):
            # Most templates that change a text trim it; whatever else they do is left out, the text being the user's.
            texts = [text.strip() for text in texts]
        return _split(rendered, marks, texts)

    def _render(self, roles: Sequence[str], texts: Sequence[str], open_assistant: bool) -> str:
        messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
        try:
            return self._template.render(messages=messages, add_generation_prompt=open_assistant, **self._globals)
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            raise TemplateFailed(f"the model's chat template refuses the messages: {error}") from error


def _split(rendered: str, marks: Sequence[str], texts: Sequence[str]) -> tuple[Part, ...]:
    """Cut `rendered` at the marks and put the texts in their places."""
    text_of = dict(zip(marks, texts, strict=True))
    pieces = _MARK.split(rendered)
    parts = [Part(text_of.get(piece, piece), special=piece not in text_of) for piece in pieces]
    return tuple(part for part in parts if part.text)


class _GenerationTags(Extension):
    """Reads over `{% generation %}`, by which training templates mark the assistant's words."""

    tags = {"generation"}  # noqa: RUF012 - as the base class declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _tojson(value: object, indent: int | None = None) -> str:
    # Jinja's own filter escapes for HTML, which transformers' does not
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)

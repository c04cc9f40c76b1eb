"""Messages in, the engine's prompt out, also where a model's chat template has no place for a system message.

It knows nothing of what the messages say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.errors import PromptRefused

if TYPE_CHECKING:
    from agent.engine import Engine, Prompt
    from agent.prompts import Message


def render(engine: Engine, messages: Sequence[Message], *, open_assistant: bool = True) -> Prompt:
    """The prompt that the model's own template makes of `messages`. Where it refuses a system message (Gemma's first
    templates do), that goes to the head of the user's first one.

    Raises PromptRefused if the template takes neither, and whatever befalls the engine.
    """
    try:
        return engine.chat(messages, open_assistant=open_assistant)
    except ValueError:
        pass
    try:
        return engine.chat(_without_system(messages), open_assistant=open_assistant)
    except ValueError as error:
        raise PromptRefused(
            f"The chat template of {engine.info.path.name} does not take the program's messages ({error}): "
            "choose another model file in the settings, or one exported with its chat template."
        ) from error


def _without_system(messages: Sequence[Message]) -> list[Message]:
    role, told = messages[0]
    if role != "system":
        return list(messages)
    if len(messages) == 1:
        return [("user", told)]
    _, first = messages[1]
    return [("user", f"{told}\n\n{first}"), *messages[2:]]

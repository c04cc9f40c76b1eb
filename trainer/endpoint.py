"""A teacher behind OpenAI's chat completions: the one place from which anything leaves the machine, and only to the
address that the run's file names.

Comes in: messages. Goes out: the reply's text. What a server fails to give is asked for again, more slowly each time;
what it refuses is not. A redirect to another host is refused, since the key would go along.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent import prompts
from agent.records import Step
from trainer.faults import TeacherFailed

if TYPE_CHECKING:
    from trainer.run_config import TeacherSettings
    from trainer.teachers import Task

FORM = (
    "\n\nReply with exactly two lines. The first is `Thought: ` and one short sentence. The second is "
    "`Action: search[words]` or `Action: answer[text]`, and nothing follows the closing bracket. Write in the "
    "question's language. Search again with other words if the observation does not tell the answer; answer "
    "with nothing that the observation does not say; after three searches in vain answer that the manuals do not tell."
)
"""What a teacher is told beside the student's messages, since it was not tuned on their form."""

LONGEST_TURN = 400  # tokens: some servers count what a model thinks before it speaks
_ONCE_MORE = frozenset({408, 409, 425, 429})
_LONGEST_WAIT = 30.0  # seconds
_LARGEST = 4 << 20  # bytes of a reply


class Endpoint:
    """A server that speaks OpenAI's chat completions. `pause` waits between tries, in seconds."""

    def __init__(
        self, settings: TeacherSettings, key: str = "", *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.name = f"endpoint {settings.model}"
        self.tries = settings.tries
        self._settings, self._key, self._pause = settings, key, pause
        parts = urlsplit(settings.address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise TeacherFailed(f"The teacher's address '{settings.address}' is no http or https address; correct it.")
        self._opener = urllib.request.build_opener(_SameHost)

    def turn(self, task: Task, steps: Sequence[Step], attempt: int) -> str:
        """A turn, as the server's model wrote it, without what stands around it."""
        told = prompts.transcript(task.question, steps, examples=False)
        return _turn_within(self.reply(_with_form(told), longest=LONGEST_TURN, attempt=attempt))

    def answer(self, task: Task, messages: Sequence[prompts.Message], attempt: int) -> str:
        """The answer's text; "" where the model searches on or is out of form."""
        turn = prompts.parse_turn(_turn_within(self.reply(_with_form(messages), longest=LONGEST_TURN, attempt=attempt)))
        return turn[2] if turn is not None and turn[1] == "answer" else ""

    def reply(self, messages: Sequence[prompts.Message], *, longest: int, attempt: int) -> str:
        """What the server's model says next. Raises TeacherFailed."""
        body = {
            "model": self._settings.model,
            "messages": [{"role": role, "content": text} for role, text in messages],
            "temperature": self._settings.temperature if attempt else 0.0,
            "max_tokens": longest,
        }
        reason, wait = "", 0.0
        for retry in range(self._settings.retries + 1):
            if retry:
                self._pause(min(_LONGEST_WAIT, max(wait, 0.5 * 2**retry)))
            try:
                return _text(self._posted(body))
            except urllib.error.HTTPError as error:
                reason, wait = f"status {error.code}", _asked_to_wait(error)
                error.close()
                if error.code not in _ONCE_MORE and error.code < 500:
                    break
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason, wait = str(error) or type(error).__name__, 0.0
        raise TeacherFailed(
            f"The teacher at {self._settings.address} gave no reply ({reason}): see that it runs, and that address, "
            "model and key in the run's file are right."
        )

    def _posted(self, body: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(
            self._settings.address.rstrip("/") + "/chat/completions", data=json.dumps(body).encode(), headers=headers
        )
        with self._opener.open(request, timeout=self._settings.timeout) as reply:
            return json.loads(reply.read(_LARGEST))


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only where host, port and scheme stay: urllib sends the key along wherever it leads."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if (before.scheme, before.netloc) != (after.scheme, after.netloc):
            raise urllib.error.HTTPError(req.full_url, code, "redirected to another host", headers, fp)
        if code in {307, 308}:  # urllib itself would refuse to send a body again
            return urllib.request.Request(newurl, data=req.data, headers=dict(req.header_items()))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _text(reply: Any) -> str:
    """The text of a reply. Raises ValueError for anything else."""
    try:
        text = reply["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("the reply holds no choices") from error
    if not isinstance(text, str) or not text.strip():
        raise ValueError("the reply holds no text")
    return text


def _asked_to_wait(error: urllib.error.HTTPError) -> float:
    """Seconds that the server asks for, 0 where it names none."""
    value = error.headers.get("Retry-After", "") if error.headers else ""
    return float(value) if value.isdigit() else 0.0


def _with_form(messages: Sequence[prompts.Message]) -> list[prompts.Message]:
    (role, told), *others = messages
    return [(role, told + FORM), *others]


def _turn_within(text: str) -> str:
    """The first thought and action of a reply: models put fences around them, or go on with an observation."""
    lines = [line.strip().strip("`") for line in text.splitlines()]
    thoughts = [line for line in lines if line.startswith("Thought:")]
    actions = [line for line in lines if line.startswith("Action:")]
    return "\n".join([*thoughts[:1], *actions[:1]]) if actions else text.strip()

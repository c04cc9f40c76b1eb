"""The teacher behind an address, against a server of this machine's own that speaks OpenAI's chat completions."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agent import prompts
from trainer.endpoint import Endpoint
from trainer.faults import TeacherFailed
from trainer.run_config import TeacherSettings
from trainer.teachers import Task, teacher_of

KEY = "sk-of-the-test"
TASK = Task(id="t-1", lang="en", question="Which port does the viewer use?", holds=("20244",))
SEARCH = "Thought: The table of ports should name it.\nAction: search[viewer port]"

Reply = tuple[int, dict[str, str], bytes]


def said(text: object) -> Reply:
    return 200, {}, json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


@dataclass
class Server:
    """Answers requests with `replies` one after the other, the last one again and again; keeps what came in."""

    address: str
    replies: list[Reply] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    slow: float = 0.0


def serving() -> tuple[Server, ThreadingHTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.bodies.append(json.loads(body))
            server.keys.append(self.headers.get("Authorization"))
            server.paths.append(self.path)
            time.sleep(server.slow)
            status, headers, text = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
            if status == 200 and server.keys[-1] != f"Bearer {KEY}":
                status, text = 401, b'{"error": "wrong key"}'
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{listening.server_address[1]}/v1")
    threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
    return server, listening


@pytest.fixture
def servers() -> Iterator[Callable[[], Server]]:
    running: list[ThreadingHTTPServer] = []

    def start() -> Server:
        server, listening = serving()
        running.append(listening)
        return server

    yield start
    for listening in running:
        listening.shutdown()
        listening.server_close()


@pytest.fixture
def server(servers: Callable[[], Server]) -> Server:
    return servers()


def endpoint(address: str, key: str = KEY, *, timeout: float = 5.0, pauses: list[float] | None = None) -> Endpoint:
    waits: list[float] = [] if pauses is None else pauses
    settings = TeacherSettings(kind="endpoint", address=address, model="large", timeout=timeout, retries=2)
    return Endpoint(settings, key, pause=waits.append)


def test_a_turn_is_asked_for_with_the_students_messages_and_the_form_that_is_wanted(server: Server) -> None:
    server.replies = [said(SEARCH)]
    assert endpoint(server.address).turn(TASK, (), 0) == SEARCH
    (body,) = server.bodies
    student = prompts.transcript(TASK.question, (), examples=False)
    assert body["messages"][1:] == [{"role": role, "content": text} for role, text in student[1:]]
    assert body["messages"][0]["content"].startswith(prompts.SYSTEM)
    assert (body["model"], body["temperature"], server.paths) == ("large", 0.0, ["/v1/chat/completions"])
    assert server.keys == [f"Bearer {KEY}"]


def test_later_attempts_are_made_at_a_temperature(server: Server) -> None:
    server.replies = [said(SEARCH)]
    endpoint(server.address).turn(TASK, (), 1)
    assert server.bodies[0]["temperature"] > 0


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{SEARCH}\n```",
        f"{SEARCH}\nObservation: 20244/tcp\nThought: Done.\nAction: answer[20244/tcp]",
        f" {SEARCH} ",
    ],
)
def test_only_the_first_thought_and_action_of_a_reply_count(server: Server, text: str) -> None:
    server.replies = [said(text)]
    assert endpoint(server.address).turn(TASK, (), 0) == SEARCH


def test_an_answer_is_the_text_within_the_brackets(server: Server) -> None:
    server.replies = [said("Thought: [1] tells it.\nAction: answer[It uses 20244/tcp.]"), said(SEARCH)]
    teacher = endpoint(server.address)
    messages = prompts.transcript(TASK.question, (), examples=False)
    assert teacher.answer(TASK, messages, 0) == "It uses 20244/tcp."
    assert teacher.answer(TASK, messages, 0) == ""


def test_a_busy_server_is_asked_again_after_as_long_as_it_wants(server: Server) -> None:
    server.replies = [(429, {"Retry-After": "7"}, b""), said(SEARCH)]
    pauses: list[float] = []
    assert endpoint(server.address, pauses=pauses).turn(TASK, (), 0) == SEARCH
    assert pauses == [7.0]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ((500, {}, b"down"), "status 500"),
        ((200, {}, b"<html>a page</html>"), "Expecting value"),
        ((200, {}, b'{"choices": []}'), "no choices"),
        ((200, {}, b'{"error": "none"}'), "no choices"),
        ((200, {}, b"[1]"), "no choices"),
        (said(None), "no text"),
        (said("  "), "no text"),
    ],
)
def test_what_a_server_fails_to_give_is_asked_for_three_times(server: Server, reply: Reply, reason: str) -> None:
    server.replies = [reply]
    pauses: list[float] = []
    with pytest.raises(TeacherFailed, match=reason):
        endpoint(server.address, pauses=pauses).turn(TASK, (), 0)
    assert len(server.bodies) == 3
    assert pauses == sorted(pauses)


def test_a_wrong_key_is_said_at_once(server: Server) -> None:
    server.replies = [said(SEARCH)]
    with pytest.raises(TeacherFailed, match="401"):
        endpoint(server.address, "sk-wrong").turn(TASK, (), 0)
    assert len(server.bodies) == 1


def test_a_server_that_does_not_answer_in_time_is_given_up(server: Server) -> None:
    server.replies, server.slow = [said(SEARCH)], 0.5
    with pytest.raises(TeacherFailed, match="timed out"):
        endpoint(server.address, timeout=0.1).turn(TASK, (), 0)


def test_a_refused_connection_names_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(TeacherFailed, match=address):
        endpoint(address).turn(TASK, (), 0)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host_gets_neither_key_nor_question(servers: Callable[[], Server], status: int) -> None:
    first, other = servers(), servers()
    other.replies = [said(SEARCH)]
    first.replies = [(status, {"Location": f"{other.address}/chat/completions"}, b"")]
    with pytest.raises(TeacherFailed, match=str(status)):
        endpoint(first.address).turn(TASK, (), 0)
    assert other.bodies == []
    assert other.keys == []


def test_a_redirect_on_the_same_host_is_followed(server: Server) -> None:
    server.replies = [(308, {"Location": "/v2/chat/completions"}, b""), said(SEARCH)]
    assert endpoint(server.address).turn(TASK, (), 0) == SEARCH
    assert server.paths == ["/v1/chat/completions", "/v2/chat/completions"]
    assert server.bodies[0] == server.bodies[1]


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://host/v1", "", "localhost:8000/v1"])
def test_only_http_addresses_are_taken(address: str) -> None:
    with pytest.raises(TeacherFailed, match="http"):
        endpoint(address)


def test_the_key_comes_from_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.replies = [said(SEARCH)]
    settings = TeacherSettings(kind="endpoint", address=server.address, model="large", key_from="TEACHERS_KEY")
    with pytest.raises(TeacherFailed, match="TEACHERS_KEY"), teacher_of(settings, "starter", 1):
        pass
    monkeypatch.setenv("TEACHERS_KEY", KEY)
    with teacher_of(settings, "starter", 1) as teacher:
        assert teacher.turn(TASK, (), 0) == SEARCH

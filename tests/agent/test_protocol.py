"""Messages between engine and worker: whatever is sent arrives as it was, and nothing else is let in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import protocol
from agent.protocol import Part, ProtocolError, decode_message, decode_request, encode

texts = st.text(st.characters(exclude_categories=["Cs"]))
parts = st.lists(st.builds(Part, texts, st.booleans()), max_size=4).map(tuple)
ids = st.integers(0, 2**40)

requests = st.one_of(
    st.builds(protocol.Load, ids, texts, st.integers(), st.integers()),
    st.builds(protocol.Chat, ids, st.lists(st.tuples(texts, texts)).map(tuple), st.booleans()),
    st.builds(protocol.Count, ids, parts),
    st.builds(protocol.Tokenise, ids, parts),
    st.builds(protocol.WriteLogits, ids, st.lists(ids).map(tuple), st.lists(ids).map(tuple), texts),
    st.builds(protocol.Warm, ids, parts),
    st.builds(
        protocol.Generate,
        ids,
        parts,
        st.integers(0, 4096),
        st.lists(texts).map(tuple),
        st.none() | texts,
        st.floats(0, 2),
        st.integers(0, 100),
    ),
    st.builds(protocol.ScoreContinuations, ids, parts, st.lists(texts).map(tuple)),
    st.builds(protocol.Cancel, ids, ids),
)
seconds = st.floats(0, 1e6)
messages = st.one_of(
    st.builds(protocol.Rendered, ids, parts),
    st.builds(protocol.Counted, ids, ids),
    st.builds(protocol.Tokens, ids, st.lists(ids).map(tuple)),
    st.builds(protocol.LogitsWritten, ids, ids),
    st.builds(protocol.ReadingPrompt, ids, ids, ids),
    st.builds(protocol.Text, ids, texts),
    st.builds(
        protocol.Done,
        ids,
        texts,
        ids,
        ids,
        ids,
        st.sampled_from(["end", "stop", "length", "cancelled"]),
        st.none() | seconds,
        seconds,
    ),
    st.builds(
        protocol.Scored, ids, st.lists(st.floats(max_value=0)).map(tuple), st.lists(ids).map(tuple), ids, ids, seconds
    ),
    st.builds(protocol.Failed, ids, st.sampled_from(["model", "value"]), texts, st.lists(texts).map(tuple)),
)


@given(requests)
def test_every_request_arrives_as_it_was_sent(request_: protocol.Request) -> None:
    line = encode(request_)
    assert decode_request(line) == request_
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


@given(messages)
def test_every_answer_arrives_as_it_was_sent(message: protocol.Message) -> None:
    assert decode_message(encode(message)) == message


def test_half_a_surrogate_pair_is_replaced_since_no_byte_can_carry_it() -> None:
    arrived = decode_request(encode(protocol.Count(1, (Part("a\ud83d b", special=False),))))
    assert arrived == protocol.Count(1, (Part("a? b", special=False),))


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "count", "id": 1},
        {"kind": "count", "id": "1", "prompt": []},
        {"kind": "count", "id": 1, "prompt": [], "more": 1},
        {"kind": "count", "id": 1, "prompt": [{"text": "a", "special": 1}]},
        {"kind": "dance", "id": 1},
        {"id": 1, "prompt": []},
        {"kind": "counted", "id": 1, "tokens": 3},
        [],
    ],
)
def test_a_line_that_is_not_exactly_a_request_is_refused(fields: Any) -> None:
    with pytest.raises(ProtocolError):
        decode_request(json.dumps(fields).encode())


@given(st.binary(max_size=60))
def test_garbage_is_refused_and_never_crashes(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_message(line)

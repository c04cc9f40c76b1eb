"""The text that is shown while a model writes: whole characters, and never a part of a stop string."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from agent.streaming import TextStream

texts = st.text(st.sampled_from("ab \nこ手😀é"), max_size=40)
stops = st.lists(st.text(st.sampled_from("ab \nこ"), min_size=1, max_size=4), max_size=3)


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """A text, and its bytes cut anywhere, also within characters."""
    text = draw(texts)
    data = text.encode()
    cuts = sorted(draw(st.sets(st.integers(0, len(data)), max_size=12)) | {0, len(data)})
    return text, [data[start:end] for start, end in itertools.pairwise(cuts)]


def run(stream: TextStream, pieces: list[bytes]) -> list[str]:
    shown = []
    for piece in pieces:
        shown.append(stream.feed(piece))
        if stream.stopped:
            break
    return [*shown, stream.finish()]


@given(cut_texts(), stops)
def test_what_is_shown_is_the_text_up_to_the_first_stop_string(cut: tuple[str, list[bytes]], stop: list[str]) -> None:
    text, pieces = cut
    stream = TextStream(stop)
    shown = "".join(run(stream, pieces))
    ends = [at for at in (text.find(one) for one in stop) if at >= 0]
    assert shown == stream.text
    if stream.stopped:
        # Stopping as soon as any stop string is complete, a longer one that began earlier may never be seen.
        assert any((shown + one) == text[: len(shown) + len(one)] for one in stop)
        assert not any(one in shown for one in stop)
    else:
        assert not ends
        assert shown == text


@given(cut_texts())
def test_no_piece_holds_half_a_character(cut: tuple[str, list[bytes]]) -> None:
    assert "\ufffd" not in "".join(run(TextStream(()), cut[1]))


def test_a_stop_string_spread_over_tokens_is_found() -> None:
    stream = TextStream(["\nObservation:"])
    assert [stream.feed(piece) for piece in (b"ok\nOb", b"serv", b"ation: x")] == ["ok", "", ""]
    assert stream.stopped


def test_what_only_looked_like_a_stop_string_is_shown_after_all() -> None:
    stream = TextStream(["\nObservation:"])
    assert [stream.feed(b"a\nOb"), stream.feed(b"ject"), stream.finish()] == ["a", "\nObject", ""]


def test_half_a_character_at_the_end_is_dropped() -> None:
    stream = TextStream(())
    assert [stream.feed("手".encode()[:2]), stream.finish()] == ["", ""]

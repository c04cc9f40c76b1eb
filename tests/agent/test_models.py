"""Finding a model, reading what its file says, and refusing in one sentence what can't work."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ModelTooLarge, ModelUnreadable
from agent.models import card, check_memory, free_memory, memory_need, read_gguf_header, resolve_model
from tests.agent.gguf_files import LLAMA, write_gguf

GIB = 1 << 30


def test_the_starter_is_found_in_its_wheel_and_reads_as_what_it_is() -> None:
    about = card(read_gguf_header(resolve_model("starter")))
    assert about.name.startswith("SmolLM2-135M-Instruct")
    assert about.languages == ("en",)
    assert about.licence == "apache-2.0"
    assert about.parameters == 134_515_008
    assert about.trained_context == 8192


def test_tuned_is_the_newest_model_of_the_folder(tmp_path: Path) -> None:
    older, newer = write_gguf(tmp_path / "b.gguf"), write_gguf(tmp_path / "a.gguf")
    os.utime(older, (1, 1))
    assert resolve_model("tuned", tmp_path) == newer


@pytest.mark.parametrize("folder", ["", "missing"])
def test_without_a_tuned_model_the_mend_is_named(tmp_path: Path, folder: str) -> None:
    with pytest.raises(ModelUnreadable, match=r"no tuned model.*GGUF file there"):
        resolve_model("tuned", tmp_path / folder)


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnreadable, match=r"nothing\.gguf"):
        resolve_model(str(tmp_path / "nothing.gguf"))


@pytest.mark.parametrize(
    ("values", "languages"),
    [
        (LLAMA, ("en", "ja")),
        (LLAMA | {"general.basename": "SmolLM2"}, ("en",)),
        (LLAMA | {"general.basename": "SmolLM2", "general.languages": ["ja", "fr"]}, ("ja",)),
    ],
)
def test_languages_are_what_the_file_says_or_what_its_family_is_known_for_or_both(
    tmp_path: Path, values: dict[str, str], languages: tuple[str, ...]
) -> None:
    assert card(read_gguf_header(write_gguf(tmp_path / "m.gguf", values))).languages == languages


# Files that can't work


def refusal(path: Path) -> str:
    with pytest.raises(ModelUnreadable) as refused:
        read_gguf_header(path)
    assert path.name in str(refused.value)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("data", [b"", b"GG", b"PK\x03\x04 a zip", b"\x00" * 100])
def test_a_file_that_is_not_a_gguf_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    assert "not a model in GGUF format" in refusal(path)


def test_a_folder_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "can't be read" in refusal(tmp_path)
    assert "can't be read" in refusal(tmp_path / "missing.gguf")


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    assert "version 9" in refusal(write_gguf(tmp_path / "m.gguf", version=9))


def test_a_file_without_its_weights_is_cut_short(tmp_path: Path) -> None:
    assert "cut short" in refusal(write_gguf(tmp_path / "m.gguf", weights=False))


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0001, 0.999))
def test_the_starter_cut_short_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    starter = resolve_model("starter")
    path = tmp_path_factory.mktemp("cut") / "m.gguf"
    with starter.open("rb") as file:
        # What matters is the header and the length: behind three megabytes the file is a hole.
        length = max(5, int(starter.stat().st_size * share))
        path.write_bytes(file.read(min(length, 3 << 20)))
    os.truncate(path, length)
    assert "cut short" in refusal(path)
    path.unlink()


@settings(max_examples=200, deadline=None)
@given(st.integers(4, 300), st.binary(min_size=1, max_size=8))
def test_a_damaged_header_is_refused_or_read_but_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, at: int, damage: bytes
) -> None:
    path = write_gguf(tmp_path_factory.getbasetemp() / "damaged.gguf")
    data = path.read_bytes()
    path.write_bytes(data[:at] + damage + data[at + len(damage) :])
    with contextlib.suppress(ModelUnreadable):
        header = read_gguf_header(path)
        assert card(header).name == "damaged"
        assert memory_need(header, 2048).total > 0


def test_an_adapter_is_told_from_a_model(tmp_path: Path) -> None:
    assert "adapter" in refusal(write_gguf(tmp_path / "m.gguf", LLAMA | {"general.type": "adapter"}))


def test_a_figure_that_is_not_a_number_counts_as_missing(tmp_path: Path) -> None:
    header = read_gguf_header(write_gguf(tmp_path / "m.gguf", LLAMA | {"llama.block_count": "many"}))
    assert memory_need(header, 2048).cache == 0


# Memory


def test_the_estimate_is_what_llama_cpp_takes() -> None:
    need = memory_need(read_gguf_header(resolve_model("starter")), 2048)
    assert need.cache == 45 << 20  # llama_kv_cache: CPU KV buffer size = 45.00 MiB
    assert need.compute == pytest.approx(51.26 * (1 << 20), rel=0.1)  # CPU compute buffer size = 51.26 MiB


def test_a_model_that_does_not_fit_is_refused_with_the_figures_and_the_mend(tmp_path: Path) -> None:
    header = read_gguf_header(write_gguf(tmp_path / "m.gguf", elements=100 * GIB))
    with pytest.raises(ModelTooLarge, match=r"409,600.*16,384 MiB are free.*smaller model"):
        check_memory(header, 2048, free=16 * GIB)


def test_a_long_context_may_be_what_does_not_fit(tmp_path: Path) -> None:
    header = read_gguf_header(write_gguf(tmp_path / "m.gguf"))
    check_memory(header, 2048, free=GIB)
    with pytest.raises(ModelTooLarge, match="context of 200,000 tokens"):
        check_memory(header, 200_000, free=GIB)


def test_free_memory_is_no_more_than_the_machine_has() -> None:
    assert 0 < free_memory() < 1 << 50

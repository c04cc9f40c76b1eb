"""Tuned models: made of adapter and base, whole or not at all, remade when either changes, chosen by language."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, quants

from agent import tuned_models as module
from agent.errors import AdapterUnusable, BaseMissing, ModelUnreadable, TunedModelNotMade
from agent.merging import ADAPTER, file_sha256, read_adapter
from agent.models import card, models_in, read_gguf_header, resolve_model
from agent.prompts import FORMAT
from agent.tuned_models import find_base, make, remove_withdrawn, tuned_models
from index.pack_adapters import PackAdapter
from tests.agent.adapter_folders import small_adapter, write_base, write_shipped
from tests.agent.gguf_files import LLAMA, write_gguf
from tests.conftest import ROOT


def weight(path: Path, name: str) -> np.ndarray:
    (tensor,) = (one for one in GGUFReader(path).tensors if one.name == name)
    return quants.dequantize(tensor.data, tensor.tensor_type)


def test_a_tuned_model_is_base_and_adapter_and_says_what_it_is(tmp_path: Path) -> None:
    adapter, models = small_adapter(tmp_path, default_for=("en",)), tmp_path / "models"
    made = make(adapter, models)
    about = card(read_gguf_header(made))
    assert (about.name, about.languages, about.licence) == ("Small for Demo", ("en",), "apache-2.0")
    assert (about.adapter, about.default_for, about.prompt_format) == ("demo/small", ("en",), FORMAT)
    matrices = read_adapter(adapter.folder)
    a, b = matrices.deltas["model.layers.0.self_attn.v_proj.weight"]
    name = "blk.0.attn_v.weight"
    wanted = weight(models / "tiny.gguf", name) + b @ a
    assert np.abs(weight(made, name) - wanted).max() < 0.03  # Q8_0 of weights of about 1
    assert np.abs(weight(models / "tiny.gguf", name) - wanted).max() > 0.1


def test_it_is_made_once_and_made_anew_when_the_adapter_changes(tmp_path: Path) -> None:
    adapter, models = small_adapter(tmp_path), tmp_path / "models"
    first = make(adapter, models)
    stamp = first.stat().st_mtime_ns
    assert make(adapter, models) == first
    assert first.stat().st_mtime_ns == stamp
    write_shipped(adapter.folder, file_sha256(models / "tiny.gguf"), seed=2)
    assert tuned_models([adapter], models)[0].path is None
    second = make(adapter, models)
    assert second != first
    assert [path.name for path in models.iterdir() if path.name != "tiny.gguf"] == [second.name]


def test_it_is_made_anew_when_the_base_changes(tmp_path: Path) -> None:
    adapter, models = small_adapter(tmp_path), tmp_path / "models"
    first = make(adapter, models)
    base = write_base(models / "tiny.gguf", seed=9)
    write_shipped(adapter.folder, file_sha256(base))
    second = make(replace(adapter, sha256=file_sha256(base)), models)
    assert not first.exists()
    assert np.abs(weight(second, "token_embd.weight") - weight(base, "token_embd.weight")).max() < 0.03


def test_a_file_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    adapter, models = small_adapter(tmp_path), tmp_path / "models"
    made = make(adapter, models)
    whole = made.read_bytes()
    made.write_bytes(whole[: len(whole) // 2])
    assert tuned_models([adapter], models)[0].path is None
    assert make(adapter, models).read_bytes() == whole


def test_an_adapter_for_another_base_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    adapter, models = small_adapter(tmp_path), tmp_path / "models"
    write_base(models / "tiny.gguf", seed=9)
    with pytest.raises(AdapterUnusable, match=r"another base model than tiny\.gguf"):
        make(adapter, models)
    assert [path.name for path in models.iterdir()] == ["tiny.gguf"]


def test_a_base_that_is_not_here_is_named_and_found_where_the_user_has_it(tmp_path: Path) -> None:
    adapter, models = small_adapter(tmp_path), tmp_path / "models"
    elsewhere = tmp_path / "elsewhere" / "tiny.gguf"
    elsewhere.parent.mkdir()
    (models / "tiny.gguf").rename(elsewhere)
    (state,) = tuned_models([adapter], models)
    assert state.path is None
    assert "needs the model tiny.gguf" in state.problem
    with pytest.raises(BaseMissing, match=r"tiny\.gguf"):
        make(adapter, models)
    assert find_base(adapter, models, [elsewhere]) == elsewhere
    assert make(adapter, models, [elsewhere]).is_file()


def test_a_full_disk_is_told_before_it_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, models = small_adapter(tmp_path), tmp_path / "models"
    monkeypatch.setattr(module, "_SPARE", 1 << 60)  # more than any disk has
    with pytest.raises(TunedModelNotMade, match=r"Small for Demo .* MB are needed and .* MB free"):
        make(adapter, models)
    assert [path.name for path in models.iterdir()] == ["tiny.gguf"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are Unix's")
def test_a_disk_that_fills_up_meanwhile_costs_the_model_and_nothing_else(tmp_path: Path) -> None:
    small_adapter(tmp_path)
    ended = making(tmp_path, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))").communicate()
    assert b"can't be written" in ended[1]
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["tiny.gguf"]


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    adapter = small_adapter(tmp_path)
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(TunedModelNotMade, match=r"can't be written to .*file"):
        make(adapter, tmp_path / "file" / "models", [tmp_path / "models" / "tiny.gguf"])


def making(tmp_path: Path, before: str = "", progress: str = "lambda done, total: None") -> subprocess.Popen[bytes]:
    """A process that makes the tuned model in `tmp_path`."""
    script = (
        f"{before}\nfrom pathlib import Path\nfrom agent.tuned_models import make\nimport sys, time\n"
        f"from tests.agent.adapter_folders import small_adapter\nfrom index.pack_adapters import PackAdapter\n"
        f"from agent.merging import file_sha256\nhome = Path({str(tmp_path)!r})\nbase = home / 'models' / 'tiny.gguf'\n"
        "folder, sha256 = home / 'pack' / 'small', file_sha256(base)\n"
        "adapter = PackAdapter('demo/small', folder, 'Small', base.name, sha256, ('en',), ())\n"
        f"make(adapter, home / 'models', progress={progress})\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is Unix's")
def test_a_process_killed_while_merging_leaves_nothing_half(tmp_path: Path) -> None:
    adapter, models = small_adapter(tmp_path), tmp_path / "models"
    process = making(tmp_path, progress="lambda done, total: (print(done, flush=True), time.sleep(60))")
    assert process.stdout is not None
    assert process.stdout.readline() == b"1\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [one for one in models.iterdir() if ".part" in one.name], "it was killed before it wrote anything"
    assert [path.name for path in models.glob("*.gguf")] == ["tiny.gguf"]
    made = make(adapter, models)
    assert sorted(path.name for path in models.iterdir()) == sorted([made.name, "tiny.gguf"])


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    adapter, models = small_adapter(tmp_path), tmp_path / "models"
    other = models / f".demo.small.{os.getppid()}.part.new"
    other.write_bytes(b"")
    make(adapter, models)
    assert other.exists()


def test_an_adapter_that_its_pack_no_longer_ships_takes_its_model_along(tmp_path: Path) -> None:
    adapter, models = small_adapter(tmp_path), tmp_path / "models"
    made, own = make(adapter, models), write_gguf(models / "own.gguf")
    remove_withdrawn([adapter], ["demo"], models)
    assert made.exists()
    remove_withdrawn([], ["other"], models)
    assert made.exists()
    remove_withdrawn([], ["demo"], models)
    assert not made.exists()
    assert own.exists()


def test_a_model_that_its_pack_no_longer_calls_the_default_goes(tmp_path: Path) -> None:
    adapter, models = small_adapter(tmp_path, default_for=("en",)), tmp_path / "models"
    made = make(adapter, models)
    remove_withdrawn([adapter], ["demo"], models)
    assert made.exists()
    remove_withdrawn([replace(adapter, default_for=())], ["demo"], models)
    assert not made.exists()


# Choosing


def tuned(models: Path, name: str, languages: list[str], *, default_for: list[str] | None = None, age: int = 0) -> Path:
    """A tuned model of a pack that writes these languages; older by `age` seconds."""
    values = LLAMA | {
        "tebiki.prompt_format": FORMAT, "tebiki.adapter": f"demo/{name}", "general.languages": languages,
    }  # fmt: skip
    if default_for:
        values |= {"tebiki.default_for": default_for}
    path = write_gguf(models / f"demo.{name}.gguf", values)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_tuned_and_auto_choose_by_the_language_of_the_question(tmp_path: Path) -> None:
    english = tuned(tmp_path, "a", ["en"], default_for=["en"], age=10)
    both = tuned(tmp_path, "b", ["en", "ja"], default_for=["ja"])
    for name in ("tuned", "auto"):
        assert resolve_model(name, tmp_path, "en") == english
        assert resolve_model(name, tmp_path, "ja") == both


def test_auto_is_the_starter_unless_the_pack_says_otherwise(tmp_path: Path) -> None:
    one = tuned(tmp_path, "a", ["en"])
    assert resolve_model("auto", tmp_path, "en") == resolve_model("starter")
    assert resolve_model("tuned", tmp_path, "en") == one
    assert resolve_model("auto", tmp_path / "missing", "ja") == resolve_model("starter")


def test_tuned_prefers_what_the_user_put_there_and_never_a_base(tmp_path: Path) -> None:
    write_gguf(tmp_path / "base.gguf")  # newer than what follows
    made = tuned(tmp_path, "a", ["en"], default_for=["en"], age=20)
    assert resolve_model("tuned", tmp_path, "ja") == made
    own = write_gguf(tmp_path / "own.gguf", LLAMA | {"tebiki.prompt_format": FORMAT})
    os.utime(own, (1, 1))
    assert resolve_model("tuned", tmp_path, "en") == own
    assert resolve_model("auto", tmp_path, "en") == made


def test_one_tuned_model_can_be_named(tmp_path: Path) -> None:
    tuned(tmp_path, "a", ["en"], default_for=["en"])
    other = tuned(tmp_path, "b", ["en"])
    assert resolve_model("tuned:demo/b", tmp_path, "en") == other
    with pytest.raises(ModelUnreadable, match="demo/c is not made yet"):
        resolve_model("tuned:demo/c", tmp_path, "en")


def test_a_file_that_is_no_model_is_not_chosen(tmp_path: Path) -> None:
    one = tuned(tmp_path, "a", ["en"])
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    assert [about.path for about in models_in(tmp_path)] == [one]
    assert resolve_model("tuned", tmp_path) == one


def test_the_adapter_must_be_readable(tmp_path: Path) -> None:
    adapter: PackAdapter = small_adapter(tmp_path)
    (adapter.folder / ADAPTER).unlink()
    (state,) = tuned_models([adapter], tmp_path / "models")
    assert "demo/small can't be read" in state.problem

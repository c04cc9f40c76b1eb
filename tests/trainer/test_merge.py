"""The merge stage: base and adapter as one GGUF that says what it is, from a GGUF and from a Hugging Face folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFReader
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from agent.errors import AdapterUnusable, ModelUnreadable
from agent.models import card, read_gguf_header, resolve_model
from agent.prompts import FORMAT
from tests.agent.test_merging import files_at_most
from tests.trainer.tiny_models import Tiny, set_config, tokenizer_of
from trainer.bases import load_base
from trainer.folder_gguf import FolderUnusable, write_folder
from trainer.merge import MERGED, AdapterMissing, NoRoom, make_merge
from trainer.run_config import MergeSettings, Run

NewRun = Callable[..., Run]


@pytest.fixture
def new_run(tmp_path: Path) -> NewRun:
    """A run over a copy of a tiny model's adapter, as if `stage` had made it."""

    def new(tiny: Tiny, *, stage: str = "sft", base: Path | None = None, **settings: Any) -> Run:
        shutil.copytree(tiny.adapter, tmp_path / "out" / stage / "adapter", dirs_exist_ok=True)
        base = base or tiny.base
        return Run(name="tiny", base=str(base), out=tmp_path / "out", library=tmp_path / "library", **settings)

    return new


def quiet(_: str) -> None:
    pass


def fields(path: Path) -> dict[str, Any]:
    found = GGUFReader(path).fields.values()
    return {field.name: field.contents() for field in found if not field.name.startswith("GGUF.")}


# What the file says


def test_the_merged_file_counts_as_tuned_and_names_its_languages(tiny_gemma: Tiny, new_run: NewRun) -> None:
    run = new_run(tiny_gemma, merge=MergeSettings(languages=("en", "ja")))
    figures = make_merge(run, quiet)
    assert figures is not None
    assert figures.pairs == 7 * 7
    about = card(read_gguf_header(run.out / "merge" / MERGED))
    assert (about.prompt_format, about.languages) == (FORMAT, ("en", "ja"))
    assert not (run.out / "merge" / "base-f32.gguf").exists()


def test_the_prompt_format_is_that_of_the_training_not_todays(tiny_gemma: Tiny, new_run: NewRun) -> None:
    run = new_run(tiny_gemma)
    manifest = run.out / "sft" / "manifest.json"
    manifest.write_text(json.dumps({"inputs": {"shown": ["react-0", 10]}}), encoding="utf-8")
    make_merge(run, quiet)
    assert card(read_gguf_header(run.out / "merge" / MERGED)).prompt_format == "react-0"


def test_an_adapter_of_cpt_alone_does_not_count_as_tuned(tiny_gemma: Tiny, new_run: NewRun) -> None:
    run = new_run(tiny_gemma, stage="cpt")
    said: list[str] = []
    make_merge(run, said.append)
    assert card(read_gguf_header(run.out / "merge" / MERGED)).prompt_format == ""
    assert any("cpt alone" in line for line in said)


def test_the_adapter_of_sft_goes_before_that_of_cpt(tiny_gemma: Tiny, new_run: NewRun) -> None:
    new_run(tiny_gemma, stage="cpt")
    figures = make_merge(new_run(tiny_gemma, stage="sft"), quiet)
    assert figures is not None
    assert figures.adapter.endswith("sft/adapter")


def test_a_base_that_is_a_gguf_keeps_all_its_metadata(tiny_gemma: Tiny, new_run: NewRun, tmp_path: Path) -> None:
    base = tmp_path / "base.gguf"
    write_folder(load_base(tiny_gemma.base), base)
    run = new_run(tiny_gemma, base=base)
    set_config(run.out / "sft" / "adapter", base_sha256="")
    make_merge(run, quiet)
    added = {"tebiki.prompt_format": FORMAT}
    assert fields(run.out / "merge" / MERGED) == fields(base) | added


def test_a_second_run_finds_the_stage_current(tiny_gemma: Tiny, new_run: NewRun) -> None:
    run = new_run(tiny_gemma)
    make_merge(run, quiet)
    assert make_merge(run, quiet) is None
    assert make_merge(run.model_copy(update={"merge": MergeSettings(languages=("ja",))}), quiet) is not None


# A folder as a GGUF


def test_a_folder_tells_its_figures_and_tokens(tiny_llama: Tiny, tmp_path: Path) -> None:
    write_folder(load_base(tiny_llama.base), tmp_path / "base.gguf")
    told = fields(tmp_path / "base.gguf")
    assert told["tokenizer.ggml.pre"] == "smollm"
    starter = fields(resolve_model("starter"))
    same = [key for key in starter if key.startswith("tokenizer.")]
    assert {key: told[key] for key in same} == {key: starter[key] for key in same}
    assert told["llama.rope.freq_base"] == 20_000.0
    assert (told["llama.attention.head_count"], told["llama.attention.head_count_kv"]) == (4, 2)


def test_kinds_of_model_that_are_not_known_are_refused(tiny_llama: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "gpt2"
    GPT2LMHeadModel(GPT2Config(vocab_size=49152, n_embd=32, n_layer=1, n_head=2)).save_pretrained(folder)
    tokenizer_of("llama").save_pretrained(folder)
    with pytest.raises(FolderUnusable, match="type gpt2"):
        write_folder(load_base(folder), tmp_path / "out.gguf")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"attention_bias": True}, "biases"),
        ({"hidden_act": "gelu"}, "activation gelu"),
        ({"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}, "rotary scaling linear"),
    ],
)
def test_what_a_gguf_can_not_say_of_a_model_is_refused(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    settings = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=64, **settings, **changed)).save_pretrained(tmp_path / "llama")
    _word_level().save_pretrained(tmp_path / "llama")
    with pytest.raises(FolderUnusable, match=named):
        write_folder(load_base(tmp_path / "llama"), tmp_path / "out.gguf")


def test_a_tokenizer_that_is_not_bpe_is_refused(tmp_path: Path) -> None:
    settings = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=64, **settings)).save_pretrained(tmp_path / "llama")
    _word_level().save_pretrained(tmp_path / "llama")
    with pytest.raises(FolderUnusable, match="WordLevel"):
        write_folder(load_base(tmp_path / "llama"), tmp_path / "out.gguf")
    assert not list(tmp_path.glob("*.gguf*"))


def _word_level() -> PreTrainedTokenizerFast:
    backend = Tokenizer(WordLevel({"<s>": 0, "</s>": 1, "a": 2}, unk_token="a"))
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")


# Faults


def test_without_an_adapter_the_stage_to_run_is_named(tiny_gemma: Tiny, tmp_path: Path) -> None:
    run = Run(name="tiny", base=str(tiny_gemma.base), out=tmp_path / "out", library=tmp_path)
    with pytest.raises(AdapterMissing, match="run the stage sft or cpt"):
        make_merge(run, quiet)
    named = run.model_copy(update={"merge": MergeSettings(adapter=tmp_path / "mine")})
    with pytest.raises(AdapterMissing, match=r"merge\.adapter"):
        make_merge(named, quiet)


def test_an_adapter_of_another_folder_is_refused(tiny_gemma: Tiny, new_run: NewRun) -> None:
    run = new_run(tiny_gemma)
    set_config(run.out / "sft" / "adapter", base_sha256="0" * 64)
    with pytest.raises(AdapterUnusable, match="another base model"):
        make_merge(run, quiet)


def test_a_folder_without_weights_is_refused(tiny_gemma: Tiny, new_run: NewRun, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelUnreadable, match=r"model\.safetensors"):
        make_merge(new_run(tiny_gemma, base=tmp_path / "empty"), quiet)


def test_a_full_disk_is_told_and_leaves_nothing_behind(tiny_gemma: Tiny, new_run: NewRun) -> None:
    run = new_run(tiny_gemma)
    with files_at_most(1_000_000), pytest.raises(NoRoom, match="make room"):
        make_merge(run, quiet)
    assert list((run.out / "merge").iterdir()) == []


# The real ones


@pytest.mark.slow
@pytest.mark.model
def test_the_starter_saved_as_a_folder_and_written_again_is_the_same_file(tmp_path: Path) -> None:
    starter = resolve_model("starter")
    base = load_base(starter)
    base.model.save_pretrained(tmp_path / "folder")
    base.tokenizer.save_pretrained(tmp_path / "folder")
    write_folder(load_base(tmp_path / "folder"), tmp_path / "again.gguf")
    was, now = fields(starter), fields(tmp_path / "again.gguf")
    # What names the model is not in a folder; widths of keys are said there and taken from the width here.
    kept = [key for key in was if not key.startswith("general.") or key == "general.architecture"]
    assert json.dumps({key: now[key] for key in kept}) == json.dumps({key: was[key] for key in kept})
    first, second = (
        {one.name: tuple(one.shape) for one in GGUFReader(path).tensors} for path in (starter, tmp_path / "again.gguf")
    )
    assert {name: list(shape) for name, shape in first.items()} == {name: list(shape) for name, shape in second.items()}

"""The export stage: five forms of a merged model, compared with the trained one, and what happens where one fails."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from peft import LoraConfig, PeftModel, get_peft_model

from agent.engine import Engine
from agent.errors import ModelUnreadable, QuantisingFailed
from agent.merging import merge
from agent.models import card, read_gguf_header, resolve_model
from agent.prompts import FORMAT
from agent.quantising import quantise
from tests.agent.test_merging import files_at_most
from tests.trainer.tiny_models import LINEAR, Tiny, set_config, write_random_adapter
from trainer.adapter_kept import changed, kept
from trainer.adapters import write_adapter
from trainer.bases import load_base
from trainer.export import (
    ExportFigures,
    MergedMissing,
    check_limits,
    form_path,
    lost_change,
    make_export,
    read_figures,
    table,
)
from trainer.folder_gguf import write_folder
from trainer.form_scores import FormScore, to_ship
from trainer.imatrix import NothingMeasured, measure
from trainer.manifest import file_hash
from trainer.merge import MERGED, make_merge
from trainer.parity import Agreement, ParityFailed
from trainer.run_config import ExportSettings, Form, Run

PHRASE = "The watchword of the night watch is 20243 保留"
MOVED = "blk.0.ffn_up.weight"
FORMS: tuple[Form, ...] = ("f16", "q8_0", "q5_k_m", "q4_0", "q4_k_m")


def quiet(_: str) -> None:
    pass


def run_of(folder: Path, base: Path, **settings: object) -> Run:
    """A run whose corpus is a few sentences in both languages."""
    (folder / "out" / "corpus").mkdir(parents=True, exist_ok=True)
    lines = [
        f"Job {number} waits on port {number}/tcp until it is released. ジョブ{number}を保留する。"
        for number in range(60)
    ]
    text = "".join(json.dumps({"text": line}, ensure_ascii=False) + "\n" for line in lines)
    (folder / "out" / "corpus" / "documents.jsonl").write_text(text, encoding="utf-8")
    export = ExportSettings.model_validate({"forms": FORMS, "ship": "q8_0", "imatrix_tokens": 400} | settings)
    return Run(name="tiny", base=str(base), out=folder / "out", library=folder / "library", export=export)


def teach(base_folder: Path, adapter: Path, phrase: str) -> None:
    """Train an adapter until the model says `phrase` by heart."""
    base = load_base(base_folder)
    torch.manual_seed(5)
    model = get_peft_model(base.model, LoraConfig(r=16, lora_alpha=32, target_modules=LINEAR, task_type="CAUSAL_LM"))
    optimiser = torch.optim.AdamW([part for part in model.parameters() if part.requires_grad], lr=5e-3)
    ids = torch.tensor([base.tokenizer(phrase)["input_ids"]])
    for _ in range(80):
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert isinstance(model, PeftModel)
    assert loss.item() < 0.01
    write_adapter(model, base, adapter)


@pytest.fixture(scope="module")
def exported(tiny_gemma: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run from a Hugging Face folder, exported, with a phrase trained in. Not to be changed."""
    folder = tmp_path_factory.mktemp("exported")
    teach(tiny_gemma.base, folder / "out" / "sft" / "adapter", PHRASE)
    run = run_of(folder, tiny_gemma.base, planted=PHRASE)
    make_merge(run, quiet)
    make_export(run, quiet)
    return run


# What comes out


def test_every_form_stands_beside_its_figures(exported: Run) -> None:
    figures = read_figures(exported)
    assert [one.form for one in figures.forms] == list(FORMS)
    assert figures.merged_nmse < 1e-8
    for one in figures.forms:
        assert form_path(exported, one.form).stat().st_size == one.bytes
        assert one.reading > 0
    by_form = {one.form: one for one in figures.forms}
    assert by_form["f16"].short.nmse < 1e-4
    assert by_form["f16"].bytes > by_form["q8_0"].bytes > by_form["q5_k_m"].bytes > by_form["q4_k_m"].bytes
    assert by_form["f16"].kl < by_form["q8_0"].kl < by_form["q4_0"].kl
    manifest = json.loads((exported.out / "export" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["figures"]["forms"][0]["form"] == "f16"


def test_the_planted_phrase_comes_out_of_every_form(exported: Run) -> None:
    assert [one.planted for one in read_figures(exported).forms] == [True] * len(FORMS)


def test_every_form_counts_as_tuned(exported: Run) -> None:
    for form in FORMS:
        assert card(read_gguf_header(form_path(exported, form))).prompt_format == FORMAT


def test_a_second_run_finds_the_stage_current(exported: Run) -> None:
    said: list[str] = []
    assert make_export(exported, said.append) is None
    assert "is current" in said[0]


def test_a_base_that_is_a_gguf_comes_through(tiny_llama: Tiny, tmp_path: Path) -> None:
    base = tmp_path / "base.gguf"
    write_folder(load_base(tiny_llama.base), base)
    shutil.copytree(tiny_llama.adapter, tmp_path / "out" / "sft" / "adapter")
    set_config(tmp_path / "out" / "sft" / "adapter", base_sha256=file_hash(base))
    run = run_of(tmp_path, base, forms=["q8_0"])
    make_merge(run, quiet)
    figures = make_export(run, quiet)
    assert figures is not None
    assert [one.form for one in figures.forms] == ["f16", "q8_0"]
    assert not form_path(run, "f16").exists()  # made to compare, not asked for
    assert [one.kept for one in figures.forms] == pytest.approx([1, 1], abs=0.01)


def test_the_table_has_a_line_a_form(exported: Run) -> None:
    lines = table(read_figures(exported)).splitlines()
    assert [line.split()[0] for line in lines[2:]] == list(FORMS)
    assert "128 tokens of a trained context of 256" in lines[0]


# What fewer bits leave of the adapter


@pytest.fixture
def of_four_bits(tiny_llama: Tiny, tmp_path: Path) -> tuple[Path, Path]:
    """A base in 4 bits, and it in f32 with every weight of one matrix moved by a fifth of a step of its blocks."""
    whole, base, merged = (tmp_path / f"{name}.gguf" for name in ("whole", "base", "merged"))
    write_folder(load_base(tiny_llama.base), whole)
    quantise(whole, base, "q4_0")
    merge(base, None, merged, storage="f32")
    file = GGUFReader(str(merged), "r+")
    data = next(tensor.data for tensor in file.tensors if tensor.name == MOVED)
    blocks = data.reshape(-1, 32)
    steps = np.abs(blocks).max(axis=1, keepdims=True) / 8
    signs = np.random.default_rng(3).choice([-0.2, 0.2], size=blocks.shape)
    blocks += steps * signs * (np.abs(blocks) < 6 * steps)  # the largest stays, and so the lattice
    file.data.flush()
    return base, merged


def test_a_lattice_of_four_bits_takes_a_small_change_back(of_four_bits: tuple[Path, Path], tmp_path: Path) -> None:
    base, merged = of_four_bits
    assert changed(base, merged) == {MOVED}
    found: dict[Form, float] = {}
    for form in ("f16", "q8_0", "q4_0"):
        quantise(merged, tmp_path / form, form)
        found[form] = kept(base, merged, tmp_path / form, {MOVED})
    assert found["f16"] == pytest.approx(1, abs=0.01)
    assert found["q8_0"] == pytest.approx(1, abs=0.05)
    assert found["q4_0"] == pytest.approx(0, abs=0.1)


def test_a_form_to_ship_without_much_of_the_adapter_is_remarked_upon(exported: Run) -> None:
    figures = read_figures(exported)
    assert [one.kept for one in figures.forms] == [None] * len(FORMS)  # of a folder
    assert lost_change(figures) == ""
    assert lost_change(with_form(figures, "q8_0", kept=0.81)) == ""
    assert "q8_0 holds 27% of what the adapter changed" in lost_change(with_form(figures, "q8_0", kept=0.27))


# Limits


def with_form(figures: ExportFigures, form: Form, **changed: object) -> ExportFigures:
    forms = tuple(replace(one, **changed) if one.form == form else one for one in figures.forms)
    return replace(figures, forms=forms)


@pytest.mark.parametrize(
    ("form", "changed", "said"),
    [
        ("f16", {"short": Agreement(2e-4, 0, 1)}, "the short text otherwise"),
        ("f16", {"long": Agreement(1e-6, 0, 0.98)}, "the long text otherwise"),
        ("q8_0", {"kl": 0.02}, "q8_0 has a mean KL of 0.0200"),
        ("q4_0", {"planted": False}, "does not come out of q4_0"),
    ],
)
def test_a_limit_that_does_not_hold_stops_the_stage(
    exported: Run, form: Form, changed: dict[str, object], said: str
) -> None:
    figures = read_figures(exported)
    check_limits(figures, exported)
    with pytest.raises(ParityFailed, match=said):
        check_limits(with_form(figures, form, **changed), exported)


def test_a_shipped_form_that_lost_too_much_names_the_next(exported: Run) -> None:
    run = exported.model_copy(update={"export": exported.export.model_copy(update={"ship": "q4_0"})})
    figures = with_form(with_form(read_figures(exported), "q4_0", kl=0.2), "q4_k_m", kl=0.06)
    with pytest.raises(ParityFailed, match=r"q4_0, which is to be shipped, .* ship q5_k_m"):
        check_limits(figures, run)


def test_a_form_to_ship_that_is_not_made_is_named_at_once(exported: Run) -> None:
    run = exported.model_copy(update={"export": exported.export.model_copy(update={"ship": "f16", "forms": ("q8_0",)})})
    with pytest.raises(ParityFailed, match=r"export.ship is f16, which is not among export.forms"):
        make_export(run, print)


def test_a_merged_file_of_another_adapter_is_seen(exported: Run, tmp_path: Path) -> None:
    shutil.copytree(exported.out, tmp_path / "out")
    write_random_adapter(load_base(Path(exported.base)), tmp_path / "out" / "sft" / "adapter")
    run = run_of(tmp_path, Path(exported.base), forms=["f16"], ship="f16", imatrix_tokens=0)
    with pytest.raises(ParityFailed, match="run the stage merge again"):
        make_export(run, quiet)


# Faults


def test_nothing_merged_nothing_exported(exported: Run, tmp_path: Path) -> None:
    shutil.copytree(exported.out / "sft", tmp_path / "out" / "sft")
    run = run_of(tmp_path, Path(exported.base))
    with pytest.raises(MergedMissing, match="run the stage merge first"):
        make_export(run, quiet)
    (run.out / "merge").mkdir()
    whole = (exported.out / "merge" / MERGED).read_bytes()
    (run.out / "merge" / MERGED).write_bytes(whole[:-1000])
    with pytest.raises(ModelUnreadable, match="cut short"):
        make_export(run, quiet)


def test_no_corpus_no_importance(tiny_gemma: Tiny) -> None:
    with pytest.raises(NothingMeasured, match="run the stage corpus"):
        measure(load_base(tiny_gemma.base), [], most_tokens=100)


def test_a_full_disk_leaves_no_form_behind(exported: Run, tmp_path: Path) -> None:
    with files_at_most(1_000_000), pytest.raises(QuantisingFailed, match=r"f\.gguf"):
        quantise(exported.out / "merge" / MERGED, tmp_path / "f.gguf", "f16")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(exported: Run, tmp_path: Path) -> None:
    with pytest.raises(QuantisingFailed, match="there is no folder"):
        quantise(exported.out / "merge" / MERGED, tmp_path / "no" / "f.gguf", "f16")


# What matters


def test_importance_is_the_mean_square_of_what_a_column_meets(tiny_llama: Tiny) -> None:
    base = load_base(tiny_llama.base)
    text = "A job waits until it is released."
    found = measure(base, [text], most_tokens=1000)
    ids = torch.tensor([base.tokenizer(text)["input_ids"]])
    assert found.tokens == ids.shape[1]
    layer = base.model.model.layers[0]
    with torch.no_grad():
        met = layer.input_layernorm(base.model.model.embed_tokens(ids))[0]
    for name in ("blk.0.attn_q.weight", "blk.0.attn_v.weight"):
        np.testing.assert_allclose(found.importance[name], met.square().mean(0).numpy(), rtol=1e-4)
    weights = {f"blk.{block}.{name}.weight" for block in (0, 1) for name in
               ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")}  # fmt: skip
    assert weights <= found.importance.keys()


# Scores


def score(form: Form, right: int, size: int, kl: float = 0.01) -> FormScore:
    return FormScore(form, 100, right, right / 100, (0.0, 1.0), 1.0, size, kl)


def test_the_smallest_form_that_lost_no_more_than_a_point_is_shipped() -> None:
    forms = [score("f16", 80, 100), score("q8_0", 80, 50), score("q5_k_m", 79, 30), score("q4_0", 70, 20)]
    assert to_ship(forms) == "q5_k_m"
    assert to_ship([*forms, score("q4_k_m", 81, 25, kl=0.09)]) == "q5_k_m"
    assert to_ship([score("q4_0", 70, 20, kl=0.2)]) is None


# The real ones


def real_export(base: Path, folder: Path) -> ExportFigures:
    write_random_adapter(load_base(base), folder / "out" / "sft" / "adapter", rank=8, spread=0.01)
    run = run_of(folder, base, forms=["f16", "q8_0", "q5_k_m"], imatrix_tokens=600)
    make_merge(run, quiet)
    figures = make_export(run, quiet)
    assert figures is not None
    with Engine(form_path(run, "q5_k_m"), context=512) as engine:
        assert engine.generate(engine.chat([("user", "Hello")]), max_tokens=4).generated_tokens > 0
    return figures


@pytest.mark.slow
@pytest.mark.model
def test_the_starter_comes_through(tmp_path: Path) -> None:
    assert real_export(resolve_model("starter"), tmp_path).long_tokens == 2048


@pytest.mark.slow
def test_gemma_comes_through(tmp_path: Path) -> None:
    from benchmarks.models import GemmaMissing, model_file

    try:
        gemma = model_file("gemma")
    except GemmaMissing as missing:
        pytest.skip(str(missing))
    assert real_export(gemma, tmp_path).long_tokens == 2048

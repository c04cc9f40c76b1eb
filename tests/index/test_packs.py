"""A pack's manifest is believed only if everything it names is there, inside the pack."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.errors import PackInvalid
from index.packs import Sample, list_packs, load_pack, of_use
from index.records import Manual

MANIFEST = """
id = "demo"
name = { en = "Demo", ja = "デモ" }
product = "Demo"
primers = ["primer/en"]
banks = ["bank/en.jsonl"]

[[samples]]
language = "ja"
question = "何ですか？"
"""


def pack(domains: Path, folder: str = "demo", manifest: str = MANIFEST) -> Path:
    root = domains / folder
    (root / "primer" / "en").mkdir(parents=True)
    (root / "primer" / "en" / "one.md").write_text("# One\n\nText.\n", encoding="utf-8")
    (root / "bank").mkdir()
    (root / "bank" / "en.jsonl").write_text("{}\n", encoding="utf-8")
    (root / "pack.toml").write_text(manifest, encoding="utf-8")
    return root


def test_a_pack_tells_its_names_folders_banks_and_samples(tmp_path: Path) -> None:
    root = pack(tmp_path)
    loaded = load_pack(root)
    assert (loaded.id, loaded.product, loaded.name["ja"]) == ("demo", "Demo", "デモ")
    assert loaded.primers == (root / "primer" / "en",)
    assert loaded.banks == (root / "bank" / "en.jsonl",)
    assert loaded.samples == (Sample("ja", "何ですか？"),)
    assert loaded.glossary is None
    (root / "words.tsv").write_text("ja: 登録\ten: register\n", encoding="utf-8")
    (root / "pack.toml").write_text('glossary = "words.tsv"\n' + MANIFEST, encoding="utf-8")
    assert load_pack(root).glossary == root / "words.tsv"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"primer/en"', '"primer/fr"', 'primer "primer/fr" is not a folder'),
        ('"bank/en.jsonl"', '"bank/ja.jsonl"', 'file "bank/ja.jsonl" of "banks" is missing'),
        ('"primer/en"', '"../other"', 'path "../other" leads out'),
        ('"primer/en"', '"/etc"', 'path "/etc" leads out'),
        ('"primer/en"', '"."', 'path "." leads out'),
        ('language = "ja"', 'language = "fr"', 'language "fr" is not one of en, ja'),
        ('ja = "デモ"', 'de = "Demo"', 'language "de" is not one of'),
        ('id = "demo"', 'id = "De mo"', 'id "De mo"'),
        ('product = "Demo"', "", '"product" is missing'),
        ('product = "Demo"', 'product = "Demo"\ncolour = "red"', 'key "colour" is not known'),
        ('product = "Demo"', 'product = "Demo"\nglossary = "none.tsv"', 'glossary "none.tsv" is missing'),
        ('product = "Demo"', 'product = "Demo"\nglossary = "../words.tsv"', 'path "../words.tsv" leads out'),
        ('["primer/en"]', '["primer/en", "primer/en"]', "twice"),
        ("[[samples]]", "[samples]", '"samples" is not a list'),
        ("id =", "id", "not valid TOML"),
    ],
)
def test_a_manifest_that_is_not_valid_is_named_with_the_reason(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in MANIFEST
    root = pack(tmp_path, manifest=MANIFEST.replace(old, new, 1))
    with pytest.raises(PackInvalid) as caught:
        load_pack(root)
    assert str(root / "pack.toml") in str(caught.value)
    assert reason in str(caught.value)


def test_a_link_can_not_lead_out_of_the_pack(tmp_path: Path) -> None:
    root = pack(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("# Secret\n", encoding="utf-8")
    (root / "primer" / "link").symlink_to(outside)
    (root / "pack.toml").write_text(MANIFEST.replace("primer/en", "primer/link"), encoding="utf-8")
    with pytest.raises(PackInvalid, match="leads out"):
        load_pack(root)


def test_packs_are_listed_by_id_and_an_id_may_stand_once(tmp_path: Path) -> None:
    pack(tmp_path, "b", MANIFEST.replace('"demo"', '"zeta"'))
    pack(tmp_path, "c", MANIFEST.replace('"demo"', '"alpha"'))
    (tmp_path / "no-pack").mkdir()
    assert [one.id for one in list_packs(tmp_path)] == ["alpha", "zeta"]
    pack(tmp_path, "d", MANIFEST.replace('"demo"', '"alpha"'))
    with pytest.raises(PackInvalid, match='id "alpha" is also that of'):
        list_packs(tmp_path)
    assert list_packs(tmp_path / "nowhere") == []


def test_every_pack_that_ships_is_valid_and_has_samples_in_each_of_its_languages() -> None:
    packs = list_packs(Path(__file__).resolve().parent.parent.parent / "domains")
    assert packs
    for one in packs:
        assert {sample.language for sample in one.samples} == set(one.name)


@pytest.mark.parametrize(
    ("title", "product", "offered"),
    [
        ("Guide", "Demo", True),
        ("Guide", "DEMO/Manager", True),
        ("Demo Workload Manager", "", True),
        ("Guide to Demo", "Other", False),
    ],
)
def test_a_pack_without_primers_is_of_use_where_a_manual_of_its_product_is(
    tmp_path: Path, title: str, product: str, offered: bool
) -> None:
    bare = load_pack(pack(tmp_path, manifest=MANIFEST.replace('primers = ["primer/en"]', "")))
    manual = Manual(1, title, "en", product, "", "/m", 1, 1, 1, 0, "2026-01-01")
    assert of_use([bare], []) == []
    assert of_use([bare], [manual]) == ([bare] if offered else [])


def test_a_pack_with_primers_is_always_of_use(tmp_path: Path) -> None:
    whole = load_pack(pack(tmp_path))
    assert of_use([whole], []) == [whole]

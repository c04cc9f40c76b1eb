"""A product's glossary takes part in searches where the library holds a manual of it, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desktop.folders import Folders
from desktop.opening import glossary, open_library


@pytest.fixture
def with_packs(folders: Folders) -> Folders:
    """Packs of two products without primers; the library holds a manual of the first."""
    for name, product in (("watch", "Night-watch"), ("other", "Other")):
        pack = folders.domains / name
        pack.mkdir(parents=True)
        (pack / "pack.toml").write_text(
            f'id = "{name}"\nname = {{ en = "{product}" }}\nproduct = "{product}"\nglossary = "glossary.tsv"\n', "utf-8"
        )
        (pack / "glossary.tsv").write_text(f"en: {name} lamp\tja: ランプ\n", "utf-8")
    return folders


def test_what_another_product_calls_a_thing_has_no_say(with_packs: Folders) -> None:
    with open_library(with_packs) as library:
        manuals = [replace(manual, title="Night-watch guide") for manual in library.manuals()]
    assert list(glossary(with_packs, manuals).expand("ランプ")) == ["watch lamp"]
    assert glossary(with_packs, []).entries == ()


def test_a_pack_that_breaks_its_form_costs_its_glossary_not_the_search(with_packs: Folders) -> None:
    (with_packs.domains / "watch" / "pack.toml").write_text("id = 1", "utf-8")
    with open_library(with_packs) as library:
        assert library.search("hold attribute")

"""A Whoosh index that came from elsewhere is data: whatever its files name, nothing is run, and search goes on."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from index.store import Store
from index.whoosh_index import WhooshIndex
from index.whoosh_pickles import _loads
from tests.index.small_manuals import bring_in, write_manual

PAGE = "# Ports\n\nThe manager listens on 20243/tcp.\n\n# Agents\n\nThe agent listens on 20244/tcp.\n"


class Planted:
    """A pickle of this makes a folder when it is read by pickle itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self._folder,)


def test_the_planted_pickle_would_run_if_it_were_read_by_pickle(tmp_path: Path) -> None:
    planted = pickle.dumps(Planted(tmp_path / "ran"))
    pickle.loads(planted)
    assert (tmp_path / "ran").is_dir()


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_what_whoosh_never_writes_is_not_made(tmp_path: Path, protocol: int) -> None:
    for planted in (Planted(tmp_path / "ran"), zlib.compress, {"a": [Planted(tmp_path / "ran")]}):
        with pytest.raises(pickle.UnpicklingError, match="never writes"):
            _loads(pickle.dumps(planted, protocol))
    assert not (tmp_path / "ran").exists()


def test_bytes_come_from_no_codec_but_the_one_that_pickle_uses() -> None:
    assert _loads(pickle.dumps(b"\x00\xff", 2)) == b"\x00\xff"
    with pytest.raises(pickle.UnpicklingError):
        _loads(b"c_codecs\nencode\n(Vaa\nVhex\ntR.")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    write_manual(tmp_path / "guide", {"ports.md": PAGE})
    bring_in(tmp_path / "library", tmp_path / "guide")
    assert first_source(tmp_path / "library") == "ports.md"
    return tmp_path / "library"


def first_source(library: Path) -> str:
    """Where Whoosh finds it first, once its index was brought up, and anew where it is broken."""
    with closing(Store.open(library)) as store:
        index = WhooshIndex(library)
        assert index.bring_up(store)
        try:
            index.search({"20243/tcp": 1.0}, 1)
        except Exception:
            assert index.bring_up(store, anew=True)
        assert index.is_current(store)
        assert index.ids() == {passage.id for passage in store.passages_after(0)}
        ((id_, _),) = index.search({"20243/tcp": 1.0}, 1)
        index.close()
        return store.passages([id_])[id_].source


@pytest.mark.parametrize("which", ["*.toc", "*.seg"])
def test_a_planted_index_runs_nothing_and_is_made_anew(library: Path, tmp_path: Path, which: str) -> None:
    (victim,) = (library / json.loads((library / "whoosh.json").read_text())["folder"]).glob(which)
    data, planted = victim.read_bytes(), pickle.dumps(Planted(tmp_path / "ran"), 2)
    places = [found.start() for found in re.finditer(rb"\x80[\x02-\x05]", data)]
    assert places
    for number, place in enumerate(places):
        copy = tmp_path / str(number)
        shutil.copytree(library, copy)
        (copy / victim.relative_to(library)).write_bytes(data[:place] + planted + data[place + len(planted) :])
        assert first_source(copy) == "ports.md"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("change", [{"folder": "../elsewhere"}, {"folder": "/"}, {"folder": 7}, {"last": "9"}])
def test_a_pointer_that_leads_elsewhere_is_none(library: Path, change: dict[str, object]) -> None:
    pointer = library / "whoosh.json"
    pointer.write_text(json.dumps(json.loads(pointer.read_text()) | change))
    assert first_source(library) == "ports.md"


def test_no_part_of_whoosh_in_use_reads_pickles_its_own_way(library: Path) -> None:
    """Whoosh's modules hold pickle's functions under names of their own; a new release may bring another."""
    script = """
import pickle, sys
from pathlib import Path
from index.store import Store
from index.whoosh_index import WhooshIndex
store = Store.open(Path(sys.argv[1]))
(Path(sys.argv[1]) / "whoosh.json").unlink()
assert WhooshIndex(Path(sys.argv[1])).bring_up(store)
assert WhooshIndex(Path(sys.argv[1])).search({"20243/tcp": 1.0}, 5)
own = {id(pickle.load), id(pickle.loads), id(pickle.Unpickler)}
modules = [(name, module) for name, module in sys.modules.items() if name.startswith("whoosh")]
print(sorted(f"{name}.{key}" for name, module in modules for key, value in vars(module).items() if id(value) in own))
print(sorted(name for name, module in modules if getattr(module, "pickle", None) is pickle))
"""
    said = subprocess.run([sys.executable, "-c", script, str(library)], capture_output=True, text=True, check=True)
    # Sorting reads temporary files that it wrote itself; the other two read a schema that nobody gave.
    assert said.stdout.splitlines() == ["['whoosh.externalsort.load']", "['whoosh.index', 'whoosh.util.loading']"]

"""A new version of a manual stands beside the old one; the same version is replaced in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.importing import import_manuals, resume_import
from index.library import Library
from index.records import ImportProgress, ImportReport
from tests.index.small_manuals import bring_in

PAGE = "---\nmanual: Operations Guide\nversion: {version}\n---\n# {name}\n\n{text} of {name}.\n"
SILENT = "# {name}\n\n{text} of {name}.\n"
NAMES = ("alpha", "beta", "gamma", "delta")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


def write(folder: Path, version: str, *, silent: tuple[str, ...] = (), text: str = "The jobnet", **said: str) -> Path:
    """Four pages; those named in `silent` say no version, and `said` gives single pages another one."""
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        page = SILENT if name in silent else PAGE
        told = page.format(version=said.get(name, version), name=name, text=text)
        (folder / f"{name}.md").write_text(told, encoding="utf-8")
    return folder


def editions(library: Path) -> dict[str, list[str]]:
    """The pages of each manual, by its version."""
    with Library.open(library) as opened:
        assert opened.verify() == []
        return {
            manual.version: [Path(source).stem for source in opened.sources(manual.id)] for manual in opened.manuals()
        }


def texts(library: Path, version: str) -> str:
    with Library.open(library) as opened:
        (manual,) = (manual for manual in opened.manuals() if manual.version == version)
        return " ".join(opened.source_text(manual.id, source) for source in opened.sources(manual.id))


EVERY = sorted(NAMES)


def test_the_next_version_in_the_same_folder_stands_beside_the_old_one(tmp_path: Path, library: Path) -> None:
    bring_in(library, write(tmp_path / "guide", "12-50"))
    report = bring_in(library, write(tmp_path / "guide", "13-00", text="The new jobnet"))
    assert (report.manuals, report.unchanged) == (1, 0)
    assert editions(library) == {"12-50": EVERY, "13-00": EVERY}
    assert "The new jobnet" not in texts(library, "12-50")
    assert bring_in(library, tmp_path / "guide").unchanged == 4, "and again is a no-op"


def test_the_same_version_is_replaced_in_place(tmp_path: Path, library: Path) -> None:
    bring_in(library, write(tmp_path / "guide", "12-50"))
    assert bring_in(library, write(tmp_path / "guide", "12-50", text="The mended jobnet")).manuals == 1
    assert editions(library) == {"12-50": EVERY}
    assert texts(library, "12-50").count("The mended jobnet") == 4


def test_pages_that_name_no_version_go_with_those_that_do(tmp_path: Path, library: Path) -> None:
    silent = ("alpha", "delta")
    bring_in(library, write(tmp_path / "guide", "12", silent=silent))
    report = bring_in(library, write(tmp_path / "guide", "13", silent=silent))
    assert editions(library) == {"12": EVERY, "13": EVERY}
    assert report.unchanged == 0, "the new version holds also what it shares with the old one"
    assert bring_in(library, tmp_path / "guide").unchanged == 4


def test_the_old_version_removed_leaves_the_new_one_whole(tmp_path: Path, library: Path) -> None:
    silent = ("alpha",)
    bring_in(library, write(tmp_path / "guide", "12", silent=silent))
    bring_in(library, write(tmp_path / "guide", "13", silent=silent))
    with Library.open(library) as opened:
        opened.remove(min(manual.id for manual in opened.manuals()))
    assert editions(library) == {"13": EVERY}
    assert bring_in(library, tmp_path / "guide").unchanged == 4


def test_a_mended_page_of_either_version_goes_to_its_own(tmp_path: Path, library: Path) -> None:
    folder = write(tmp_path / "guide", "12")
    bring_in(library, folder)
    bring_in(library, write(folder, "13"))
    bring_in(library, write(folder, "13", text="The mended jobnet"))
    bring_in(library, write(folder, "12", text="The late jobnet"))
    assert editions(library) == {"12": EVERY, "13": EVERY}
    assert texts(library, "13").count("The mended jobnet") == 4
    assert texts(library, "12").count("The late jobnet") == 4


def test_a_few_pages_of_another_version_do_not_take_the_others_along(tmp_path: Path, library: Path) -> None:
    folder = write(tmp_path / "guide", "12")
    bring_in(library, folder)
    report = bring_in(library, write(folder, "12", gamma="13"))
    assert report.unchanged == 3
    assert editions(library) == {"12": EVERY, "13": ["gamma"]}


def test_a_new_folder_is_one_manual_whatever_its_pages_say(tmp_path: Path, library: Path) -> None:
    bring_in(library, write(tmp_path / "guide", "12", beta="13"))
    assert editions(library) == {"": EVERY}
    bring_in(library, write(tmp_path / "guide", "12", text="The mended jobnet", beta="13"))
    assert editions(library) == {"": EVERY}, "and stays one"


def test_a_version_that_is_written_otherwise_is_the_same(tmp_path: Path, library: Path) -> None:
    bring_in(library, write(tmp_path / "guide", "12-50"))
    bring_in(library, write(tmp_path / "guide", "１２-50", text="The mended jobnet"))
    assert len(editions(library)) == 1


@pytest.mark.parametrize("after", [1, 2])
def test_a_new_version_that_is_cut_short_is_gone_on_with_beside_the_old_one(
    after: int, tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.importing.GROUP_SECONDS", 0.0)
    silent = ("beta", "gamma")
    bring_in(library, write(tmp_path / "guide", "12", silent=silent))
    write(tmp_path / "guide", "13", silent=silent, text="The new jobnet")
    done = [0]

    def look(at: ImportProgress) -> None:
        done.append(at.done)

    def go(resume: bool) -> ImportReport:
        if resume:
            return resume_import(library, progress=look, cancelled=lambda: False)
        return import_manuals(library, [tmp_path / "guide"], progress=look, cancelled=lambda: max(done) >= after)

    assert go(resume=False).cancelled
    assert not go(resume=True).cancelled
    assert editions(library) == {"12": EVERY, "13": EVERY}
    assert "The new jobnet" not in texts(library, "12")


def test_a_folder_of_many_pages_moved_elsewhere_is_the_same_manual_and_a_single_page_too(
    tmp_path: Path, library: Path
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for n in range(12):
        (many / f"page{n}.md").write_text(f"# Page {n}\n\nIt tells of topic{n}.\n", encoding="utf-8")
    single = tmp_path / "single.md"
    single.write_text("# Alone\n\nIt tells of itself.\n", encoding="utf-8")
    bring_in(library, many, single)
    (tmp_path / "elsewhere").mkdir()
    many.rename(tmp_path / "elsewhere" / "many")
    single.rename(tmp_path / "elsewhere" / "single.md")
    report = bring_in(library, tmp_path / "elsewhere" / "many", tmp_path / "elsewhere" / "single.md")
    assert (report.manuals, report.unchanged) == (0, 13)
    with Library.open(library) as opened:
        assert {Path(manual.root).parent.name for manual in opened.manuals()} == {"elsewhere"}

"""Every damage is told by verify, or does not change what is found; rebuild mends what is derived."""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from index import dense, errors
from index.database import FILE
from index.library import Library
from tests.conftest import Tebiki
from tests.index.small_manuals import Hashed, bring_in, many_pages, write_manual

WORDS = ("topic00003", "topic00011", "word5 page 9", '"word5 word6 word7"', "topic0000*")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with words, embeddings and a matrix of them."""
    folder = tmp_path_factory.mktemp("damage")
    bring_in(folder / "library", write_manual(folder / "guide", many_pages(12, words=40)))
    with Library.open(folder / "library", embedder=Hashed()) as library, pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "_TAIL", 0)
        library.embed(lambda progress: None, lambda: False)
    return folder / "library"


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "library"))


def derived(library: Path) -> list[Path]:
    """Every file that counts of what is derived."""
    files = [path for path in sorted(library.rglob("*")) if path.is_file() and FILE not in str(path)]
    return [path for path in files if "backups" not in path.parts and not path.name.lower().endswith("lock")]


def found(library: Path) -> list[list[tuple[str, float]]]:
    with Library.open(library, embedder=Hashed(), mend=False) as opened:
        return [[(hit.passage.text, round(hit.score, 6)) for hit in opened.search(words, 5)] for words in WORDS]


def damage(library: Path) -> list[str]:
    with Library.open(library, embedder=Hashed(), mend=False) as opened:
        return opened.verify()


def rebuilt(library: Path) -> list[str]:
    with Library.open(library, embedder=Hashed(), mend=False) as opened:
        opened.rebuild()
        return opened.verify()


def flip(path: Path, place: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))


def test_there_is_something_to_damage(library: Path) -> None:
    assert {path.parent.name.split("-")[0] for path in derived(library)} == {"library", "lexical", "dense", "whoosh"}
    assert damage(library) == []


def test_a_flipped_bit_anywhere_in_a_derived_file_is_told_and_mended(library: Path, tmp_path: Path) -> None:
    rng = random.Random(os.environ.get("TEBIKI_SEED", "11"))
    whole = found(library)
    for path in derived(library):
        content = path.read_bytes()
        for _ in range(6):
            place, bit = rng.randrange(len(content)), rng.randrange(8)
            flip(path, place, bit)
            assert damage(library), f"bit {bit} of byte {place} of {path}"
            path.write_bytes(content)
        copy = Path(shutil.copytree(library, tmp_path / "copy"))
        flip(copy / path.relative_to(library), rng.randrange(len(content)), rng.randrange(8))
        assert rebuilt(copy) == []
        assert found(copy) == whole
        shutil.rmtree(copy)


@pytest.mark.parametrize("kind", ["lexical", "dense", "whoosh"])
@pytest.mark.parametrize("harm", ["cut", "emptied", "deleted", "grown", "another library's"])
def test_a_harmed_derived_file_is_told_and_mended(library: Path, tmp_path: Path, kind: str, harm: str) -> None:
    whole = found(library)
    victims = [path.relative_to(library) for path in derived(library) if path.parent.name.startswith(kind)]
    victims.append(Path(f"{kind}.json"))
    other = tmp_path / "other"
    bring_in(other, write_manual(tmp_path / "others", many_pages(3)))
    for number, victim in enumerate(victims):
        copy = Path(shutil.copytree(library, tmp_path / f"copy{number}"))
        path = copy / victim
        match harm:
            case "cut":
                os.truncate(path, path.stat().st_size // 2)
            case "emptied":
                os.truncate(path, 0)
            case "deleted":
                path.unlink()
            case "grown":
                path.write_bytes(path.read_bytes() + b"\0" * 8)
            case _:
                alike = [each.read_bytes() for each in derived(other) if each.suffix == path.suffix]
                path.write_bytes(next((each for each in alike if each != path.read_bytes()), b"{}"))
        # A pointer that is gone, or another library's, leaves nothing to rely on: opening makes anew what it named.
        assert damage(copy) or (path.suffix == ".json" and harm in ("deleted", "another library's"))
        assert rebuilt(copy) == []
        assert found(copy) == whole


def test_files_of_the_wrong_size_are_mended_in_passing(library: Path) -> None:
    whole = found(library)
    for path in derived(library):
        if path.suffix != ".json":
            os.truncate(path, path.stat().st_size - 1)
    assert found(library) == whole, "opened for a search, without a word"
    with Library.open(library, embedder=Hashed()) as opened:
        opened.embed(lambda progress: None, lambda: False)  # the window's work behind, which fills Whoosh's index too
        assert opened.verify() == []
    assert found(library) == whole


def test_a_damaged_word_index_is_not_built_upon(library: Path, tmp_path: Path) -> None:
    segment = max((path for path in derived(library) if path.parent.name.startswith("lexical")), key=os.path.getsize)
    flip(segment, segment.stat().st_size // 2, 3)
    bring_in(library, write_manual(tmp_path / "more", many_pages(3, words=7)))
    assert damage(library), "an import must not make damage look like what was written"
    assert rebuilt(library) == []


def test_a_library_made_from_another_ones_derived_files_takes_none_of_them(library: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    bring_in(other, write_manual(tmp_path / "others", many_pages(12, words=40)))
    for path in [*library.glob("lexical*"), *library.glob("dense*"), *library.glob("whoosh*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in [*other.glob("lexical*")]:
        shutil.copytree(path, library / path.name) if path.is_dir() else shutil.copy(path, library)
    with Library.open(library, embedder=Hashed()) as opened:
        assert opened.verify() == []
        assert opened.search("topic00003", 1)[0].passage.source == "page003.html"


# -- the truth ---------------------------------------------------------------------------------------------------------


def changed(library: Path, sql: str) -> None:
    """Change the file behind the program's back."""
    with closing(sqlite3.connect(library / FILE)) as db, db:
        db.execute(sql)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE sections SET text = replace(text, 'topic00003', 'topic00004')", "page003.html .* not as"),
        ("UPDATE sections SET heading = replace(heading, 'Page 3', 'Page 4')", "page003.html .* not as"),
        ('UPDATE passages SET "end" = "end" - 1 WHERE id = 7', "not as it was stored"),
        ("UPDATE files SET title = 'Other' WHERE source = 'page005.html'", "page005.html .* not as it was stored"),
        ("UPDATE manuals SET title = 'Other'", "list of manuals"),
        ("UPDATE embeddings SET vector = zeroblob(128) WHERE id = 4", "1 embeddings are not"),
        ("DELETE FROM sections WHERE id = 5", "belongs to a row"),
    ],
)  # fmt: skip
def test_what_was_not_stored_so_is_told(library: Path, sql: str, said: str) -> None:
    changed(library, sql)
    assert any(re.search(said, sentence) for sentence in damage(library))


def test_a_damaged_page_is_taken_in_anew_by_the_next_import_once_rebuild_has_seen_it(tmp_path: Path) -> None:
    library, manual = tmp_path / "library", write_manual(tmp_path / "guide", many_pages(5, words=20))
    bring_in(library, manual)
    changed(library, "UPDATE sections SET text = replace(text, 'topic00003', 'topic99999')")
    assert any("page003.html" in sentence for sentence in rebuilt(library)), "text can't be made out of nothing"
    assert bring_in(library, manual).unchanged == 4
    assert damage(library) == []
    with Library.open(library) as opened:
        assert opened.search("topic00003", 1)[0].passage.source == "page003.html"


def test_damaged_embeddings_are_dropped_by_rebuild_and_made_again(library: Path) -> None:
    whole = found(library)
    changed(library, "UPDATE embeddings SET vector = zeroblob(128) WHERE id IN (4, 9)")
    assert rebuilt(library) == []
    with Library.open(library, embedder=Hashed()) as opened:
        assert opened.counts.passages - opened.counts.embedded == 2
        assert opened.embed(lambda progress: None, lambda: False) == 2
    assert found(library) == whole


def test_indexes_of_sqlite_that_do_not_fit_are_made_anew_by_rebuild(library: Path) -> None:
    with closing(sqlite3.connect(library / FILE)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'files_by_content'").fetchone()
        size = db.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray((library / FILE).read_bytes())
    page = slice((root - 1) * size, root * size)
    content[page] = content[page].replace(b"a", b"b")
    (library / FILE).write_bytes(content)
    assert any("SQLite finds damage" in sentence for sentence in damage(library))
    assert rebuilt(library) == []


def test_a_flipped_bit_in_the_truth_is_told_or_changes_nothing(library: Path, tmp_path: Path) -> None:
    rng = random.Random(os.environ.get("TEBIKI_SEED", "12"))
    whole = found(library)
    content = (library / FILE).read_bytes()
    missed = []
    for _ in range(40):
        place, bit = rng.randrange(len(content)), rng.randrange(8)
        copy = Path(shutil.copytree(library, tmp_path / "copy"))
        flip(copy / FILE, place, bit)
        try:
            if not damage(copy) and found(copy) != whole:
                missed.append((place, bit))
        except (errors.LibraryDamaged, errors.LibraryNewer):
            pass
        shutil.rmtree(copy)
    assert missed == []


def test_the_command_line_tells_damage_with_status_1_and_mends_it(library: Path, tebiki: Tebiki) -> None:
    segment = next(path for path in derived(library) if path.parent.name.startswith("lexical"))
    flip(segment, segment.stat().st_size // 2, 1)
    told = tebiki("library", "verify", "--library", library)
    assert told.status == 1
    assert "is damaged" in told.reason
    assert "tebiki library rebuild" in told.reason
    assert tebiki("library", "rebuild", "--library", library).status == 0
    assert tebiki("library", "verify", "--library", library, "--json").json == {"whole": True, "damage": []}

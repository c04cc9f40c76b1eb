"""A library as one signed file: what was packed is what is loaded, and nothing that was changed is let in."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import errors
from index.database import FILE
from index.library import Library
from index.library_pack import contents_of, export_pack, import_pack
from index.sealed import MAGIC, Sealed, seal
from index.signing import KeyRing, same_fingerprint
from tests.conftest import Tebiki
from tests.index.small_manuals import JAPANESE, bring_in, many_pages, write_manual


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Who makes packs: a library of two manuals with embeddings, keys, and a pack of all of it."""
    work = tmp_path_factory.mktemp("maker-of-packs")
    english, japanese = write_manual(work / "guide"), write_manual(work / "手引", {"起動.html": JAPANESE})
    bring_in(work / "library", english, japanese, wait_embeddings=True)
    export_pack(work / "library", work / "all.tebiki", KeyRing(work / "keys"), name="All manuals")
    return work


@pytest.fixture
def trusting(maker: Path, tmp_path: Path) -> KeyRing:
    """The keys of somebody who trusts that maker."""
    keys = KeyRing(tmp_path / "keys")
    keys.trust(KeyRing(maker / "keys").own_signer("the maker"))
    return keys


def test_a_pack_brings_manuals_passages_and_embeddings_and_both_kinds_of_search(
    maker: Path, tmp_path: Path, trusting: KeyRing
) -> None:
    report = import_pack(tmp_path / "new", maker / "all.tebiki", trusting)
    assert (report.added, report.replaced, report.unchanged) == (2, 0, 0)
    assert report.embedded == report.passages > 0
    with Library.open(tmp_path / "new") as new, Library.open(maker / "library") as old:
        assert new.verify() == []
        assert new.counts == old.counts
        for query in ("KAVS0243-E", "which port does the manager use", "サービスを停止する"):
            found = [(hit.passage.text, hit.passage.source, round(hit.score, 6)) for hit in new.search(query)]
            assert found == [(hit.passage.text, hit.passage.source, round(hit.score, 6)) for hit in old.search(query)]


def test_a_large_pack_into_a_small_library_and_a_small_one_into_a_large_library_give_the_same(
    maker: Path, tmp_path: Path, trusting: KeyRing
) -> None:
    few, many = write_manual(tmp_path / "few", {"a.html": "<h1>Alpha</h1><p>The word zyzzyva stands here.</p>"}), None
    many = write_manual(tmp_path / "many", many_pages(30))
    for name, mine in (("small", few), ("large", many)):
        bring_in(tmp_path / name, mine)
        import_pack(tmp_path / name, maker / "all.tebiki", trusting)
        with Library.open(tmp_path / name) as library:
            assert library.verify() == []
            assert len(library.manuals()) == 3
            assert library.search("KAVS0243-E")[0].passage.heading[-1] == "KAVS0243-E"
            own = "zyzzyva" if mine == few else "topic00007"
            assert own in library.search(own)[0].passage.text
            assert library.search("which port does the manager listen on")[0].cosine is not None


def test_importing_twice_changes_nothing_and_a_newer_copy_of_a_manual_takes_the_place_of_the_older(
    maker: Path, tmp_path: Path, trusting: KeyRing
) -> None:
    mine = tmp_path / "mine"
    import_pack(mine, maker / "all.tebiki", trusting)
    again = import_pack(mine, maker / "all.tebiki", trusting)
    assert (again.added, again.replaced, again.unchanged) == (0, 0, 2)
    work = tmp_path / "later"
    shutil.copytree(maker / "library", work / "library")
    write_manual(maker / "guide", {"added.html": "<h1>Added</h1><p>The word quokka is new.</p>"})
    try:
        bring_in(work / "library", maker / "guide")
        export_pack(work / "library", work / "later.tebiki", KeyRing(maker / "keys"))
    finally:
        (maker / "guide" / "added.html").unlink()
    later = import_pack(mine, work / "later.tebiki", trusting)
    assert (later.added, later.replaced, later.unchanged) == (0, 1, 1)
    with Library.open(mine) as library:
        assert library.verify() == []
        assert len(library.manuals()) == 2
        assert "quokka" in library.search("quokka")[0].passage.text


def test_the_window_that_has_the_library_open_finds_the_new_manuals(
    maker: Path, tmp_path: Path, trusting: KeyRing
) -> None:
    mine = tmp_path / "mine"
    bring_in(mine, write_manual(tmp_path / "own", {"a.html": "<h1>Alpha</h1><p>The word zyzzyva.</p>"}))
    with Library.open(mine) as window:
        assert "zyzzyva" in window.search("zyzzyva")[0].passage.text
        import_pack(mine, maker / "all.tebiki", trusting)
        assert window.search("KAVS0243-E")[0].passage.heading[-1] == "KAVS0243-E"
        assert "zyzzyva" in window.search("zyzzyva")[0].passage.text
        assert window.verify() == []


def test_one_manual_of_several_is_packed_without_a_trace_of_the_others(maker: Path, tmp_path: Path) -> None:
    with Library.open(maker / "library") as library:
        (japanese,) = [manual for manual in library.manuals() if manual.language == "ja"]
    made = export_pack(
        maker / "library", tmp_path / "ja.tebiki", KeyRing(maker / "keys"), manuals=frozenset({japanese.id})
    )
    assert [manual.title for manual in made.manuals] == [japanese.title]
    unpacked = tmp_path / "unpacked"
    Sealed.open(tmp_path / "ja.tebiki").unpack(unpacked)
    everything = b"".join(file.read_bytes() for file in unpacked.rglob("*") if file.is_file())
    assert "サービスを停止する".encode() in everything
    assert b"KAVS0243" not in everything
    assert b"kavs0243" not in everything


def test_a_pack_does_not_tell_where_it_was_made(maker: Path, tmp_path: Path) -> None:
    Sealed.open(maker / "all.tebiki").unpack(tmp_path / "unpacked")
    with sqlite3.connect(tmp_path / "unpacked" / FILE) as db:
        dump = "\n".join(db.iterdump())
    assert str(maker) not in dump
    assert maker.name not in (tmp_path / "unpacked" / FILE).read_bytes().decode("latin-1")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_pack_with_any_one_bit_flipped_is_refused_and_the_library_is_as_it_was(
    maker: Path, tmp_path: Path, trusting: KeyRing, data: st.DataObject
) -> None:
    content = bytearray((maker / "all.tebiki").read_bytes())
    edges = st.sampled_from([*range(len(MAGIC) + 8), *range(len(content) - 200, len(content))])
    place = data.draw(st.integers(0, len(content) - 1) | edges)
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    spoiled = tmp_path / "spoiled.tebiki"
    spoiled.write_bytes(content)
    with pytest.raises(errors.LibraryPackRefused):
        import_pack(tmp_path / "mine", spoiled, trusting)
    if (tmp_path / "mine").exists():
        with Library.open(tmp_path / "mine") as library:
            assert library.counts.manuals == 0


@pytest.mark.parametrize("cut", [0, 5, 200, -1, -64, -5000])
def test_a_pack_that_was_copied_in_part_is_refused(maker: Path, tmp_path: Path, trusting: KeyRing, cut: int) -> None:
    (tmp_path / "part.tebiki").write_bytes((maker / "all.tebiki").read_bytes()[:cut])
    with pytest.raises(errors.LibraryPackRefused):
        import_pack(tmp_path / "mine", tmp_path / "part.tebiki", trusting)


def test_bytes_added_at_the_end_or_between_are_refused(maker: Path, tmp_path: Path, trusting: KeyRing) -> None:
    content = (maker / "all.tebiki").read_bytes()
    for spoiled in (content + b"\0", content[: len(MAGIC)] + b"\0" + content[len(MAGIC) :]):
        (tmp_path / "more.tebiki").write_bytes(spoiled)
        with pytest.raises(errors.LibraryPackRefused):
            import_pack(tmp_path / "mine", tmp_path / "more.tebiki", trusting)


def test_a_signer_who_is_not_trusted_is_refused_until_the_fingerprint_is_given(maker: Path, tmp_path: Path) -> None:
    keys, pack = KeyRing(tmp_path / "keys"), maker / "all.tebiki"
    fingerprint = KeyRing(maker / "keys").own_signer().fingerprint
    with pytest.raises(errors.LibraryPackRefused, match=f"{fingerprint}.*--trust"):
        import_pack(tmp_path / "mine", pack, keys)
    with pytest.raises(errors.LibraryPackRefused, match="another key"):
        import_pack(tmp_path / "mine", pack, keys, trust=KeyRing(tmp_path / "keys").own_signer().fingerprint)
    assert not (tmp_path / "mine").exists()
    import_pack(tmp_path / "mine", pack, keys, trust=fingerprint.upper().replace(" ", ""))
    import_pack(tmp_path / "second", pack, keys)


def test_the_same_pack_signed_again_by_another_is_refused(maker: Path, tmp_path: Path, trusting: KeyRing) -> None:
    whole = Sealed.open(maker / "all.tebiki")
    whole.unpack(tmp_path / "unpacked")
    members = {member.name: tmp_path / "unpacked" / member.name for member in whole.members}
    seal(tmp_path / "forged.tebiki", members, whole.facts, Ed25519PrivateKey.generate(), whole.signer.name)
    with pytest.raises(errors.LibraryPackRefused, match="not trusted"):
        import_pack(tmp_path / "mine", tmp_path / "forged.tebiki", trusting)


def test_a_signature_moved_to_another_manifest_is_refused(maker: Path, tmp_path: Path, trusting: KeyRing) -> None:
    content = (maker / "all.tebiki").read_bytes()
    (length,) = struct.unpack(">Q", content[-8:])
    start = len(content) - 8 - 64 - length
    manifest = json.loads(content[start : start + length])
    manifest["facts"]["name"] = "Other manuals"
    other = json.dumps(manifest, ensure_ascii=False).encode()
    (tmp_path / "moved.tebiki").write_bytes(content[:start] + other + content[-72:-8] + struct.pack(">Q", len(other)))
    with pytest.raises(errors.LibraryPackRefused, match="signature"):
        import_pack(tmp_path / "mine", tmp_path / "moved.tebiki", trusting)


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "a/b/c", ".hidden", "a\\..\\b"])
def test_a_member_that_would_lie_outside_is_refused_even_when_signed(
    maker: Path, tmp_path: Path, trusting: KeyRing, name: str
) -> None:
    (tmp_path / "content").write_bytes(b"outside")
    facts = Sealed.open(maker / "all.tebiki").facts
    seal(tmp_path / "evil.tebiki", {name: tmp_path / "content"}, facts, KeyRing(maker / "keys").own(), "the maker")
    with pytest.raises(errors.LibraryPackRefused):
        import_pack(tmp_path / "mine", tmp_path / "evil.tebiki", trusting)
    assert not list(tmp_path.rglob("outside"))


def test_a_database_with_a_trigger_is_refused_even_when_signed(maker: Path, tmp_path: Path, trusting: KeyRing) -> None:
    whole = Sealed.open(maker / "all.tebiki")
    whole.unpack(tmp_path / "unpacked")
    with sqlite3.connect(tmp_path / "unpacked" / FILE) as db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON manuals BEGIN DELETE FROM manuals; END")
    db.close()
    members = {member.name: tmp_path / "unpacked" / member.name for member in whole.members}
    seal(tmp_path / "evil.tebiki", members, whole.facts, KeyRing(maker / "keys").own(), "the maker")
    with pytest.raises(errors.LibraryPackRefused, match="trigger"):
        import_pack(tmp_path / "mine", tmp_path / "evil.tebiki", trusting)


def test_a_pack_from_a_newer_version_says_so(maker: Path, tmp_path: Path, trusting: KeyRing) -> None:
    whole = Sealed.open(maker / "all.tebiki")
    (tmp_path / "content").write_bytes(zlib.compress(b"new"))
    facts = {**whole.facts, "schema": 999}
    seal(tmp_path / "new.tebiki", {FILE: tmp_path / "content"}, facts, KeyRing(maker / "keys").own(), "the maker")
    with pytest.raises(errors.LibraryPackRefused, match="newer"):
        import_pack(tmp_path / "mine", tmp_path / "new.tebiki", trusting)


def test_the_key_is_for_its_owner_alone_and_stays_the_same(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path / "keys")
    first = keys.own_signer()
    (file,) = (tmp_path / "keys").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert KeyRing(tmp_path / "keys").own_signer() == first
    assert same_fingerprint(first.fingerprint, first.fingerprint.replace(" ", ":").upper())
    assert not same_fingerprint("", "")
    file.write_text("no key")
    with pytest.raises(errors.KeyUnusable, match=str(file)):
        keys.own()


def test_what_a_pack_holds_is_told_before_it_is_imported(maker: Path) -> None:
    contents = contents_of(Sealed.open(maker / "all.tebiki"))
    assert contents.name == "All manuals"
    assert {manual.language for manual in contents.manuals} == {"en", "ja"}
    assert contents.passages > 0


def test_from_the_command_line(tebiki: Tebiki, maker: Path, tmp_path: Path) -> None:
    pack = tmp_path / "all.tebiki"
    made = tebiki("library", "export", pack, "--library", maker / "library", "--json").json
    assert made["passages"] > 0
    assert made["signer"] == tebiki("library", "key").out.strip()
    loaded = tebiki("library", "import", pack, "--library", tmp_path / "mine", "--json").json
    assert (loaded["added"], loaded["replaced"]) == (2, 0)
    hits = tebiki("search", "KAVS0243-E", "--library", tmp_path / "mine", "--json").json
    assert hits[0]["heading"][-1] == "KAVS0243-E"
    pack.write_bytes(pack.read_bytes().replace(b'"All', b'"Bll').replace(b'"all', b'"bll'))
    refused = tebiki("library", "import", pack, "--library", tmp_path / "mine")
    assert refused.status == 1
    assert str(pack) in refused.reason
    nowhere = tebiki("library", "export", tmp_path / "no" / "x.tebiki", "--library", maker / "library")
    assert nowhere.status == 1
    assert "No such file" in nowhere.reason
    empty = tebiki("library", "export", pack, "--library", tmp_path / "none")
    assert empty.status == 1
    unknown = tebiki("library", "export", pack, "--manual", "99", "--library", maker / "library")
    assert "no manual 99" in unknown.reason

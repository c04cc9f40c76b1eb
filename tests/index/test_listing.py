"""What counts as a manual's file, in folders, single files and ZIP archives, and what is refused."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path

import pytest

from index.archive import read_entry
from index.errors import ManualUnreadable, NothingToImport
from index.listing import Candidate, list_candidates

PAGE = b"<h1>A</h1><p>text</p>"


def write(path: Path, data: bytes = PAGE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def sources(candidates: list[Candidate]) -> list[str]:
    return [candidate.source for candidate in candidates]


class TestFolders:
    def test_pages_of_a_folder_are_one_manual_and_each_pdf_is_one(self, tmp_path: Path) -> None:
        for name in ("a.html", "b.HTM", "notes.txt", "book.pdf", "book.docx", "sub/c.html"):
            write(tmp_path / name)
        found, skipped = list_candidates([tmp_path])
        groups = {candidate.source: candidate.group for candidate in found}
        assert groups["a.html"] == groups["b.HTM"] == groups["notes.txt"] == str(tmp_path)
        assert groups["sub/c.html"] == str(tmp_path / "sub")
        assert groups["book.pdf"] == str(tmp_path / "book.pdf")
        assert groups["book.docx"] == str(tmp_path / "book.docx")
        assert not skipped

    def test_pages_come_in_the_order_a_person_counts(self, tmp_path: Path) -> None:
        for name in ("page10.html", "page2.html", "index.html"):
            write(tmp_path / name)
        assert sources(list_candidates([tmp_path])[0]) == ["index.html", "page2.html", "page10.html"]

    def test_a_page_given_by_itself_is_a_manual_by_itself(self, tmp_path: Path) -> None:
        page = write(tmp_path / "a.html")
        (found,), _ = list_candidates([page])
        assert (found.source, found.root, found.group) == ("a.html", str(page), str(page))

    def test_images_hidden_and_backup_files_are_passed_over_in_silence(self, tmp_path: Path) -> None:
        names = (
            "a.html",
            "b.png",
            ".hidden.html",
            "a.html~",
            "a.html.bak",
            "style.css",
            "x.js",
            ".git/c.html",
            "Thumbs.db",
        )
        for name in names:
            write(tmp_path / name)
        found, skipped = list_candidates([tmp_path])
        assert (sources(found), skipped) == (["a.html"], [])

    def test_kinds_that_look_like_manuals_are_named_with_the_mend(self, tmp_path: Path) -> None:
        for name in ("a.html", "old.doc", "ports.xls", "help.chm", "book.mobi"):
            write(tmp_path / name)
        skipped = list_candidates([tmp_path])[1]
        assert [Path(each.path).name for each in skipped] == ["book.mobi", "help.chm", "old.doc", "ports.xls"]
        assert "is a DOC file, which is not read; save it as DOCX or PDF" in skipped[2].reason

    def test_a_compressed_page_is_read_as_the_page_it_is(self, tmp_path: Path) -> None:
        write(tmp_path / "a.html.gz")
        assert sources(list_candidates([tmp_path])[0]) == ["a.html.gz"]

    def test_a_page_beside_its_compressed_copy_is_listed_once(self, tmp_path: Path) -> None:
        for name in ("a.html", "a.html.gz", "b.html.gz"):
            write(tmp_path / name)
        assert sources(list_candidates([tmp_path])[0]) == ["a.html", "b.html.gz"]

    def test_links_that_lead_back_up_end(self, tmp_path: Path) -> None:
        write(tmp_path / "docs" / "a.html")
        (tmp_path / "docs" / "up").symlink_to(tmp_path, target_is_directory=True)
        assert sources(list_candidates([tmp_path])[0]) == ["docs/a.html"]

    def test_a_link_to_a_page_that_is_gone_is_named(self, tmp_path: Path) -> None:
        write(tmp_path / "a.html")
        (tmp_path / "b.html").symlink_to(tmp_path / "gone.html")
        assert "is a link to a file that is gone" in list_candidates([tmp_path])[1][0].reason

    def test_the_same_file_given_twice_is_listed_once(self, tmp_path: Path) -> None:
        page = write(tmp_path / "a.html")
        assert len(list_candidates([tmp_path, page, page])[0]) == 1

    def test_nothing_to_import_says_why(self, tmp_path: Path) -> None:
        with pytest.raises(NothingToImport, match="is not there; check the path"):
            list_candidates([tmp_path / "missing"])
        with pytest.raises(NothingToImport, match="holds no file of a kind that is read"):
            list_candidates([tmp_path])
        write(tmp_path / "old.doc")
        with pytest.raises(NothingToImport, match="is a DOC file, which is not read"):
            list_candidates([tmp_path])
        with pytest.raises(NothingToImport):
            list_candidates([])

    def test_japanese_names_are_kept(self, tmp_path: Path) -> None:
        write(tmp_path / "手引き" / "第1章.html")
        assert sources(list_candidates([tmp_path])[0]) == ["手引き/第1章.html"]


class TestArchives:
    def test_entries_are_grouped_by_their_folders(self, tmp_path: Path) -> None:
        path = zipped(
            tmp_path / "m.zip", {"m/a.html": PAGE, "m/b.html": PAGE, "m/c.pdf": PAGE, "top.md": PAGE, "m/x.png": PAGE}
        )
        found, skipped = list_candidates([path])
        groups = {candidate.source: candidate.group for candidate in found}
        assert groups == {
            "m/a.html": f"{path}!/m",
            "m/b.html": f"{path}!/m",
            "m/c.pdf": f"{path}!/m/c.pdf",
            "top.md": f"{path}!/",
        }
        assert not skipped
        assert read_entry(path, "m/a.html", 1000) == PAGE

    def test_an_archive_in_a_folder_is_opened_too(self, tmp_path: Path) -> None:
        zipped(tmp_path / "m.zip", {"a.html": PAGE})
        assert sources(list_candidates([tmp_path])[0]) == ["m.zip/a.html"]

    @pytest.mark.parametrize(
        "name", ["../evil.html", "a/../../evil.html", "/etc/evil.html", "C:\\evil.html", "..\\evil.html"]
    )
    def test_names_that_lead_out_are_refused(self, tmp_path: Path, name: str) -> None:
        path = zipped(tmp_path / "m.zip", {"a.html": PAGE, name: PAGE})
        found, (refused,) = list_candidates([path])
        assert sources(found) == ["a.html"]
        assert "has a name that leads out of the ZIP file" in refused.reason

    def test_names_in_cp932_are_read_as_their_maker_wrote_them(self, tmp_path: Path) -> None:
        name = "表示/第1章_ソート表.html"
        placeholder = "x" * len(name.encode("cp932"))
        path = zipped(tmp_path / "m.zip", {placeholder: PAGE})
        path.write_bytes(path.read_bytes().replace(placeholder.encode(), name.encode("cp932")))
        (found,), _ = list_candidates([path])
        assert found.entry == name
        assert read_entry(path, name, 1000) == PAGE

    def test_a_bomb_is_refused_before_it_is_unpacked(self, tmp_path: Path) -> None:
        path = zipped(tmp_path / "bomb.zip", {"a.txt": bytes(200 * 1024**2)})
        with pytest.raises(NothingToImport, match="would unpack to 200 MiB"):
            list_candidates([path])

    def test_a_bomb_that_lies_about_its_size_is_stopped_at_the_limit(self, tmp_path: Path) -> None:
        path = zipped(tmp_path / "bomb.zip", {"a.txt": bytes(3_000_000)})
        path.write_bytes(path.read_bytes().replace(struct.pack("<L", 3_000_000), struct.pack("<L", 100)))
        with pytest.raises(ManualUnreadable, match=r"a\.txt"):
            read_entry(path, "a.txt", 50)

    def test_an_entry_larger_than_the_limit_is_named(self, tmp_path: Path) -> None:
        path = zipped(tmp_path / "m.zip", {"a.txt": os.urandom(3 * 1024**2)})
        with pytest.raises(ManualUnreadable, match=r"a\.txt unpacks to more than 2 MiB"):
            read_entry(path, "a.txt", 2 * 1024**2)

    def test_an_encrypted_entry_is_named(self, tmp_path: Path) -> None:
        path = zipped(tmp_path / "m.zip", {"a.html": PAGE})
        data = bytearray(path.read_bytes())
        for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(signature) + flags] |= 1
        path.write_bytes(bytes(data))
        with pytest.raises(NothingToImport, match="is protected with a password; unpack the ZIP"):
            list_candidates([path])

    def test_a_zip_in_a_zip_is_named(self, tmp_path: Path) -> None:
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as archive:
            archive.writestr("a.html", PAGE)
        path = zipped(tmp_path / "m.zip", {"a.html": PAGE, "inner.zip": inner.getvalue()})
        assert "is a ZIP file inside a ZIP file" in list_candidates([path])[1][0].reason

    def test_what_is_no_zip_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(NothingToImport, match=r"m\.zip can't be opened as a ZIP file"):
            list_candidates([write(tmp_path / "m.zip", b"rubbish")])

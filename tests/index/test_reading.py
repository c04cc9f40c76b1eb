"""Which bytes are text, whatever a file's name says."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from index.errors import ManualUnreadable
from index.listing import list_candidates
from index.reader_process import ReaderProcess
from index.reading import read_bytes


def test_a_stray_nul_does_not_make_a_short_text_binary() -> None:
    assert read_bytes(b"Stop the\x00 service.\n", "a.txt", "/m/a.txt").sections[0].text == "Stop the service."


def test_what_is_mostly_control_characters_is_binary() -> None:
    with pytest.raises(ManualUnreadable, match=r"/m/a\.txt holds binary data"):
        read_bytes(bytes(range(32)) * 2, "a.txt", "/m/a.txt")


def test_names_of_endless_numbers_are_sorted_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("9" * 5000 + ".txt", "Nine.")
        archive.writestr("1.txt", "One.")
    assert next(each.entry for each in list_candidates([tmp_path / "m.zip"])[0]) == "1.txt"


def test_an_archive_that_changes_between_two_files_is_read_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "The first text.")
    (candidate,), _ = list_candidates([path])
    with ReaderProcess() as reader:
        assert reader.read(candidate).sections[0].text == "The first text."
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "Another, longer text.")
        assert reader.read(candidate).sections[0].text == "Another, longer text."

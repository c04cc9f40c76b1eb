"""Real manuals, as Debian packages them: what an operator asks about is found whole, where it stands."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks import corpora
from index.errors import ManualUnreadable
from index.listing import list_candidates
from index.passages import MAXIMUM, gaps, split
from index.reader_process import ReaderProcess
from index.reading import read_file
from index.records import Document, DocumentSection

pytestmark = pytest.mark.corpora
_DATA = Path(os.environ.get("TEBIKI_DATA", Path(__file__).parents[3] / "shared" / "data"))


def manual(package: str) -> Path:
    folder = corpora.folder(package)
    if not folder.is_dir():
        pytest.skip(f"{package} is not cached; bring it with: python -m benchmarks.corpora {package}")
    return folder


def page(package: str, name: str) -> Document:
    return read_file(manual(package) / name, name)


def under(document: Document, heading: str) -> DocumentSection:
    return next(section for section in document.sections if section.heading[-1].startswith(heading))


def test_each_option_of_a_command_is_found_with_its_anchor() -> None:
    document = page("slurm-wlm-doc", "sbatch.html")
    array = under(document, "-a, --array=")
    assert (array.heading[:2], array.anchor) == (("sbatch", "OPTIONS"), "OPT_array")
    assert array.text.startswith("-a, --array=<indexes>: Submit a job array")
    assert array.text.endswith("only run on the local cluster.")


def test_short_options_stay_among_their_neighbours_as_definitions() -> None:
    document = page("slurm-wlm-doc", "sbatch.html")
    found = [
        section.text[block.start : block.end]
        for section in document.sections
        for block in section.blocks
        if block.kind == "definition"
    ]
    assert any(text.startswith("--comment=<string>: An arbitrary comment") for text in found)


def test_parameters_of_a_configuration_file_are_sections() -> None:
    section = under(page("postgresql-doc-15", "runtime-config-wal.html"), "fsync (boolean)")
    assert section.anchor == "GUC-FSYNC"
    assert section.text.startswith("fsync (boolean): If this parameter is on")


def test_a_catalog_table_keeps_a_row_a_column() -> None:
    (section,) = page("postgresql-doc-15", "catalog-pg-class.html").sections
    table = next(block for block in section.blocks if block.kind == "table")
    lines = section.text[table.start : table.end].split("\n")
    assert lines[:2] == ["Column Type | Description", "oid oid | Row identifier"]


def test_questions_and_answers_are_sections_by_question() -> None:
    section = under(page("slurm-wlm-doc", "faq.html"), "Why is my job/node in a COMPLETING state?")
    assert section.anchor == "comp"
    assert section.text.startswith("When a job is terminating")


@pytest.mark.parametrize(
    ("package", "name", "words"),
    [
        ("slurm-wlm-doc", "sbatch.html", ["Legal Notices", "man2html", "Release Notes", "Testimonials"]),
        ("bacula-doc", "Autochanger_Resource.html", ["Subsections", "Previous:"]),
        ("debian-reference-ja", "ch02.ja.html", ["次へ", "戻る"]),
        ("aptitude-doc-ja", "ch02s01.html", ["戻る", "ホーム"]),
    ],
)
def test_navigation_is_left_out(package: str, name: str, words: list[str]) -> None:
    text = "\n".join(section.text for section in page(package, name).sections)
    assert [word for word in words if word in text] == []


def test_japanese_pages_keep_tables_lists_and_anchors() -> None:
    document = page("debian-reference-ja", "ch02.ja.html")
    section = under(document, "2.1.1. パッケージ設定")
    assert document.language == "ja"
    assert section.anchor == "_package_configuration"
    assert {"table", "list", "code", "note"} <= {block.kind for each in document.sections for block in each.blocks}


def test_a_real_pdf_gives_its_chapters_with_their_pages() -> None:
    document = page("debian-reference-ja", "debian-reference.ja.pdf")
    section = under(document, "1.2.7 リンク")
    assert document.language == "ja"
    assert section.page == 41
    assert section.heading[2].startswith("1.2 Unix-like")


@pytest.mark.parametrize("package", [corpus.package for corpus in corpora.CORPORA])
def test_whole_manuals_are_read_and_cut_without_loss(package: str) -> None:
    candidates, _ = list_candidates([manual(package)])
    unread, spans = [], 0
    with ReaderProcess() as reader:
        for candidate in candidates:
            try:
                document = reader.read(candidate)
            except ManualUnreadable as error:
                unread.append(str(error))
                continue
            for section in document.sections:
                found = split(section, document.language)
                spans += len(found)
                assert gaps(found, section.text) == []
                assert max(span.end - span.start for span in found) <= MAXIMUM
    assert unread == []
    assert spans > len(candidates)


def test_each_deciding_sentence_of_the_exam_stands_in_one_passage() -> None:
    bank = _DATA / "slurm_dev.jsonl"
    if not bank.is_file():
        pytest.skip(f"{bank} is not there; set TEBIKI_DATA to the folder that holds it")
    questions = [json.loads(text) for text in bank.read_text(encoding="utf-8").splitlines()]
    lost = []
    for question in questions:
        if not question.get("evidence"):
            continue
        document = page("slurm-wlm-doc", question["source"])
        passages = [
            " ".join(section.text[span.start : span.end].split())
            for section in document.sections
            for span in split(section, document.language)
        ]
        evidence = " ".join(question["evidence"].split())
        if not any(evidence in passage for passage in passages):
            lost.append(question["id"])
    assert lost == []

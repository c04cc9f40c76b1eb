"""The command line as other programs rely on it: its JSON, its exit status, and one clear line for each bad input."""

from __future__ import annotations

import json
import sqlite3
import struct
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import ROOT, Tebiki

PORT_QUESTION = "On which port does the event service listen?"
PAGE = """<html><head><title>{title} - Night Watch</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"""
PAGES = {
    "hold.html": ("Holding a job", "A job whose hold attribute is set waits until the operator releases it with relq."),
    "ports.html": ("Port numbers", "The event service of Night Watch listens on port 24680/tcp."),
    "index.html": ("Contents", "This manual describes how to run Night Watch at night."),
}


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small manual of three pages."""
    folder = tmp_path_factory.mktemp("files") / "night-watch"
    folder.mkdir()
    for name, (title, text) in PAGES.items():
        (folder / name).write_text(PAGE.format(title=title, text=text), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def library(manual: Path, tebiki: Tebiki, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that holds the small manual, embeddings included."""
    folder = tmp_path_factory.mktemp("libraries") / "library"
    done = tebiki("import", manual, "--library", folder, "--wait-embeddings", "--json")
    assert done.status == 0, done.err
    return folder


@pytest.mark.parametrize("verb", [(), ("import",), ("library",), ("search",), ("ask",), ("exam", "take"), ("doctor",)])
def test_every_verb_has_help(tebiki: Tebiki, verb: tuple[str, ...]) -> None:
    done = tebiki(*verb, "--help")
    assert done.status == 0
    assert "Usage" in done.out


def test_import_prints_what_it_did_and_a_second_import_changes_nothing(
    tebiki: Tebiki, manual: Path, tmp_path: Path
) -> None:
    first = tebiki("import", manual, "--library", tmp_path / "new", "--json").json
    assert {"manuals", "sections", "passages", "unchanged", "seconds", "embedded", "skipped"} <= set(first)
    assert (first["manuals"], first["sections"], first["unchanged"], first["skipped"]) == (1, 3, 0, [])
    again = tebiki("import", manual, "--library", tmp_path / "new", "--json").json
    assert (again["manuals"], again["passages"], again["unchanged"]) == (0, 0, 3)


def test_wait_embeddings_embeds_every_passage(tebiki: Tebiki, library: Path) -> None:
    (listed,) = tebiki("library", "list", "--library", library, "--json").json
    assert listed["embedded"] == listed["passages"] == 3


def test_search_gives_the_documented_fields(tebiki: Tebiki, library: Path) -> None:
    hits = tebiki("search", "which port does the event service use?", "--library", library, "--top", "2", "--json").json
    assert set(hits[0]) == {"passage", "manual", "source", "heading", "page", "text", "score"}
    assert hits[0]["source"] == "ports.html"
    assert len(hits) <= 2


@pytest.mark.model
def test_ask_cites_a_quote_that_stands_at_its_offsets(tebiki: Tebiki, library: Path) -> None:
    answer = tebiki("ask", PORT_QUESTION, "--library", library, "--json").json
    assert not answer["abstained"]
    assert "24680" in answer["answer"]
    (listed,) = tebiki("library", "list", "--library", library, "--json").json
    citation = answer["citations"][0]
    text = tebiki("library", "text", listed["id"], citation["source"], "--library", library, "--json").json["text"]
    assert text[citation["start"] : citation["end"]] == citation["quote"]
    assert {"search", "extract", "first_evidence", "first_token", "total"} == set(answer["seconds"])
    assert {"prompt", "reused", "generated"} == set(answer["tokens"])
    assert answer["problem"] == ""
    for one in answer["unsupported"]:
        assert answer["answer"][one["start"] : one["end"]] == one["text"]
    assert answer["steps"][0]["action"].startswith("search[")


@pytest.mark.model
def test_ask_says_so_when_the_manuals_do_not_hold_the_answer(tebiki: Tebiki, library: Path) -> None:
    answer = tebiki("ask", "Who won the football world cup in 1998?", "--library", library, "--json").json
    assert answer["abstained"]
    assert "Not in the manuals" in answer["answer"]


@pytest.mark.model
@pytest.mark.parametrize("mode", ["closed", "rag", "agent"])
def test_a_model_sits_an_exam(tebiki: Tebiki, library: Path, tmp_path: Path, mode: str) -> None:
    bank = tmp_path / "bank.jsonl"
    question = {
        "id": "q1", "lang": "en", "level": "engineer", "question": "On which port does the event service listen?",
        "options": ["24680/tcp", "80/tcp", "22/tcp", "5432/tcp"], "answer": 0,
    }  # fmt: skip
    bank.write_text(json.dumps(question) + "\n", encoding="utf-8")
    result = tebiki(
        "exam", "take", bank, "--library", library, "--mode", mode, "--out", tmp_path / "out.json", "--json"
    ).json
    assert result["n"] == 1
    assert set(result["items"][0]) == {"id", "chosen", "answer", "right", "searches", "citations", "seconds"}
    assert (result["items"][0]["searches"] > 0) == (mode != "closed")
    assert json.loads((tmp_path / "out.json").read_text())["n"] == 1
    if mode != "closed":
        assert result["items"][0]["right"]


def test_removed_manuals_are_found_no_more(tebiki: Tebiki, manual: Path, tmp_path: Path) -> None:
    tebiki("import", manual, "--library", tmp_path / "lib")
    (listed,) = tebiki("library", "list", "--library", tmp_path / "lib", "--json").json
    assert tebiki("library", "remove", listed["id"], "--library", tmp_path / "lib").status == 0
    assert tebiki("search", "relq", "--library", tmp_path / "lib", "--json").json == []
    assert "no manual 99" in tebiki("library", "remove", "99", "--library", tmp_path / "lib").reason


def test_verify_finds_damage_and_rebuild_mends_it(tebiki: Tebiki, manual: Path, tmp_path: Path) -> None:
    library = tmp_path / "lib"
    tebiki("import", manual, "--library", library)
    assert tebiki("library", "verify", "--library", library).status == 0
    for segment in library.rglob("*.seg"):
        segment.write_bytes(b"rubbish")
    assert tebiki("library", "rebuild", "--library", library).status == 0
    assert tebiki("library", "verify", "--library", library, "--json").json == {"whole": True, "damage": []}
    assert tebiki("search", "relq", "--library", library, "--json").json[0]["source"] == "hold.html"


def test_doctor_looks_at_everything(tebiki: Tebiki, library: Path) -> None:
    report = tebiki("doctor", "--library", library, "--json").json
    assert {"machine", "engine", "model", "threads", "embedder", "library"} <= {
        one["name"] for one in report["findings"]
    }
    assert all(one["mend"] for one in report["findings"] if one["ok"] is False)


def test_wrong_usage_ends_with_status_2(tebiki: Tebiki) -> None:
    assert tebiki("import").status == 2
    assert tebiki("search").status == 2
    assert tebiki("nonsense").status == 2
    assert tebiki("exam", "take", "bank.jsonl", "--mode", "guess").status == 2


def test_an_option_before_the_verb_is_refused_and_not_lost(tebiki: Tebiki, library: Path) -> None:
    done = tebiki("--library", library, "search", "port")
    assert done.status == 2
    assert "after the verb" in done.err


def test_json_is_utf_8_whatever_the_locale_says(
    tebiki: Tebiki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "保留.md").write_text("# 保留\n\n保留属性のジョブは待機します。\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    assert tebiki("import", tmp_path / "保留.md", "--library", tmp_path / "library", "--json").json["manuals"] == 1
    assert tebiki("search", "保留", "--library", tmp_path / "library", "--json").json[0]["source"] == "保留.md"


# Bad input: status 1, one line with what happened, to which file, and the mend; what was there stays.


def refused(tebiki: Tebiki, *arguments: str | Path, stdin: str | None = None) -> str:
    done = tebiki(*arguments, stdin=stdin)
    assert done.status == 1, (done.out, done.err)
    return done.reason


def test_a_library_that_is_not_there_is_an_error_outside_import(tebiki: Tebiki, tmp_path: Path) -> None:
    for verb in (("search", "x"), ("ask", "what is x?"), ("library", "list")):
        assert str(tmp_path / "none") in refused(tebiki, *verb, "--library", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_missing_path_is_named(tebiki: Tebiki, tmp_path: Path) -> None:
    assert "nowhere" in refused(tebiki, "import", tmp_path / "nowhere", "--library", tmp_path / "lib")


def test_an_empty_folder_is_named(tebiki: Tebiki, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in refused(tebiki, "import", tmp_path / "empty", "--library", tmp_path / "lib")


def test_a_broken_pdf_costs_itself_and_nothing_else(tebiki: Tebiki, manual: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnot really\n")
    assert "broken.pdf" in refused(tebiki, "import", broken, "--library", tmp_path / "lib")
    both = tebiki("import", broken, manual, "--library", tmp_path / "lib", "--json")
    assert both.status == 0
    assert both.json["sections"] == 3
    assert [one["path"] for one in both.json["skipped"]] == [str(broken)]


def test_an_archive_whose_names_climb_out_is_refused_by_entry(tebiki: Tebiki, tmp_path: Path) -> None:
    archive = tmp_path / "climb.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../outside.html", "<h1>Out</h1><p>of the folder</p>")
        file.writestr("inside.html", "<h1>Inside</h1><p>of the folder it stays</p>")
    done = tebiki("import", archive, "--library", tmp_path / "lib", "--json")
    assert done.json["sections"] == 1
    assert ["../outside.html" in one["path"] for one in done.json["skipped"]] == [True]
    assert not (tmp_path / "outside.html").exists()


def test_an_archive_bomb_is_refused(tebiki: Tebiki, tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("bomb.txt", "w", force_zip64=True) as entry,
    ):
        for _ in range(300):
            entry.write(b"\0" * 1_000_000)
    assert "bomb" in refused(tebiki, "import", archive, "--library", tmp_path / "lib")


def test_a_text_file_of_200_megabytes_is_refused(tebiki: Tebiki, tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.write(b"All work and no play makes a dull manual.\n" * 1000)
        file.truncate(200_000_000)
    assert "large.txt" in refused(tebiki, "import", large, "--library", tmp_path / "lib")


def test_cp932_declared_as_utf8_is_read_as_what_it_is(tebiki: Tebiki, tmp_path: Path) -> None:
    page = tmp_path / "保留.html"
    head = '<html><head><meta charset="utf-8"><title>保留</title></head>'
    text = head + "<body><h1>保留</h1><p>ジョブの実行を保留する。</p></body></html>"
    page.write_bytes(text.encode("cp932"))
    assert tebiki("import", page, "--library", tmp_path / "lib").status == 0
    (hit,) = tebiki("search", "保留", "--library", tmp_path / "lib", "--json").json
    assert hit["text"] == "ジョブの実行を保留する。"


def test_a_model_file_that_is_not_a_gguf_costs_the_words_and_not_the_answer(
    tebiki: Tebiki, library: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GIF89a" + bytes(1000))
    answered_by_quotes_because(("model.gguf", "GGUF"), tebiki, library, model)


def answered_by_quotes_because(reasons: Sequence[str], tebiki: Tebiki, library: Path, model: Path) -> None:
    done = tebiki("ask", PORT_QUESTION, "--library", library, "--model", model, "--json")
    assert done.status == 0, done.err
    assert not done.json["abstained"]
    assert not done.json["phrased"]
    assert "24680/tcp" in done.json["answer"]
    assert all(reason in done.json["problem"] for reason in reasons)
    shown = tebiki("ask", PORT_QUESTION, "--library", library, "--model", model)
    assert shown.status == 0
    assert done.json["citations"][0]["quote"] in shown.out
    assert all(reason in shown.err for reason in reasons)


def test_a_model_file_named_on_the_command_line_that_is_not_there_is_an_error(
    tebiki: Tebiki, library: Path, tmp_path: Path
) -> None:
    assert "none.gguf" in refused(tebiki, "ask", "Why?", "--library", library, "--model", tmp_path / "none.gguf")


def gguf_header(tensors: int, **values: int | str) -> bytes:
    """The head of a GGUF version 3 file with integer and string metadata, as the format's specification lays it out."""
    out = struct.pack("<4sIQQ", b"GGUF", 3, tensors, len(values))
    for name, value in values.items():
        key = name.replace("__", ".").encode()
        out += struct.pack("<Q", len(key)) + key
        if isinstance(value, int):
            out += struct.pack("<II", 4, value)
        else:
            out += struct.pack("<IQ", 8, len(value)) + value.encode()
    return out


def test_a_model_too_large_for_the_memory_costs_the_words_and_is_told_of_with_the_figures(
    tebiki: Tebiki, library: Path, tmp_path: Path
) -> None:
    model = tmp_path / "huge.gguf"
    shape = {"llama__block_count": 80, "llama__context_length": 8192, "llama__embedding_length": 8192}
    heads = {"llama__attention__head_count": 64, "llama__attention__head_count_kv": 8}
    with model.open("wb") as file:
        file.write(gguf_header(1, general__architecture="llama", **shape, **heads))
        file.truncate(900 * 1024**3)
    answered_by_quotes_because(("huge.gguf", "memory", "MiB"), tebiki, library, model)


def test_a_question_of_100_000_characters_is_refused(tebiki: Tebiki, library: Path) -> None:
    assert "question" in refused(tebiki, "ask", "why " * 25_000, "--library", library).lower()


@pytest.mark.parametrize("question", ["", "   ", "\u3000"])
def test_an_empty_question_is_refused(tebiki: Tebiki, library: Path, question: str) -> None:
    assert "question" in refused(tebiki, "ask", question, "--library", library).lower()


def test_a_library_of_a_newer_version_is_left_alone(tebiki: Tebiki, manual: Path, tmp_path: Path) -> None:
    library = tmp_path / "lib"
    tebiki("import", manual, "--library", library)
    with closing(sqlite3.connect(library / "library.sqlite")) as truth:
        truth.execute("PRAGMA user_version = 999")
    before = (library / "library.sqlite").read_bytes()
    for verb in (("import", manual), ("search", "relq"), ("library", "list")):
        assert "newer version" in refused(tebiki, *verb, "--library", library)
    assert (library / "library.sqlite").read_bytes() == before


def test_a_second_writer_is_told_who_writes(tebiki: Tebiki, manual: Path, tmp_path: Path) -> None:
    library = tmp_path / "lib"
    tebiki("import", manual, "--library", library)
    script = (
        "import sys, time, pathlib; from index.writer_lock import WriterLock\n"
        "with WriterLock(pathlib.Path(sys.argv[1])):\n print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(library)], stdout=subprocess.PIPE, cwd=ROOT, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert str(holder.pid) in refused(tebiki, "import", manual, "--library", library)
        assert tebiki("search", "relq", "--library", library, "--json").json, "reading goes on while another writes"
    finally:
        holder.kill()
        holder.communicate()
    assert tebiki("import", manual, "--library", library).status == 0


def test_a_stopped_import_keeps_what_was_read(tebiki: Tebiki, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"page{number:03}.html").write_text(PAGE.format(title=f"Page {number}", text="word " * 400))
    command = [
        sys.executable,
        "-m",
        "desktop",
        "import",
        folder,
        "--library",
        tmp_path / "lib",
        "--json",
        "--progress-json",
    ]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert run.stderr is not None
    for line in run.stderr:
        at = json.loads(line)
        if at["stage"] == "reading" and at["done"] >= 3:
            run.terminate()
            break
    out, _ = run.communicate(timeout=120)
    report = json.loads(out)
    assert run.returncode == 0
    assert report["cancelled"]
    assert 3 <= report["sections"] < 300
    assert tebiki("library", "verify", "--library", tmp_path / "lib").status == 0
    again = tebiki("import", folder, "--library", tmp_path / "lib", "--json").json
    assert again["unchanged"] >= report["sections"]
    assert again["sections"] + again["unchanged"] == 300


def test_a_bank_with_a_bad_line_is_named_by_line_and_nothing_of_it_used(
    tebiki: Tebiki, library: Path, tmp_path: Path
) -> None:
    bank = tmp_path / "bank.jsonl"
    good = {"id": "a", "lang": "en", "level": "engineer", "question": "?", "options": ["a", "b", "c", "d"], "answer": 0}
    bank.write_text(f"{json.dumps(good)}\n{json.dumps({**good, 'id': 'b', 'answer': 4})}\n", encoding="utf-8")
    reason = refused(tebiki, "exam", "take", bank, "--library", library)
    assert "bank.jsonl" in reason
    assert "line 2" in reason.lower()


def test_an_exam_can_keep_to_the_split_that_is_never_trained_on(tebiki: Tebiki, library: Path, tmp_path: Path) -> None:
    question = {"lang": "en", "level": "engineer", "question": "Which?", "options": ["a", "b", "c", "d"], "answer": 0}
    bank = tmp_path / "bank.jsonl"
    rows = [{"id": f"q{n}", "split": split, **question} for n, split in enumerate(("study", "exam", "exam"))]
    bank.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    taken = tebiki("exam", "take", bank, "--library", library, "--mode", "rag", "--split", "exam", "--json").json
    assert [item["id"] for item in taken["items"]] == ["q1", "q2"]
    wrong = tebiki("exam", "take", bank, "--library", library, "--split", "other")
    assert wrong.status == 2
    bank.write_text(json.dumps({"id": "q0", **question}) + "\n", encoding="utf-8")
    none = tebiki("exam", "take", bank, "--library", library, "--split", "exam")
    assert none.status == 1
    assert "leave --split out" in none.reason

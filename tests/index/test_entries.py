"""Names lead to what explains them: which keys a document gives, where they point, how they go with their passage."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import entries, passages, schema
from index.entries import CELL, DEFINITION, ROW
from index.library import Library
from index.records import Block, DocumentSection, Scope
from index.store import Store
from tests.index.small_manuals import bring_in, many_pages, write_manual

COMMAND = """<html><head><title>sjob</title></head><body><h1>sjob</h1><h2>Name</h2><p>sjob - submit a job</p>
<h2>Options</h2><dl>
<dt>-t, --time=&lt;time&gt;</dt><dd>Ends the job after this time. {more}</dd>
<dt>--time-min=&lt;time&gt;</dt><dd>Lets the limit be lowered to this much. {more}</dd>
<dt>-T</dt><dd>Prints the version. {more}</dd>
<dt>SJOB_CONF</dt><dd>Where the settings lie. {more}</dd></dl></body></html>"""
OTHER = """<html><head><title>salloc</title></head><body><h1>salloc</h1><h2>Options</h2><dl>
<dt>-t, --time=&lt;time&gt;</dt><dd>Gives the hosts back after this time. {more}</dd></dl></body></html>"""
PORTS = """<html><head><title>Ports</title></head><body><h1>Ports</h1><p>The services listen here.</p><table>
<tr><th>Port</th><th>Service</th><th>Use</th></tr><tr><td>20243/tcp</td><td>agent2</td><td>Notices</td></tr>
<tr><td>22250/tcp</td><td>console_d</td><td>Web console</td></tr></table></body></html>"""
MESSAGES = """<html><head><title>Messages</title></head><body><h1>3.2 Messages</h1>
<h2>3.2.1 KAVS0243‐E</h2><p>The calendar is missing.</p><h2>KAVS0266-I and KAVS0267-I: after a start</h2><p>All is well
after KAVS0243-E was seen.</p><p>KAVS0300-W The disk is nearly full; see /etc/opt/base/conf for the limit.</p>
</body></html>"""


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of two commands with one option each of the same name, a table of ports, and messages."""
    work = tmp_path_factory.mktemp("entries")
    more = "This is told at some length so that each option has a passage of its own, more or less. " * 8
    pages = {"sjob.html": COMMAND.format(more=more), "salloc.html": OTHER.format(more=more)}
    bring_in(work / "library", write_manual(work / "guide", pages | {"ports.html": PORTS, "messages.html": MESSAGES}))
    return work / "library"


@pytest.mark.parametrize(
    ("name", "source", "holds"),
    [
        ("--time-min", "sjob.html", "be lowered"),
        ("sjob -t", "sjob.html", "Ends the job"),
        ("salloc -t", "salloc.html", "Gives the hosts back"),
        ("-T", "sjob.html", "Prints the version"),
        ("SJOB_CONF", "sjob.html", "settings lie"),
        ("sjob", "sjob.html", "submit a job"),
        ("20243/tcp", "ports.html", "agent2"),
        ("20243", "ports.html", "agent2"),
        ("console_d", "ports.html", "22250"),
        ("KAVS0243-E", "messages.html", "calendar is missing"),
        ("kavs0243‐e", "messages.html", "calendar is missing"),  # another hyphen, another case
        ("KAVS0267-I", "messages.html", "All is well"),
        ("KAVS0300-W", "messages.html", "nearly full"),
        ("KAVS0243", "messages.html", "calendar is missing"),  # the beginning of it
    ],
)
def test_who_types_a_name_meets_its_entry_first(manual: Path, name: str, source: str, holds: str) -> None:
    with Library.open(manual) as library:
        best = library.search(name, 5)[0]
        assert best.passage in library.entries(name)
    assert best.passage.source == source
    assert holds in best.passage.text


def test_a_name_in_a_question_brings_its_entry_before_what_mentions_it(manual: Path) -> None:
    with Library.open(manual) as library:
        hits = library.search("What can be done about KAVS0243-E?", 5)
    assert "calendar is missing" in hits[0].passage.text
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0 <= hit.score <= 1 for hit in hits)


def test_entries_of_a_name_nobody_explains_are_none(manual: Path) -> None:
    with Library.open(manual) as library:
        assert library.entries("KAVS9999-E") == []
        assert library.entries("") == []
        assert library.entries("終了コード") == []


def test_a_scope_holds_for_entries_too(manual: Path) -> None:
    with Library.open(manual) as library:
        assert library.entries("--time-min", scope=Scope(language="en"))
        assert library.entries("--time-min", scope=Scope(language="ja")) == []
        assert library.entries("--time-min", scope=Scope(manuals=frozenset({999}))) == []


def test_entries_go_and_come_with_their_file(tmp_path: Path) -> None:
    guide, library = tmp_path / "guide", tmp_path / "library"
    bring_in(library, write_manual(guide, {"messages.html": MESSAGES, **many_pages(2, words=5)}))
    (guide / "messages.html").write_text(MESSAGES.replace("KAVS0300-W", "KAVS0301-W"), encoding="utf-8")
    bring_in(library, guide)
    with Library.open(library) as opened:
        assert opened.entries("KAVS0300-W") == []
        assert "nearly full" in opened.entries("KAVS0301-W")[0].text
        opened.remove(opened.manuals()[0].id)
        assert opened.entries("KAVS0301-W") == []
        assert opened.search("KAVS0301-W") == []


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("13.1.8 ajsentry", {"ajsentry"}),
        ("sbatch - Submit a batch script", {"sbatch"}),
        ("ajsentry：ジョブネットを実行登録する", {"ajsentry"}),
        ("jcachangeとjcamakea：再読み込み", {"jcachange", "jcamakea"}),
        ("jevsend and jevsendd: register an event", {"jevsend", "jevsendd"}),
        ("ajsprintコマンド", {"ajsprint"}),
        ("max_connections (integer)", {"max_connections"}),
        ("付録A.1 ポート番号の一覧", set()),
        ("Start of the services: what comes first", set()),
        ("Backup and restore", set()),
        ("Designing the system", set()),
    ],
)
def test_a_heading_is_a_key_where_it_is_a_name(heading: str, keys: set[str]) -> None:
    section = DocumentSection((heading,), "Told here.", (Block(0, 10, "paragraph"),))
    (found,) = entries.of_document([section], [passages.split(section, "en")])
    assert {entry.key for entry in found} == keys
    assert all(entry.rank == entries.PAGE for entry in found)


def test_what_a_page_is_about_stands_before_a_heading_and_what_a_heading_lists_behind() -> None:
    paths = [("sjob", "Name"), ("sjob", "sjob_conf"), ("sjob", "Messages: KAVS0001-E, KAVS0002-E")]
    sections = [DocumentSection(path, "Told here.", (Block(0, 10, "paragraph"),)) for path in paths]
    found = entries.of_document(sections, [passages.split(section, "en") for section in sections])
    assert [{(entry.key, entry.rank) for entry in each} for each in found] == [
        {("sjob", entries.PAGE), ("name", entries.HEADING)},
        {("sjob_conf", entries.HEADING)},
        {("messages", entries.HEADING), ("kavs0001-e", ROW), ("kavs0002-e", ROW)},
    ]


@pytest.mark.parametrize(
    ("kind", "text", "header", "keys"),
    [
        ("definition", "-t, --time=<time>: a limit", 17, {"-t": DEFINITION, "--time": DEFINITION}),
        ("definition", "-a --data-only: no schema", 14, {"-a": DEFINITION, "--data-only": DEFINITION}),
        ("definition", "-n | --name NAME: a name", 16, {"-n": DEFINITION, "--name": DEFINITION}),
        ("definition", "PGHOST PGPORT: where", 13, {"pghost": DEFINITION, "pgport": DEFINITION}),
        ("definition", "Node name: what a host is called", 9, {}),
        ("table", "Code | Name\n42P01 | undefined_table", 11, {"42p01": ROW, "undefined_table": CELL}),
        ("table", "Function | Use\njson_agg ( any ) → json Collects | all", 14, {"json_agg": DEFINITION}),
        ("table", "Port | Use\n20243/tcp※1 | Notices", 10, {"20243/tcp": ROW, "20243": ROW}),
        ("table", "Option | Use\n-d, -t | Date", 12, {"-d": ROW, "-t": ROW}),
        ("list", "- KAVU4202-E: no permission\n- JP1/Base starts first", 0, {"kavu4202-e": ROW}),
        ("paragraph", "KAVS0243-E The calendar is missing.", 0, {"kavs0243-e": ROW}),
        ("paragraph", "V12 and JP1/Base are needed.", 0, {}),
        ("code", "sbatch --time=5", 0, {}),
    ],
)
def test_a_block_gives_the_names_that_it_explains(kind: str, text: str, header: int, keys: dict[str, int]) -> None:
    section = DocumentSection(("On",), text, (Block(0, len(text), kind, header),))  # type: ignore[arg-type]
    (found,) = entries.of_document([section], [passages.split(section, "en")])
    assert {entry.key: entry.rank for entry in found if entry.key != "on"} == keys


NAMES = st.from_regex(r"-{0,2}[A-Za-z][A-Za-z0-9_]{0,8}(?:[-./_][A-Za-z0-9]{1,6}){0,2}", fullmatch=True)


@given(
    st.lists(st.tuples(NAMES, st.text(max_size=60)), min_size=1, max_size=6), st.lists(st.text(max_size=30), max_size=2)
)
def test_an_entry_points_at_a_passage_that_holds_the_key(terms: list[tuple[str, str]], path: list[str]) -> None:
    text, blocks = "", []
    for term, told in terms:
        line = f"{term}: {' '.join(told.split())} and so on."
        blocks.append(Block(len(text), len(text) + len(line), "definition", len(term)))
        text += line + "\n\n"
    section = DocumentSection((*path, "Options"), text, tuple(blocks))
    spans = passages.split(section, "en")
    (found,) = entries.of_document([section], [spans])
    for entry in found:
        span = spans[entry.passage]
        held = " ".join((*section.heading, span.context, text[span.start : span.end]))
        assert entry.key in {entries.key(name) for name in entries.names_in(held)}
    assert {entries.key(term) for term, _ in terms} <= {entry.key for entry in found}


@given(st.text(max_size=80))
def test_a_key_is_the_key_of_itself(text: str) -> None:
    assert entries.key(entries.key(text)) == entries.key(text)
    for name in entries.names_in(text):
        entries.is_shaped(name)


def test_an_older_library_gets_its_entries_when_it_is_opened(tmp_path: Path) -> None:
    section = "KAVS0243-E The calendar is missing."
    db = sqlite3.connect(tmp_path / "library.sqlite", isolation_level=None)
    for step in schema._MIGRATIONS[:2]:
        assert isinstance(step, str)
        schema._run(db, step)
    db.execute("PRAGMA user_version = 2")
    db.execute("INSERT INTO manuals VALUES (1, 'g', 'Guide', 'en', '', '', '/', '2026-01-01')")
    db.execute("INSERT INTO files VALUES (1, 1, 'a', 'a.html', 'd', 9, 'A', 'en', '{}', '2026-01-01')")
    blocks = json.dumps([[0, len(section), "paragraph", 0]])
    db.execute("INSERT INTO sections VALUES (1, 1, 0, '[\"Messages\"]', NULL, NULL, 0, ?, ?)", (section, blocks))
    db.execute("INSERT INTO passages VALUES (1, 1, 0, 0, ?, '')", (len(section),))
    db.close()
    store = Store.open(tmp_path)
    try:
        assert [place.passage_id for place in store.places("kavs0243-e")] == [1]
        assert ("calendar", "calendar") in store.words()
    finally:
        store.close()


def test_rebuild_finds_entries_anew(tmp_path: Path) -> None:
    bring_in(tmp_path / "library", write_manual(tmp_path / "guide", {"messages.html": MESSAGES}))
    with Library.open(tmp_path / "library") as library:
        with sqlite3.connect(tmp_path / "library" / "library.sqlite") as db:
            db.execute("DELETE FROM entries")
        assert library.entries("KAVS0243-E") == []
        library.rebuild()
        assert library.entries("KAVS0243-E")

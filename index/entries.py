"""Finds the names that a section explains, so that who types a name is led to its entry and not to its mentions.

Comes in: sections as read, and where their passages lie. Goes out: `Entry`s, a key for each name and the passage that
defines, heads or lists it: terms of definitions ("-t, --time=<time>" gives both), headings that are a name or say what
a name is for, first cells of tables, message ids that begin a paragraph. Keys are compared in one form (`key`). How
entries are kept and found is here too (SQL); it knows nothing of ranking.
"""

from __future__ import annotations

import json
import re
import sqlite3
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from index import analyzer
from index.records import Block, DocumentSection, Language, PassageSpan

PAGE, DEFINITION, HEADING, ROW, CELL = 0, 1, 2, 3, 4
"""Ranks, the best first: what a page is about; explained as a term; a heading; first in a table's row or a list's item;
elsewhere in a row."""

LONGEST = 64  # characters of a key; longer ones are paths that nobody types
MOST = 400  # passages looked at for one key; "-h" is an option of many commands

_NAME = re.compile(r"(?:--?|[/.\\$%~])?[A-Za-z0-9_][A-Za-z0-9_.:/\\@%+$#*-]*")
_MARK = re.compile(r"(?:[※†‡]|(?<=\w)[#＃])\d*(?!\w)")
_FOOTNOTE = re.compile(r"#\d*$|\*+$")
_NUMBER = re.compile(
    r"\s*(?:■|●|◆|・|\(\w{1,3}\)|(?:appendix|chapter|section|付録|第)?\s*[A-Z0-9]{1,3}(?:\.\d+)+\.?(?=\s)|\d{1,3}\.(?=\s))\s*",
    re.IGNORECASE,
)
_BETWEEN = re.compile(
    r"\s*[,、;，]\s*|\s+[|/]\s+|\s+(?:and|or)\s+|(?<=[\w)>\]])(?:と|または|および|及び)(?=[-/A-Za-z])"
)
_ARGUMENT = re.compile(r"\s*(?:=\S*|<[^>]*>|\[[^\]]*\]|\{[^}]*\}|\([^)]*\)|（[^）]*）|\.\.\.)")
_PURPOSE = re.compile(r"\s+[-—―]+\s+|:(?:\s|(?=[ぁ-んァ-ヶ一-龠]))")
_KIND = re.compile(r"(?:コマンド|パラメーター?|オプション|ファイル|メッセージ)")
_LETTER_OPTION = re.compile(r"--?[A-Za-z0-9]")
_TITLE = re.compile(r"([a-z_][\w.+-]*(?:, [a-z_][\w.+-]*)*) [-—–] \S")
_MESSAGE = re.compile(r"[A-Z]{2,}[-_]?\d{3,}(?:-[A-Z])?(?![\w-])")
_CALL = re.compile(r"([A-Za-z]\w*_\w+) ?\(.*\) ?(?:→|->)")
_ITEM = re.compile(r"(?:[-*•・]|\d+\.)\s+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A name's place: the passage (its number within the section, or its id once stored), and as what it stands there
    (`DEFINITION`, `HEADING`, `ROW`, `CELL`)."""

    key: str
    passage: int
    rank: int


def key(name: str) -> str:
    """The one form in which names are compared: one kind of hyphen, no case (but "-x" is not "-X"), no footnote mark,
    no argument.

    "" for what is no name.
    """
    found = _NAME.match(analyzer.normalise(name).strip().lstrip("\"'`"))
    if not found:
        return ""
    bare = _FOOTNOTE.sub("", found[0]).rstrip(".,:;#*+")
    if len(bare) > LONGEST:
        return ""
    return bare if _LETTER_OPTION.fullmatch(bare) else analyzer.fold(bare)


def is_shaped(name: str) -> bool:
    """Whether a name can be told from a word by its form: an option, a path, digits or an underscore in it, camelCase.

    A hyphen alone does not tell: "co-scheduled" is English.
    """
    if not re.search(r"[A-Za-z]", name):
        return bool(re.fullmatch(r"\d{3,5}/(?:tcp|udp)", name))
    if re.search(r"^--?[A-Za-z]|_|[a-z][A-Z]|[\w/]/\w|\\|^/\w", name):
        return True
    if re.search(r"\d", name):
        return not re.fullmatch(r"(?i)\d+(?:st|nd|rd|th|s|ms|kb|mb|gb|tb|k|m|g|x|min|h|%|d)|v\d[\d.]*", name)
    return bool(re.fullmatch(r"[A-Za-z]\w*(?:\.\w+)+", name)) and not re.fullmatch(r"(?i)e\.g|i\.e|a\.m|p\.m", name)


def names_in(text: str) -> list[str]:
    """Every name that a question may mean, in order, each once, in its own spelling without trailing punctuation."""
    found = (_FOOTNOTE.sub("", match[0]).rstrip(".,:;#*+?!") for match in _NAME.finditer(analyzer.normalise(text)))
    return list(dict.fromkeys(name for name in found if name))


def is_all_names(text: str) -> bool:
    """Whether a text consists of names alone, whatever they mean."""
    return all(_NAME.fullmatch(word.rstrip("?!。？")) for word in analyzer.normalise(text).strip("\"'`").split())


# -- what a document explains ------------------------------------------------------------------------------------------


def of_document(sections: Sequence[DocumentSection], spans: Sequence[Sequence[PassageSpan]]) -> list[list[Entry]]:
    """The entries of each section of a file; `spans[i]` are the passages of `sections[i]`, which entries number."""
    before: tuple[str, ...] = ()
    found = []
    waiting: list[tuple[str, int]] = []  # of headings that have no text of their own
    for number, (section, cuts) in enumerate(zip(sections, spans, strict=True)):
        shared = sum(1 for _ in _shared(before, section.heading))
        named = [
            (name, rank if depth or number else PAGE if rank == HEADING else rank)
            for depth, heading in enumerate(section.heading)
            if depth >= shared
            for name, rank in _headed(heading)
        ]
        waiting = [*waiting, *named]
        before = section.heading
        best: dict[tuple[str, int], int] = {}
        if cuts:
            if number == 0 and section.blocks:
                waiting += [(name, PAGE) for name in _titled(section.text[section.blocks[0].start :])]
            starts = [cut.start for cut in cuts]
            placed = [(name, 0, rank) for name, rank in waiting]
            placed += [
                (name, max(0, bisect_right(starts, at) - 1), rank)
                for block in section.blocks
                for name, at, rank in _of_block(section.text, block)
            ]
            for name, place, rank in placed:
                best[name, place] = min(rank, best.get((name, place), rank))
            waiting = []
        found.append([Entry(name, place, rank) for (name, place), rank in best.items()])
    return found


def _shared(one: Sequence[str], two: Sequence[str]) -> Iterator[str]:
    for left, right in zip(one, two, strict=False):
        if left != right:
            return
        yield left


def _headed(heading: str) -> Iterator[tuple[str, int]]:
    """The names that a heading is about: "13.1.8 ajsentry", "sbatch - submit a job", "KAVS0266-I and KAVS0267-I"; and
    those that it lists, which have entries of their own more often: "Messages of jobs: KAVS0263-I, KAVS0264-I"."""
    text = _plain(heading)
    text = text[found.end() :] if (found := _NUMBER.match(text)) else text
    about, *told = _PURPOSE.split(text, maxsplit=1)
    pieces = [(piece, _whole(_KIND.sub("", piece))) for piece in _BETWEEN.split(about)]
    # "Backup and restore" are words
    if all(name and (len(pieces) == 1 or is_shaped(name) or piece[0].islower()) for piece, name in pieces):
        yield from ((name, HEADING) for _, name in pieces)
    for piece in _BETWEEN.split(told[0]) if told else ():
        if (name := _whole(piece)) and is_shaped(piece.strip()):
            yield name, ROW


def _titled(text: str) -> list[str]:
    """The commands of a manual page's first line, "pg_dump - extract a database"."""
    found = _TITLE.match(text)
    return [key(name) for name in found[1].split(", ")] if found else []


def _of_block(text: str, block: Block) -> Iterator[tuple[str, int, int]]:
    """Key, place in the section's text, rank."""
    said = text[block.start : block.end]
    if block.kind == "definition":
        term = said[: block.header] if block.header else said.partition(":")[0]
        yield from ((name, block.start, DEFINITION) for name in _terms(term))
    elif block.kind == "table":
        header = said[: block.header].count("\n") + 1 if block.header else 0
        yield from _of_rows(said, block.start, header)
    elif block.kind == "list":
        for line, at in _lines(said, block.start):
            item = _ITEM.match(line)
            name = _leading(analyzer.normalise(line[item.end() :])) if item else ""
            if name:
                yield name, at, ROW
    elif found := _MESSAGE.match(analyzer.normalise(said[:80])):
        yield key(found[0]), block.start, ROW


def _terms(term: str) -> Iterator[str]:
    """The names of a definition's term: of "-t, --time=<time>" and "-a --data-only" both, of "port (integer)" one."""
    for piece in _BETWEEN.split(_plain(term)):
        bare = _ARGUMENT.sub(" ", piece).split()
        names = [word for word in bare if _NAME.match(word)]
        if not names or names[0] != bare[0]:
            continue
        if len(bare) == 1 or is_shaped(names[0]):
            yield from filter(None, [key(names[0])])
        if all(word.isupper() and len(word) > 3 for word in bare):  # variables that are explained together
            yield from map(key, bare)
        yield from (key(name) for name in names[1:] if name.startswith("-"))


def _of_rows(table: str, start: int, header: int) -> Iterator[tuple[str, int, int]]:
    for number, (line, at) in enumerate(_lines(table, start)):
        if number < header:
            continue
        for column, cell in enumerate(line.split(" | ")):
            text = _plain(cell)
            for piece in _BETWEEN.split(text) if len(text) <= 4 * LONGEST else ():
                if column == 0 and (call := _CALL.match(piece)):
                    yield key(call[1]), at, DEFINITION
                name = _whole(piece)
                if name and (column == 0 or is_shaped(piece.strip())):
                    yield name, at, CELL if column else ROW
                    if port := re.fullmatch(r"(\d{3,5})/(?:tcp|udp)", name):
                        yield port[1], at, CELL if column else ROW


def _plain(text: str) -> str:
    """In the analyzer's form, without footnote marks and their numbers: "job※1", "job#2"."""
    return analyzer.normalise(_MARK.sub("", text)).strip()


def _whole(piece: str) -> str:
    """The key of a piece that is a name and nothing else but arguments."""
    found = _NAME.match(piece.strip())
    return key(found[0]) if found and not _ARGUMENT.sub("", piece.strip()[found.end() :]).strip() else ""


def _leading(line: str) -> str:
    """The key of a name that begins a list item and is told about: "KAVS0243-E: ...", "-h shows ..."."""
    found = _NAME.match(line.lstrip("`"))
    if not found or not is_shaped(found[0].rstrip(".,:;")):
        return ""
    rest = line.lstrip("`")[found.end() :].lstrip("`")
    told = found[0].startswith("-") or found[0].endswith(":") or re.match(r"\s*(?:$|[:=(]|[-—]\s)", rest)
    return key(found[0]) if told else ""


def _lines(text: str, start: int) -> Iterator[tuple[str, int]]:
    for line in text.split("\n"):
        yield line, start
        start += len(line) + 1


# -- kept and found ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """An entry as it is found again: the passage's id, its rank, and by what its page is known (for "sbatch -t")."""

    passage_id: int
    rank: int
    page: frozenset[str]


def put(db: sqlite3.Connection, section_id: int, found: Iterable[Entry]) -> None:
    """Keep the entries of a section whose passages are stored."""
    db.executemany(
        "INSERT OR IGNORE INTO entries (key, passage_id, rank)"
        " SELECT ?, id, ? FROM passages WHERE section_id = ? AND ordinal = ?",
        [(entry.key, entry.rank, section_id, entry.passage) for entry in found],
    )


def places(
    db: sqlite3.Connection,
    wanted: str,
    *,
    prefix: bool = False,
    manuals: Collection[int] | None = None,
    language: Language | None = None,
) -> list[Place]:
    """Where a key stands, or with `prefix` every key that begins with it; best rank first, then in the order of import.

    `manuals` keeps to those ids.
    """
    if not wanted:
        return []
    among = "e.key >= :key AND e.key < :key || char(1114111)" if prefix else "e.key = :key"
    rows = db.execute(
        f"""
        SELECT e.passage_id, e.rank, s.heading, f.source FROM entries e JOIN passages p ON p.id = e.passage_id
        JOIN sections s ON s.id = p.section_id JOIN files f ON f.id = s.file_id
        WHERE {among} AND (:manuals IS NULL OR f.manual_id IN (SELECT value FROM json_each(:manuals)))
        AND (:language IS NULL OR f.language = :language)
        ORDER BY {"e.key, " if prefix else ""}e.rank, e.passage_id LIMIT {MOST}
        """,
        {"key": wanted, "manuals": None if manuals is None else json.dumps(sorted(manuals)), "language": language},
    )
    best: dict[int, Place] = {}
    for passage_id, rank, heading, source in rows:
        best.setdefault(passage_id, Place(passage_id, rank, _page(json.loads(heading), source)))
    return list(best.values())


def _page(heading: Sequence[str], source: str) -> frozenset[str]:
    named = {name for part in heading for name, _ in _headed(part)}
    return frozenset(named | {key(PurePosixPath(source).name.partition(".")[0])})


def of_page(found: Sequence[Place], others: Collection[str]) -> list[Place]:
    """Those on the pages that the other names mean; all of them where none is: of "-t" beside "sbatch" sbatch's."""
    named = [place for place in found if place.page & frozenset(others)]
    return named or list(found)


def fill(db: sqlite3.Connection) -> None:
    """Find the entries of everything that is stored, in place of those that are kept."""
    from index.spelling import put_words

    db.execute("DELETE FROM entries")
    db.execute("DELETE FROM words")
    for (file_id,) in db.execute("SELECT id FROM files ORDER BY id").fetchall():
        rows = db.execute(
            "SELECT id, heading, text, blocks, start FROM sections WHERE file_id = ? ORDER BY ordinal", (file_id,)
        ).fetchall()
        sections, spans = [], []
        for id_, heading, text, blocks, start in rows:
            sections.append(
                DocumentSection(tuple(json.loads(heading)), text, tuple(Block(*each) for each in json.loads(blocks)))
            )
            cuts = db.execute(
                'SELECT start, "end" FROM passages WHERE section_id = ? ORDER BY ordinal', (id_,)
            ).fetchall()
            spans.append([PassageSpan(cut - start, end - start) for cut, end in cuts])
        for (id_, *_), found in zip(rows, of_document(sections, spans), strict=True):
            put(db, id_, found)
        put_words(db, sections)

"""Our own questions to three real manuals, written before search was tuned, each with the sentence that decides it.

    python -m benchmarks.own_questions        check that every deciding sentence stands in its page

Comes in: `benchmarks/questions/*.jsonl` and the corpora (benchmarks/corpora.py). Goes out: questions with their pages,
and for each set a folder of pages to import. The sentences come from sections drawn at random, so rare ones count as
much as famous ones. Each question is asked in three ways: tersely, as an operator types it (`free_question`), reworded
as in an exam (`question`), and with hardly a word of the manual (`far_question`), which shows where search ends. Half
of a set, by a hash of the id, is for tuning; the other only tells what came of it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from benchmarks import corpora
from index.records import Language, Passage

QUESTIONS = Path(__file__).parent / "questions"
Half = Literal["tuning", "held"]
WORDINGS = ("free_question", "question", "far_question")


@dataclass(frozen=True, slots=True)
class OwnSet:
    """A set's file, the package whose manual it asks about, and the pages of it that are imported (file names as the
    shell matches them)."""

    file: str
    package: str
    language: Language
    pages: tuple[str, ...]


ADMINISTRATION = (
    *("app-*", "runtime*", "install-post*", "postgres-user*", "creating-cluster*", "server-s*", "kernel-resources*"),
    *("upgrading*", "preventing-*", "encryption-*", "ssl-tcp*", "gssapi-enc*", "ssh-tunnels*", "event-log-reg*"),
    *("config-setting*", "auth-*", "client-authentication*", "user-manag*", "database-roles*", "role-*"),
    *("predefined-roles*", "perm-functions*", "managing-databases*", "manage-ag-*", "charset*", "locale*"),
    *("collation*", "multibyte*", "maintenance*", "routine-*", "logfile-*", "backup.html", "backup-dump*"),
    *("backup-file*", "continuous-archiving*", "high-availability*", "different-rep*", "warm-*", "hot-standby*"),
    *("monitoring*", "dynamic-trace*", "progress-reporting*", "diskusage*", "disk-*", "wal*"),
    *("logical-replication*", "jit*.html", "pgupgrade*", "pgarchivecleanup*", "pgtestfsync*", "pgwaldump*"),
    *("vacuumlo*", "oid2name*", "pgstatstatements*", "checksums*", "non-durability*", "sql-vacuum*", "sql-analyze*"),
    *("sql-reindex*", "sql-cluster*", "sql-altersystem*", "sql-checkpoint*", "sql-copy*", "sql-createdatabase*"),
    *("sql-alterdatabase*", "sql-createrole*", "sql-alterrole*", "sql-drop-owned*", "sql-reassign-owned*"),
    *("sql-createtablespace*", "sql-explain*", "sql-lock*", "sql-set.html", "sql-show*", "sql-createpublication*"),
    *("sql-createsubscription*", "sql-altersubscription*", "sql-createindex*"),
)
"""What an administrator of PostgreSQL reads: part III of its manual, its programs and the statements for upkeep."""
DEVELOPERS = ("app-ecpg*", "server-programming*")

OWN = {
    "own-slurm": OwnSet("slurm.jsonl", "slurm-wlm-doc", "en", ("*",)),
    "own-postgres": OwnSet("postgres.jsonl", "postgresql-doc-15", "en", ADMINISTRATION),
    "own-debian-ja": OwnSet("debian-ja.jsonl", "debian-reference-ja", "ja", ("*.html",)),
}


@dataclass(frozen=True, slots=True)
class OwnQuestion:
    """A question and where its answer stands: `evidence` is verbatim in each of `sources`, white space folded."""

    id: str
    free_question: str
    question: str
    far_question: str
    evidence: str
    sources: frozenset[str]

    @property
    def half(self) -> Half:
        """Whether it may be tuned on; by the id alone, so that a new question moves no other."""
        return "tuning" if hashlib.sha256(self.id.encode()).digest()[0] % 2 else "held"


def questions(name: str) -> list[OwnQuestion]:
    """All questions of one of `OWN`, in the file's order."""
    with (QUESTIONS / OWN[name].file).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        OwnQuestion(
            **{key: row[key] for key in ("id", *WORDINGS, "evidence")},
            sources=frozenset([row["source"], *row.get("also", ())]),
        )
        for row in rows
    ]


def pages(name: str, work: Path) -> Path:
    """The folder to import for a set: the manual's own, or a copy of the wanted pages under `work`.

    Raises FileNotFoundError where the manual was not brought.
    """
    wanted = OWN[name]
    manual = corpora.folder(wanted.package)
    manual.stat()
    if wanted.pages == ("*",):
        return manual
    chosen = work / manual.name
    chosen.mkdir()
    for page in sorted(manual.iterdir()):
        if any(fnmatch(page.name, one) for one in wanted.pages) and not any(fnmatch(page.name, d) for d in DEVELOPERS):
            shutil.copy(page, chosen)
    return chosen


def fold(text: str) -> str:
    """With each run of white space as one blank: how sentences are compared."""
    return " ".join(text.split())


def answering(evidence: str, sources: frozenset[str], passages: Sequence[Passage]) -> frozenset[int]:
    """The ids of the passages on these pages that hold the deciding sentence; where a passage's edge cuts it in two,
    those that hold its beginning or its end."""
    folded = {one.id: fold(f"{one.context} {one.text}") for one in passages if one.source in sources}
    sentence = fold(evidence)
    whole = [id_ for id_, text in folded.items() if sentence in text]
    return frozenset(whole or [id_ for id_, text in folded.items() if sentence[:50] in text or sentence[-50:] in text])


def main() -> int:
    """Read every page that a question names and say which sentence is not in it; 0 when all are."""
    from index.listing import list_candidates
    from index.reader_process import ReaderProcess

    missing = 0
    with ReaderProcess() as reader:
        for name, own in OWN.items():
            named = {source for one in questions(name) for source in one.sources}
            found, _ = list_candidates([corpora.folder(own.package)])
            read = {one.source: reader.read(one) for one in found if one.source in named}
            text = {source: fold(" ".join(each.text for each in page.sections)) for source, page in read.items()}
            for one in questions(name):
                for source in sorted(one.sources):
                    if fold(one.evidence) not in text.get(source, ""):
                        missing += 1
                        print(f"{one.id}: the evidence is not in {source}", file=sys.stderr)
    print(f"{missing} sentences are missing." if missing else "Every deciding sentence stands in its page.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

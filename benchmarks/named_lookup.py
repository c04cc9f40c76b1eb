"""Does who types a name meet its entry first, and do questions that hold names gain by it?

    python -m benchmarks.named_lookup            the table of names, of questions, and of misspelt words
    python -m benchmarks.named_lookup --sweep    other lifts of a name's entry within a question

Comes in: the manuals of Slurm and PostgreSQL (benchmarks/corpora) and the JP1 primer in one library, searched by words
alone; names with the page that explains each; the questions of benchmarks/search_quality and own_questions. Goes out:
Markdown tables. The peer is the same search without entries, which is what ranking by words alone does. Times are of
the processor, so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks import corpora, own_questions, search_quality
from index import entries, named, searching
from index.importing import import_manuals
from index.library import Library
from index.named import Find, Named
from index.records import Passage

PRIMER = Path(__file__).parent.parent / "domains" / "jp1" / "primer"

COMMANDS = (
    "sbatch salloc srun sacct squeue sinfo scontrol sacctmgr sattach scancel sdiag sprio sreport sshare sstat strigger"
    " sbcast scrontab slurmctld slurmd slurmdbd slurmrestd slurmstepd"
)

NAMES: Sequence[tuple[str, str, str]] = (
    ("sbatch --time-min", "sbatch", "--time-min="),
    ("sbatch -t", "sbatch", "-t, --time="),
    ("salloc -t", "salloc", "-t, --time="),
    ("sacct -X", "sacct", "-X, --allocations"),
    ("--uenv-none-such", "", ""),
    ("squeue --start", "squeue", "--start"),
    ("SLURM_CONF", COMMANDS, "SLURM_CONF:"),
    ("SLURM_ARRAY_TASK_ID", "sbatch job_array scrontab", "SLURM_ARRAY_TASK_ID"),
    ("MaxArraySize", "slurm.conf", "MaxArraySize"),
    ("JobAcctGatherFrequency", "slurm.conf", "JobAcctGatherFrequency"),
    ("PrologFlags", "slurm.conf", "PrologFlags"),
    ("SelectTypeParameters", "slurm.conf", "SelectTypeParameters"),
    ("squeue", "squeue", "squeue"),
    ("sacctmgr", "sacctmgr", "sacctmgr"),
    ("--ntasks-per-core", "sbatch salloc srun", "--ntasks-per-core="),
    ("slurmdbd.conf", "slurmdbd.conf", "slurmdbd.conf"),
    ("max_connections", "runtime-config-connection", "max_connections (integer)"),
    ("shared_buffers", "runtime-config-resource", "shared_buffers (integer)"),
    ("wal_level", "runtime-config-wal", "wal_level (enum)"),
    ("log_min_duration_statement", "runtime-config-logging", "log_min_duration_statement (integer)"),
    ("pg_dump", "app-pgdump", "extract a PostgreSQL database"),
    ("pg_dump --jobs", "app-pgdump", "--jobs=njobs"),
    ("psql -c", "app-psql", "-c command"),
    ("vacuumdb", "app-vacuumdb", "garbage-collect"),
    ("42P01", "errcodes-appendix", "42P01"),
    ("23505", "errcodes-appendix", "23505"),
    ("unique_violation", "errcodes-appendix", "unique_violation"),
    ("PGPASSFILE", "libpq-envars", "PGPASSFILE"),
    ("pg_stat_activity", "monitoring-stats", "pg_stat_activity"),
    ("array_agg", "functions-aggregate", "array_agg"),
    ("pg_ctl", "app-pg-ctl", "pg_ctl"),
    ("KAVU4202-E", "kavu4202-e", "KAVU4202-E"),
    ("kavu4202‐e", "kavu4202-e", "KAVU4202-E"),
    ("KAVS0267-I", "kavs0266-i-and-kavs0267-i", "KAVS0267-I"),
    ("ajsentry", "ajsentry", "ajsentry"),
    ("ajsentry -n", "ajsentry", "-n | "),
    ("20243/tcp", "ports-between-ajs3-manager-and-agent ports-of-ajs3-manager", "20243/tcp | "),
    ("20243", "ports-between-ajs3-manager-and-agent ports-of-ajs3-manager", "20243/tcp | "),
    ("22250", "ports-of-ajs3-manager", "22250/tcp | "),
    ("jevlogstart", "jevlogstart", "jevlogstart"),
    ("jbs_spmd_status", "jbs-spmd-status", "jbs_spmd_status"),
    ("jcamakea", "jcachange-and-jcamakea", "jcamakea"),
    ("JP1SVPRM.DAT", "base-start-sequence-jp1svprm", "JP1SVPRM"),
)
"""What is typed; the pages (without ending) any of which explains it; and what stands in that passage or its headings.
An empty page: nothing does, and nothing may be said to."""

MISSPELT = (
    ("ajsenrty", "ajsentry"),
    ("KAVU4220-E", "KAVU4202-E"),
    ("max_conections", "max_connections"),
    ("sqeue", "squeue"),
    ("vaccumdb", "vacuumdb"),
    ("MaxAraySize", "MaxArraySize"),
    ("replicaton slot", "replication slot"),
    ("ジョプネット", "ジョブネット"),
    ("スケジューラサーヒス", "スケジューラーサービス"),
    ("shared_bufers", "shared_buffers"),
    ("how do I cancle a job", "how do I cancel a job"),
    ("SLRUM_CONF", "SLURM_CONF"),
)

LIFTS = (0.0, 0.1, 0.25, 0.4, 0.6)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sweep", action="store_true", help="other lifts too")
    parser.add_argument("--library", type=Path, help="keep the library here, and take it from here the next time")
    chosen = parser.parse_args()
    manuals = [corpora.folder("slurm-wlm-doc"), corpora.folder("postgresql-doc-15"), PRIMER / "en", PRIMER / "ja"]
    with tempfile.TemporaryDirectory() as work:
        folder = chosen.library or Path(work) / "library"
        if not folder.exists():
            import_manuals(folder, manuals, progress=lambda _: None, cancelled=lambda: False)
        with Library.open(folder) as library:
            passages = list(library.store.passages_after(0))
            print(
                f"{len(passages)} passages\n\n| {len(NAMES)} names | first | in the first five | ms, median | ms, p95 |"
            )
            print("| --- | --- | --- | --- | --- |")
            print(_row("words alone (peer)", *_names(library, without=True)))
            print(_row("with entries", *_names(library, without=False)))
            print("\n| questions, by words | with a name | lift | hit@1 | hit@5 | hit@1, those with a name |")
            print("| --- | --- | --- | --- | --- | --- |")
            for line in _questions(library, passages, LIFTS if chosen.sweep else (0.0, named.LIFT)):
                print(line, flush=True)
            print("\n| misspelt | offered as meant | ms, median | ms, most |\n| --- | --- | --- | --- |")
            print(_spelling(library))
    return 0


def _names(library: Library, *, without: bool) -> tuple[float, float, list[float]]:
    """Share of names whose entry is first, and among the first five; and milliseconds of each."""
    if without:
        restore = _replaced(lambda query, find, find_prefix: Named())
    times, ranks = [], []
    library.search("warm", 5)
    for name, page, held in NAMES:
        began = time.process_time()
        hits = library.search(name, 5)
        times.append(1000 * (time.process_time() - began))
        if not page:
            ranks.append(1 if not library.entries(name) else 99)
            continue
        right = [_explains(hit.passage, page, held) for hit in hits]
        ranks.append(right.index(True) + 1 if True in right else 99)
        if ranks[-1] > 1 and not without:
            print(f"not first: {name}: {[hit.passage.source for hit in hits[:3]]}", file=sys.stderr)
    if without:
        restore()
    return sum(rank == 1 for rank in ranks) / len(ranks), sum(rank <= 5 for rank in ranks) / len(ranks), times


def _replaced(instead: Callable[[str, Find, Find], Named]) -> Callable[[], None]:
    before = searching.named
    searching.named = instead

    def restore() -> None:
        searching.named = before

    return restore


def _explains(passage: Passage, pages: str, held: str) -> bool:
    text = "\n".join((*passage.heading, passage.context, passage.text))
    return PurePosixPath(passage.source).name.rpartition(".")[0] in pages.split() and held in text


def _row(name: str, first: float, five: float, times: Sequence[float]) -> str:
    ordered = sorted(times)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    return f"| {name} | {first:.3f} | {five:.3f} | {statistics.median(times):.1f} | {p95:.1f} |"


def _questions(library: Library, passages: Sequence[Passage], lifts: Sequence[float]) -> Iterator[str]:
    slurm = [passage for passage in passages if passage.manual.startswith("Slurm")]
    postgres = [passage for passage in passages if passage.manual.startswith("PostgreSQL")]
    sets = [
        (f"slurm_dev {key}", search_quality.slurm_questions(key, slurm, 999)) for key in ("question", "free_question")
    ]
    for name, of in (("slurm", slurm), ("postgres", postgres)):
        for key in ("question", "free_question"):
            asked = [
                (getattr(each, key), own_questions.answering(each.evidence, each.sources, of))
                for each in own_questions.questions(f"own-{name}")
            ]
            sets.append((f"own {name} {key}", asked))
    for name, asked in sets:
        with_name = [any(map(entries.is_shaped, entries.names_in(question))) for question, _ in asked]
        for lift in lifts:
            named.LIFT = lift
            ranks = [_rank(library, question, right) for question, right in asked]
            first = sum(rank == 1 for rank in ranks) / len(ranks)
            five = sum(rank <= 5 for rank in ranks) / len(ranks)
            some = [rank == 1 for rank, has in zip(ranks, with_name, strict=True) if has]
            share = f"{sum(some) / len(some):.3f}" if some else "-"
            cells = (f"{name} ({len(asked)})", str(sum(with_name)), str(lift), f"{first:.3f}", f"{five:.3f}", share)
            yield "| " + " | ".join(cells) + " |"


def _rank(library: Library, question: str, right: frozenset[int]) -> int:
    found = [hit.passage.id in right for hit in library.search(question, 5)]
    return found.index(True) + 1 if True in found else 99


def _spelling(library: Library) -> str:
    library.suggest("warm")
    times, right = [], 0
    for typed, meant in MISSPELT:
        began = time.process_time()
        offered = library.suggest(typed)
        times.append(1000 * (time.process_time() - began))
        right += offered == meant
        if offered != meant:
            print(f"offered for {typed}: {offered}", file=sys.stderr)
    share = f"{right} of {len(MISSPELT)}"
    return f"| {len(library.store.words())} words known | {share} | {statistics.median(times):.1f} | {max(times):.1f} |"


if __name__ == "__main__":
    sys.exit(main())

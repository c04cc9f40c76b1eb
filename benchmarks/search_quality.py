"""How well search finds the passage that answers: words, meaning and both, beside a plain BM25.

    python -m benchmarks.search_quality                        all sets
    python -m benchmarks.search_quality slurm --limit 10       a quick look
    python -m benchmarks.search_quality own-slurm --half tuning
    python -m benchmarks.search_quality --misses               also which questions are missed, and what stands first
    python -m benchmarks.search_quality --sweep                also other weights and heading boosts

Comes in: JSQuAD (Japanese), XQuAD (English) and operators' questions to the Slurm manual, from `$TEBIKI_DATA` (else
`../shared/data`), and our own questions (own_questions.py). Goes out: one table; hit@k is the share of questions with a
right passage among the first k, with its 95 % interval (Wilson) where the questions are few. Everything is imported and
searched the way the program does it; only the vectors are kept between runs, by their text.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks import own_questions
from index import fusion
from index.embedder import Embedder, Vectors, default_embedder
from index.importing import import_manuals
from index.lexical import HEADING_BOOST, Lexical
from index.library import Library
from index.records import Language, Passage

DATA = Path(os.environ.get("TEBIKI_DATA", Path(__file__).parents[2] / "shared" / "data"))
CACHE = Path(os.environ.get("TEBIKI_BENCH", Path.home() / ".cache" / "tebiki" / "bench"))
PARAGRAPHS = {"xquad": "xquad_en_dev", "jsquad": "jsquad_ja_dev"}
SETS = ["slurm", *own_questions.OWN, *PARAGRAPHS]
DEPTH = 200
FEW = 200
"""Questions up to which a share is given with its interval."""

Ranking = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions on one library, each with the ids of the passages that answer it."""

    name: str
    language: Language
    asked: list[tuple[str, frozenset[int]]]


class KeptEmbedder:
    """An embedder that remembers the vectors of passages by their text, in one SQLite file."""

    def __init__(self, inner: Embedder, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._inner = inner
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, vector BLOB)")
        self.name, self.dimension, self.fingerprint = inner.name, inner.dimension, inner.fingerprint

    def queries(self, texts: Sequence[str]) -> Vectors:
        """As the embedder within."""
        return self._kept("q", texts, self._inner.queries)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """As the embedder within, but for texts seen before without the work."""
        return self._kept("p", texts, self._inner.passages)

    def _kept(self, role: str, texts: Sequence[str], make: Callable[[Sequence[str]], Vectors]) -> Vectors:
        keys = [hashlib.sha256(f"{self.fingerprint}|{role}|{text}".encode()).hexdigest() for text in texts]
        found = {}
        for key, text in zip(keys, texts, strict=True):
            row = self._db.execute("SELECT vector FROM kept WHERE key = ?", (key,)).fetchone()
            if row is None:
                row = (make([text])[0].astype("<f4").tobytes(),)
                self._db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, *row))
            found[key] = np.frombuffer(row[0], "<f4")
        return np.stack([found[key] for key in keys])


class PlainBM25:
    """The peer: textbook BM25 (k1 1.2, b 0.75) over lower-cased words, or pairs of characters for Japanese."""

    def __init__(self, passages: Sequence[Passage], language: Language) -> None:
        self._language = language
        self._held: dict[str, dict[int, int]] = {}
        self._length: dict[int, int] = {}
        for passage in passages:
            terms = Counter(self._terms(" ".join(passage.heading) + " " + passage.text))
            self._length[passage.id] = sum(terms.values())
            for term, count in terms.items():
                self._held.setdefault(term, {})[passage.id] = count
        self._mean = sum(self._length.values()) / max(1, len(self._length))

    def search(self, query: str) -> Ranking:
        """Passage ids and scores, best first."""
        scores: dict[int, float] = {}
        for term in set(self._terms(query)):
            held = self._held.get(term, {})
            idf = math.log(1 + (len(self._length) - len(held) + 0.5) / (len(held) + 0.5))
            for id_, count in held.items():
                norm = 1.2 * (0.25 + 0.75 * self._length[id_] / self._mean)
                scores[id_] = scores.get(id_, 0.0) + idf * count * 2.2 / (count + norm)
        return fusion.by_score(scores)[:DEPTH]

    def _terms(self, text: str) -> list[str]:
        if self._language == "en":
            return re.findall(r"\w+", text.lower())
        return [run[i : i + 2] for run in re.findall(r"\w+", text.lower()) for i in range(max(1, len(run) - 1))]


def paragraphs(name: str, folder: Path, limit: int) -> Path:
    """A reading-comprehension set as a folder of pages, one a paragraph, numbered in the set's order."""
    folder.mkdir()
    for number, record in enumerate(_records(name)[:limit]):
        (folder / f"{number:04}.md").write_text(f"# {record['title']}\n\n{record['context']}\n", encoding="utf-8")
    return folder


def paragraph_questions(name: str, passages: Sequence[Passage], limit: int) -> list[tuple[str, frozenset[int]]]:
    """Every question of the set; its paragraph's passages answer it."""
    of: dict[int, set[int]] = {}
    for passage in passages:
        of.setdefault(int(Path(passage.source).stem), set()).add(passage.id)
    records = _records(name)[:limit]
    return [(qa["question"], frozenset(of.get(n, ()))) for n, record in enumerate(records) for qa in record["qas"]]


def slurm_questions(key: str, passages: Sequence[Passage], limit: int) -> list[tuple[str, frozenset[int]]]:
    """Operators' questions; the passages of the named page that hold the deciding sentence answer them."""
    records = [record for record in _records("slurm_dev") if record.get("evidence")][:limit]
    return [
        (record[key], own_questions.answering(record["evidence"], frozenset([record["source"]]), passages))
        for record in records
    ]


def questions_of_our_own(
    name: str, key: str, half: str, passages: Sequence[Passage], limit: int
) -> list[tuple[str, frozenset[int]]]:
    """One half of a set in one wording; passages that hold the deciding sentence, on any page that has it, answer."""
    asked = [one for one in own_questions.questions(name) if one.half == half][:limit]
    return [(getattr(one, key), own_questions.answering(one.evidence, one.sources, passages)) for one in asked]


def measure(library: Library, name: str, asked: QuestionSet, embedder: Embedder, *, sweep: bool) -> Iterator[list[str]]:
    """One line of the table for each way of searching."""
    passages = list(library.store.passages_after(0))
    plain = PlainBM25(passages, asked.language)
    library.search(asked.asked[0][0])  # opens what search needs
    words: dict[float, list[Ranking]] = {}
    for boost in (HEADING_BOOST, *((0.0, 0.5, 1.0, 2.0, 3.0) if sweep else ())):
        lexical = Lexical(library.folder, heading_boost=boost)
        words[boost] = [lexical.search(question, DEPTH) for question, _ in asked.asked]
        lexical.close()
    vectors = [embedder.queries([question])[0] for question, _ in asked.asked]
    meaning = [library.dense.search(vector, DEPTH) for vector in vectors]
    yield line(name, "plain BM25 (peer)", asked, [plain.search(question) for question, _ in asked.asked])
    yield line(name, f"words (heading x {HEADING_BOOST})", asked, words[HEADING_BOOST])
    yield line(name, f"meaning ({embedder.name})", asked, meaning)
    pairs = list(zip(words[HEADING_BOOST], meaning, strict=True))
    fused: list[Ranking] = [fusion.reciprocal_rank([[id_ for id_, _ in ranking] for ranking in pair]) for pair in pairs]
    yield line(name, "both, reciprocal rank", asked, fused)
    weight = fusion.WORDS_WEIGHT[asked.language]
    weighted = [_weighted(library, *each, weight) for each in zip(words[HEADING_BOOST], meaning, vectors, strict=True)]
    yield line(name, f"both, {weight} words", asked, weighted)
    found = [[(hit.passage.id, hit.score) for hit in library.search(question, 10)] for question, _ in asked.asked]
    yield line(name, "both, as the program does", asked, found)
    for boost, rankings in words.items() if sweep else ():
        yield line(name, f"  words, heading x {boost}", asked, rankings)
        for weight in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
            fused = [_weighted(library, *each, weight) for each in zip(rankings, meaning, vectors, strict=True)]
            yield line(name, f"    {weight} words, heading x {boost}", asked, fused)


def _weighted(library: Library, words: Ranking, meaning: Ranking, vector: Vectors, weight: float) -> Ranking:
    """Both rankings fused as the program does, with nothing done to them after that."""
    lexical, cosine = dict(words), dict(meaning)
    return fusion.weighted(lexical, cosine | library.dense.cosines(vector, lexical.keys() - cosine.keys()), weight)


def line(name: str, way: str, asked: QuestionSet, rankings: Sequence[Ranking]) -> list[str]:
    """The table's cells for one way: hit@1, hit@5, hit@10 and MRR@10, as ranx counts them."""
    from ranx import Qrels, Run, evaluate

    right = {str(i): {str(id_): 1 for id_ in ids} or {"none": 1} for i, (_, ids) in enumerate(asked.asked)}
    found = {
        str(i): {str(id_): 1.0 / rank for rank, (id_, _) in enumerate(ranking[:10], start=1)} or {"nothing": 1.0}
        for i, ranking in enumerate(rankings)
    }
    measures = ["hit_rate@1", "hit_rate@5", "hit_rate@10", "mrr@10"]
    scores: Mapping[str, float] = evaluate(Qrels(right), Run(found), measures, make_comparable=True)
    few = len(asked.asked) if len(asked.asked) <= FEW else 0
    cells = [f"{scores[measure]:.3f}" + (_interval(scores[measure], few) if few else "") for measure in measures[:3]]
    return [name, way, *cells, f"{scores[measures[3]]:.3f}"]


def _interval(share: float, count: int) -> str:
    """Wilson's 95 % interval of a share of `count`."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    width = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return f" ({max(0.0, middle - width):.2f}–{min(1.0, middle + width):.2f})"


def misses(library: Library, name: str, asked: QuestionSet) -> Iterator[str]:
    """The questions whose answer is not among the first five: where it stands, and what stands first instead."""
    for question, right in asked.asked:
        hits = library.search(question, 50)
        place = next((rank for rank, hit in enumerate(hits, start=1) if hit.passage.id in right), None)
        if place is None or place > 5:
            first = hits[0].passage if hits else None
            stands = f"{first.source} {' > '.join(first.heading[-2:])}" if first else "nothing"
            wanted = next((one for one in library.store.passages(sorted(right)).values()), None)
            at = f"{wanted.source} {' > '.join(wanted.heading[-2:])}" if wanted else "nowhere"
            yield f"{name}: {question} | wanted {at} | at {place or 'over 50'} | first {stands}"


def main() -> int:
    """Measure the sets named on the command line; 0, or 1 if the data of one is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", nargs="*", choices=[*SETS, []], help="default: all")
    parser.add_argument("--limit", type=int, default=1_000_000, help="paragraphs (JSQuAD, XQuAD) or questions")
    parser.add_argument("--half", choices=["tuning", "held"], default="held", help="of our own questions")
    parser.add_argument("--misses", action="store_true", help="list the questions without an answer in the first five")
    parser.add_argument("--sweep", action="store_true", help="other weights and heading boosts too")
    chosen = parser.parse_args()
    embedder = KeptEmbedder(default_embedder(), CACHE / "vectors.sqlite")
    print("| Set | Search by | hit@1 | hit@5 | hit@10 | MRR@10 |\n| --- | --- | --- | --- | --- | --- |", flush=True)
    status = 0
    for wanted in chosen.sets or SETS:
        try:
            _run(wanted, embedder, chosen)
        except FileNotFoundError as error:
            print(f"{wanted} is left out: {error.filename} is not there.", file=sys.stderr)
            status = 1
    return status


def _run(wanted: str, embedder: Embedder, chosen: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "library"
        manual = _manual(wanted, Path(work), chosen.limit)
        import_manuals(folder, [manual], progress=lambda progress: None, cancelled=lambda: False)
        with Library.open(folder, embedder=embedder) as library:
            library.embed(_show, lambda: False)
            passages = list(library.store.passages_after(0))
            for asked in _asked(wanted, passages, chosen.limit, chosen.half):
                unanswerable = sum(not ids for _, ids in asked.asked)
                name = f"{asked.name} ({len(asked.asked)} on {len(passages)} passages)"
                if unanswerable:
                    print(f"{name}: the evidence of {unanswerable} is in no passage", file=sys.stderr)
                for cells in measure(library, name, asked, embedder, sweep=chosen.sweep):
                    print("| " + " | ".join(cells) + " |", flush=True)
                for missed in misses(library, asked.name, asked) if chosen.misses else ():
                    print(missed, file=sys.stderr)


def _manual(wanted: str, work: Path, limit: int) -> Path:
    """The folder to import for a set."""
    if wanted in own_questions.OWN:
        return own_questions.pages(wanted, work)
    if wanted == "slurm":
        return own_questions.pages("own-slurm", work)
    return paragraphs(PARAGRAPHS[wanted], work / "pages", limit)


def _asked(wanted: str, passages: Sequence[Passage], limit: int, half: str) -> Iterator[QuestionSet]:
    if wanted in own_questions.OWN:
        language = own_questions.OWN[wanted].language
        for key in own_questions.WORDINGS:
            asked = questions_of_our_own(wanted, key, half, passages, limit)
            yield QuestionSet(f"{wanted} {key}, {half} half", language, asked)
    elif wanted == "slurm":
        for key in ("question", "free_question"):
            yield QuestionSet(f"slurm {key}", "en", slurm_questions(key, passages, limit))
    else:
        of: Language = "ja" if wanted == "jsquad" else "en"
        yield QuestionSet(wanted, of, paragraph_questions(PARAGRAPHS[wanted], passages, limit))


def _show(progress: object) -> None:
    done, total = getattr(progress, "done", 0), getattr(progress, "total", 0)
    if done % 200 < 8:
        print(f"embedding {done} of {total}", file=sys.stderr, flush=True)


def _records(name: str) -> list[dict[str, Any]]:
    with (DATA / f"{name}.jsonl").open(encoding="utf-8") as file:
        return [json.loads(text) for text in file if text.strip()]


if __name__ == "__main__":
    sys.exit(main())

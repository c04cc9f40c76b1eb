"""How much of what the first five passages hold does the extractor keep, in how many characters and tokens?

    python -m benchmarks.extractor_quality                  the held halves of all sets (minutes)
    python -m benchmarks.extractor_quality --words          the same with libraries that have no embeddings
    python -m benchmarks.extractor_quality --fit            fit the ranker anew on the tuning halves, and save it
    python -m benchmarks.extractor_quality --ablation       fit it without each group of features, or with one alone

Asks the questions of JSQuAD and XQuAD of libraries made from their own paragraphs, operators' questions of the manuals
and the domain pack, and compares what is left to read: all five passages, the first one, the two best sentences by BM25
and by embedding, and the extractor's evidence. "kept" is the share of questions with an answer in that text; characters
and tokens are shares of all five passages'; "first" is the share with an answer in the first passage, sentence, quote.
Questions whose answer is not in the first five passages count as lost for all. Milliseconds are of one core's time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agent.engine import Engine
from agent.extractor import extract
from agent.sentences import units
from agent.terms import terms
from agent.unit_features import rarity, read_units
from agent.unit_ranker import DATA, shipped
from benchmarks import corpora, fit_ranker, models, own_questions, question_sets
from benchmarks.answer_cases import PARAGRAPHS, Case, Shelf
from benchmarks.question_sets import Asked, DataMissing, Half
from benchmarks.search_quality import CACHE, KeptEmbedder
from index.embedder import default_embedder

Reader = Callable[[Case], list[str]]
"""What a way leaves to read of a case: pieces, best first."""


def all_five(case: Case) -> list[str]:
    """Everything that was found."""
    return [hit.passage.text for hit in case.hits[:5]]


def first_passage(case: Case) -> list[str]:
    """The best hit alone."""
    return all_five(case)[:1]


def two_by_bm25(case: Case) -> list[str]:
    """The two sentences with the best BM25 among those of all five passages."""
    read = read_units(case.hits)
    weight = rarity(terms(case.asked.question), read)
    mean = sum(len(one.order) for one in read) / max(1, len(read))

    def bm25(at: int) -> float:
        bag = Counter(word for word in read[at].order if word in weight)
        length = 1.2 * (0.25 + 0.75 * len(read[at].order) / mean)
        return sum(weight[word] * 2.2 * count / (count + length) for word, count in bag.items())

    return [read[at].quote for at in sorted(range(len(read)), key=bm25, reverse=True)[:2]]


class TwoByMeaning:
    """The two sentences nearest to the question by the library's own embedder. Vectors are kept between runs, so its
    time says nothing: an embedding takes some milliseconds a sentence."""

    def __init__(self) -> None:
        self._embedder = KeptEmbedder(default_embedder(), CACHE / "sentences.sqlite")

    def __call__(self, case: Case) -> list[str]:
        """Two sentences, the nearest first."""
        quotes = [hit.passage.text[unit.start : unit.end] for hit in case.hits[:5] for unit in units(hit.passage.text)]
        if not quotes:
            return []
        near = self._embedder.passages(quotes) @ self._embedder.queries([case.asked.question])[0]
        return [quotes[at] for at in near.argsort()[::-1][:2]]


def extracted(case: Case) -> list[str]:
    """What the extractor chooses."""
    found = extract(case.asked.question, case.hits, language=case.asked.language)
    return [one.quote for one in found.evidence]


def readers() -> dict[str, Reader]:
    """The ways that are compared, by their names in the table."""
    return {
        "all five passages": all_five,
        "first passage": first_passage,
        "two sentences, BM25": two_by_bm25,
        "two sentences, embedding": TwoByMeaning(),
        "extractor": extracted,
    }


def measure(name: str, cases: Sequence[Case], ways: dict[str, Reader], count: Callable[[str], int]) -> Iterator[str]:
    """The lines of the table for one set."""
    whole = ["\n".join(all_five(case)) for case in cases]
    characters, tokens = sum(map(len, whole)), sum(map(count, whole))
    for label, way in ways.items():
        began = time.process_time()
        pieces = [way(case) for case in cases]
        milliseconds = 1000 * (time.process_time() - began) / len(cases)
        texts = ["\n".join(some) for some in pieces]
        kept = _share(case.asked.answered_by(text) for case, text in zip(cases, texts, strict=True))
        first = _share(bool(some) and case.asked.answered_by(some[0]) for case, some in zip(cases, pieces, strict=True))
        shares = f"{sum(map(len, texts)) / characters:.3f} | {sum(map(count, texts)) / tokens:.3f}"
        time_ = "" if isinstance(way, TwoByMeaning) else f"{milliseconds:.1f}"
        yield f"| {name} ({len(cases)}) | {label} | {kept:.3f} | {first:.3f} | {shares} | {time_} |"


def sets(half: Half | None) -> Iterator[tuple[str, list[Asked]]]:
    """The answerable questions of each set. Raises DataMissing."""
    everything: list[tuple[str, list[Asked]]] = [
        ("JSQuAD", question_sets.paragraph_questions("jsquad", PARAGRAPHS["jsquad"], "ja")),
        ("XQuAD", question_sets.paragraph_questions("xquad", PARAGRAPHS["xquad"], "en")),
        ("pack, English", question_sets.pack_questions("en")),
        ("pack, Japanese", question_sets.pack_questions("ja")),
        *((name, question_sets.own(name)) for name in own_questions.OWN),
        ("slurm_dev", question_sets.slurm_questions()),
        ("slurm_dev, reworded", question_sets.slurm_questions(reworded=True)),
    ]
    for name, asked in everything:
        yield name, [one for one in asked if one.answerable and (half is None or one.half == half)]


def main() -> int:
    """Measure, or fit; 1 where the data is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["tuning", "held"], default="held", help="of each set (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=100_000, help="questions of each set (default: all)")
    parser.add_argument("--work", type=Path, help="keep the libraries here (default: a temporary folder)")
    parser.add_argument("--words", action="store_true", help="libraries without embeddings")
    parser.add_argument("--tokenizer", default="starter", help="starter, gemma or a GGUF (default: %(default)s)")
    parser.add_argument("--fit", action="store_true", help="fit the ranker anew and save it")
    parser.add_argument("--ablation", action="store_true", help="what each group of features is worth")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        try:
            if options.fit or options.ablation:
                return _fit(work, ablation=options.ablation)
            _table(options, work)
        except (DataMissing, corpora.CorpusMissing, models.GemmaMissing) as missing:
            print(missing, file=sys.stderr)
            return 1
    return 0


def _table(options: argparse.Namespace, work: Path) -> None:
    print(f"The {options.half} half; tokens by the tokenizer of {options.tokenizer}.\n")
    print(
        "| Set | What is read | kept | first | characters | tokens | ms |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    ways = readers()
    model = models.model_file(options.tokenizer)
    with Shelf(work, embedded=not options.words) as shelf, Engine(model, context=512) as engine:
        for name, asked in sets(options.half):
            cases = list(shelf.put(asked[: options.limit]))
            for line in measure(name, cases, ways, engine.count):
                print(line, flush=True)


def _fit(work: Path, *, ablation: bool) -> int:
    cases = fit_ranker.gather(work)
    tuning = [one for one in cases if one.case.asked.half == "tuning"]
    held = [one for one in cases if one.case.asked.half == "held"]
    print(f"{len(tuning)} cases to fit on, {len(held)} to judge by")
    if ablation:
        for line in fit_ranker.ablation(tuning, held):
            print(line, flush=True)
        return 0
    print(f"loss on the held half: {fit_ranker.loss(shipped(), held):.3f} as shipped")
    ranker = fit_ranker.fit(tuning)
    print(f"{fit_ranker.loss(ranker, held):.3f} fitted anew; saved in {DATA}")
    fit_ranker.save(ranker, DATA)
    return 0


def _share(values: Iterator[bool]) -> float:
    held = list(values)
    return sum(held) / max(1, len(held))


if __name__ == "__main__":
    sys.exit(main())

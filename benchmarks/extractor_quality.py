"""How much of what the first five passages hold does the extractor keep, in how many characters?

    python -m benchmarks.extractor_quality [--limit 500] [--work FOLDER]

Asks the questions of jsquad_ja_dev and xquad_en_dev of a library made from their own paragraphs, and compares what is
left for the model to read: all five passages, the first one, the two sentences with the best BM25, and the extractor's
evidence. "kept" is the share of questions with an answer in that text, "characters" its share of all five passages'.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.extractor import extract
from agent.sentences import units
from benchmarks.question_sets import Asked, DataMissing, kept_in, paragraph_library, paragraphs
from index.analyzer import tokens
from index.records import Hit, Language

Reader = Callable[[Asked, Sequence[Hit]], str]

SETS: tuple[tuple[str, Language], ...] = (("jsquad_ja_dev.jsonl", "ja"), ("xquad_en_dev.jsonl", "en"))


def all_five(asked: Asked, hits: Sequence[Hit]) -> str:
    """Everything that was found."""
    return "\n".join(hit.passage.text for hit in hits)


def first_passage(asked: Asked, hits: Sequence[Hit]) -> str:
    """The best hit alone."""
    return hits[0].passage.text if hits else ""


def two_sentences(asked: Asked, hits: Sequence[Hit]) -> str:
    """The two sentences with the best BM25 among those of all five passages."""
    texts = [hit.passage.text[unit.start : unit.end] for hit in hits for unit in units(hit.passage.text)]
    bags = [Counter(tokens(text)) for text in texts]
    mean = sum(sum(bag.values()) for bag in bags) / max(1, len(bags))
    query = set(tokens(asked.question, query=True))
    idf = {word: math.log(1 + len(bags) / (0.5 + sum(word in bag for bag in bags))) for word in query}

    def bm25(bag: Counter[str]) -> float:
        length = 1.2 * (0.25 + 0.75 * sum(bag.values()) / mean)
        return sum(idf[word] * 2.2 * bag[word] / (bag[word] + length) for word in query)

    best = sorted(range(len(texts)), key=lambda at: -bm25(bags[at]))[:2]
    return "\n".join(texts[at] for at in best)


def extracted(asked: Asked, hits: Sequence[Hit]) -> str:
    """What the extractor chooses."""
    return "\n".join(one.quote for one in extract(asked.question, hits, language=asked.language).evidence)


READERS: dict[str, Reader] = {
    "all five": all_five,
    "first passage": first_passage,
    "two sentences, BM25": two_sentences,
    "extractor": extracted,
}


def measure(name: str, language: Language, limit: int, work: Path) -> None:
    """Print the table for one set of questions."""
    questions, titles = paragraphs(name, language)
    sample = random.Random(1).sample(questions, min(limit, len(questions)))
    with paragraph_library(titles, work / name) as library:
        found = [(asked, library.search(asked.question, 5)) for asked in sample]
    everything = sum(len(all_five(asked, hits)) for asked, hits in found)
    print(f"{name}: {len(sample)} questions, {len({text for texts in titles.values() for text in texts})} paragraphs")
    for label, reader in READERS.items():
        began = time.perf_counter()
        texts = [reader(asked, hits) for asked, hits in found]
        milliseconds = 1000 * (time.perf_counter() - began) / len(found)
        kept = sum(kept_in(asked.answers, text) for (asked, _), text in zip(found, texts, strict=True)) / len(found)
        characters = sum(len(text) for text in texts) / everything
        print(f"  {label:20} kept {kept:.3f}   characters {characters:.3f}   {milliseconds:5.1f} ms a question")


def main() -> int:
    """Measure both sets; 1 where the data is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=500, help="questions of each set (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="keep the libraries here (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        try:
            for name, language in SETS:
                measure(name, language, options.limit, options.work or Path(temporary))
        except DataMissing as missing:
            print(missing, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Does the answer hold what was asked for, and does it cite the right section? Beside two plain ways, in the same run.

    python -m benchmarks.answer_quality                       both models, all sets (half an hour on two cores)
    python -m benchmarks.answer_quality --models none         quotes alone and the pasted passage (a minute)
    python -m benchmarks.answer_quality --models starter --sets pack-en --quick --show

Asks operators' questions (slurm_dev, and the domain pack's in both languages) of libraries made by the program's own
import, and prints for the questions that the library answers, with 95 % Wilson intervals:

    told        the answer's text or a quote of it holds a required short answer (slurm_dev: or the deciding sentence)
    any, first  any citation, or the first, is of the right section (pack: the page; slurm_dev: the section in which
                the deciding sentence stands)
    worded      the model's words were shown; "right" of those hold the short answer themselves; "marked" have a mark
    refused     of the questions that are answered, wrongly; and of those that are not, rightly

The peers: the best passage pasted as the answer, and the five best put into a plain prompt of the same model, whose
citations are those five. Neither refuses. Then where the program's answers were lost: the answer was in none of the ten
passages found, in none that the extractor quoted, or the gate refused what held it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from agent.assistant import LONGEST_ANSWER, Assistant
from agent.engine import Engine
from agent.exam import wilson
from agent.records import Answer
from agent.sufficiency import ENOUGH
from benchmarks.answer_cases import Case, Shelf
from benchmarks.models import model_file
from benchmarks.question_sets import Asked, DataMissing, folded, pack_questions, slurm_questions
from index.library import Library
from index.records import Hit

SETS: dict[str, Callable[[], list[Asked]]] = {
    "slurm-dev": slurm_questions,
    "pack-en": lambda: pack_questions("en"),
    "pack-ja": lambda: pack_questions("ja"),
}
PASSAGES = 5  # in the peer's prompt
LONGEST_PASSAGE = 1500  # characters of each
CONTEXT = 4096  # tokens, so that the peer's prompt fits


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a question: `cited` says of each citation whether it is of the right section; `lost` where the
    answer went, "" if it was told or there is none; `text` is what was said, to look at."""

    asked: Asked
    told: bool
    cited: tuple[bool, ...]
    refused: bool = False
    worded: bool = False
    words_right: bool = False
    marked: bool = False
    lost: str = ""
    text: str = ""


# The program


def answered(case: Case, library: Library, answer: Answer) -> Reply:
    """The program's answer, judged."""
    quotes = [" ".join((one.context, one.quote)) for one in answer.citations]
    told = not answer.abstained and case.asked.answered_by("\n".join((answer.text, *quotes)))
    cited = tuple(_right(case.asked, one.source, library.section(one.section_id).text) for one in answer.citations)
    return Reply(
        asked=case.asked,
        told=told,
        cited=cited,
        refused=answer.abstained,
        worded=answer.phrased,
        words_right=answer.phrased and case.asked.answered_by(answer.text),
        marked=bool(answer.unsupported),
        lost="" if told or not case.answerable else _lost(case, answer),
        text=answer.text,
    )


def _lost(case: Case, answer: Answer) -> str:
    """Where an answer that was not told got lost."""
    if not any(case.asked.answered_by(f"{hit.passage.context} {hit.passage.text}") for hit in case.hits):
        return "not found"
    seen = "\n".join(step.observation for step in answer.steps)
    if not case.asked.answered_by(seen):
        return "not quoted"
    return "refused" if answer.abstained else "found by a later search only"


def _right(asked: Asked, source: str, text: str) -> bool:
    """Whether a citation is of the section that answers; where only the page is known, of that page."""
    if asked.context:
        return asked.context in folded(text)
    return bool(asked.source) and source.endswith(asked.source)


# The peers


def pasted(case: Case, library: Library) -> Reply:
    """The best passage as the answer."""
    best = case.hits[:1]
    return _from_passages(case, library, best, "\n".join(hit.passage.text for hit in best))


def prompted(case: Case, library: Library, engine: Engine) -> Reply:
    """What the model says to a plain prompt with the five best passages."""
    read = [f"{' > '.join(hit.passage.heading)}\n{hit.passage.text[:LONGEST_PASSAGE]}" for hit in case.hits[:PASSAGES]]
    told = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(read, start=1))
    system = "Answer the question in one or two sentences from the passages."
    prompt = engine.chat([("system", system), ("user", f"{told}\n\nQuestion: {case.asked.question}")])
    written = engine.generate(prompt, max_tokens=LONGEST_ANSWER, stop=("\n\n", "\nUser:"))
    return _from_passages(case, library, case.hits[:PASSAGES], written.text.strip(), worded=True)


def _from_passages(case: Case, library: Library, hits: Sequence[Hit], text: str, *, worded: bool = False) -> Reply:
    told = case.asked.answered_by(text)
    cited = tuple(_right(case.asked, hit.passage.source, library.section(hit.passage.section_id).text) for hit in hits)
    return Reply(case.asked, told, cited, worded=worded, words_right=worded and told, text=text)


# What is printed


def row(name: str, replies: Sequence[Reply]) -> str:
    """A line of the table."""
    ours = [one for one in replies if one.asked.answerable]
    rest = [one for one in replies if not one.asked.answerable]
    worded = [one for one in ours if one.worded and not one.refused]
    cells = [
        _share([one.told for one in ours]),
        _share([any(one.cited) for one in ours]),
        _share([one.cited[:1] == (True,) for one in ours]),
        f"{len(worded)} ({sum(one.words_right for one in worded)} right, {sum(one.marked for one in worded)} marked)",
        _share([one.refused for one in ours]),
        _share([one.refused for one in rest]),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def lost(replies: Iterable[Reply]) -> str:
    """Where answers were lost, in one line."""
    counted = Counter(one.lost for one in replies if one.lost)
    return ", ".join(f"{why} {count}" for why, count in counted.most_common()) or "none"


def _share(hits: Sequence[bool]) -> str:
    if not hits:
        return "-"
    low, high = wilson(sum(hits), len(hits))
    return f"{sum(hits) / len(hits):.2f} ({low:.2f}-{high:.2f})"


def show(replies: Iterable[Reply]) -> None:
    """Each question with what was said, to be judged by eye."""
    for one in replies:
        told = "told" if one.told else f"lost: {one.lost}" if one.lost else "not to be told"
        how = "refused" if one.refused else "worded" if one.worded else "quotes"
        print(f"    {how}, {told}: {one.asked.question} [{' / '.join(one.asked.answers)[:70]}]")
        print(f"        {one.text[:400]!r}")


def run(shelf: Shelf, names: Sequence[str], models: Sequence[str], limit: int, *, quick: bool, look: bool) -> None:
    """Ask everything and print a table a set."""
    with ExitStack() as engines:
        running = {
            name: engines.enter_context(Engine(model_file(name), context=CONTEXT)) for name in models if name != "none"
        }
        for name in names:
            cases = list(shelf.put(SETS[name]()[:limit]))
            library = shelf.library(cases[0].library)
            yes = sum(case.answerable for case in cases)
            print(f"\n{name}: {yes} questions that the library answers, {len(cases) - yes} that it does not")
            print("| | told | any citation right | first right | worded | refused wrongly | refused rightly |")
            print("| --- | --- | --- | --- | --- | --- | --- |")
            print(row("best passage pasted", [pasted(case, library) for case in cases]), flush=True)
            told: dict[str, list[Reply]] = {}
            for model, engine in (("no model", None), *running.items()):
                assistant = Assistant(library, engine)
                told[model] = [answered(case, library, assistant.ask(case.asked.question)) for case in cases]
                print(row(f"Tebiki, {model}", told[model]), flush=True)
                if engine is not None and not quick and case_language(cases) in engine.info.languages:
                    peer = [prompted(case, library, engine) for case in cases]
                    print(row(f"five passages into the prompt, {model}", peer), flush=True)
                if look:
                    show(told[model])
            print(f"\nLost (no model): {lost(told['no model'])}; the gate lets through from {ENOUGH:g}")


def case_language(cases: Sequence[Case]) -> str:
    """The language of a set's questions."""
    return cases[0].asked.language


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="starter,gemma", help="starter, gemma, none or GGUF files, with commas")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "tebiki-answers")
    parser.add_argument("--quick", action="store_true", help="leave out the five passages in a prompt, which take long")
    parser.add_argument("--show", action="store_true", help="print each answer too")
    options = parser.parse_args()
    try:
        with Shelf(options.work) as shelf:
            run(shelf, options.sets.split(","), options.models.split(","), options.limit,
                quick=options.quick, look=options.show)  # fmt: skip
    except DataMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

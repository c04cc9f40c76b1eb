"""Says which manuals are editions of one book, and which of them a newer one stands beside.

Comes in: manuals as the library lists them, and questions. Goes out: ids, and keys that sort. Manuals whose titles are
the same but for version, product and language are one *family*. It knows nothing of search or of storage.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from index.records import Language, Manual, Scope

_VERSION = (
    r"(?:(?<![A-Za-z])(?:versions?|ver\.?|v\.?|releases?|rel\.?)|バージョン|リリース)\s*(?P<number>\d{1,4}(?:[.-]\d{1,4}){0,3})"
    r"(?![A-Za-z0-9])"
)
_NAMED = re.compile(_VERSION, re.IGNORECASE)
_EDITION = re.compile(r"(?<![\w.-])(?P<number>\d{1,2}-\d{2}(?:-\d{1,2})?)(?![\w.-])")
_LANGUAGES = re.compile(r"\b(?:english|japanese|en|ja|jp)\b|日本語版?|英語版?|[(（]\s*[)）]", re.IGNORECASE)
_NUMBERS = re.compile(r"\d+")

VersionKey = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """A manual by what it says of itself; of the library's list (`Manual`) the part that tells editions apart."""

    id: int
    title: str
    language: Language
    product: str
    version: str


Edition = Book | Manual


def version_key(text: str) -> VersionKey:
    """The numbers of a version, so that 9 < 10 < 13 and "11-50" < "12-00"; () where there is none."""
    return tuple(int(number) for number in _NUMBERS.findall(unicodedata.normalize("NFKC", text))[:6])


def version_of(manual: Edition) -> VersionKey:
    """The version of a manual, from its title where nothing else tells; of "8, 9, 12" the highest."""
    told = [version_key(part) for part in manual.version.split(",")]
    told += [version_key(found["number"]) for found in _NAMED.finditer(_plain(manual.title))] if not any(told) else []
    return max(told, default=())


def family_key(manual: Edition) -> tuple[str, str]:
    """The same for all editions of one book: its language, and its title without version, product and language."""
    return manual.language, _bare_title(manual.title, manual.product, manual.version)


@lru_cache(maxsize=4096)
def _bare_title(title: str, product: str, version: str) -> str:
    text = _NAMED.sub(" ", _plain(title))
    for number in [part.strip() for part in _plain(version).split(",") if part.strip()]:
        text = re.sub(rf"(?<![\d.-]){re.escape(number)}(?![\d.-]|\w)", " ", text)
    text = _LANGUAGES.sub(" ", text)
    bare = text.replace(_plain(product), " ") if product.strip() else text
    return re.sub(r"[\W_]+", " ", bare).strip() or re.sub(r"[\W_]+", " ", text).strip()


def older(manuals: Iterable[Edition]) -> frozenset[int]:
    """The ids of those that a newer version of the same book stands beside.

    A manual that names no version is older than none: its title may be that of another product's book.
    """
    newest: dict[tuple[str, str], VersionKey] = {}
    held = [(manual.id, family_key(manual), version_of(manual)) for manual in manuals]
    for _, family, version in held:
        newest[family] = max(version, newest.get(family, ()))
    return frozenset(id_ for id_, family, version in held if version and version < newest[family])


def named_in(question: str) -> list[VersionKey]:
    """The versions that a question names: "in version 12", "V12.1", "バージョン12", "12-50"."""
    text = _plain(question)
    return [version_key(found["number"]) for pattern in (_NAMED, _EDITION) for found in pattern.finditer(text)]


def is_version(version: VersionKey, asked: VersionKey) -> bool:
    """Whether a manual of `version` is meant by `asked`: 12 means 12-00 and 12.5 too."""
    return bool(asked) and version[: len(asked)] == asked


def outdated(manuals: Sequence[Edition], question: str, wanted: Collection[int] | None = None) -> frozenset[int]:
    """The manuals whose passages stand back in an answer to `question`: those that have a newer edition, unless the
    question names their version; then their siblings of other versions do. `wanted`: only these are searched."""
    among = [manual for manual in manuals if wanted is None or manual.id in wanted]
    asked = named_in(question)
    back = set(older(among))
    if not asked:
        return frozenset(back)
    meant = {manual.id for manual in among if any(is_version(version_of(manual), each) for each in asked)}
    families = {family_key(manual) for manual in among if manual.id in meant}
    siblings = {manual.id for manual in among if family_key(manual) in families and version_of(manual)}
    return frozenset((back | siblings) - meant)


def in_scope(manuals: Iterable[Edition], scope: Scope) -> frozenset[int] | None:
    """The ids of the manuals that `scope` names, its language aside; None where it names none and means all."""
    if not (scope.manuals or scope.product or scope.version):
        return None
    return frozenset(
        manual.id
        for manual in manuals
        if (not scope.manuals or manual.id in scope.manuals)
        and (not scope.product or _is_product(manual.product, scope.product))
        and (not scope.version or _has_version(manual, scope.version))
    )


def languages(manuals: Iterable[Edition], scope: Scope) -> frozenset[Language]:
    """The languages of what is in scope."""
    if scope.language is not None:
        return frozenset({scope.language})
    held = list(manuals)
    wanted = in_scope(held, scope)
    return frozenset(manual.language for manual in held if wanted is None or manual.id in wanted)


def _is_product(product: str, asked: str) -> bool:
    said, wanted = _plain(product).strip(), _plain(asked).strip()
    return said == wanted or said.startswith((f"{wanted}/", f"{wanted} "))


def _has_version(manual: Edition, asked: str) -> bool:
    told = [version_key(part) for part in manual.version.split(",")]
    wanted = version_key(asked)
    if not wanted:
        return _plain(manual.version).strip() == _plain(asked).strip()
    return any(is_version(version, wanted) for version in [*told, version_of(manual)])


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()

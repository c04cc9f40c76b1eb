"""Where a question may be searched for, as choices: everything, a language, a product, one manual in one version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from index.records import Manual, Scope

EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class ScopeChoice:
    """One line of the list: what it says, what stands beside it in small letters, and what it means."""

    label: str
    detail: str
    scope: Scope

    def matches(self, words: str) -> bool:
        """Whether every word typed into the filter stands in the line."""
        line = f"{self.label} {self.detail}".casefold()
        return all(word in line for word in words.casefold().split())


def choices(manuals: Sequence[Manual], texts: Callable[..., str]) -> list[ScopeChoice]:
    """All manuals first; languages and products where there are several; then every manual by title and version."""
    found = [ScopeChoice(texts("scope.everything"), _count(len(manuals), texts), EVERYTHING)]
    languages = Counter(manual.language for manual in manuals)
    if len(languages) > 1:
        for language, count in sorted(languages.items()):
            label = texts("scope.language", language=texts(f"language.{language}"))
            found.append(ScopeChoice(label, _count(count, texts), Scope(language=language)))
    products = Counter(manual.product for manual in manuals if manual.product)
    if len(products) > 1:
        for product, count in sorted(products.items()):
            found.append(ScopeChoice(product, _count(count, texts), Scope(product=product)))
    for manual in manuals:
        detail = " · ".join(part for part in (manual.version, texts(f"language.{manual.language}")) if part)
        found.append(ScopeChoice(manual.title, detail, Scope(manuals=frozenset({manual.id}))))
    return found


def _count(count: int, texts: Callable[..., str]) -> str:
    return texts("scope.manuals", n=count)

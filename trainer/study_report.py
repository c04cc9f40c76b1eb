"""The study's report: figures of sittings in, Markdown out. Every number in it is computed here from their files.

Tests are McNemar's exact one over the same questions, intervals Wilson's at 95 %. In `letters` a question counts as
right for McNemar's if most rotations were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from agent.exam import wilson
from index.records import Language
from trainer.run_config import StudyMode, Variant
from trainer.sittings import Sat

LEVELS = ("engineer", "professional", "consultant")
SURE = 0.05


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that one variant answered of one bank in one mode."""

    variant: str
    bank: str
    lang: Language
    mode: StudyMode
    sat: tuple[Sat, ...]

    @property
    def correct(self) -> float:
        """Right ones; in `letters` the mean over rotations."""
        return sum(one.right for one in self.sat)

    @property
    def accuracy(self) -> float:
        """Share of right ones."""
        return self.correct / len(self.sat) if self.sat else 0.0


def mcnemar(one: Sequence[Sat], other: Sequence[Sat]) -> tuple[int, int, float]:
    """Questions that only the first, and only the second has right, and the exact two-sided p (McNemar 1947)."""
    theirs = {sat.id: sat.right > 0.5 for sat in other}
    pairs = [(sat.right > 0.5, theirs[sat.id]) for sat in one if sat.id in theirs]
    gained, lost = sum(mine and not its for mine, its in pairs), sum(its and not mine for mine, its in pairs)
    n = gained + lost
    tail = sum(math.comb(n, k) for k in range(min(gained, lost) + 1)) / 2**n
    return gained, lost, min(1.0, 2 * tail)


def chosen_by_language(
    variants: Sequence[Variant], sheets: Iterable[Sheet], bank: Callable[[Language], str]
) -> dict[Language, tuple[str, str]]:
    """For each language the variant that is the default, and why: the best tuned one in agent mode on the bank of that
    language, if it is better than the variant it is tested against beyond chance; else that one."""
    by = {(sheet.variant, sheet.bank): sheet for sheet in sheets if sheet.mode == "agent"}
    chosen: dict[Language, tuple[str, str]] = {}
    for language in ("en", "ja"):
        tuned = [one for one in variants if one.beside and (one.name, bank(language)) in by]
        if not tuned:
            continue
        best = max(tuned, key=lambda one: by[one.name, bank(language)].accuracy)
        mine, its = by[best.name, bank(language)], by.get((best.beside, bank(language)))
        if its is None:
            continue
        gained, lost, p = mcnemar(mine.sat, its.sat)
        better = gained > lost and p < SURE
        why = f"{best.name} {mine.accuracy:.3f}, {best.beside} {its.accuracy:.3f}; {gained} gained, {lost} lost"
        why += f", p = {p:.3f}"
        chosen[language] = (best.name if better else best.beside, why)
    return chosen


def report(
    variants: Sequence[Variant],
    sheets: Sequence[Sheet],
    *,
    command: str,
    chart: str,
    kept: str,
    chosen: Mapping[Language, tuple[str, str]],
) -> str:
    """The whole page; `kept` is what stands by hand between the markers."""
    banks = list(dict.fromkeys(sheet.bank for sheet in sheets))
    parts = [
        "# The study\n",
        f"Made by `{command}` from the recorded sittings; every number below is computed from their files.\n",
        f"![Accuracy of each variant and mode with 95 % intervals]({chart})\n",
        BEGIN + "\n" + kept.strip() + "\n" + END + "\n",
    ]
    for bank in banks:
        here = [sheet for sheet in sheets if sheet.bank == bank]
        parts += [
            f"## {bank}, {max(len(sheet.sat) for sheet in here)} questions\n",
            _accuracy(here),
            "### By level, agent mode\n",
            _levels(here),
            "### Against the untuned base\n",
            _tests(variants, here),
            "### What it takes\n",
            _cost(here),
            "### Where questions are lost, agent mode\n",
            _lost(here),
        ]
    if chosen:
        parts += ["## Which model is the default\n", _default(chosen)]
    return "\n".join(part for part in parts if part)


BEGIN, END = "<!-- by hand -->", "<!-- made -->"


def by_hand(text: str) -> str:
    """What stands between the markers of a report that was made before."""
    _, found, rest = text.partition(BEGIN)
    return rest.partition(END)[0].strip() if found else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def _names(sheets: Sequence[Sheet]) -> list[str]:
    return list(dict.fromkeys(sheet.variant for sheet in sheets))


def _modes(sheets: Sequence[Sheet]) -> list[StudyMode]:
    return list(dict.fromkeys(sheet.mode for sheet in sheets))


def _accuracy(sheets: Sequence[Sheet]) -> str:
    of = {(sheet.variant, sheet.mode): sheet for sheet in sheets}
    modes = _modes(sheets)
    rows = [[name, *(_share(of.get((name, mode))) for mode in modes)] for name in _names(sheets)]
    return table(["Variant", *modes], rows)


def _share(sheet: Sheet | None) -> str:
    if sheet is None or not sheet.sat:
        return "-"
    low, high = wilson(round(sheet.correct), len(sheet.sat))
    spread = ""
    if sheet.mode == "letters":
        turns = [sum(sat.rotations[turn] for sat in sheet.sat) / len(sheet.sat) for turn in range(4)]
        spread = f"; rotations {min(turns):.3f} to {max(turns):.3f}"
    return f"**{sheet.accuracy:.3f}** ({low:.2f}-{high:.2f}{spread})"


def _levels(sheets: Sequence[Sheet]) -> str:
    rows = []
    for sheet in (one for one in sheets if one.mode == "agent"):
        cells = []
        for level in LEVELS:
            own = [sat for sat in sheet.sat if sat.level == level]
            right = round(sum(sat.right for sat in own))
            cells.append(f"{right / len(own):.3f} ({right} of {len(own)})" if own else "-")
        rows.append([sheet.variant, *cells])
    return table(["Variant", *LEVELS], rows)


def _tests(variants: Sequence[Variant], sheets: Sequence[Sheet]) -> str:
    of = {(sheet.variant, sheet.mode): sheet for sheet in sheets}
    rows = []
    for variant in variants:
        mine = of.get((variant.name, "agent"))
        if not variant.beside or mine is None:
            continue
        for mode, what in (("agent", "agent, own scoring"), ("letters", "letters"), ("closed", "closed")):
            its = next((one for one in sheets if one.variant == variant.beside and one.mode == mode), None)
            if its is not None:
                gained, lost, p = mcnemar(mine.sat, its.sat)
                rows.append([
                    variant.name, f"{variant.beside}, {what}", f"{100 * (mine.accuracy - its.accuracy):+.1f}",
                    str(gained), str(lost), f"{p:.2g}",
                ])  # fmt: skip
    return table(["Variant, agent", "against", "points", "gained", "lost", "p"], rows) if rows else ""


def _cost(sheets: Sequence[Sheet]) -> str:
    rows = []
    for sheet in sheets:
        if sheet.sat:
            rows.append([
                sheet.variant, sheet.mode, f"{sum(sat.searches for sat in sheet.sat) / len(sheet.sat):.2f}",
                f"{sum(sat.searches == 0 for sat in sheet.sat) / len(sheet.sat):.2f}",
                f"{median(sat.tokens for sat in sheet.sat):.0f}", f"{median(sat.seconds for sat in sheet.sat):.2f}",
            ])  # fmt: skip
    head = ["Variant", "mode", "searches a question", "share without a search", "tokens read", "seconds (medians)"]
    return table(head, rows)


def _lost(sheets: Sequence[Sheet]) -> str:
    rows = []
    for sheet in (one for one in sheets if one.mode == "agent"):
        wrong = [sat for sat in sheet.sat if sat.right < 0.5]
        rows.append([
            sheet.variant, str(len(wrong)), str(sum(sat.found is False for sat in wrong)),
            str(sum(sat.found is not False and sat.shown is False for sat in wrong)),
            str(sum(sat.found is not False and sat.shown is not False for sat in wrong)),
        ])  # fmt: skip
    head = ["Variant", "wrong", "page not found", "found, no unit of it shown", "shown, judged wrongly"]
    return table(head, rows)


def _default(chosen: Mapping[Language, tuple[str, str]]) -> str:
    rows = [[language, name, why] for language, (name, why) in chosen.items()]
    return (
        f"The best tuned model, if it is better than its base in agent mode with p < {SURE}; else the base.\n\n"
        + table(["Language", "default", "because"], rows)
    )

"""The study's report: figures of sittings in, Markdown out. Every number in it is computed here from their files.

Tests are McNemar's exact one over the same questions, intervals Wilson's at 95 %. In `letters` a question counts as
right for McNemar's if most rotations were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from agent.exam import wilson
from index.records import Language
from trainer.run_config import StudyMode, Variant
from trainer.sittings import Sat

LANGUAGES: tuple[Language, ...] = ("en", "ja")
LEVELS = ("engineer", "professional", "consultant")
SURE = 0.05
PASS = 0.70
"""The exam's own pass mark, at each level."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that one variant answered of one bank in one mode; `library` is the hash of what was searched."""

    variant: str
    bank: str
    lang: Language
    mode: StudyMode
    sat: tuple[Sat, ...]
    library: str = ""

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


@dataclass(frozen=True, slots=True)
class About:
    """What a variant is made of: the base's file and its sha256, the adapter's folder and sha256 ("" without one), and
    the size of the model that sat, in megabytes."""

    variant: Variant
    base: str
    base_hash: str
    adapter: str
    adapter_hash: str
    megabytes: float


@dataclass(frozen=True, slots=True)
class Default:
    """Which variant is the default for a language, and why."""

    name: str
    why: str


def chosen_by_language(
    variants: Sequence[Variant], sheets: Iterable[Sheet], bank: Callable[[Language], str]
) -> dict[Language, Default]:
    """For each language the variant that is the default: the best tuned one in agent mode on the bank of that
    language, if it is better than the best untuned one beyond chance; else that one. As the best of several was picked,
    p is multiplied by how many tuned ones there are (Bonferroni)."""
    by = {(sheet.variant, sheet.bank): sheet for sheet in sheets if sheet.mode == "agent"}
    chosen: dict[Language, Default] = {}
    for language in LANGUAGES:
        here = [(one, by[one.name, bank(language)]) for one in variants if (one.name, bank(language)) in by]
        tuned = [sheet for one, sheet in here if one.adapter is not None and one.tuned]
        plain = [sheet for one, sheet in here if one.adapter is None]
        if not tuned or not plain:
            continue
        mine, its = (max(group, key=lambda sheet: sheet.accuracy) for group in (tuned, plain))
        gained, lost, p = mcnemar(mine.sat, its.sat)
        p = min(1.0, p * len(tuned))
        why = f"{mine.variant} {mine.accuracy:.3f}, {its.variant} {its.accuracy:.3f}; {gained} gained, {lost} lost"
        why += f", p = {p:.2g}" + (f" (times {len(tuned)}, as many as are tuned)" if len(tuned) > 1 else "")
        chosen[language] = Default(mine.variant if gained > lost and p < SURE else its.variant, why)
    return chosen


def report(
    about: Sequence[About],
    sheets: Sequence[Sheet],
    *,
    run: str,
    seed: int,
    chart: str,
    kept: str,
    chosen: Mapping[Language, Default],
    aims: Mapping[str, float],
) -> str:
    """The whole page; `kept` is what stands by hand between the markers, `aims` the share right aimed at by bank."""
    banks = list(dict.fromkeys(sheet.bank for sheet in sheets))
    questions = sum(max(len(sheet.sat) for sheet in sheets if sheet.bank == bank) for bank in banks)
    variants = [one.variant for one in about]
    made = (
        f"Made by `tebiki train study` (run {run}, seed {seed}) from the recorded sittings; every number outside the "
        f"next section is computed from their files. {questions} questions that no stage trained on.\n"
    )
    parts = [
        "# The study\n",
        made,
        f"![Accuracy of each variant and mode with 95 % intervals]({chart})\n",
        BEGIN + "\n" + kept.strip() + "\n" + END + "\n",
        "## What was compared\n",
        _variants(about),
    ]
    for bank in banks:
        here = [sheet for sheet in sheets if sheet.bank == bank]
        parts += [
            f"## {bank}, {max(len(sheet.sat) for sheet in here)} questions\n",
            f"Library {here[0].library[:12]} (hash of its texts).\n" if here[0].library else "",
            _accuracy(here),
            "### By level\n",
            _levels(here),
            "### What was aimed at, agent mode\n",
            goals(variants, here, aims.get(bank)),
            "### Against the untuned base\n",
            _tests(variants, here),
            "### What it takes\n",
            _cost(here),
            "### Where questions are lost, agent mode\n",
            _lost(here),
        ]
    if len(banks) > 1:
        parts += ["## All banks together, against the untuned base\n", _tests(variants, _together(sheets))]
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


def _variants(about: Sequence[About]) -> str:
    rows = [
        [
            one.variant.name, f"{one.base} ({one.base_hash[:12]})",
            f"{one.adapter} ({one.adapter_hash[:12]})" if one.adapter else "-",
            "as trained" if one.adapter and one.variant.tuned else "as a base", f"{one.megabytes:.0f}",
        ]
        for one in about
    ]  # fmt: skip
    return table(["Variant", "base (sha256)", "adapter (sha256)", "asked", "MB, 8 bits"], rows)


def _accuracy(sheets: Sequence[Sheet]) -> str:
    of = {(sheet.variant, sheet.mode): sheet for sheet in sheets}
    modes = _modes(sheets)
    rows = [[name, *(_share(of.get((name, mode))) for mode in modes)] for name in _names(sheets)]
    return table(["Variant", *modes], rows)


def _share(sheet: Sheet | None) -> str:
    if sheet is None or not sheet.sat:
        return "-"
    low, high = wilson(round(sheet.correct), len(sheet.sat))
    more = ""
    if sheet.mode == "letters":
        turns = [sum(sat.rotations[turn] for sat in sheet.sat) / len(sheet.sat) for turn in range(4)]
        more = f"; rotations {min(turns):.3f} to {max(turns):.3f}"
    told = [sat for sat in sheet.sat if sat.told is not False]
    if sheet.mode == "oracle" and 0 < len(told) < len(sheet.sat):
        more = f"; {sum(sat.right for sat in told) / len(told):.3f} of the {len(told)} that could be told"
    return f"**{sheet.accuracy:.3f}** ({low:.2f}-{high:.2f}{more})"


def _levels(sheets: Sequence[Sheet]) -> str:
    rows = [
        [sheet.variant, sheet.mode, *(_of_level(*_right(sheet, level)) for level in LEVELS)]
        for name in _names(sheets)
        for sheet in sheets
        if sheet.variant == name
    ]
    return table(["Variant", "mode", *LEVELS], rows)


def _of_level(right: int, n: int) -> str:
    low, high = wilson(right, n)
    return f"{right / n:.3f} ({right} of {n}; {low:.2f}-{high:.2f})" if n else "-"


def goals(variants: Sequence[Variant], sheets: Sequence[Sheet], aim: float | None = None) -> str:
    """For each tuned variant whether it does what training is for: as much right as is aimed at (if a number is),
    every level passed, and better than the variant it stands beside by the usual prompt, from memory, and with our own
    scoring of the same evidence."""
    of = {(sheet.variant, sheet.mode): sheet for sheet in sheets}
    rows = []
    for variant in variants:
        mine = of.get((variant.name, "agent"))
        if not variant.beside or variant.adapter is None or not variant.tuned or mine is None:
            continue
        levels = [_right(mine, level) for level in LEVELS]
        lowest = min((right / n for right, n in levels if n), default=0.0)
        cells = [f"{lowest:.3f} ({_yes(lowest >= PASS)})"]
        for mode, points, sure in GOALS:
            its = of.get((variant.beside, mode))
            if its is None:
                cells.append("-")
                continue
            more, (_, _, p) = 100 * (mine.accuracy - its.accuracy), mcnemar(mine.sat, its.sat)
            cells.append(f"{more:+.1f}, p = {p:.2g} ({_yes(more > 0 and more >= points and p < sure)})")
        aimed = "" if aim is None else f" ({_yes(mine.accuracy >= aim)})"
        rows.append([variant.name, f"{mine.accuracy:.3f}{aimed}", *cells])
    head = [
        "Variant", "right" if aim is None else f"right (at least {aim:.2f})",
        f"weakest level (at least {PASS:.2f})", "over letters (+14, p < 0.01)",
        "over closed (+40, p < 0.01)", "over agent, own scoring (p < 0.05)",
    ]  # fmt: skip
    return table(head, rows) if rows else ""


GOALS: tuple[tuple[StudyMode, float, float], ...] = (
    ("letters", 14.0, 0.01),
    ("closed", 40.0, 0.01),
    ("agent", 0.0, SURE),
)
"""Against what of the variant beside, by how many points at least, and below which p."""


def _yes(met: bool) -> str:
    return "met" if met else "not met"


def _right(sheet: Sheet, level: str) -> tuple[int, int]:
    """Right ones of a level, and how many there are."""
    own = [sat for sat in sheet.sat if sat.level == level]
    return round(sum(sat.right for sat in own)), len(own)


def _tests(variants: Sequence[Variant], sheets: Sequence[Sheet]) -> str:
    of = {(sheet.variant, sheet.mode): sheet for sheet in sheets}
    rows = []
    for variant in variants:
        if not variant.beside:
            continue
        pairs = [(mode, mode) for mode in _modes(sheets)]
        pairs += [("agent", other) for other in _modes(sheets) if other in ("letters", "closed")]
        for mode, other in pairs:
            mine, its = of.get((variant.name, mode)), of.get((variant.beside, other))
            if mine is not None and its is not None:
                gained, lost, p = mcnemar(mine.sat, its.sat)
                theirs = {sat.id: sat.right for sat in its.sat}
                more = [sat.right - theirs[sat.id] for sat in mine.sat if sat.id in theirs]
                rows.append([
                    f"{variant.name}, {mode}", f"{variant.beside}, {other}", str(len(more)),
                    f"{100 * sum(more) / max(1, len(more)):+.1f}", str(gained), str(lost), f"{p:.2g}",
                ])  # fmt: skip
    return table(["Variant, mode", "against", "n", "points", "gained", "lost", "p"], rows) if rows else ""


def _together(sheets: Sequence[Sheet]) -> list[Sheet]:
    """One sheet of a variant and mode over all the banks that it sat."""
    found: dict[tuple[str, StudyMode], list[Sat]] = {}
    for sheet in sheets:
        sat = found.setdefault((sheet.variant, sheet.mode), [])
        sat += [replace(one, id=f"{sheet.bank}/{one.id}") for one in sheet.sat]
    return [Sheet(variant, "", "en", mode, tuple(sat)) for (variant, mode), sat in found.items()]


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
        judged = [sat for sat in wrong if sat.found is not False and sat.shown is not False]
        rows.append([
            sheet.variant, str(len(wrong)), str(sum(sat.found is False for sat in wrong)),
            str(sum(sat.found is not False and sat.shown is False for sat in wrong)),
            str(len(judged)), *(str(sum(sat.level == level for sat in judged)) for level in LEVELS),
        ])  # fmt: skip
    head = ["Variant", "wrong", "page not found", "found, no unit of it shown", "shown, judged wrongly"]
    return table([*head, *(f"of these {level}" for level in LEVELS)], rows)


def _default(chosen: Mapping[Language, Default]) -> str:
    rows = [[language, one.name, one.why] for language, one in chosen.items()]
    return (
        "The best tuned model, if it is better than the best untuned one in agent mode with "
        f"p < {SURE}; else that one.\n\n" + table(["Language", "default", "because"], rows)
    )

"""The study's chart: accuracy of each variant in each mode, with Wilson's intervals, as SVG, the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.exam import wilson
from trainer.study_report import Sheet

CHANCE = 0.25


def draw(sheets: Sequence[Sheet], path: Path) -> None:
    """Draw one panel a bank. Raises OSError."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "study"
    mpl.rcParams["font.family"] = "DejaVu Sans"
    from matplotlib import pyplot as plt

    banks = list(dict.fromkeys(sheet.bank for sheet in sheets))
    figure, panels = plt.subplots(len(banks), 1, figsize=(9, 3.4 * len(banks)), squeeze=False, layout="constrained")
    for panel, bank in zip(panels[:, 0], banks, strict=True):
        here = [sheet for sheet in sheets if sheet.bank == bank and sheet.sat]
        names = list(dict.fromkeys(sheet.variant for sheet in here))
        modes = list(dict.fromkeys(sheet.mode for sheet in here))
        width = 0.8 / max(1, len(names))
        for number, name in enumerate(names):
            own = {sheet.mode: sheet for sheet in here if sheet.variant == name}
            places = [at + (number - (len(names) - 1) / 2) * width for at, mode in enumerate(modes) if mode in own]
            shares = [own[mode].accuracy for mode in modes if mode in own]
            bounds = [wilson(round(own[mode].correct), len(own[mode].sat)) for mode in modes if mode in own]
            below = [max(0.0, share - low) for share, (low, _) in zip(shares, bounds, strict=True)]
            above = [max(0.0, high - share) for share, (_, high) in zip(shares, bounds, strict=True)]
            panel.bar(places, shares, width * 0.92, label=name, yerr=[below, above],
                      error_kw={"elinewidth": 1, "capsize": 2})  # fmt: skip
        panel.axhline(CHANCE, color="grey", linestyle=":", linewidth=1)
        panel.axhline(0.7, color="grey", linestyle="--", linewidth=1)
        panel.set_xticks(range(len(modes)), modes)
        panel.set_ylim(0, 1)
        panel.set_ylabel("share right")
        panel.set_title(f"{bank} (dotted: chance, dashed: the pass mark)", fontsize=10)
        panel.legend(fontsize=8, ncols=min(5, len(names)), loc="upper left")
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)

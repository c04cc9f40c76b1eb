"""The study's chart: accuracy of each variant in each mode, with Wilson's intervals, as SVG, the same each time.

A row of panels a bank, a panel a mode, a line a variant: a dot with its interval. Colours are Okabe and Ito's, which
stay apart for colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.exam import wilson
from trainer.study_report import Sheet

CHANCE, PASS = 0.25, 0.70
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def draw(sheets: Sequence[Sheet], path: Path) -> None:
    """Draw it. Raises OSError."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "study"
    mpl.rcParams["svg.fonttype"] = "none"
    mpl.rcParams["font.family"] = "DejaVu Sans"
    from matplotlib import pyplot as plt

    figure = plotted(sheets)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def plotted(sheets: Sequence[Sheet]) -> Any:
    """The figure, of which `draw` makes a file."""
    from matplotlib import pyplot as plt

    banks = list(dict.fromkeys(sheet.bank for sheet in sheets))
    modes = list(dict.fromkeys(sheet.mode for sheet in sheets))
    names = list(dict.fromkeys(sheet.variant for sheet in sheets))
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    rows = {
        bank: [name for name in names if any(s.variant == name and s.bank == bank for s in sheets)] for bank in banks
    }
    height = sum(0.3 * len(rows[bank]) + 0.75 for bank in banks)
    figure, panels = plt.subplots(
        len(banks), len(modes), figsize=(1.75 * len(modes) + 1.9, height + 0.3), squeeze=False, sharex=True,
        layout="constrained", height_ratios=[0.3 * len(rows[bank]) + 0.5 for bank in banks],
    )  # fmt: skip
    for line, bank in zip(panels, banks, strict=True):
        for panel, mode in zip(line, modes, strict=True):
            own = [sheet for sheet in sheets if sheet.bank == bank and sheet.mode == mode and sheet.sat]
            _panel(panel, own, rows[bank], colours)
            panel.set_title(mode if panel is not line[0] else f"{bank}\n{mode}", fontsize=9, loc="left")
            panel.tick_params(labelsize=8, length=2)
            if panel is not line[0]:
                panel.set_yticklabels([])
    figure.supxlabel("share right; dotted: chance, dashed: the pass mark", fontsize=8)
    return figure


def _panel(panel: Any, sheets: Sequence[Sheet], names: Sequence[str], colours: dict[str, str]) -> None:
    for value, style in ((CHANCE, ":"), (PASS, "--")):
        panel.axvline(value, color="0.6", linestyle=style, linewidth=0.8, zorder=0)
    for sheet in sheets:
        place = names.index(sheet.variant)
        low, high = wilson(round(sheet.correct), len(sheet.sat))
        panel.plot([low, high], [place, place], color=colours[sheet.variant], linewidth=1.4)
        panel.plot([sheet.accuracy], [place], "o", color=colours[sheet.variant], markersize=4.5, gid="share")
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.4, -0.6)
    panel.set_xlim(0, 1)
    panel.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    panel.spines[["top", "right"]].set_visible(False)

"""Sorts names as people number them: page2 before page10. Strings in, sort keys out."""

from __future__ import annotations

import re

_MOST_DIGITS = 300  # Python refuses to read numbers of more than 4,300, and names in archives may be that long


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts page2 before page10, upper and lower case alike."""
    parts = re.split(r"([0-9]+)", name.lower())
    return [(0, int(part[:_MOST_DIGITS]), "") if part.isdecimal() else (1, 0, part) for part in parts if part]

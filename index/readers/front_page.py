"""Reads product and version off a book's title and the lines of its front page.

Comes in: the title and the first lines of a book, as strings. Goes out: meta for the keys `manual`, `product` and
`version`; what is not said is left out. Knows no file format and no product.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from index.recognise import facts_in_title, is_book_title, version_of

FRONT_LINES = 40
"""How many lines at the beginning of a book may say its version: a title page and the notices behind it."""

_NAMES_VERSION = re.compile(r"\b(version|release|ver\.|rel\.)|バージョン|リリース", re.IGNORECASE)
_LONGEST_LINE = 120  # characters
_LONGEST_VERSION = 40


def front_facts(title: str, lines: Sequence[str]) -> dict[str, str]:
    """What a book's title, and after it the lines of its front page, say of manual, product and version.

    A line counts if it states a version and nothing else ("Release 12.18"), or is a book's title that names one ("The
    Example Version 12"); numbers of documents, dates and editions are none.
    """
    found = facts_in_title(title)
    product, version = found.product, found.version
    for line in islice((each.strip() for each in lines), FRONT_LINES):
        if version and product:
            break
        if len(line) <= _LONGEST_VERSION and (stated := version_of(line)):
            version = version or stated
        elif len(line) <= _LONGEST_LINE and _NAMES_VERSION.search(line) and is_book_title(line):
            said = facts_in_title(line)
            if said.version and version in ("", said.version):
                product, version = product or said.product, said.version
    facts = {"manual": title, "product": product, "version": version}
    return {key: value for key, value in facts.items() if value}

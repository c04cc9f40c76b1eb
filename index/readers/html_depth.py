"""Takes the tags away that would nest a page deeper than any real page is, and attributes beyond all measure.

Markup in, markup out. An HTML parser takes quadratic time over elements that nest a hundred thousand deep, and so does
whoever walks them; a manual's pages nest a few dozen deep, those of bad converters under a hundred. What stands
deeper than `DEEPEST` keeps its text and loses its elements. Elements are counted, not parsed: that is near enough.
The parser takes quadratic time over a tag's attributes too.
"""

from __future__ import annotations

import re

from index.readers.html_furniture import words

DEEPEST = 256

_LONGEST_TAG = 10_000  # characters without the attributes' values, of which a picture's may be long

_TAG = re.compile(r"""<(/?)([A-Za-z][A-Za-z0-9]*)(?:=\s*"[^"]*"|=\s*'[^']*'|[^<>])*>?""")
_VALUE = re.compile(r"""=\s*(?:"[^"]*"|'[^']*')""")
_NOT_NESTED = words(  # without content, once a page, or ended by the next of their kind
    "area base br col embed hr img input link meta param source track wbr html head body "
    "p li dt dd tr td th tbody thead tfoot colgroup option optgroup"
)


def flattened(markup: str) -> str:
    """The markup without the start and end tags of elements below `DEEPEST`, and without attributes in giant tags."""
    if markup.count("<") <= DEEPEST and len(markup) <= _LONGEST_TAG:
        return markup
    open_now: dict[str, int] = {}
    dropped: dict[str, int] = {}
    depth = 0
    kept: list[str] = []
    at = 0
    for tag in _TAG.finditer(markup):
        name = tag[2].lower()
        if tag.end() - tag.start() > _LONGEST_TAG and len(_VALUE.sub("", tag[0])) > _LONGEST_TAG:
            kept.append(f"{markup[at : tag.start()]}<{tag[1]}{name}>")
            at = tag.end()
        if name in _NOT_NESTED:
            continue
        if not tag[1]:
            if depth < DEEPEST:
                open_now[name] = open_now.get(name, 0) + 1
                depth += 1
                continue
            dropped[name] = dropped.get(name, 0) + 1
        elif dropped.get(name):
            dropped[name] -= 1
        else:
            if open_now.get(name):
                open_now[name] -= 1
                depth -= 1
            continue
        kept.append(markup[at : tag.start()])
        at = tag.end()
    return "".join([*kept, markup[at:]]) if kept else markup

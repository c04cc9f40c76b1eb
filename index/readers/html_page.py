"""Walks one HTML page and tells an `Assembly` what it meets: headings, paragraphs, lists, definitions, tables, code.

Comes in: a parsed page. Goes out: blocks in reading order. Real pages close their elements wrongly or not at all, so
what is open is kept here and not taken from the tree: a heading ends every list, definition and note.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from index.readers.assembly import Assembly, plain
from index.readers.html_furniture import (
    is_contents_list,
    is_contents_title,
    is_furniture,
    is_link_row,
    is_way_back,
    words,
)
from index.readers.html_marks import RUN_IN_LEVELS, is_aside, is_boxed_title, is_note_title, is_only_mark, run_in_level
from index.readers.html_nodes import (
    anchor_in,
    anchor_just_before,
    described_in_full,
    first_child,
    heading_by_name,
    is_only_term,
    next_seen,
)
from index.readers.html_tables import read_table
from index.readers.html_text import before_superscript, image_text, line_of, preformatted, term_of, visit
from index.readers.inline import LINE, fold, verbatim
from index.records import BlockKind

_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_NEVER_IN_HEADING = "table, ul, ol, dl, pre"
_BLOCKS = words(
    "p div section article main aside center fieldset figure figcaption address hgroup details summary caption "
    "tr td th table thead tbody tfoot"
)
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_NOTES = words(
    "note notes warning caution important tip hint sidebar admonition attention danger notice alert reminder"
)
_BUTTONS = re.compile(r"^(\[[^\[\]]{1,40}\]\s*)+$")  # images as links: [Contents] [Back] [Next]
_ICON_AND_TITLE = re.compile(r"^\[([^\[\]]+)\]\s*(?=\1$)")
_ENTRY_LEVEL = RUN_IN_LEVELS[1] + 1  # definitions stand below every heading
_DEEPEST_INDENT = 12
_LONGEST_TERM = 160  # characters; a longer one is a sentence, and no heading
_OWN_SECTION = 240  # characters; a shorter definition is no section of its own: it is found better among its neighbours


@dataclass(slots=True)
class _Group:
    """Something open that gathers lines into one block: a list, a definition, a note."""

    node: int
    kind: BlockKind
    lines: list[str] = field(default_factory=list)
    lead: str = ""  # goes before the next line: a bullet, a number, a term
    indent: str = ""
    header: int = 0
    counter: int | None = None
    own_section: bool = False
    into: _Group | None = None  # the group around it that takes its lines


class PageWalk:
    """Walks one page. `file_name` is the page's own name, to know links that stay on it; `title` the page's title."""

    def __init__(self, assembly: Assembly, file_name: str, title: str, page_length: int) -> None:
        self._assembly = assembly
        self._file_name = file_name.lower()
        self._title = plain(title)
        self._page_length = page_length
        self._inline: list[str] = []
        self._groups: list[_Group] = []
        self._anchor: str | None = None
        self._headings = 0
        self._heading_text = ""
        self._links = 0  # to places on this page
        self._links_everywhere = 0
        self.links = 0  # in all that was kept
        self.linked = 0  # letters and digits of those
        self._linked = 0  # characters of the running text that are links within this page
        self._in_link = 0  # the link at hand
        self._skipped = 0  # an element that was read already
        self._unclosed = ""  # a heading element that holds more than a heading, whose text has not come yet
        self._mark = ""  # a footnote mark on a line of its own, for the line that explains it
        self._bare: set[int] = set()  # definition lists without a term: plain lists
        self._run_ins: list[int] = []  # levels of the run-in headings that are open

    def read(self, root: LexborNode) -> None:
        """Walk all below `root`."""
        visit(root, self._enter, self._leave)
        self._end_all()

    def _enter(self, node: LexborNode) -> bool:
        if node.is_text_node:
            text = node.text_content or ""
            self._inline.append(text)
            self._linked += len(text.strip()) if self._in_link else 0
            return False
        if not node.is_element_node:
            return False
        tag = node.tag or ""
        if node.mem_id == self._skipped:
            return False
        if is_furniture(node, self._page_length):
            if tag in _LISTS or tag in ("dl", "div", "table"):
                self._flush()
                self._drop_contents_title()
            return False
        attributes = node.attributes
        anchor = attributes.get("id") or attributes.get("name")
        if anchor and "indexterm" not in (attributes.get("class") or ""):
            self._anchor = anchor
        if tag in ("p", "div"):
            tag = heading_by_name(node, attributes) or tag
        if tag in _HEADINGS:
            return self._heading(node, tag)
        if tag in ("pre", "listing", "xmp"):
            return self._code(node)
        if tag == "table":
            return self._table(node)
        if tag in _LISTS or tag == "dl":
            return self._open_list(node, tag)
        return self._enter_small(node, tag, attributes)

    def _enter_small(self, node: LexborNode, tag: str, attributes: dict[str, str | None]) -> bool:
        if tag == "li":
            self._flush()
            self._begin_item(node)
        elif tag == "dt":
            return self._term(node)
        elif tag == "br":
            self._inline.append(LINE)
        elif tag == "a":
            if "href" in attributes:
                self._links_everywhere += 1
                self._count_link(node)
            if (attributes.get("href") or "").startswith("#"):
                self._links += 1
                self._in_link = node.mem_id
        elif tag == "img":
            self._inline.append(image_text(node))
        elif tag == "sup":
            self._inline.append(before_superscript(node))
        elif tag == "hr":
            self._flush()
        elif tag in _BLOCKS or tag in ("dd", "blockquote"):
            self._flush()
            if tag == "dd" and node.parent is not None and node.parent.mem_id in self._bare:
                self._begin_item(node)
            if tag in ("div", "aside", "section", "blockquote") and _is_note(attributes):
                self._groups.append(_Group(node.mem_id, "note"))
            elif tag in ("p", "div") and not self._groups:
                self._run_in(node)
        return True

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if node.mem_id == self._in_link:
            self._in_link = 0
        if tag in _BLOCKS or tag in ("li", "dd", "dt", "blockquote"):
            self._flush()
        self._end_groups(node.mem_id)

    # Running text

    def _flush(self) -> None:
        """What has been gathered inline becomes a line of the group at hand, or a paragraph."""
        if not self._inline:
            return
        text = fold("".join(self._inline))
        self._inline.clear()
        links, linked, everywhere = self._links, self._linked, self._links_everywhere
        self._links = self._linked = self._links_everywhere = 0
        if not text or is_link_row(text, links, linked) or (everywhere and (_BUTTONS.match(text) or is_way_back(text))):
            return
        if not self._groups:
            self._paragraph(text)
            return
        group = self._groups[-1]
        if group.kind == "note" and group.lines and plain(group.lines[-1]) == plain(text):
            group.lines.pop()  # the icon of a note says what its title says
        if group.kind == "note" and (icon := _ICON_AND_TITLE.match(text)):
            text = icon[1]
        for number, line in enumerate(text.split("\n")):
            lead = group.lead if not number else ""
            inset = group.indent + (" " * len(lead) if not lead and group.lead else "")
            (group.into or group).lines.append(f"{inset}{lead}{line}")
        group.indent += " " * len(group.lead) if group.kind == "list" else ""
        group.lead = ""

    def _paragraph(self, text: str) -> None:
        if self._unclosed:
            tag, self._unclosed = self._unclosed, ""
            self._begin_heading(tag, " ".join(text.split("\n")), None)
            return
        mark, self._mark = self._mark, ""
        if is_only_mark(text):
            self._mark = text
        elif not mark and is_boxed_title(text):
            self._begin_run_in(text, self._anchor)
        else:
            self._assembly.add("paragraph", f"{mark} {text}" if mark else text, anchor=self._anchor)

    def _spill(self) -> None:
        """What the open groups hold becomes blocks; the groups stay open."""
        self._flush()
        if self._mark:  # a footnote mark that nothing followed
            self._assembly.add("paragraph", self._mark, anchor=self._anchor)
            self._mark = ""
        for group in self._groups:
            if group.lines:
                self._assembly.add(group.kind, "\n".join(group.lines), group.header, anchor=self._anchor)
                group.lines = []
                group.header = 0

    def _count_link(self, link: LexborNode) -> None:
        self.links += 1
        self.linked += sum(1 for char in link.text() if char.isalnum())

    def _end_groups(self, node: int) -> None:
        while any(group.node == node for group in self._groups):
            self._flush()
            group = self._groups[-1]
            if group.kind == "definition":
                self._state_term(":")  # it may have no description
            if group.into is None:
                self._spill()
            self._groups.pop()
            if group.own_section:
                self._assembly.close(_ENTRY_LEVEL)

    def _end_all(self) -> None:
        self._spill()
        self._groups.clear()

    # Headings

    def _heading(self, node: LexborNode, tag: str) -> bool:
        text = line_of(node)
        own = anchor_in(node)
        if self._groups and self._groups[-1].kind == "note":
            self._flush()
            self._inline.append(text)
            self._flush()
            return False
        self._end_all()
        self._drop_contents_title()
        if node.css_first(_NEVER_IN_HEADING) is not None:  # it was never closed: only its first line is the heading
            self._unclosed = tag
            return True
        self._begin_heading(tag, text, own)
        return False

    def _begin_heading(self, tag: str, text: str, own: str | None) -> None:
        if text:
            self._heading_text = text
            level = _HEADINGS[tag]
            if not self._headings and plain(text) == self._title:
                level = 0
            self._headings += 1
            self._run_ins.clear()
            self._assembly.heading(level, text, own or self._anchor)
            self._anchor = None

    def _run_in(self, paragraph: LexborNode) -> None:
        """A paragraph that opens with a bold line which has an id, or a number, of its own: that line is a heading."""
        node = first_child(paragraph)
        holder = node
        anchor = node.attributes.get("id") or node.attributes.get("name") if node is not None else None
        while node is not None and node.tag in ("a", "span") and not (node.text() or "").strip():
            node = holder = next_seen(node)  # an empty anchor before the bold words
        if node is not None and node.tag == "a":
            node = first_child(node)
        if node is None or holder is None or node.tag not in ("b", "strong"):
            return
        text = line_of(node)
        numbered = run_in_level(text) is not None
        if line_of(holder) != text or not 2 < len(text) <= _LONGEST_TERM or not (anchor or numbered):
            return
        anchor = anchor or (anchor_in(holder) if numbered else None)
        following = next_seen(holder)
        if following is None or following.tag == "br":
            self._drop_contents_title()
            self._begin_run_in(text, anchor or self._anchor)
            self._skipped = holder.mem_id

    def _begin_run_in(self, text: str, anchor: str | None) -> None:
        level = run_in_level(text, tuple(self._run_ins)) or RUN_IN_LEVELS[0]
        self._run_ins = [*(each for each in self._run_ins if each < level), level]
        self._assembly.heading(level, text, anchor)

    # Code and tables

    def _code(self, node: LexborNode) -> bool:
        self._flush()
        self._unclosed = ""
        self._state_term()
        self._spill()
        self._assembly.add("code", verbatim(preformatted(node)), anchor=self._anchor)
        return False

    def _table(self, node: LexborNode) -> bool:
        in_note = bool(self._groups) and self._groups[-1].kind == "note"
        table = None if in_note and len(node.css("tr")) <= 2 else read_table(node)
        if table is None and in_note:
            return True
        self._flush()
        self._unclosed = ""
        if table is None:
            self._spill()
            return True
        self._state_term()
        self._spill()
        for link in node.css("a[href]"):
            self._count_link(link)
        if table.caption:
            self._assembly.add("paragraph", table.caption, anchor=self._anchor)
        self._assembly.add("table", table.text, table.header, anchor=self._anchor)
        return False

    # Lists and definitions

    def _open_list(self, node: LexborNode, tag: str) -> bool:
        self._flush()
        self._unclosed = ""
        if is_contents_list(node, self._line_before(), self._file_name):
            self._drop_contents_title()
            return False
        if tag == "dl" and node.css_first("dt") is not None:
            return True
        if tag == "dl":
            self._bare.add(node.mem_id)
        start = (node.attributes.get("start") or "").strip()
        counter = (int(start[:9]) if start.isdecimal() else 1) if tag == "ol" else None
        self._groups.append(_Group(node.mem_id, "list", counter=counter, into=self._taker()))
        return True

    def _line_before(self) -> str:
        """What stands just before the element at hand: a term or an item that waits for it, a block, or the heading."""
        if self._groups and (waiting := self._groups[-1].lines[-1:] or [self._groups[-1].lead]) != [""]:
            return waiting[0].strip(" -:")
        return self._assembly.last() or self._heading_text

    def _drop_contents_title(self) -> None:
        """Take back the title of a table of contents that has just been left out."""
        group = self._groups[-1] if self._groups else None
        if group is not None and is_contents_title((group.lines[-1] if group.lines else group.lead).strip(" -:")):
            group.lead = ""
            group.lines = group.lines[:-1]
        elif is_contents_title(self._assembly.last()):
            self._assembly.drop_last()

    def _begin_item(self, node: LexborNode) -> None:
        if not self._groups or self._groups[-1].kind != "list":
            self._groups.append(_Group(node.mem_id, "list", into=self._taker()))
        group = self._groups[-1]
        group.indent = "  " * (self._depth() - 1)
        group.lead = "- " if group.counter is None else f"{group.counter}. "
        if group.counter is not None:
            group.counter += 1

    def _taker(self) -> _Group | None:
        """The group that takes the lines of a list or a definition that begins here."""
        return (self._groups[-1].into or self._groups[-1]) if self._groups else None

    def _depth(self) -> int:
        """How far lines are set in; of hostile nesting only the first steps, or each line would be as long as it."""
        return min(_DEEPEST_INDENT, sum(1 for group in self._groups if group.kind == "list" or group.into is not None))

    def _term(self, node: LexborNode) -> bool:
        """A term begins a definition, which ends with the next term of the same list. A term without text only
        indents: what follows it goes on with the definition before."""
        self._flush()
        term = term_of(node)
        if not term:
            return True
        holder = node.parent.mem_id if node.parent is not None else 0
        if self._open_definition(holder) and self._groups[-1].lines == [] and self._groups[-1].lead:
            self._groups[-1].lead = f"{self._groups[-1].lead.removesuffix(': ')}, {term}: "
            self._groups[-1].header = len(self._groups[-1].lead) - 2
            return False
        self._end_groups(holder)
        if is_note_title(term) and is_only_term(node):
            self._spill()
            self._groups.append(_Group(holder, "note", lines=[term]))
            return False
        line = term.rstrip(":： ")
        if self._groups and self._groups[-1].kind != "list" and not self._groups[-1].own_section:
            self._state_term()
            into, indent = self._taker(), "  " * (self._depth() + 1)
            self._groups.append(_Group(holder, "definition", lead=f"{line}: ", into=into, indent=indent))
            return False
        anchor = anchor_in(node) or (self._anchor if anchor_just_before(node) else None)
        self._spill()
        own = (
            len(term) <= _LONGEST_TERM
            and not is_aside(term)
            and not any(group.own_section for group in self._groups)
            and described_in_full(node, _OWN_SECTION)
        )
        if own:
            self._assembly.heading(_ENTRY_LEVEL, term, anchor)
        self._anchor = anchor or self._anchor
        self._groups.append(_Group(holder, "definition", lead=f"{line}: ", header=len(line), own_section=own))
        return False

    def _state_term(self, less: str = "") -> None:
        """A term that nothing describes, or only other terms, code or a table, stands on a line of its own."""
        group = self._groups[-1] if self._groups else None
        if group is not None and group.kind == "definition" and group.lead:
            if not group.own_section:  # its heading states it
                (group.into or group).lines.append(f"{group.indent}{group.lead.rstrip(' ' + less)}")
            group.lead = ""

    def _open_definition(self, holder: int) -> bool:
        return bool(self._groups) and self._groups[-1].kind == "definition" and self._groups[-1].node == holder


def _is_note(attributes: dict[str, str | None]) -> bool:
    names = (attributes.get("class") or "").lower().replace("-", " ").split()
    return bool(_NOTES.intersection(names))

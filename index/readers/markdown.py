"""Reads Markdown: decoded text in, a `Document` out.

Front matter between `---` lines becomes the document's meta. Headings, fenced and indented code, pipe tables, lists and
quotes are known; inline marks (emphasis, links, code) are taken off the words they mark.
"""

from __future__ import annotations

import re

from index.language import language_of
from index.readers.assembly import Assembly, rooted
from index.readers.inline import join_wrapped, verbatim
from index.records import Document

_ATX = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_SETEXT = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})")
_ITEM = re.compile(r"^([ \t]*)([-*+]|\d{1,9}[.)])[ \t]+(.*)$")
_TABLE_RULE = re.compile(r"^ {0,3}\|?[ \t]*+:?-++:?[ \t]*+(\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*+$")
_RULE = re.compile(r"^ {0,3}([-*_])[ \t]*+(\1[ \t]*+){2,}+$")
_HEADING_ID = re.compile(r"\{#([^{}\s]+)[^{}]*\}$")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FRONT_KEY = re.compile(r"^([A-Za-z_][\w -]*):(.*)$")
# Each pattern that opens with a mark looks ahead for its end no farther than words are marked in earnest: a page of
# nothing but marks would take hours otherwise.
_TARGET = r"\([^()\s]{0,2000}+(?:\([^()]{0,200}+\)[^()\s]{0,2000}+){0,9}+(?:\s++\"[^\"]{0,500}+\")?\)"
_INLINE = (
    (re.compile(rf"!\[([^\[\]]{{0,500}}+)\]{_TARGET}"), r"[\1]"),
    (re.compile(rf"\[((?:[^\[\]]|\[[^\[\]]{{0,200}}+\]){{1,500}}+)\]{_TARGET}"), r"\1"),
    (re.compile(r"\[([^\[\]]{1,500}+)\]\[[^\[\]]{0,500}+\]"), r"\1"),
    (re.compile(r"<((?:https?|mailto):[^<>\s]{1,2000}+)>"), r"\1"),
    (
        re.compile(
            r"</?(?:a|abbr|b|br|code|del|em|i|img|ins|kbd|p|small|span|strong|sub|sup|u)\b[^<>]{0,2000}+>",
            re.IGNORECASE,
        ),
        "",
    ),
    (re.compile(r"(?<![\w*])(\*\*|__)(?=\S)(.{1,500}?)(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"(?<![\w*])([*_])(?=\S)([^*_]{1,500}+)(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>])"), r"\1"),
)
_CODE_SPAN = re.compile(r"(?<!`)(`{1,9})(?!`)(.{1,1000}?)(?<!`)\1(?!`)")


def read_markdown(text: str, source: str) -> Document:
    """The document; its title is the front matter's `title`, else the first heading, else the file's name."""
    meta, body = _front_matter(text.replace("\r\n", "\n").replace("\r", "\n"))
    reader = _Reader(_COMMENT.sub("", body).split("\n"))
    reader.read()
    title = dict(meta).get("title") or reader.first_heading or source.rsplit("/", 1)[-1]
    sections = rooted(reader.assembly.sections(), title)
    language = language_of("\n".join(section.text for section in sections), dict(meta).get("language", ""))
    return Document(source, title, language, sections, meta)


def _front_matter(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """`key: value` lines between two `---` lines at the very beginning, and the text after them."""
    lines = text.split("\n")
    if lines[0].strip() != "---":
        return (), text
    end = next((at for at, line in enumerate(lines[1:200], 1) if line.strip() in ("---", "...")), 0)
    found = [_FRONT_KEY.match(line) for line in lines[1:end]]
    if not end or not any(found):
        return (), text
    meta = tuple((match.group(1).strip().lower(), match.group(2).strip().strip("\"'")) for match in found if match)
    return meta, "\n".join(lines[end + 1 :])


def plain_inline(text: str) -> str:
    """Inline Markdown without its marks; what stands in a code span is left alone."""
    spans: list[str] = []

    def keep(found: re.Match[str]) -> str:
        spans.append(found.group(2).strip() or found.group(2))
        return f"\x00{len(spans) - 1}\x00"

    text = _CODE_SPAN.sub(keep, text)
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return re.sub("\x00(\\d+)\x00", lambda found: spans[int(found.group(1))], text)


def slug(heading: str) -> str:
    """The anchor that web renderers give a heading."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


class _Reader:
    """Goes down the lines once; each method takes the lines of one block and leaves `_at` behind it."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0
        self.assembly = Assembly()
        self.first_heading = ""

    def read(self) -> None:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line.strip():
                self._at += 1
            elif _FENCE.match(line):
                self._fenced()
            elif heading := _ATX.match(line):
                self._heading(len(heading.group(1)), _without_closing(heading.group(2) or ""))
                self._at += 1
            elif _RULE.match(line):
                self._at += 1
            elif line.startswith(("    ", "\t")):
                self._indented()
            elif _ITEM.match(line):
                self._list()
            elif line.lstrip().startswith(">"):
                self._quote()
            elif "|" in line and _TABLE_RULE.match(self._ahead(1)) and "-" in self._ahead(1) and "|" in self._ahead(1):
                self._table()
            else:
                self._paragraph()

    def _ahead(self, by: int) -> str:
        return self._lines[self._at + by] if self._at + by < len(self._lines) else ""

    def _heading(self, level: int, text: str) -> None:
        named = _HEADING_ID.search(text)
        text = plain_inline(text[: named.start()] if named else text).strip()
        self.first_heading = self.first_heading or text
        self.assembly.heading(level, text, named.group(1) if named else slug(text))

    def _fenced(self) -> None:
        self.assembly.add("code", self._take_fence())

    def _take_fence(self) -> str:
        opening = _FENCE.match(
            self._lines[self._at].lstrip() if self._lines[self._at].startswith("    ") else self._lines[self._at]
        )
        assert opening is not None
        inset, fence = len(self._lines[self._at]) - len(self._lines[self._at].lstrip()), opening.group(2)
        self._at += 1
        code = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                break
            code.append(line[inset:] if not line[:inset].strip() else line)
        return verbatim("\n".join(code))

    def _indented(self) -> None:
        code = []
        while self._at < len(self._lines) and (
            self._lines[self._at].startswith(("    ", "\t")) or not self._lines[self._at].strip()
        ):
            code.append(self._lines[self._at].expandtabs(4)[4:])
            self._at += 1
        self.assembly.add("code", verbatim("\n".join(code)))

    def _paragraph(self) -> None:
        lines: list[str] = []
        while self._at < len(self._lines) and self._lines[self._at].strip():
            line = self._lines[self._at]
            underline = _SETEXT.match(line) if lines else None
            if underline:
                self._at += 1
                self._heading(1 if underline.group(1)[0] == "=" else 2, " ".join(lines))
                return
            if lines and (_ATX.match(line) or _FENCE.match(line) or line.lstrip().startswith(">") or _ITEM.match(line)):
                break
            lines.append(line.strip() if not line.endswith("  ") else line.strip() + "\x0b")
            self._at += 1
        self.assembly.add("paragraph", plain_inline(join_wrapped(lines)))

    def _quote(self) -> None:
        lines = []
        while self._at < len(self._lines) and self._lines[self._at].lstrip().startswith(">"):
            lines.append(re.sub(r"^\s*>[ ]?", "", self._lines[self._at]))
            self._at += 1
        paragraphs = re.split(r"\n\s*\n", "\n".join(lines))
        self.assembly.add("note", "\n".join(plain_inline(join_wrapped(each.split("\n"))) for each in paragraphs))

    def _table(self) -> None:
        header = _cells(self._lines[self._at])
        self._at += 2
        rows = []
        while self._at < len(self._lines) and "|" in self._lines[self._at]:
            cells = _cells(self._lines[self._at])[: len(header)]
            rows.append(" | ".join(cells + [""] * (len(header) - len(cells))))
            self._at += 1
        first = " | ".join(header)
        self.assembly.add("table", "\n".join([first, *rows]), len(first))

    def _list(self) -> None:
        """A list with all that is indented below its items; code inside it is a block of its own."""
        lines: list[str] = []
        blank = False
        while self._at < len(self._lines):
            line = self._lines[self._at].expandtabs(4)
            item = _ITEM.match(line)
            if not line.strip():
                blank = True
                self._at += 1
                continue
            if item and not _RULE.match(line):
                inset = min(len(item.group(1)) // 2, 8) * "  "
                lines.append(f"{inset}{item.group(2) if item.group(2)[0].isdigit() else '-'} {item.group(3)}")
                self._at += 1
            elif line.startswith("  ") and _FENCE.match(line.lstrip()):
                self._add_list(lines)
                lines = []
                self.assembly.add("code", self._take_fence())
            elif line.startswith("  ") or (not blank and lines and not _ATX.match(line) and not _FENCE.match(line)):
                if blank or not lines:
                    lines.append(f"  {line.strip()}")
                else:
                    lines[-1] = f"{lines[-1]}\n{line.strip()}"
                self._at += 1
            else:
                break
            blank = False
        self._add_list(lines)

    def _add_list(self, lines: list[str]) -> None:
        folded = []
        for line in lines:
            inset = len(line) - len(line.lstrip())
            folded.append(" " * inset + plain_inline(join_wrapped(line.strip().split("\n"))).replace("\n", " "))
        self.assembly.add("list", "\n".join(folded))


def _without_closing(text: str) -> str:
    """A heading's text without the signs that may close it ("## Ports ##")."""
    text = text.strip(" \t")
    bare = text.rstrip("#")
    return bare.rstrip(" \t") if not bare or bare[-1] in " \t" else text


def _cells(row: str) -> list[str]:
    """A pipe table row's cells; an escaped pipe, or one in a code span, does not end a cell."""
    row = row.strip().removeprefix("|")
    row = row[:-1] if row.endswith("|") and not row.endswith("\\|") else row
    guarded = re.sub(r"`[^`]*`", lambda found: found.group(0).replace("|", "\x01"), row).replace("\\|", "\x01")
    return [plain_inline(cell.strip()).replace("\x01", "|") for cell in guarded.split("|")]

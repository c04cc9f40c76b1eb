"""Recognises a manual's title, product and version in what its files say of themselves: titles and paths.

Comes in: strings, and rules that a domain pack declares as data. Goes out: `Facts`, empty where nothing is certain.
It knows no product; the general rules would rather say nothing than mistake a date, an edition or a chapter for a
version. A pack's rules look like this and are tried in order, the first to say something about a fact counts:

    [[recognise]]
    on = "title"                           the book's title, else the page's; or "path": the file's full path
    pattern = '^(?P<product>Example/\\S+) Version (?P<version>\\d+) (?P<book>.+)$'
    manual = "{product} {book}"            optional, as are product and version; by default the group of that name
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from index.records import Document

_On = Literal["title", "path"]
_FACTS = ("manual", "product", "version")
_FIELD = re.compile(r"\{(\w+)\}")

_NUMBER = r"\d{1,4}(?:[.\-]\d{1,4}){0,3}[a-z]?"
_NAMED_VERSION = re.compile(
    rf"(?<!\w)(?:(?:version|ver\.?|release|rel\.?)\s*|v\.?\s?)({_NUMBER})(?![\w./])|(?:バージョン|リリース)\s*({_NUMBER})",
    re.IGNORECASE,
)
_BARE_VERSION = re.compile(r"(?<![\w./\-])(\d{1,4}(?:\.\d{1,4}){1,3})(?![\w/\-]|\.\d)")
_DATE = re.compile(
    r"(?:19|20)\d\d(?:[-./](?:0[1-9]|1[0-2])(?:[-./][0-3]?\d)?|[01]\d[0-3]\d)?"
    r"|[0-3]\d[-./][01]\d[-./]\d{2,4}"
)
_NOT_A_PRODUCT = re.compile(
    r"(edition|revision|rev|draft|volume|vol|part|chapter|section|appendix|table|figure|step|第|版|[章節項])\W*$",
    re.IGNORECASE,
)
_STRONG_BOOK = (
    r"guide|manual|handbook|documentation|docs|guidebook|primer|cookbook|マニュアル|ガイド|ドキュメント|手引き?|説明書"
    r"|ハンドブック|リファレンス"
)
_WEAK_BOOK = (
    r"reference|overview|messages|troubleshooting|tutorial|getting started|release notes|faq|概説|解説|メッセージ"
    r"|トラブルシューティング"
)
_BOOK_END = r"\s*(?:\d|\([^()]*\)|（[^（）]*）|[^\s]*編)?$"
_STRONG_TITLE = re.compile(rf"(?:\b|(?<=\W)|(?<=[^\x00-\x7f]))(?:{_STRONG_BOOK}){_BOOK_END}", re.IGNORECASE)
_WEAK_TITLE = re.compile(rf"(?:{_WEAK_BOOK}){_BOOK_END}", re.IGNORECASE)
_BOOK_WORD = re.compile(rf"\b(?:{_STRONG_BOOK}|{_WEAK_BOOK})\b", re.IGNORECASE)
_READERS = r"(?:user|admin\w*|operat\w*|install\w*|configur\w*|command|develop\w*|program\w*|quick|system|getting)"
_TRAILING_BOOK = re.compile(
    rf"[\s,:\-–—]+(?:{_READERS}(?:['’]s|s['’])?\s+)*(?:{_STRONG_BOOK}|{_WEAK_BOOK})\W*$", re.IGNORECASE
)
_NUMBERED = re.compile(r"^\W*(?:\d|[A-Z]\.\d|(?:chapter|appendix|section)\b|第\d|付録)", re.IGNORECASE)

_FOLDER_VERSION = re.compile(r"(?:version|ver|release|rel|v)?[-_. ]?(\d{1,4}(?:\.\d{1,4}){1,3})", re.IGNORECASE)
_FOLDER_NUMBER = re.compile(r"(?:version|ver|release|rel|v)[-_. ]?(\d{1,3}(?:-\d\d)?)", re.IGNORECASE)
_NAMED_FOLDER = re.compile(r"[^\W\d_][-_ ]v?(\d{1,4}(?:\.\d{1,4}){1,3})(?!\w|\.\d)", re.IGNORECASE)
_FOLDERS_LOOKED_AT = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a manual; "" where it is not."""

    manual: str = ""
    product: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """One rule of a domain pack: where `pattern` is found in a title or path, the templates say what that means.
    `{name}` in a template is the text of the pattern's group."""

    on: _On
    pattern: re.Pattern[str]
    manual: str = "{manual}"
    product: str = "{product}"
    version: str = "{version}"

    def facts(self, text: str) -> Facts | None:
        """What the rule says of a title or path; None where it doesn't apply."""
        found = self.pattern.search(text)
        if found is None:
            return None
        groups = {name: value or "" for name, value in found.groupdict().items()}
        return Facts(*(_filled(template, groups) for template in (self.manual, self.product, self.version)))


def _filled(template: str, groups: Mapping[str, str]) -> str:
    return " ".join(_FIELD.sub(lambda field: groups.get(field[1], ""), template).split())


def recogniser_of(table: object) -> Recogniser:
    """The rule that one `[[recognise]]` table of a pack.toml declares. Raises ValueError with the reason."""
    if not isinstance(table, dict) or not all(isinstance(value, str) and value for value in table.values()):
        raise ValueError("a rule under [[recognise]] is not a table of texts")
    unknown = sorted(set(table) - {"on", "pattern", *_FACTS})
    if unknown:
        raise ValueError(f'the key "{unknown[0]}" of a rule under [[recognise]] is not known')
    on = table.get("on", "title")
    if on not in get_args(_On):
        raise ValueError(f'"on" of a rule under [[recognise]] is "{on}", and not "title" or "path"')
    try:
        pattern = re.compile(table.get("pattern", ""), re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"a pattern under [[recognise]] is not a regular expression ({error})") from error
    templates = {key: table[key] for key in _FACTS if key in table}
    named = {field for template in templates.values() for field in _FIELD.findall(template)}
    if missing := sorted(named - set(pattern.groupindex)):
        raise ValueError(f'a rule under [[recognise]] uses "{{{missing[0]}}}", and its pattern has no such group')
    if not pattern.pattern or not (templates or set(_FACTS) & set(pattern.groupindex)):
        raise ValueError("a rule under [[recognise]] has no pattern, or says nothing of manual, product or version")
    return Recogniser(on, pattern, **templates)


def recognised(document: Document, path: str, recognisers: Sequence[Recogniser]) -> Document:
    """The document with what a pack's rules say of it in its meta, in place of what it says itself.

    `path` is the file's full path; its parts may be separated by "/" or "\\".
    """
    meta = dict(document.meta)
    titles = [_plain(title) for title in (meta.get("manual", ""), document.title) if title]
    found: dict[str, str] = {}
    for rule in recognisers:
        texts = titles if rule.on == "title" else [path.replace("\\", "/")]
        said = next((facts for text in texts if (facts := rule.facts(text)) is not None), Facts())
        for key in _FACTS:
            if value := getattr(said, key):
                found.setdefault(key, value)
    return replace(document, meta=tuple((meta | found).items())) if found else document


def facts_in_title(title: str) -> Facts:
    """Product and version in a book's title ("Example 15.8 Documentation", "Example Version 12 Messages"); `manual` is
    the title itself. Nothing but the title where it names no version: then what the product is can't be told."""
    text = _plain(title)
    found = _version(text)
    if found is None:
        return Facts(manual=title.strip())
    start, version = found
    return Facts(title.strip(), _product(text[:start]), version)


def _version(text: str) -> tuple[int, str] | None:
    for found in _NAMED_VERSION.finditer(text):
        number = found[1] or found[2]
        if not _DATE.fullmatch(number):
            return found.start(), number
    for found in _BARE_VERSION.finditer(text):
        before, after = text[: found.start()], text[found.end() :]
        ends = not after.strip(" )]）") or _BOOK_WORD.search(after) is not None
        if ends and _product(before) and not _NOT_A_PRODUCT.search(before) and not _DATE.fullmatch(found[1]):
            return found.start(), found[1]
    return None


def _product(before: str) -> str:
    """The product that the words before a version name; "" if they are the name of a book or a chapter."""
    text = before.strip(" \t-–—:,、(（[「")
    if _NUMBERED.match(text) or _NOT_A_PRODUCT.search(text):
        return ""
    text = _TRAILING_BOOK.sub("", text)
    if _BOOK_WORD.search(text) and " for " in text:
        text = text.rsplit(" for ", 1)[1]
    return "" if _BOOK_WORD.search(text) or not re.search(r"[^\W\d_]", text) else text.strip(" -–—:,")


def version_of(text: str) -> str:
    """The version that a short line states and nothing else ("Version 22.05", "3.1.2"); "" for any other line."""
    text = _plain(text).strip(" ()[]:")
    found = _NAMED_VERSION.fullmatch(text) or _BARE_VERSION.fullmatch(text)
    number = next(filter(None, found.groups()), "") if found else ""
    return "" if _DATE.fullmatch(number) else number


def version_in_path(path: str) -> str:
    """The version that one of the innermost folders of a path names ("v13", "13.0", "example-2.4"), else ""."""
    parts = [part.removesuffix("!").removesuffix(".zip") for part in re.split(r"[/\\]+", path) if part]
    for part in reversed(parts[-_FOLDERS_LOOKED_AT:]):
        whole = _FOLDER_VERSION.fullmatch(part) or _FOLDER_NUMBER.fullmatch(part)
        for found in (whole, _NAMED_FOLDER.search(part)):
            if found and not _DATE.fullmatch(found[1]):
                return found[1]
    return ""


def is_book_title(text: str) -> bool:
    """Whether a line is the title of a whole book: it ends in the word for one ("Guide"), or names a version."""
    line = _plain(text)
    if len(line) > 200 or is_numbered(line):
        return False
    if _version(line) is not None:
        return True
    if _WEAK_TITLE.search(line):  # also the name of many a chapter: a book's title has more to it
        return "/" in line or len(line.split()) >= 4
    return _STRONG_TITLE.search(line) is not None and len(line) > 8


def is_numbered(heading: str) -> bool:
    """Whether a heading bears the number of a chapter, a section or an appendix."""
    return _NUMBERED.match(heading) is not None


def _plain(text: str) -> str:
    """Compatibility forms unified, white space folded: what patterns are tried on."""
    return " ".join(unicodedata.normalize("NFKC", text).split())

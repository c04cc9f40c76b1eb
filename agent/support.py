"""What evidence bears of a sentence that a model wrote: the names and figures that it lacks, and what else is wrong.

Comes in: one sentence, the evidence that the model was given, the question. Goes out: the stretches that are to be
marked, and the reason why the sentence may not be shown at all. Two questions, kept apart:

- `unheld`: numbers, commands, options, paths and identifiers that neither evidence nor question holds. A reader can
  check such a thing against the quote that stands above, once it is pointed out: it is shown and marked.
- `fault`, and `strays` for a model that was not tuned: what no mark can mend. A denial that the evidence does not
  make, words of its own, a matter that nobody asked about, a condition left out: the sentence is not shown.

It knows nothing of engines, streams or screens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.figures import Figure, figures, held, narrow, units_named
from agent.records import Evidence
from agent.sentences import CELL, sentences
from agent.terms import folded, identifiers, is_identifier, wants_figure
from index.analyzer import STOP_WORDS, is_japanese, query_language, tokens

SUPPORTED = 0.8  # share of a sentence's words that must come from evidence or question
LEFT_OUT = 0.15  # share of a quote's content words that a close sentence may leave out
WORDS_TO_A_MARK = 2  # words that are borne out, to each stretch that is not

_ASCII_WORD = re.compile(
    r"(?<![A-Za-z0-9])(?:--?|[/\\$%.](?=[A-Za-z_]))?[A-Za-z0-9_](?:[A-Za-z0-9_%$#@./\\:*=+<>-]*[A-Za-z0-9_%>/])?"
)
_KINDS = "command|utility|daemon|option|parameter|process|service|script|directive|variable"
_NAMED = re.compile(
    rf"\b(?P<before>[a-z][a-z0-9]+) (?:{_KINDS})s?\b"
    rf"|\b(?:{_KINDS}) [`\"']?(?P<after>[a-z][a-z0-9]{{2,}})(?=[`\"'.,;]|\s+(?:to|with|is|and)\b|$)"
    r"|\b(?:[Uu]se|[Uu]sing|[Rr]un|[Ee]xecute|[Ii]ssue|[Ee]nter) [`\"']?(?P<object>[a-z][a-z0-9]{2,})"
    r"(?=[`\"'.;]|\s+(?:to|with)\b|\s+-|$)"
)
_KIND_WORDS = frozenset(tokens(_KINDS.replace("|", " ")))
_NOT_NAMES = frozenset(
    """following default new other same single each given running specified appropriate corresponding
    related necessary required""".split()  # noqa: SIM905 - as in agent.terms
)
_PORTS = re.compile(r"\bports?\b", re.IGNORECASE)
_PORT = re.compile(r"\d+/(?:tcp|udp)", re.IGNORECASE)
_VERSION = re.compile(r"(?<![A-Za-z0-9])v(\d+(?:\.\d+)*)(?![A-Za-z0-9])", re.IGNORECASE)
_PROPER = re.compile(r"(?<=[a-z,;] )[A-Z][A-Za-z0-9/_-]+")
_NEGATION_EN = re.compile(
    r"\b(?:not|never|no|cannot|can't|don't|doesn't|isn't|without|unable|neither|nor)\b", re.IGNORECASE
)
_NEGATION_JA = re.compile(r"ない|なく|なし|無し|ません|せず|ずに|不可|不要|禁止|未だ|まだ|以外|除[きくい]")
_MIXED_PAIR = re.compile(r"[ぁ-ゖ][^ぁ-ゖ]|[^ぁ-ゖ][ぁ-ゖ]")

# Words on which a statement turns, though no search is made by them
_QUALIFIERS_EN = frozenset(
    """all always any at both but by can cannot could either except if may might must neither never no nor not only or
    other should than then unless until when while without before after more less most least""".split()  # noqa: SIM905 - as in agent.terms
)
_QUALIFIERS_JA = re.compile(
    r"だけ|のみ|しか|以上|以下|以外|未満|より前|前に|後に|まで|場合|とき|必ず|すべて|全て|または|かつ|ない|なし|無し|ません|せず|不可|不要|禁止|ただし|除"
)
_SIGNS = re.compile(r"(?<!\S)[/*<>=&|{}\\$%#@~^]+(?!\w)")
_QUOTED = re.compile(r"[\"“「]([^\"”」]+)[\"”」]")
_STATES = re.compile(r"\b(?:is|are|was|were|has|have|can|cannot|may|must|will|does|do)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;、；]\s*")
_MUST = re.compile(r"\b(?:has|have|needs?|is required) to\b")
_ASIDE = re.compile(r"\([^()]*\)|（[^（）]*）")
_BULLET = re.compile(r"^\s*[-*•・]\s+")
_VERSIONED = r"(?:[A-Za-z/]*\d+[\w./]*|(?:and|to|or)\b|[,～、])"
_SCOPE = re.compile(rf"^(?:In (?:{_VERSIONED}\s*)+, |(?:{_VERSIONED}\s*)+では、)")
_VERSIONS = re.compile(r"(?:[A-Za-z]\w* ?)?(?<![A-Za-z0-9])v\d+(?:\.\d+)*(?![A-Za-z0-9])")
_BREAKS_OFF = re.compile(r"(?:[-–:：|(\[（「,、]|\b(?:a|an|the|is|are|of|to|and|or|with|for|in|on|by|be))\s*[.。]?$")
_POINTS_BACK = re.compile(r"^(?:This|That|These|Those|It|They)\b|^(?:これ|それ|この|その)")
_SPEAKS = re.compile(r"\b(?:I|we|my|our)\b|私")
_ENDS_JA = re.compile(r"[ぁ-ゖ。．.！？!?)）」』]$")
_FIGURE = re.compile(r"(?<![A-Za-z])\d")
_NO_FIGURE = re.compile(r"\b(?:when|default)\b", re.IGNORECASE)
_LETTERS = re.compile(r"[a-z]+")

Kind = Literal["figure", "name"]


@dataclass(frozen=True, slots=True)
class Unheld:
    """A stretch `text` at `start` to `end` of a sentence that neither evidence nor question holds."""

    start: int
    end: int
    text: str
    kind: Kind


def unheld(sentence: str, evidence: Sequence[Evidence], question: str) -> tuple[Unheld, ...]:
    """The names and figures of `sentence` that neither evidence nor question holds, in order and without overlap.

    Compared in a normal form: full width and half, thousands separators, number words and Japanese numerals, units
    long and short, "v12" and "version 12".
    """
    basis = _basis(evidence, question)
    known = _Known(basis)
    names = [one for one in _names(sentence) if not known.holds_name(one.text)]
    taken = [*names, *_lone_figures(sentence, known)]
    found: list[Unheld] = []
    for one in sorted(taken, key=lambda one: (one.start, -one.end)):
        if not found or one.start >= found[-1].end:
            found.append(one)
    return tuple(found)


def fault(sentence: str, marked: Sequence[Unheld], evidence: Sequence[Evidence], question: str) -> str | None:
    """Why a sentence may not stand even with its unheld stretches `marked`: a denial that neither evidence nor question
    makes, a name that is neither, too few words from either, hardly more than what is marked, or a matter that is
    neither the question's nor the best evidence's (as when a manual tells its reader to say something). None if it may.
    """
    basis = _basis(evidence, question)
    rest = without(sentence, marked)
    for name in _PROPER.findall(rest):
        if not _stands(name, folded(basis)) and not set(tokens(name)) <= set(tokens(basis)):
            return f"the name {name}"
    if _denies(rest) and not _denies(basis):
        return "a denial"
    known = set(tokens(basis))
    words = [word for word in content(rest) if word in known or word not in _KIND_WORDS]
    borne = sum(word in known for word in words)
    if not words or borne < SUPPORTED * len(words):
        return "its words"
    if borne < WORDS_TO_A_MARK * len(marked):
        return "hardly more than what the evidence does not hold"
    best = set(tokens(" ".join((*evidence[0].heading, evidence[0].context, evidence[0].quote)))) if evidence else set()
    if not set(words) & set(content(question)) and sum(word in best for word in words) < len(words) / 2:
        return "it bears neither on the question nor on the best evidence"
    return None


def strays(sentence: str, evidence: Evidence, question: str, marked: Sequence[Unheld] = ()) -> str | None:
    """Why a sentence is not close enough to the one quote that the model was given; None if it is.

    Close is what says a sentence or row of the quote again: with no words of its own, leaving out hardly any and no
    name, number or condition, in the quote's order, and about what was asked. Words in brackets, whole cells of a row
    and the version at the beginning may go, and one marked stretch may stand where the quote has a name or figure of
    the same kind: all else is then the quote's own. An untuned model's answer has to be: of 14 that the starter gave
    to operators' questions and that `fault` let pass, 3 said what their quote says.
    """
    if CELL.strip() in sentence or ": - " in sentence:
        return "a copy of the layout"
    japanese = query_language(evidence.quote) == "ja"
    if japanese and query_language(sentence) != "ja":
        return "another language than the quote's"
    plain = narrow(sentence)
    if (
        _BREAKS_OFF.search(sentence)
        or plain.count("(") != plain.count(")")
        or (japanese and not _ENDS_JA.search(sentence))
    ):
        return "it breaks off"
    if _POINTS_BACK.search(sentence):
        return "it begins by pointing at what is not said"
    if _SPEAKS.search(sentence) and not _SPEAKS.search(f"{evidence.quote} {question}"):
        return "it speaks of itself"
    if len(marked) > 1:
        return "more than one name or figure that the quote does not hold"
    # In a manual's question "when" asks for a condition rather than for a date, and a default may be a name.
    wanted = wants_figure(_NO_FIGURE.sub("", question)) or _PORTS.search(question)
    if wanted and not _states_figure(sentence):
        return "no figure where one was asked for"
    rest = without(sentence, marked)
    said, asked = content(rest), set(content(question))
    pieces = [evidence.quote[start:end] for start, end in sentences(evidence.quote)] or [evidence.quote]
    piece = max(pieces, key=lambda one: len(set(said) & set(content(one))))
    there = content(piece)
    if not asked & set(there) or (absent := _absent(question, evidence)):
        return f"not what was asked{f': {absent}' if asked & set(there) else ''}"
    if own := set(said) - set(there) - set(content(evidence.context)) - asked:
        return f"words of its own: {' '.join(sorted(own))}"
    core = _core(piece, said, question)
    whole = set(content(core))
    if not whole or not set(content(_VERSIONS.sub(" ", rest))) & whole - asked:
        return "nothing but the question or a version"
    states = len(_STATES.findall(sentence))
    if states > max(1, len(_STATES.findall(piece))) or (not states and _STATES.search(core)):
        return "no statement"
    if japanese and content(core)[-1] not in {*said, *(word for one in marked for word in content(one.text))}:
        return "what is said of it"  # the predicate, which in Japanese comes last
    if not _signs(core) <= _signs(sentence) or not _quoted(sentence) <= _quoted(f"{piece} {question}"):
        return "signs or words in quotation marks that are others"
    lost = whole - set(said) - asked - _stood_in_for(core, rest, marked)
    if len(lost) > LEFT_OUT * len(whole) or lost & _names_and_numbers(core):
        return f"what it leaves out: {' '.join(sorted(lost))}"
    if _qualifiers(core) != _qualifiers(_ASIDE.sub(" ", sentence)):
        return "a condition"
    return None if all(_in_order(clause, there) for clause in _CLAUSE.split(rest)) else "its order"


def _in_order(clause: str, there: Sequence[str]) -> bool:
    """Whether the words that a clause shares with a quote come in the quote's order: "the agent sends to the manager"
    says another thing than "the manager sends to the agent". Lone Japanese characters, mostly verbs, may move."""
    said = [word for word in content(clause) if word in there and not (len(word) == 1 and is_japanese(word))]
    return _common(said, there) == len(said)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = row[:]
        for at, beside in enumerate(other, start=1):
            row[at] = before[at - 1] + 1 if word == beside else max(before[at], row[at - 1])
    return row[-1]


def without(sentence: str, marked: Sequence[Unheld]) -> str:
    """The sentence with blanks where it is marked."""
    for one in reversed(marked):
        sentence = sentence[: one.start] + " " * (one.end - one.start) + sentence[one.end :]
    return sentence


def content(text: str) -> list[str]:
    """The words of a statement to compare by: analyzer tokens without stop words, numbers in words as digits, and in
    Japanese without the pairs in which a particle or an ending touches a word, which another wording has otherwise."""
    for one in reversed(figures(text)):
        if one.written and one.value not in {"0", "1"}:
            text = f"{text[: one.start]}{one.value}{text[one.end :]}"
    found = tokens(text, query=True)
    return [word for word in found if not (len(word) == 2 and _MIXED_PAIR.fullmatch(word))] or found


def adds_nothing(text: str, question: str) -> bool:
    """Whether the text only says the question again."""
    return set(content(text)) <= set(content(question))


def repeats(sentence: str, before: str, evidence: Sequence[Evidence]) -> bool:
    """Whether a sentence goes round in circles: the same stretch twice in it that its evidence has just once, or hardly
    a word that was not there before."""
    shown = [_stretches(one.quote) for one in evidence]
    seen: set[tuple[str, ...]] = set()
    for stretch in _stretches(sentence):
        if stretch in seen and all(quote.count(stretch) < 2 for quote in shown):
            return True
        seen.add(stretch)
    words, known = content(sentence), set(content(before)) if before else set()
    return sum(word in known for word in words) >= 0.9 * len(words) > 0


# What a basis holds


class _Known:
    """Names and figures of a basis, to ask for."""

    def __init__(self, basis: str) -> None:
        self.text = folded(basis)
        self.words = set(tokens(basis))
        self.figures = [
            *figures(basis),
            *(Figure(*found.span(), found[1]) for found in _VERSION.finditer(narrow(basis))),
        ]
        self.units = units_named(basis)

    def holds_name(self, name: str) -> bool:
        if (version := _VERSION.fullmatch(name)) and any(version[1] == one.value for one in self.figures):
            return True
        if _PORT.fullmatch(name):
            return any(name.split("/", maxsplit=1)[0] == one.value for one in self.figures) or _stands(name, self.text)
        if not is_identifier(name):
            return set(tokens(name)) <= self.words
        return _stands(name, self.text)

    def holds_figure(self, figure: Figure) -> bool:
        if held(figure, self.figures, self.units):
            return True
        return not figure.unit and _stands(figure.value, self.text)


def _basis(evidence: Sequence[Evidence], question: str) -> str:
    return "\n".join((*(" ".join((*one.heading, one.context, one.quote)) for one in evidence), question))


def _stands(name: str, basis: str) -> bool:
    """Whether a name stands in a folded text as a whole: not as part of a longer option, path or word."""
    wanted = re.escape(folded(name).rstrip("/\\"))
    before = r"(?<![a-z0-9_-])" if name.startswith("-") else r"(?<![a-z0-9_])"
    after = r"(?![a-z0-9_])"
    if name.startswith("-"):
        after = r"(?![a-z0-9_]|-[a-z0-9])"
    elif "/" in name or "\\" in name:
        after = r"(?![a-z0-9_]|[/\\.-][a-z0-9])"
    return re.search(before + wanted + after, basis) is not None


def _names(sentence: str) -> list[Unheld]:
    """The names of a sentence: identifiers; in English, what is called a command, an option and so on; in Japanese, any
    word in Latin letters."""
    plain = narrow(sentence)
    japanese = query_language(sentence) == "ja"
    found = [
        Unheld(one.start(), one.end(), one[0], "name")
        for one in _ASCII_WORD.finditer(plain)
        if is_identifier(one[0]) or (japanese and len(one[0]) > 1 and one[0][0].isalpha())
    ]
    for named in _NAMED.finditer(plain):
        group = next(name for name in ("before", "after", "object") if named[name])
        word = named[group]
        if word not in STOP_WORDS and word not in _NOT_NAMES:
            found.append(Unheld(*named.span(group), word, "name"))
    return found


def _lone_figures(sentence: str, known: _Known) -> list[Unheld]:
    """The figures that are not held. In words, one may be no figure ("one of them"), and counts as none."""
    return [
        Unheld(one.start, one.end, sentence[one.start : one.end], "figure")
        for one in figures(sentence)
        if not (one.written and one.value in {"0", "1"}) and not known.holds_figure(one)
    ]


# What a statement turns on


def _denies(text: str) -> bool:
    return bool(_NEGATION_EN.search(text) or _NEGATION_JA.search(text))


def _absent(question: str, evidence: Evidence) -> str:
    """A name in the question of which the quote, its headings and its context say nothing; "" if there is none."""
    known = _Known(_basis([evidence], ""))
    names = (*identifiers(question), *re.findall(r"(?<=\s)[A-Z][A-Za-z0-9/-]+", question))
    told = (name for name in names if name.lower() not in STOP_WORDS)
    return next((name for name in told if not known.holds_name(name) and not set(tokens(name)) <= known.words), "")


def _states_figure(sentence: str) -> bool:
    bare = _ASIDE.sub(" ", sentence)
    return bool(_FIGURE.search(narrow(bare)) or figures(bare))


def _core(piece: str, said: Sequence[str], question: str) -> str:
    """What of a quote's sentence or row must be said again: not what stands in brackets, no cell of a row of which
    nothing is said, and not the version that it begins with, unless the question names one."""
    bare = _BULLET.sub("", piece)
    if not _VERSION.search(question):
        bare = _SCOPE.sub("", bare)
    return " ".join(_said_cells(_ASIDE.sub(" ", bare).split(CELL), said, question))


def _said_cells(cells: Sequence[str], said: Sequence[str], question: str) -> list[str]:
    """The cells of a row that are said for the better part, and those that something is taken from besides."""
    if len(cells) == 1:
        return list(cells)
    words = [set(content(cell)) for cell in cells]
    most = [len(one & set(said)) > len(one) / 2 for one in words]
    told = set(content(question)).union(*(one for one, mostly in zip(words, most, strict=True) if mostly))
    return [cell for cell, one, mostly in zip(cells, words, most, strict=True) if mostly or one & set(said) - told]


def _stood_in_for(core: str, rest: str, marked: Sequence[Unheld]) -> set[str]:
    """The words of the name or figure of the quote in whose place a marked one stands: of the same kind, and nowhere in
    the rest of the sentence. Empty if there is none, or more than one that it might be."""
    if not marked:
        return set()
    spoken = folded(rest)
    lacking = {one.text for one in _names(core) if not _stands(one.text, spoken)}
    if marked[0].kind == "figure":
        numbers = {core[one.start : one.end] for one in figures(core) if not _stands(one.value, spoken)}
        lacking = {next((name for name in lacking if number in name), number) for number in numbers}
    return set(content(lacking.pop())) if len(lacking) == 1 else set()


def _names_and_numbers(text: str) -> set[str]:
    """The words of names, numbers and capitalised values ("Registered day") in a text."""
    named = (*(one.text for one in _names(text)), *_PROPER.findall(text), *_quoted(text))
    return {word for one in named for word in content(one)} | {word for word in content(text) if _FIGURE.search(word)}


def _signs(text: str) -> set[str]:
    """The signs that stand by themselves, as those of a syntax do ("/*", "&&", "%")."""
    return set(_SIGNS.findall(narrow(text)))


def _quoted(text: str) -> set[str]:
    return {" ".join(found.lower().split()) for found in _QUOTED.findall(text)}


def _qualifiers(text: str) -> frozenset[str]:
    words = _MUST.sub("must", text.lower())
    return _QUALIFIERS_EN & set(_LETTERS.findall(words)) | frozenset(_QUALIFIERS_JA.findall(text))


def _stretches(text: str) -> list[tuple[str, ...]]:
    """The runs of three words, or of eight characters where words are not parted."""
    if query_language(text) == "ja":
        signs = re.sub(r"\s", "", text)
        return [tuple(signs[at : at + 8]) for at in range(len(signs) - 7)]
    words = re.findall(r"[\w/.+-]*\w", folded(text))
    return list(zip(words, words[1:], words[2:], strict=False))

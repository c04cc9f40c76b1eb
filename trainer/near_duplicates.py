"""What says the same as something else in nearly the same words: documents, and questions.

Comes in: headings and texts, or questions. Goes out: which of them repeats which. It asks no model, and where a word
might decide it finds a difference: entries of manuals are alike but for the one word that is the fact.

Documents are near-duplicates only if both stand under the same headings, and either they have the same words in the
same order, or the paragraphs of the one stand as they are, side by side, in the other. Words are the same apart from
the width of characters, capitals at their beginning, quotation marks, punctuation that ends them, "the", and the long
vowel that Japanese writes or not at a loanword's end. All else counts: order ("A starts B"), "a" (which is a drive and
an option too), "of" and the Japanese particles, brackets, signs, and the case of names.

Questions are compared by likeness (rapidfuzz's ratio, 0 to 100), and by what they name.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from agent.records import Question
from agent.terms import identifiers

ALIKE = 88.0
"""Likeness from which two texts count as the same, if what they name is the same too."""
NEARLY_EQUAL = 90.0
"""Likeness from which two questions' texts count as the same whatever their options are."""
SAME_OPTIONS = 70.0
"""Likeness from which they do where all their options, and which of them is right, are the same."""

_CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff"
_WIDE = re.compile("[\u3000\uff00-\uffef]+")
_QUOTING = str.maketrans(dict.fromkeys('、。「」『』“”‘’`"', " ") | dict.fromkeys("•‣", "-"))
_LONG_VOWEL = re.compile("(?<=[ァ-ヺー][ァ-ヺ])ー(?![ァ-ヺー])")
_TOKEN = re.compile(rf"[{_CJK}]|[^\s{_CJK}]+")
_IS_CJK = re.compile(f"[{_CJK}]")
_PARAGRAPHS = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"(?:[^\n。.?？!！]|\.(?=\S))+[。?？]?")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


def words(text: str) -> list[str]:
    """The words by which documents are compared; each character of Japanese is one."""
    folded = _WIDE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), unicodedata.normalize("NFC", text))
    tokens = _TOKEN.findall(_LONG_VOWEL.sub("", folded.translate(_QUOTING)))
    return [word for word in map(_bare, tokens) if word != "the"]


def _bare(token: str) -> str:
    """A word without the punctuation that ends it, and without the capital that begins a sentence."""
    word = token.rstrip(".,;:") or token  # "." alone is a folder, "," a separator
    return word.lower() if len(word) > 1 and word.isalpha() and word[1:].islower() else word


def stands_alone(text: str, least_words: int, least_characters: int) -> bool:
    """Whether a text is long enough to mean the same wherever it stands; a short one ("Default: 5") takes its meaning
    from its heading and its neighbours."""
    return _enough(words(text), least_words, least_characters)


def _enough(found: Sequence[str], least_words: int, least_characters: int) -> bool:
    japanese = sum(map(bool, map(_IS_CJK.match, found)))
    return len(found) - japanese >= least_words or japanese >= least_characters


@dataclass(frozen=True, slots=True)
class _Outline:
    """A document's paragraphs as digests of their words; `opens` are those after which something is announced."""

    paragraphs: tuple[bytes, ...]
    opens: frozenset[int]


def near_duplicates(
    documents: Iterable[tuple[Sequence[str], str]], least_words: int, least_characters: int
) -> dict[int, int]:
    """Of documents (heading path and text) those that another one makes superfluous, each with that other's place.

    Of equals the first one stays, and the longer one of two of which one holds the other, which must stand alone (see
    `stands_alone`). The memory is a digest for each paragraph and a little for each document.
    """
    same: dict[bytes, int] = {}
    instead: dict[int, int] = {}
    outlines: dict[int, _Outline] = {}
    alone: set[int] = set()
    for at, (heading, text) in enumerate(documents):
        path = _digest(b"", (word for one in heading for word in (*words(one), "\n")))
        parts = [part for part in _PARAGRAPHS.split(text) if part.strip()]
        found = [words(part) for part in parts]
        every = [word for part in found for word in part]
        first = same.setdefault(_digest(path, every), at)
        if first != at:
            instead[at] = first
            continue
        opens = frozenset(at for at, part in enumerate(parts) if part.rstrip().endswith((":", "：")))
        outlines[at] = _Outline(tuple(_digest(path, part) for part in found), opens)
        if _enough(every, least_words, least_characters):
            alone.add(at)
    instead |= _held(outlines, alone)
    return {at: _last(instead, at) for at in sorted(instead)}


def _digest(path: bytes, found: Iterable[str]) -> bytes:
    return hashlib.blake2b(path + "\0".join(found).encode(), digest_size=16).digest()


def _held(outlines: dict[int, _Outline], alone: set[int]) -> dict[int, int]:
    """The documents whose paragraphs stand side by side in a longer one. Sought by their rarest paragraph, so that what
    many documents share is compared with few."""
    count = Counter(paragraph for outline in outlines.values() for paragraph in set(outline.paragraphs))
    sought: dict[bytes, list[int]] = {}
    for at in alone:
        paragraphs = outlines[at].paragraphs
        rarest = min(paragraphs, key=lambda paragraph: (count[paragraph], paragraph))
        if count[rarest] > 1:
            sought.setdefault(rarest, []).append(at)
    found: dict[int, int] = {}
    for longer, outline in outlines.items():
        for paragraph in dict.fromkeys(outline.paragraphs):
            for at in sought.get(paragraph, ()):
                if at not in found and _holds(outline, outlines[at]):
                    found[at] = longer
    return found


def _holds(longer: _Outline, shorter: _Outline) -> bool:
    """Whether the shorter one's paragraphs stand in the longer one, and nothing announces them there: after "Do none of
    these:" they would mean something else."""
    length = len(shorter.paragraphs)
    return length < len(longer.paragraphs) and any(
        longer.paragraphs[at : at + length] == shorter.paragraphs and at - 1 not in longer.opens
        for at in range(len(longer.paragraphs) - length + 1)
    )


def _last(instead: dict[int, int], at: int) -> int:
    while at in instead:
        at = instead[at]
    return at


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is compared, in `folded` form. `right` and `options` are empty where they are not known."""

    text: str
    right: str = ""
    options: tuple[str, ...] = ()


def as_asked(question: Question) -> Asked:
    """A choice question as it is compared."""
    options = tuple(folded(option) for option in question.options)
    return Asked(folded(question.question), options[question.answer], tuple(sorted(options)))


def asked_in(text: str) -> Iterator[Asked]:
    """The questions that a running text puts: its sentences that ask."""
    for sentence in _SENTENCE.findall(text):
        if sentence.endswith(("?", "？", "か。")):
            yield Asked(folded(sentence))


def folded(text: str) -> str:
    """Text as questions are compared: NFKC, lower case, and no more white space than tells words apart."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return re.sub(rf"(?<=[{_CJK}]) | (?=[{_CJK}])", "", plain)


def twin(one: Asked, others: Sequence[Asked]) -> int | None:
    """The first of the others that asks in nearly the same words for nearly the same, and names the same."""
    names = set(identifiers(f"{one.text} {one.right}"))
    for at in _like(one, others, ALIKE):
        other = others[at]
        if fuzz.ratio(one.right, other.right) >= ALIKE and set(identifiers(f"{other.text} {other.right}")) == names:
            return at
    return None


def copy_of(one: Asked, others: Sequence[Asked]) -> int | None:
    """The first of the others that `one` gives away: its twin, or the same question beside other options, or in other
    words before the same options."""
    found = twin(one, others)
    if found is not None:
        return found
    named = _named(one.text)
    for at in _like(one, others, SAME_OPTIONS):
        other = others[at]
        if _named(other.text) == named and (
            fuzz.ratio(one.text, other.text) >= NEARLY_EQUAL
            or (one.options and one.options == other.options and one.right == other.right)
        ):
            return at
    return None


def _like(one: Asked, others: Sequence[Asked], least: float) -> Iterator[int]:
    """The others whose text is like this one's, the likest first."""
    texts = [other.text for other in others]
    for _, _, at in process.extract(one.text, texts, scorer=fuzz.ratio, score_cutoff=least, limit=None):
        yield at


def _named(text: str) -> tuple[set[str], list[str]]:
    """What a question names: its identifiers, and its numbers."""
    return set(identifiers(text)), sorted(_NUMBER.findall(text))

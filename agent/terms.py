"""What a question asks by: its language, its content words, its identifiers, and whether it wants a figure.

Comes in: a question as the user typed it. Goes out: sets of analyzer tokens and identifiers, comparable with those of a
passage. It knows nothing of the library, and no word list of any product.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from index.analyzer import normalise, query_language, tokens

_WORD = re.compile(r"[A-Za-z0-9_%$#@./\\:*=+-]+")

# Words by which people ask, and which no manual answers with: they must not weigh when they are not found in a passage.
_ASKING_EN = frozenset(
    """a about after anything nothing all also am an and any are as at be been before but by can could did do does
    doing done else ever exactly explain find first for from get give given go got had happen happens has have
    having help here how i if in into is it its just kind know like list look make many may me mean means meant
    might more most much must my name named need needed next no not now of off on one only or other our out over
    please put say says see set shall should show so some something still such take tell than that the their
    them then there these they thing this those to too under up us use used want was way we were what when where
    whether which while who whom whose why will with without would write yes you your""".split()  # noqa: SIM905 - 190 quoted words would be a page
)
_ASKING_JA = re.compile(
    r"教えて|どういう|ください|下さい|でしょうか|ですか|ますか|ですが|とは|について|どのように|どのような|どうすれば|どうやって|"
    r"何(?=[年月日時分秒人個回件番種階台本歳度代倍%])|"
    r"なぜ|いつ|どこ|だれ|どれ|どの|なに|何ですか|何(?=[をがはでに])|とき|場合|方法|意味|知りたい"
)
_KINDS_EN = {"message", "error", "command", "option", "parameter", "variable", "setting", "keyword", "code"}
_KIND_JA = re.compile(r"(?:メッセージ|エラー|コマンド|オプション|パラメーター|パラメータ|変数)(?=[A-Z0-9_-]{4})")
# Pairs in which a particle touches a word ("ーが", "が使"): whether a passage holds them is chance.
_GRAMMAR = re.compile(r"[ぁ-ゖ][^ぁ-ゖ]|[ァ-ヺー][ぁ-ゖ]")
_WANTS_FIGURE_EN = re.compile(
    r"\b(?:how (?:many|much|long|often|old|large|big|far|frequently)|which port|what port|port number|default|maximum|"
    r"minimum|max|min|limit|when|what year|year|date|number of|size|time-?out|interval|percentage|population)\b",
    re.IGNORECASE,
)
_WANTS_FIGURE_JA = re.compile(
    r"いつ|何[年月日時分秒人個件回種台本歳度代番階世名倍割％%]|いくつ|いくら|どのくらい|どれくらい|ポート|既定値|上限|最大|最小|人数|番号"
)


def folded(text: str) -> str:
    """The form in which identifiers are compared: the analyzer's normal form in lower case."""
    return normalise(text).lower()


def terms(question: str) -> frozenset[str]:
    """The question's content words as analyzer tokens, without the words by which one asks.

    If nothing else is left ("what is it?"), the asking words themselves, so that a search has something to go by.
    """
    text = normalise(question)
    if query_language(text) == "ja":
        text = _ASKING_JA.sub(" ", _KIND_JA.sub(" ", text))
    words = " ".join(_told(text.split()))
    found = (token for token in tokens(words, query=True) if not _GRAMMAR.fullmatch(token))
    return frozenset(found) or frozenset(tokens(question, query=True))


def _told(words: list[str]) -> Iterator[str]:
    """The words that tell something: neither asking ones, nor "message" in "message KAVS0243-E"."""
    bare = [word.strip("?.,!;:'\"") for word in words]
    for at, word in enumerate(bare):
        beside = bare[max(0, at - 1) : at] + bare[at + 1 : at + 2]
        if word.lower() in _ASKING_EN or (word.lower() in _KINDS_EN and any(map(is_identifier, beside))):
            continue
        yield words[at]


def content_words(question: str) -> str:
    """The question without the words by which one asks: what to search for when the whole question found too little."""
    text = normalise(question)
    if query_language(text) == "ja":
        text = _ASKING_JA.sub(" ", text)
        text = re.sub(r"[?？。、!！]+", " ", text)
    words = [word.strip("?.,!;:'\"()") for word in text.split()]
    return " ".join(word for word in words if word and word.lower() not in _ASKING_EN)


def identifiers(text: str) -> tuple[str, ...]:
    """Names that mean just one thing: commands with digits or joints, options, message IDs, paths, settings, CamelCase.

    In the text's own spelling, in order, each once. A plain capitalised or all-lower-case word is none.
    """
    found: dict[str, None] = {}
    for word in _WORD.findall(normalise(text)):
        bare = word.strip(".:,=*+#@$")
        if is_identifier(bare):
            found.setdefault(bare)
    return tuple(found)


def is_identifier(word: str) -> bool:
    """Whether one word, without white space, is a name that means just one thing (a plain number is none)."""
    if len(word) < 2 or not re.search(r"[A-Za-z]", word):
        return False
    if re.fullmatch(r"--?[A-Za-z][\w-]*(?:=\S*)?", word):
        return True
    if re.search(r"[A-Za-z]", word) and re.search(r"\d", word):
        return not re.fullmatch(r"\d+(?:st|nd|rd|th|s|ms|kb|mb|gb|tb|k|m|g|x|min|h|%)", word.lower())
    if "_" in word or re.search(r"[a-z][A-Z]", word):
        return True
    return bool(re.search(r"[A-Za-z][./\\:=][A-Za-z]", word)) and not re.fullmatch(
        r"(?:e\.g|i\.e|and/or)", word.lower()
    )


def holds(text: str, identifier: str) -> bool:
    """Whether `text` (folded) holds the identifier as a word, not as a part of a longer one."""
    name = re.escape(folded(identifier))
    return re.search(rf"(?<![a-z0-9_]){name}(?![a-z0-9_])", text) is not None


def wants_figure(question: str) -> bool:
    """Whether the answer is likely to be a number, a date or a size."""
    return bool((_WANTS_FIGURE_JA if query_language(question) == "ja" else _WANTS_FIGURE_EN).search(question))

"""A follow-up question made whole: "and on Linux?" becomes the question before with Linux in place of Windows.

Comes in: a question and the turns before it. Goes out: the question as it would have been put to somebody who heard
nothing of the conversation. Three things can be missing from a follow-up, and each is brought in its own way:

    a contrast    "and on Linux?", "-f?", "no, the password"       takes the place of its like in the question before
    a pronoun     "how do I stop it?", "それを止めるには？"           gives way to what was talked about
    the topic     "what is the default?", "why?", "デフォルトは？"    is named with what was talked about

What was talked about is what the question before and the answer that was shown have in common, and the name with which
the answer began. A question that is whole stays as it is, whatever was said before. It knows no product and no library:
what of it the manuals hold is for search and gate to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agent.records import Turn
from agent.sentences import sentences
from agent.slots import exchanged
from agent.terms import content_words, identifiers, terms
from index.analyzer import is_identifier, normalise, query_language, tokens

REMEMBERED = 6  # turns; what was asked before those is not what a follow-up leans on
SHORT = 3  # content words that a fragment, or a clause with a pronoun or none of its own matter, has at most
TOPIC = 8  # words by which a topic is named at most

_CORRECTS = re.compile(
    r"^\W*(?:(?:no|nope|sorry|oops|actually|rather|i (?:meant?|was asking)|not (?:that|this)(?: one)?)\b[\s,;:.-]*)+"
    r"(?:but\b|for\b|about\b)?\s*",
    re.IGNORECASE,
)
_LEADS = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|and|or|but|so|then|also|what (?:about|if)|how about|(?:is it |the )?same(?: (?:for|with))?)\b"
    r"[\s,:]*)+",
    re.IGNORECASE,
)
_TRAILS = re.compile(
    r"(?:[\s,]*\b(?:then|too|also|as well|instead|again|please|please|though)\b)*[\s?!.]*$", re.IGNORECASE
)
_CLAUSE = re.compile(
    r"^\W*(?:what|which|who|whose|whom|when|where|why|how|is|are|was|were|do|does|did|can|could|may|must|should|will|"
    r"would|has|have)\b",
    re.IGNORECASE,
)
_INFINITIVE = re.compile(r"^\W*to (?=[a-z])", re.IGNORECASE)
_PREPOSITION = re.compile(
    r"^\W*(?:on|in|at|for|with|without|from|under|by|using|via|of|to)\b\s*(?:the|a|an)?\b", re.IGNORECASE
)
# "it" that stands for nothing, and "that" that begins a clause, are left alone.
_EXPLETIVE = re.compile(
    r"\b(?:is|was|will|would) it (?:possible|necessary|ok|okay|allowed|enough|safe|true|better|needed|required)\b"
    r"|\bit (?:is|was) (?:possible|necessary|ok|allowed|safe)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|their|theirs"
    r"|(?:this|that|these|those)(?=\s*(?:$|[?.!,;]|(?:is|are|do|does|mean|means|happen|happens|work|works|run|runs|then|"
    r"too|command|commands|option|options|message|messages|file|files|port|ports|error|errors|one|ones|case|"
    r"value|values|setting|settings|parameter|parameters|status|state)\b)))\b"
    r"(?:\s+(?:command|option|message|file|port|error|one|value|setting|parameter)s?(?=\s|\W|$))?",
    re.IGNORECASE,
)
_CONTRACTED = re.compile(r"\b(what|who|where|when|how|which|it|that)['’]s\b", re.IGNORECASE)
_POSSESSIVE = re.compile(r"\b(?:its|their)\b", re.IGNORECASE)
_ONE = re.compile(r"\b(?:which|what) ones?\b", re.IGNORECASE)
_WHY = re.compile(
    r"^\W*(?:but |and |so )?(?:why|how come|what (?:is|was) the (?:cause|reason))\b[^a-z]*(?:is|does)?[^a-z]*$",
    re.IGNORECASE,
)

_CORRECTS_JA = re.compile(
    r"^\s*(?:(?:いや|いいえ|いえ|違う|違います|ちがう|ちがいます|そうではなく|そうじゃなく|じゃなくて?|ではなく|すみません|"
    r"すいません|ごめん(?:なさい)?|間違えました|訂正)[\s、,。…]*)+"
)
_LEADS_JA = re.compile(
    r"^\s*(?:(?:では|じゃあ?|それでは|で|あと|また|そして|なら|ちなみに|それなら|だったら)[\s、,]*)+"
)
_TRAILS_JA = re.compile(
    r"(?:(?:の(?:ほう|方)|の場合|の時|のとき|でも同じ|も同じ|だと|だったら|なら|では|じゃ|って|でも|も|は|が)?"
    r"(?:です|でした|でしょう|どう(?:なりますか|ですか|なる|なの|やる)?|教えて|ください|下さい|か|よ|ね|は)*[\s?？。!！…]*)$"
)
_PRONOUN_JA = re.compile(
    r"(?:それら?|これら?|あれ|そいつ|こいつ)(?=[はがをにでのもと、]|って|より|だけ|$)"
    r"|(?:その(?!他|後|際|間|まま|たび)|この(?!間|際)|あの|そちらの|こちらの|上記の)(?P<kind>コマンド|オプション|メッセージ|ファイル|ポート|エラー|パラメーター|値|場合|"
    r"状態|とき|時)?"
)
_WHY_JA = re.compile(
    r"^\W*(?:なぜ|何故|なんで|どうして|原因|理由)(?:ですか|でしょうか|なの|なんですか|出る|出た|起きる|は|って)*\W*$"
)
_TOPIC_JA = re.compile(r"^(.{2,40}?)(?:とは|では|には|は|が|を|で|に|って|、|\s|$)")
_RUN_JA = re.compile(r"[ァ-ヺー]+|[一-鿿々]+|[A-Za-z0-9][A-Za-z0-9_./:+-]*|-[A-Za-z]+")
_NAME_JA = re.compile(
    r"(?<![A-Za-z0-9_ (（-])[A-Za-z][A-Za-z0-9_.+/-]*[A-Za-z0-9](?=(?: -[A-Za-z]+)?(?:コマンド)?[はのでに、])"
)

_ENDS_OPEN_JA = re.compile(r"(?:は|では|だと|場合|でも同じ|も同じ|なら|まで|どっち|何秒|どれ|何)\s*$|[?？]\s*$")
_MARKED_JA = re.compile(r"[ァ-ヺー一-鿿々A-Za-z0-9][はがを]")
_MIXED_JA = re.compile(r"[ぁ-ゖ][^ぁ-ゖ]|[^ぁ-ゖ][ぁ-ゖ]")
_NOUN_JA = re.compile(r"[ァ-ヺー一-鿿々A-Za-z0-9]$|[さみ]$")

_ASKS_FOR_NAME = re.compile(
    r"\b(?:which|what|name of) (?:\w+ )?(?:command|option|tool|program|parameter|setting|file|utility)\b"
    r"|\bhow (?:do|can|to|should)\b|^\W*(?:command|option)\b",
    re.IGNORECASE,
)
_INTRODUCED = re.compile(
    r"^(?:(?:In|On|With|For|By|Since|From|Under)\b[^,.]{1,40}, )?(?:(?:The|A|An|Use|Run|Execute) )?"
)
_OF = re.compile(r"^(?:option|parameter|value)s? (-[\w-]+|\S+) of ([A-Za-z]\S*)")


def made_whole(question: str, history: Sequence[Turn]) -> str:
    """The question with what it leans on; as it is, if it leans on nothing. `history` is oldest first."""
    whole = ""
    answer = ""
    for turn in history[-REMEMBERED:]:
        whole = _whole(turn.question, whole, answer) if whole else turn.question
        answer = turn.answer
    return _whole(question, whole, answer) if whole else question


def own_words(question: str) -> frozenset[str]:
    """What a follow-up itself asks for, as analyzer tokens: neither pronouns nor pairs in which an ending touches a
    word, which manuals have otherwise."""
    bare = _PRONOUN_JA.sub(" ", _PRONOUN.sub(" ", _bare(question)[0]))
    told = frozenset(tokens(content_words(bare), query=True)) & terms(bare)
    return frozenset(word for word in told if not _MIXED_JA.fullmatch(word))


def _whole(question: str, before: str, answer: str) -> str:
    """The question made whole with the one before, itself whole, and its answer."""
    ja = query_language(question) == "ja" or (query_language(before) == "ja" and not _CLAUSE.match(question))
    bare, led = _bare(question)
    if (_WHY_JA if ja else _WHY).match(bare or question):
        topic = _topic(before, answer)
        return f"{topic}の原因は？" if ja else f"What is the cause of {topic}?"
    return (_whole_ja if ja else _whole_en)(question, bare, led, before, answer)


def _bare(question: str) -> tuple[str, bool]:
    """The question without the words by which it is tied to what was said, and whether there were any."""
    text = normalise(_CONTRACTED.sub(r"\1 is", question)).strip()
    if query_language(text) == "ja":
        cut = _LEADS_JA.sub("", _CORRECTS_JA.sub("", text))
        return _TRAILS_JA.sub("", cut), cut != text
    cut = _LEADS.sub("", _CORRECTS.sub("", text))
    return _TRAILS.sub("", cut), cut != text


# English


def _whole_en(question: str, bare: str, led: bool, before: str, answer: str) -> str:
    count = len(content_words(bare).split())
    pronoun = _PRONOUN.search(_EXPLETIVE.sub(" ", bare))
    if _CLAUSE.match(bare) or (_INFINITIVE.match(bare) and count):
        if (pronoun and count <= SHORT) or (count <= 1 and not identifiers(bare)):
            return _named(bare, before, answer)
        return question
    fragment = led or bool(_PREPOSITION.match(bare)) or count <= 2
    if not fragment or not 0 < count <= SHORT:
        return question
    return exchanged(_PREPOSITION.sub("", bare).strip(), before) or f"{before.rstrip(' ?？。.')} {bare}?"


def _named(clause: str, before: str, answer: str) -> str:
    """A clause with the topic in the pronoun's place, or beside it; or the question before with its verb turned round
    ("and how do I stop it?")."""
    plain = content_words(_PRONOUN.sub(" ", _INFINITIVE.sub("", clause)))
    if len(plain.split()) <= 1:
        opposite = exchanged(plain, before, opposites=True)
        if opposite is not None:
            return opposite
    topic = _topic(before, answer, without=plain)
    found = None if _EXPLETIVE.search(clause) else _PRONOUN.search(clause)
    if found and not _POSSESSIVE.match(found[0]):
        return f"{clause[: found.start()]}{topic}{clause[found.end() :]}?"
    clause = _POSSESSIVE.sub("the", clause)
    return f"{clause} ({topic})?" if topic else f"{clause}?"


# Japanese


def _whole_ja(question: str, bare: str, led: bool, before: str, answer: str) -> str:
    runs = _RUN_JA.findall(content_words(bare))
    pronoun = _PRONOUN_JA.search(bare)
    if pronoun and len(runs) <= SHORT + 1:
        rest = _PRONOUN_JA.sub("", bare).strip("をはがのにで、 ")
        opposite = exchanged(rest, before, opposites=True)
        names = list(_names_of(before, _first_sentence(answer))) if pronoun["kind"] else []
        return opposite or _of_ja(" ".join(names) or _topic(before, answer, without=rest), rest)
    if len(runs) > SHORT or len(bare) > 20 or not (led or _is_elliptic_ja(question, bare, runs)):
        return question
    if not runs:
        return _of_ja(_topic(before, answer), bare) if led else question
    return exchanged(bare, before) or _of_ja(_topic(before, answer, without=bare), bare)


def _of_ja(topic: str, asked: str) -> str:
    """What is asked of a topic: "キューのデフォルトは？", or beside each other what makes no such phrase."""
    if (
        _NOUN_JA.search(asked)
        and not re.search(r"(?:何.|どっち|いくつ|どこ|いつ)$", asked)
        and not asked.startswith(("どの", "どれ", "どう", "いつ", "なに", "何"))
    ):
        return f"{topic}の{asked}は？"
    return f"{topic} {asked}？"


def _is_elliptic_ja(question: str, bare: str, runs: Sequence[str]) -> bool:
    """Whether a short question names no matter of its own: a name alone, a phrase that ends in "は？", or a clause
    without subject and object."""
    if is_identifier(bare) or re.fullmatch(r"[\w.+/ -]{1,24}", bare, re.ASCII):
        return True
    if not _ENDS_OPEN_JA.search(normalise(question).strip()):
        return False
    return len(runs) <= SHORT - 1 or not _MARKED_JA.search(bare)


# What was talked about


def _topic(before: str, answer: str, *, without: str = "") -> str:
    """What question and answer were about, in the words of the question and with the name that the answer gave; but
    for the words of `without`, which the follow-up says itself."""
    said = _first_sentence(answer)
    own = set(tokens(without, query=True))
    if query_language(before) == "ja":
        lead = _TOPIC_JA.match(content_words(before) or before)
        topic = lead[1] if lead else content_words(before)
    else:
        topic = _shared_stretch(before, set(tokens(said)), own)
    known = set(tokens(topic, query=True)) | own
    names = [name for name in _names_of(before, said) if not set(tokens(name, query=True)) <= known]
    return " ".join([*names, topic]).strip()


def _shared_stretch(before: str, shown: set[str], own: set[str]) -> str:
    """The stretch of the question from the first to the last content word that the answer holds too; without such, or
    if it is long, the content words alone."""
    words = [word.strip("?.,!;:'\"()") for word in before.split()]
    told = set(content_words(before).split())
    about = [at for at, word in enumerate(words) if word in told and not set(tokens(word, query=True)) <= own]
    shared = [at for at in about if set(tokens(words[at], query=True)) & shown] or about
    if shared and shared[-1] - shared[0] < TOPIC:
        return " ".join(words[shared[0] : shared[-1] + 1])
    return " ".join(words[at] for at in shared[:TOPIC])


def _first_sentence(answer: str) -> str:
    line = next((line for line in answer.splitlines() if line.strip()), "")
    spans = sentences(line)
    return line[spans[0][0] : spans[0][1]] if spans else line


def _names_of(before: str, said: str) -> Iterator[str]:
    """The name that the answer gave, if the question asked for one: that with which its first sentence begins."""
    if query_language(said) == "ja":
        found = _NAME_JA.search(said)
        if found and found.start() < 20:
            yield found[0]
        return
    if not _ASKS_FOR_NAME.search(before):
        return
    rest = said[_INTRODUCED.match(said).end() :]  # type: ignore[union-attr]
    of = _OF.match(rest)
    if of:
        yield of[2]
        return
    first = rest.split(" ", 1)[0].strip(".,;:|")
    if first and (first[0].islower() or identifiers(first)) and len(first) > 2:
        yield first

"""What in a question can be exchanged for a like thing: a platform, a version, an option, a message, a port, a phrase.

Comes in: a fragment ("Windows", "-f", "hot start", "停止") and a question. Goes out: the question with the fragment in
the place of what it stands beside, or None if the question has nothing of the kind. It knows no product: what is like
is told by form (two options, two names of one build), by a shared head ("hot start", "warm start"), or by being the
opposite of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agent.terms import is_identifier
from index.analyzer import normalise, query_language, tokens

_UNIX = ("unix", "linux", "aix", "solaris", "hp-ux", "bsd", "freebsd", "ubuntu", "debian", "rhel", "centos", "suse")
PLATFORM = re.compile(
    rf"(?<![A-Za-z0-9_-])(?:windows(?: server)?(?: \d+)?|mac(?:os)?(?: x)?|{'|'.join(_UNIX)}|z/os|openvms|android|ios)"
    r"(?![A-Za-z0-9_-])",
    re.IGNORECASE,
)
VERSION = re.compile(
    r"(?<![\w.-])(?:(?:version|ver\.?|v|バージョン) ?\d+(?:[.-]\d+)*|\d+\.\d+(?:\.\d+)*|\d\d-\d\d)(?![A-Za-z0-9_-])",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*(?:[ =][A-Za-z][\w]*)?(?![\w-])", re.ASCII)
_BARE_OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*", re.ASCII)
_NUMBER = re.compile(r"(?<![\w.-])(?:\d{2,}|[0-9A-F]{8})(?:/(?:tcp|udp))?(?![\w.-])", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][\w./:+-]*[A-Za-z0-9_]|[A-Za-z]", re.ASCII)
_PROPER = re.compile(r"(?<![\w-])(?:[A-Z][\w/-]*)(?: [A-Z][\w/-]*)*(?![\w-])", re.ASCII)
_WORD = re.compile(r"[\w./+-]+")
_RUN_JA = re.compile(r"[ァ-ヺー一-鿿々]+")
_CASE_JA = re.compile(r"([ァ-ヺー一-鿿々]{2,})(?=の(?:とき|場合|時)|では|だと|なら)")
_ARTICLE = frozenset(["a", "an", "the", "any", "my", "our", "your", "its", "their", "this", "that"])
_SMALL = _ARTICLE | frozenset(
    """of in on at for with by to from as and or is are was were be do does did what which who when where why how can
    may must should will would i you we it if has have many much long often one""".split()  # noqa: SIM905 - as in agent.terms
)

# Words of which one is asked for after the other; both ways.
_OPPOSITES = (
    *(("start", "stop"), ("start", "end"), ("begin", "end"), ("hold", "release"), ("enable", "disable")),
    *(("add", "delete"), ("add", "remove"), ("create", "delete"), ("create", "remove"), ("install", "uninstall")),
    *(("register", "cancel"), ("suspend", "resume"), ("lock", "unlock"), ("mount", "unmount"), ("backup", "restore")),
    *(("import", "export"), ("open", "close"), ("show", "set"), ("increase", "decrease"), ("maximum", "minimum")),
    *(("first", "last"), ("upper", "lower"), ("before", "after"), ("connect", "disconnect"), ("allow", "forbid")),
)
_OPPOSITES_JA = (
    *(("起動", "停止"), ("開始", "停止"), ("開始", "終了"), ("追加", "削除"), ("作成", "削除"), ("登録", "解除")),
    *(("登録", "削除"), ("有効", "無効"), ("保留", "解除"), ("表示", "設定"), ("接続", "切断"), ("最大", "最小")),
    *(("上限", "下限"), ("許可", "拒否"), ("バックアップ", "リストア"), ("エクスポート", "インポート")),
    *(("インストール", "アンインストール"), ("抑止", "再開"), ("送信", "受信")),
)


def kin(word: str) -> str:
    """The name under which manuals also file a platform, in lower case: Linux is a UNIX there. "" for anything else."""
    return "unix" if word.lower() in _UNIX[1:] else ""


def exchanged(fragment: str, question: str, *, opposites: bool = False) -> str | None:
    """The question with the fragment in the place of its like; None if there is none. `opposites`: only a word for its
    opposite."""
    fragment, question = normalise(fragment).strip(" ?？。、,"), normalise(question).strip()
    ways: tuple[Callable[[str, str], str | None], ...] = (_opposite,) if opposites else _WAYS
    for way in ways:
        whole = way(fragment, question)
        if whole is not None:
            return whole
    return None


def _replaced(question: str, found: re.Match[str], put: str) -> str:
    return f"{question[: found.start()]}{put}{question[found.end() :]}"


def _platform(fragment: str, question: str) -> str | None:
    said, there = PLATFORM.search(fragment), PLATFORM.search(question)
    if said is None:
        return None
    if there is not None:
        return _replaced(question, there, said[0])
    return f"{question.rstrip(' ?？')} {said[0]}?"


def _version(fragment: str, question: str) -> str | None:
    said, there = VERSION.search(fragment), VERSION.search(question)
    return _replaced(question, there, said[0]) if said and there else None


def _option(fragment: str, question: str) -> str | None:
    said = _BARE_OPTION.search(fragment)
    if said is None:
        return None
    valued = _OPTION.search(fragment)
    there = _OPTION.search(question) if valued and valued[0] != said[0] else _BARE_OPTION.search(question)
    if there is None:
        return None
    return _replaced(question, there, valued[0] if valued else said[0])


def _number(fragment: str, question: str) -> str | None:
    said, there = _NUMBER.search(fragment), _NUMBER.search(question)
    return _replaced(question, there, said[0]) if said and there else None


def _name(fragment: str, question: str) -> str | None:
    """One identifier for another of its build: as many letters, digits and joints, in that order."""
    for said in _NAME.finditer(fragment):
        if not is_identifier(said[0]):
            continue
        names = [found for found in _NAME.finditer(question) if is_identifier(found[0])]
        like = [found for found in names if build(found[0]) == build(said[0])]
        if like:
            return _replaced(question, like[-1], said[0])
    return None


def build(name: str) -> str:
    """The form of a name, without what tells it from its like: "A0-A" for KAVS0265-E, "-a" for -n, "0/a" for 80/tcp."""
    return re.sub(r"[A-Z]+", "A", re.sub(r"[a-z]+", "a", re.sub(r"\d+", "0", name)))


def _opposite(fragment: str, question: str) -> str | None:
    if query_language(question) == "ja":
        for one, other in (*_OPPOSITES_JA, *((b, a) for a, b in _OPPOSITES_JA)):
            if one in fragment and other in question and one not in question:
                return question.replace(other, one)
        return None
    said = {stem: word for word in _WORD.findall(fragment) for stem in tokens(word, query=True)}
    for found in _WORD.finditer(question):
        stems = set(tokens(found[0], query=True))
        for one, other in (*_OPPOSITES, *((b, a) for a, b in _OPPOSITES)):
            if set(tokens(other)) & stems and set(tokens(one)) <= set(said):
                put = said[tokens(one)[0]]
                ending = "s" if found[0].endswith("s") and not put.endswith("s") else ""
                return _replaced(question, found, put + ending)
    return None


def _head(fragment: str, question: str) -> str | None:
    """A phrase for one with the same last word: "hot start" for "warm start", "絶対時刻" for "相対時刻"."""
    if query_language(fragment) == "ja":
        return _tail_ja(fragment, question)
    words = [word for word in _WORD.findall(fragment) if word.lower() not in _ARTICLE]
    if not words:
        return None
    head = set(tokens(words[-1], query=True))
    there = list(_WORD.finditer(question))
    for at, found in enumerate(there):
        if not head or set(tokens(found[0], query=True)) != head:
            continue
        first = at
        while first > 0 and at - first < len(words) - 1 and there[first - 1][0].lower() not in _SMALL:
            first -= 1
        if len(words) == 1 and first == at:
            continue
        return f"{question[: there[first].start()]}{' '.join(words)}{question[found.end() :]}"
    return None


def _tail_ja(fragment: str, question: str) -> str | None:
    said = _RUN_JA.search(fragment)
    if said is None:
        return None
    best: tuple[int, re.Match[str]] | None = None
    for found in _RUN_JA.finditer(question):
        shared = 0
        while shared < min(len(said[0]), len(found[0])) and said[0][-1 - shared] == found[0][-1 - shared]:
            shared += 1
        if 2 <= shared < len(found[0]) and shared < len(said[0]) and (best is None or shared > best[0]):
            best = shared, found
    return _replaced(question, best[1], said[0]) if best else None


def _proper(fragment: str, question: str) -> str | None:
    """A name with a capital for the last such name of the question (not its first word)."""
    said = _PROPER.search(fragment)
    if said is None or is_identifier(said[0]):
        return None
    names = [found for found in _PROPER.finditer(question) if found.start() > 0 and not is_identifier(found[0])]
    if query_language(question) == "ja":
        names = [found for found in _PROPER.finditer(question) if not is_identifier(found[0])]
    fitting = [found for found in names if not PLATFORM.fullmatch(found[0])]
    return (
        _replaced(question, fitting[-1], fragment if query_language(fragment) == "en" else said[0]) if fitting else None
    )


def _case_ja(fragment: str, question: str) -> str | None:
    """A case for another: 閉塞 for 保留 in "保留のとき"."""
    said, there = _RUN_JA.fullmatch(fragment), _CASE_JA.search(question)
    return _replaced(question, there, said[0]) if said and there else None


_WAYS = (_platform, _option, _name, _number, _version, _opposite, _head, _proper, _case_ja)

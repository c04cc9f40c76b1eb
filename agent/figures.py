"""Text in, the figures that it states out: each with its place, its value in one form, and its unit if it has one.

    figures("waits 1,800 s")      -> value "1800", quantity 1800 of "second"
    figures("waits 30 minutes")   -> value "30", quantity 1800 of "second"
    figures("三十分待つ")          -> value "30", quantity 1800 of "second"
    figures("version 12.1")       -> value "12.1", no unit

So "half an hour" apart, what a manual writes in digits and a model in words (or the other way round) compares equal:
thousands separators, full-width digits, English number words, Japanese numerals, units long and short. A digit within a
name ("v12", "KAVS0272-E") is the name's, not a figure. It knows nothing of evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that stands at `start` to `end` (its unit not included). `value` is its digits in one form; versions,
    times and addresses keep their points and colons. `unit` is "" or the unit's base ("second"), `quantity` how many
    of that it is. `written` says that it is in words, where "one" and "ten" may be no figure at all."""

    start: int
    end: int
    value: str
    unit: str = ""
    quantity: Decimal = Decimal(0)
    written: bool = False


_WIDE = {0xFF01 + at: 0x21 + at for at in range(94)} | {0x3000: 0x20} | dict.fromkeys(range(0x2010, 0x2014), 0x2D)

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen""".split()  # noqa: SIM905 - as in agent.terms
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_WORDS = {word: at for at, word in enumerate(_ONES)} | {word: 10 * at for at, word in enumerate(_TENS, start=2)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_KANJI = {sign: at for at, sign in enumerate("〇一二三四五六七八九")}
_KANJI_TENS = {"十": 10, "百": 100, "千": 1000}
_KANJI_SCALES = {"万": 10_000, "億": 100_000_000}

_DIGITS = re.compile(
    r"(?<![A-Za-z0-9_.])(?:(?<![\w)\]-])-)?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:[.:]\d+)*(?P<scale>[千万億]*)(?![A-Za-z]*[_\d])"
)
_NUMBER_WORD = "|".join(sorted((*_WORDS, *_SCALES), key=len, reverse=True))
_IN_WORDS = re.compile(
    rf"(?<![\w-])(?:{_NUMBER_WORD})(?:(?:[ -]|\s+and\s+)(?:{_NUMBER_WORD}))*(?![\w-])", re.IGNORECASE
)
# Signs of numbers stand in many words (一覧, 統一, 十分): before a counter alone they count.
_COUNTER = (
    r"(?:回|個|件|台|本|日|秒|分間|時間|[かヶカヵケ]月|週間|年|人|種類?|つ|倍|行|文字|段階|桁|世代|通り|"
    r"ポート|バイト|ホスト|分(?!な|に|か))"
)
_IN_KANJI = re.compile(rf"(?<![〇一二三四五六七八九十百千万億\d])[〇一二三四五六七八九十百千万億]+(?={_COUNTER})")

_UNITS: dict[str, tuple[str, int]] = {}
for _names, _base, _factor in (
    ("milliseconds millisecond msec ms ミリ秒", "millisecond", 1),
    ("seconds second secs sec s 秒", "second", 1),
    ("minutes minute mins min 分", "second", 60),
    ("hours hour hrs hr h 時間", "second", 3600),
    ("days day 日", "second", 86_400),
    ("weeks week 週", "second", 604_800),
    ("months month か月 ヶ月 カ月 ヵ月 ケ月", "month", 1),
    ("years year 年", "month", 12),
    ("bytes byte バイト", "byte", 1),
    ("kilobytes kilobyte kbytes kb kib キロバイト", "kilobyte", 1),
    ("megabytes megabyte mbytes mb mib メガバイト", "megabyte", 1),
    ("gigabytes gigabyte gbytes gb gib ギガバイト", "gigabyte", 1),
    ("percent % パーセント", "percent", 1),
):
    _UNITS |= dict.fromkeys(_names.split(), (_base, _factor))
_UNIT_WORDS = "|".join(re.escape(name) for name in sorted(_UNITS, key=len, reverse=True))
_UNIT = re.compile(rf"[ -]?({_UNIT_WORDS})(?![A-Za-z])", re.IGNORECASE)
_LONG_UNITS = "|".join(name for name in _UNITS if len(name) > 2 or not name.isascii())
_LONE_UNIT = re.compile(rf"(?<![A-Za-z])({_LONG_UNITS})(?![A-Za-z])", re.IGNORECASE)


def narrow(text: str) -> str:
    """The text with full-width signs and typesetters' hyphens in their plain forms, each in its place: offsets hold."""
    return text if text.isascii() else text.translate(_WIDE)


def figures(text: str) -> list[Figure]:
    """The figures of `text` in order."""
    plain = narrow(text)
    found = [*_in_digits(plain), *_in_words(plain), *_in_kanji(plain)]
    return sorted((_with_unit(one, plain) for one in found), key=lambda one: one.start)


def held(claim: Figure, basis: Sequence[Figure], units: frozenset[str]) -> bool:
    """Whether figures of a basis bear out a claim: the same value, or the same quantity in another unit.

    A value that the basis states without a unit ("Timeout (seconds) | 30") bears out a unit that is among `units`,
    those that the basis names anywhere.
    """
    if not claim.unit:
        return any(claim.value == one.value for one in basis)
    if any((claim.unit, claim.quantity) == (one.unit, one.quantity) for one in basis if one.unit):
        return True
    return claim.unit in units and any(claim.value == one.value and not one.unit for one in basis)


def units_named(text: str) -> frozenset[str]:
    """The bases of all units that `text` names, with a figure or without one."""
    plain = narrow(text)
    alone = {_UNITS[found[1].lower()][0] for found in _LONE_UNIT.finditer(plain)}
    return frozenset(alone | {one.unit for one in figures(text) if one.unit})


def _in_digits(text: str) -> Iterator[Figure]:
    for found in _DIGITS.finditer(text):
        digits = found[0].removesuffix(found["scale"]).replace(",", "")
        if ":" in digits:
            digits = re.sub(r"^0(?=\d:)", "", digits)
        elif found["scale"]:
            digits = _plain(Decimal(digits) * _scale(found["scale"])) if digits.count(".") < 2 else digits
        yield Figure(found.start(), found.end(), digits)


def _in_words(text: str) -> Iterator[Figure]:
    for found in _IN_WORDS.finditer(text):
        words = [word for word in re.split(r"[\s-]+", found[0].lower()) if word != "and"]
        whole = part = 0
        for word in words:
            if word == "hundred":
                part = max(part, 1) * 100
            elif word in _SCALES:
                whole, part = whole + max(part, 1) * _SCALES[word], 0
            else:
                part += _WORDS[word]
        yield Figure(found.start(), found.end(), str(whole + part), written=True)


def _in_kanji(text: str) -> Iterator[Figure]:
    for found in _IN_KANJI.finditer(text):
        yield Figure(found.start(), found.end(), str(_kanji_value(found[0])), written=True)


def _kanji_value(signs: str) -> int:
    whole = part = digits = 0
    for sign in signs:
        if sign in _KANJI:
            digits = 10 * digits + _KANJI[sign]
        elif sign in _KANJI_TENS:
            part, digits = part + max(digits, 1) * _KANJI_TENS[sign], 0
        else:
            whole, part, digits = whole + max(part + digits, 1) * _KANJI_SCALES[sign], 0, 0
    return whole + part + digits


def _scale(signs: str) -> int:
    made = 1
    for sign in signs:
        made *= _KANJI_TENS.get(sign, 0) or _KANJI_SCALES[sign]
    return made


def _with_unit(figure: Figure, text: str) -> Figure:
    beside = _UNIT.match(text, figure.end)
    if beside is None or not re.fullmatch(r"-?\d+(?:\.\d+)?", figure.value):
        return figure
    base, factor = _UNITS[beside[1].lower()]
    return Figure(figure.start, figure.end, figure.value, base, Decimal(figure.value) * factor, figure.written)


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"

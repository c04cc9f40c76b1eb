"""What kind of answer a question wants (a date, a figure, a name...), and whether a text holds one of that kind.

Comes in: a question; then folded or original texts. Goes out: +1, -1 or 0 for "holds one", "holds none", "can't tell".
A kind is told by the words by which people ask, in English and Japanese; nothing here names a product.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.terms import folded, identifiers
from index.analyzer import normalise, query_language

_I = re.IGNORECASE
_NUMERAL_JA = "0-9〇一二三四五六七八九十百千万億数"
_COUNTER = re.compile(
    r"何(年|月|日|時|分|秒|人|個|回|種|台|本|歳|度|代|番|階|世紀|世|名|割|%|パーセント|点|位|メートル|km|キロ|つ|冊|社|校|曲|話|巻|票|円|ドル|倍|勝|部|両|枚|隻|機|戦|都市|か国|カ国|ヶ国)"
)

# In the order in which they are tried: the asking words, then what an answer of that kind looks like.
_KINDS_EN: tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...] = (
    (
        "date",
        re.compile(r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:year|date|month|day|decade|century|time)\b|\bhow old\b", _I),
        re.compile(
            r"\b1\d{3}\b|\b20\d\d\b|\d(?:st|nd|rd|th) century|\b(?:January|February|March|April|May|June|July|August|"
            r"September|October|November|December)\b|\bcentur|\b(?:after|before|until|when|once|while|as soon as)\b"
        ),
    ),
    (
        "figure",
        re.compile(
            r"\bhow (?:many|much|long|often|large|big|far|tall|high|fast|deep|wide|frequently|late|early)\b"
            r"|\b(?:which|what)(?: \w+)? port\b|\bport(?: number)?\b|\bdefault\b|\bmax(?:imum)?\b|\bmin(?:imum)?\b"
            r"|\blimits?\b|\btime-?out\b"
            r"|\b(?:number|percentage|population|size|interval|amount|average|length|rate|percent|proportion) of\b"
            r"|\bwhat (?:percentage|percent|number|fraction|proportion|population|size)\b",
            _I,
        ),
        re.compile(
            r"\d|%|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|half|third|quarter|"
            r"hundreds?|thousands?|millions?|billions?|once|twice|dozen|unlimited|no limit|double|never|always)\b",
            _I,
        ),
    ),
    ("person", re.compile(r"\bwho\b|\bwhose\b|\bwhom\b", _I), re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w'’-]+")),
    (
        "place",
        re.compile(
            r"\bwhere\b|\b(?:what|which) (?:\w+ )?(?:city|country|state|town|region|place|location|continent|river|"
            r"area|street|county|district|island|folder|directory|file)\b",
            _I,
        ),
        re.compile(r"(?:\b(?:in|at|near|from|to|of|on|under|between|by|into)\s+(?:the\s+)?\"?[A-Z/][\w/]+)|[/\\]\w+[/\\]"),
    ),
    (
        "reason",
        re.compile(r"\bwhy\b|\bwhat (?:causes?|caused|led|reason)\b|\breasons?\b|\bcauses?\b", _I),
        re.compile(
            r"\bbecause\b|\bdue to\b|\bin order to\b|\bso that\b|\bsince\b|\bas a result\b|\bcaus|\btherefore\b|"
            r"\breason|\bto avoid\b|\bowing to\b|\bthus\b|\bas \w+ \w+ (?:is|was|are)\b|\bmeans that\b|\bunless\b",
            _I,
        ),
    ),
    (
        "manner",
        re.compile(r"\bhow (?:do|does|did|can|could|to|is|are|was|were|would|should|might)\b|\bhow\b", _I),
        re.compile(
            r"\bby \w+ing\b|\bus(?:e|es|ed|ing)\b|\bset\b|\bspecif|\bwith\b|\bthrough\b|\bvia\b|\brun\b|\bcommand\b|"
            r"\boption\b|\bselect\b|\bchoose\b",
            _I,
        ),
    ),
)  # fmt: skip
_KINDS_JA: tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...] = (
    (
        "date",
        re.compile(r"いつ|何年|何月|何日|何世紀|何時|年月日|日付|生年|没年|誕生日|時期|年代|何曜日"),
        re.compile(rf"[{_NUMERAL_JA}](?:年|月|日|世紀|時)|昭和|平成|明治|大正|時代|(?:とき|前|後|まで|から)"),
    ),
    (
        "figure",
        re.compile(r"いくつ|いくら|どのくらい|どれくらい|どれだけ|人数|人口|面積|ポート|既定値|上限|下限|最大|最小|割合|何割|番号|間隔|長さ|高さ|戻り値"),
        re.compile(rf"[{_NUMERAL_JA}]|半|無制限"),
    ),
    (
        "person",
        re.compile(r"誰|だれ|人物|何者|氏名|作者|著者|監督は|人は"),
        re.compile(r"[ァ-ヺー]+[・=＝][ァ-ヺー]+|氏|さん|選手|監督|教授|大統領|[国女天]王|[皇武]帝|世|将軍|大臣|[一-鿿]{3,5}(?=[（(がはにと、・])|[A-Z]\w+_"),
    ),
    (
        "place",
        re.compile(r"どこ|場所|地名|(?:何|どの|なんという|何という)(?:県|市|国|州|区|町|村|駅|線|島|山|湖|川|都市|都道府県|地域|地方|大陸|海)|(?:国|都市|首都|州|県|市)は"),
        re.compile(r"[一-鿿ァ-ヺー](?:県|市|町|村|区|州|国|島|都|府|道|駅|川|山|海|湖|湾|地方|半島|大陸|城|寺|館)|[/\\]\w+|フォルダ|ディレクトリ|画面|タブ"),
    ),
    (
        "reason",
        re.compile(r"なぜ|理由|原因|どうして|何のため|きっかけ"),
        re.compile(r"ため|から|ので|理由|原因|よって|により|したがって|きっかけ"),
    ),
    (
        "manner",
        re.compile(r"どのように|どうやって|方法|どうすれば|どうする|手順|やり方|したい|するには|には[?？]?$|対処"),
        re.compile(r"使|用い|指定|設定|実行|して(?:ください|から)|によって|コマンド|オプション|選択|選ぶ|選び"),
    ),
    (
        "name",
        re.compile(r"何と(?:いう|呼ば|言)|名前|名称|なんという|何という|何と"),
        re.compile(r"[「『\"]|と呼ば|という|と称|といい|の名"),
    ),
)  # fmt: skip
_NAMED_EN = re.compile(
    r"\b(?:which|what) (?:\w+ )?(?:command|option|parameter|variable|keyword|setting|message|plugin|directive|flag|"
    r"switch|role|permission|right|event|id|code|file|program|daemon|service|column|function|view)\b",
    _I,
)
_NAMED_JA = re.compile(
    r"コマンド|オプション|ファイル名|パラメータ|変数|ポート|ID|メッセージは|権限|ロール|環境設定|パッケージ|プログラム|イベントは|キー"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The kind of answer a question wants: what such an answer looks like (None: can't tell), whether it is a name in
    Latin letters, and the Japanese counter ("人" of 何人) if one is asked for."""

    question: str
    looks: re.Pattern[str] | None
    named: bool
    counter: re.Pattern[str] | None

    def found_in(self, text: str) -> float:
        """+1 if `text` (in its own spelling) holds such an answer, and one that the question does not say itself; -1 if
        it holds none; 0 where the question does not tell."""
        if self.looks is None:
            return 0.0
        found = (one[0] for one in self.looks.finditer(text))
        return 1.0 if any(folded(one) not in self.question for one in found) else -1.0

    def counted_in(self, text: str) -> float:
        """The same for the counter: 何人 wants 12人."""
        return 0.0 if self.counter is None else 1.0 if self.counter.search(text) else -1.0

    def named_in(self, text: str) -> float:
        """The same for a command, option or other name, where the question asks for one."""
        if not self.named:
            return 0.0
        return 1.0 if any(folded(name) not in self.question for name in identifiers(text)) else -1.0


def wanted(question: str) -> Wanted:
    """What kind of answer this question wants."""
    text = normalise(question)
    japanese = query_language(text) == "ja"
    kinds = _KINDS_JA if japanese else _KINDS_EN
    looks = next((answer for _, asking, answer in kinds if asking.search(text)), None)
    counter = None
    if japanese and (counted := _COUNTER.search(text)):
        counter = re.compile(rf"[{_NUMERAL_JA}]\s*{re.escape(counted[1])}")
        looks = looks or re.compile(rf"[{_NUMERAL_JA}]")
    return Wanted(folded(question), looks, bool((_NAMED_JA if japanese else _NAMED_EN).search(text)), counter)

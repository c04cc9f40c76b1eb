"""Near-duplicates among documents: copies are found, and no removal ever loses a word that tells something."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.near_duplicates import near_duplicates

Document = tuple[tuple[str, ...], str]

QUEUE = "The queue server keeps at most 500 requests, and a request that waits for 30 minutes is then given back."
QUEUE_JA = "キューサーバーは最大500件の要求を保持し、30分間待った要求は依頼元のホストに差し戻します。"
HEADING = ("Queue server", "Limits")


def removed(*texts: str | Document) -> dict[int, int]:
    return near_duplicates([(HEADING, one) if isinstance(one, str) else one for one in texts], 12, 30)


@pytest.mark.parametrize(
    "copy",
    [
        QUEUE.replace("The queue", "Queue"),
        QUEUE.replace("request that", "Request that").replace(", and", " and"),
        QUEUE.replace("500", "５００").replace(" ", "\u3000"),
        QUEUE.replace("queue server", "“queue server”").removesuffix("."),
    ],
)
def test_a_copy_in_another_spelling_goes_and_the_first_stays(copy: str) -> None:
    assert removed(QUEUE, "Another thing.", copy) == {2: 0}


@pytest.mark.parametrize(
    "copy",
    [
        QUEUE_JA.replace("サーバー", "サーバ"),
        QUEUE_JA.replace("、", "").removesuffix("。"),
        QUEUE_JA.replace("500", " 500 "),
    ],
)
def test_a_japanese_copy_in_another_spelling_goes(copy: str) -> None:
    assert removed(QUEUE_JA, copy) == {1: 0}


@pytest.mark.parametrize("text", [QUEUE, QUEUE_JA])
def test_of_two_of_which_one_holds_the_other_the_longer_one_stays(text: str) -> None:
    longest = f"Since version 12:\u00a0see below.\n\n{text}\n\nThe log tells of it."
    assert removed(text, longest.replace("\n\nThe log tells of it.", ""), longest) == {0: 2, 1: 2}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("If the manager stops, the agent starts.", "If the agent stops, the manager starts."),
        ("マネージャーがエージェントを起動します。", "マネージャーをエージェントが起動します。"),
        ("Use -v to see more.", "Use -V to see more."),
        ("The wait is 1.5 minutes.", "The wait is 15 minutes."),
        ("The limit is 10² files.", "The limit is 102 files."),
        ("Set it to 5.", "Set it to -5."),
        ("qmove [-f] FILE", "qmove -f FILE"),
        ("Put it on drive A or a.", "Put it on drive A or."),
        ("Name the folder with ., please.", "Name the folder with .., please."),
        ("The unit LOCAL is meant.", "The unit local is meant."),
        ((("qstart", "-h"), QUEUE), (("qstop", "-h"), QUEUE)),
        (QUEUE, f"None of this holds any more:\n\n{QUEUE}"),
        (QUEUE, f"It is wrong that {QUEUE}"),
        ("Default: 5", "On Windows\n\nDefault: 5"),
    ],
)  # fmt: skip
def test_what_a_reader_would_take_otherwise_stays(one: str | Document, other: str | Document) -> None:
    assert removed(one, other) == {}
    assert removed(other, one) == {}


WORDS = [
    "start", "stop", "yes", "no", "enabled", "disabled", "KAVS0243-E", "KAVS0244-E", "20241/tcp", "20242", "1.5", "15",
    "-v", "-V", "/etc/a.conf", "/etc/b.conf", "Hold", "Warning", "A", "B", "jobnet", "queue", "起動", "停止", "正常",
]  # fmt: skip
SENTENCES = st.lists(st.sampled_from([*WORDS, "the", "of", "a", "は", "が", "を"]), min_size=3, max_size=14)


@given(SENTENCES, st.data())
def test_one_word_that_decides_keeps_both(sentence: list[str], data: st.DataObject) -> None:
    at = data.draw(st.sampled_from([n for n, word in enumerate(sentence) if word in WORDS] or [0]))
    other = data.draw(st.sampled_from([word for word in WORDS if word != sentence[at]]))
    changed = " ".join([*sentence[:at], other, *sentence[at + 1 :]])
    assert removed(" ".join(sentence), changed) == {}


def edited(text: str, edit: int) -> str:
    """A text as another edition of a manual might write it."""
    match edit:
        case 0:
            return text.replace("the ", "")
        case 1:
            return f"{text[0].upper()}{text[1:]}."
        case 2:
            return text.replace("0", "０")
        case _:
            return text


PARAGRAPHS = st.builds(edited, SENTENCES.map(" ".join), st.integers(0, 3))
HEADINGS = st.sampled_from([("Queue",), ("Queue", "Limits"), ("Queue", "The limits")])


@st.composite
def libraries(draw: st.DrawFn) -> list[Document]:
    """Documents that share many paragraphs, in several spellings."""
    pool = draw(st.lists(PARAGRAPHS, min_size=1, max_size=5))
    texts = st.lists(st.builds(edited, st.sampled_from(pool), st.integers(0, 3)), min_size=1, max_size=4)
    return draw(st.lists(st.tuples(HEADINGS, texts.map("\n\n".join)), max_size=12))


def told(document: Document) -> Counter[str]:
    """Everything in a document that may tell something, by a rule of the test's own."""
    heading, text = document
    found = re.findall(r"[A-Za-z0-9]+|[^\x00-\x7f]", "\n".join((*heading, text)).translate({ord("０"): "0"}))
    return Counter(word.lower() for word in found if word.lower() != "the")


@given(libraries())
def test_all_that_goes_is_told_by_what_stays_and_nothing_more_would_go(documents: list[Document]) -> None:
    instead = near_duplicates(documents, 6, 12)
    for gone, stays in instead.items():
        assert stays not in instead
        assert told(documents[gone]) <= told(documents[stays])
    left = [document for at, document in enumerate(documents) if at not in instead]
    assert near_duplicates(left, 6, 12) == {}


@given(libraries())
def test_what_stays_hangs_on_no_chance(documents: list[Document]) -> None:
    assert near_duplicates(documents, 6, 12) == near_duplicates(list(documents), 6, 12)
    doubled = near_duplicates([*documents, *documents], 6, 12)
    assert all(at in doubled for at in range(len(documents), 2 * len(documents)))

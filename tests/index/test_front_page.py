"""What a book's front page says of its product and version, and what it does not say."""

from __future__ import annotations

import pytest

from index.readers.front_page import front_facts


@pytest.mark.parametrize(
    ("title", "lines", "expected"),
    [
        ("The Policy Manual", ["The Policy Manual", "Release 4.6.2.0", "Dec 17, 2022"], {"version": "4.6.2.0"}),
        ("開発者リファレンス", ["リリース 12.18", "2023-03-06"], {"version": "12.18"}),
        ("Example Version 12 Messages", ["3021-3-D65-20(E)"], {"product": "Example", "version": "12"}),
        ("Example/Base User's Guide", ["Example Version 11", "Example/Base User's Guide"], {"product": "Example",
                                                                                          "version": "11"}),
        ("The Guide", ["3021-3-B17-01(E)", "第2版", "2023-04-01", "Copyright 2019, 2023"], {}),
        ("The Guide", ["It needs Java 1.8.0 or later, which is 64 bit.", "Page 3.1"], {}),
    ],
)  # fmt: skip
def test_versions_are_told_from_numbers_and_dates(title: str, lines: list[str], expected: dict[str, str]) -> None:
    assert front_facts(title, lines) == {"manual": title, **expected}


def test_a_version_far_behind_the_front_page_is_not_the_books() -> None:
    assert "version" not in front_facts("The Guide", ["Some line of text."] * 60 + ["Version 3.0"])

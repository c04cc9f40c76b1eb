"""Text comes out right whatever a file declares, and language is told by the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.charset import decode
from index.language import language_of

JAPANESE = "ジョブネットの登録に失敗しました。カレンダーを定義してください。表示されるメッセージを確認します。"


def page(text: str, charset: str) -> str:
    return (
        f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={charset}"></head><body>{text}</body>'
    )


@pytest.mark.parametrize("charset", ["utf-8", "cp932", "euc_jp", "iso2022_jp", "utf-16"])
def test_undeclared_japanese_is_read(charset: str) -> None:
    assert decode(JAPANESE.encode(charset)).text == JAPANESE


@pytest.mark.parametrize("declared", ["UTF-8", "Shift_JIS", "EUC-JP", "ISO-8859-1", "no-such-charset"])
@pytest.mark.parametrize("actual", ["utf-8", "cp932", "euc_jp"])
def test_a_wrong_declaration_is_mended(declared: str, actual: str) -> None:
    text = page(JAPANESE, declared)
    assert decode(text.encode(actual)).text == text


def test_a_byte_order_mark_decides_and_is_taken_off() -> None:
    assert decode(b"\xef\xbb\xbf" + "設定".encode()).text == "設定"


def test_windows_characters_of_cp932_are_kept() -> None:
    text = "①設定ファイル～㈱日立のマニュアルを参照してください。"
    assert decode(text.encode("cp932")).text == text


def test_western_text_with_a_few_accents_is_read() -> None:
    text = "The café's naïve coördinator can’t resume the job. " * 5
    assert decode(text.encode("cp1252")).text == text


def test_a_few_damaged_bytes_cost_only_themselves() -> None:
    data = bytearray((JAPANESE * 60).encode("utf-8"))
    data[3000] = 0xFF
    decoded = decode(bytes(data))
    assert decoded.charset == "utf-8"
    assert 0 < decoded.damaged <= 3


@given(st.binary(max_size=400))
def test_no_bytes_bring_it_down(data: bytes) -> None:
    assert isinstance(decode(data).text, str)


@given(st.text(max_size=300))
def test_utf_8_is_always_read_as_it_was_written(text: str) -> None:
    data = text.encode("utf-8", errors="ignore")
    if not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")) and b"\x1b" not in data:
        assert decode(data).text == data.decode()


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        (JAPANESE, "", "ja"),
        (JAPANESE, "en-US", "ja"),
        ("Start the manager before the agent, then check the log.", "ja", "en"),
        ("ajsentry -h host root/job " * 4 + "を実行します。ログを確認してください。", "", "ja"),
        ("", "ja", "ja"),
        ("20243/tcp", "", "en"),
    ],
)
def test_the_language_is_that_of_the_text(text: str, declared: str, language: str) -> None:
    assert language_of(text, declared) == language


@pytest.mark.parametrize(
    "name", ["uu", "base64", "undefined", "rot13", "punycode", "unicode_escape", "utf-16", "nonsense"]
)
def test_a_declared_name_that_is_no_charset_is_ignored(name: str) -> None:
    data = f'<meta charset="{name}"><p>サービスの起動</p>'.encode()
    assert decode(data).text == data.decode("utf-8")

"""PySide6 6.12.0 loses a reference to None in each void call on Python 3.11 and aborts after some thousands."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtGui import QTextCursor, QTextDocument
from PySide6.QtWidgets import QApplication


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_void_calls_do_not_lose_references_to_none(qapp: QApplication) -> None:
    document = QTextDocument()
    cursor = QTextCursor(document)
    before = sys.getrefcount(None)
    for _ in range(1000):
        cursor.insertText("a")
        qapp.processEvents()
    assert abs(sys.getrefcount(None) - before) < 500

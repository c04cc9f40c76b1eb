"""Small manuals for the library's tests, written as files like a user's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from index.importing import import_manuals
from index.records import ImportProgress, ImportReport

PORTS = """<html><head><title>Ports - Example Scheduler</title></head><body><h1>Ports</h1>
<p>The manager listens on 20243/tcp. The agent listens on 20300/tcp and must be reachable from the manager.</p>
<h2>Firewall</h2><p>Open the firewall before you install anything; see jobnet settings.</p>
</body></html>"""
MESSAGES = """<html><head><title>Messages - Example Scheduler</title></head><body><h1>Messages</h1>
<h2>KAVS0243-E</h2><p>The jobnet could not be registered because the calendar is missing. Define a calendar.</p>
<h2>KAVS0244-W</h2><p>The jobnet waits for a resource. Check the queue with ajsstatus -h host.</p></body></html>"""
JAPANESE = """<html lang="ja"><head><title>起動と停止</title></head><body><h1>起動と停止</h1>
<p>サービスを停止するには jajs_spmd_stop コマンドを実行してください。しきい値は環境設定パラメーターで変更できます。</p>
<h2>終了コード</h2><p>終了コードが 8 のときは異常終了です。ログを確認してください。</p></body></html>"""


def write_manual(folder: Path, pages: dict[str, str] | None = None) -> Path:
    """A manual of HTML pages in `folder`: by default one on ports and one on messages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (pages or {"ports.html": PORTS, "messages.html": MESSAGES}).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def many_pages(count: int, *, words: int = 120) -> dict[str, str]:
    """Pages that each tell of one thing no other does: page 7 of "topic00007"."""
    filler = " ".join(f"word{i % 37}" for i in range(words))
    return {
        f"page{n:03}.html": f"<html><head><title>Page {n}</title></head><body><h1>Page {n}</h1>"
        f"<p>This page tells of topic{n:05} and nothing else.</p>"
        f"<h2>More</h2><p>{filler} on page {n}.</p></body></html>"
        for n in range(count)
    }


def bring_in(library: Path, *paths: Path, wait_embeddings: bool = False) -> ImportReport:
    """Import, in silence and to the end."""
    return import_manuals(library, paths, progress=_silent, cancelled=lambda: False, wait_embeddings=wait_embeddings)


def _silent(progress: ImportProgress) -> None:
    pass


class Hashed:
    """Vectors that depend on the text alone, so that search by meaning has something to compare."""

    name = fingerprint = "hashed"
    dimension = 32

    def passages(self, texts: list[str]) -> np.ndarray:
        rows = [np.random.default_rng(sum(text.encode())).normal(size=self.dimension) for text in texts]
        return np.asarray([row / np.linalg.norm(row) for row in rows], np.float32)

    queries = passages

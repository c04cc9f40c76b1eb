"""What must hold for every input, however broken: read it, and raise AssertionError where a promise is broken.

Comes in: bytes and the kind they claim to be. Goes out: whether they were read or refused. Promised are: no exception
but ManualUnreadable, whose one line names the file; offsets that are right; passages that lose nothing; a document
that survives the pipe; no file opened but the program's own.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

from index.archive import Archive
from index.document_json import from_json, line, to_json
from index.errors import ManualUnreadable
from index.passages import MAXIMUM, gaps, split
from index.reading import read_bytes
from index.records import Document
from tests.fuzz.seeds import file_name

SHOWN = "/manuals/guide"
_OWN = tuple(
    str(Path(each).resolve()) for each in {sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]), "/usr"}
)
_opened: list[str] = []


def watch_files() -> None:
    """From now on notice each file that is opened outside the program and each process or connection begun."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str | bytes):
        path = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode(errors="replace")
        if not path.startswith(_OWN):
            _opened.append(path)
    elif event in ("socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        _opened.append(event)


def check(kind: str, data: bytes) -> bool:
    """Read one input. True if it was read, False if it was refused. Raises AssertionError, or whatever a reader lets
    through."""
    _opened.clear()
    try:
        documents = _in_archive(data) if kind == "zip" else [read_bytes(data, file_name(kind), SHOWN)]
    except ManualUnreadable as error:
        reason, documents = str(error), []
    else:
        reason = SHOWN
    assert reason.startswith(SHOWN), reason
    assert "\n" not in reason, reason
    for document in documents:
        _check_document(document)
    assert not _opened, _opened
    return bool(documents)


def _in_archive(data: bytes) -> list[Document]:
    found = []
    with Archive(io.BytesIO(data), SHOWN) as archive:
        entries, refused = archive.entries()
        for entry in entries:
            assert ".." not in entry.name.split("/"), entry.name
            assert not entry.name.startswith("/"), entry.name
            suffix = entry.name[-5:].rpartition(".")[2]
            if suffix in ("html", "txt", "md"):
                shown = f"{SHOWN}!/{entry.name}"
                found.append(read_bytes(archive.read(entry.name, 10_000_000), f"guide.{suffix}", shown))
        assert all(skipped.reason.startswith(SHOWN) for skipped in refused)
    return found


def _check_document(document: Document) -> None:
    assert isinstance(document.title, str)
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in document.meta)
    for section in document.sections:
        at = 0
        assert section.text.strip(), section.heading
        assert all(isinstance(text, str) and text for text in section.heading), section.heading
        assert section.page is None or section.page > 0
        for block in section.blocks:
            assert at <= block.start < block.end <= len(section.text), block
            assert 0 <= block.header <= block.end - block.start, block
            assert not section.text[at : block.start].strip(), block
            at = block.end
        assert not section.text[at:].strip()
        spans = split(section, document.language)
        assert gaps(spans, section.text) == []
        assert all(0 <= span.start < span.end <= len(section.text) for span in spans)
        assert all(span.end - span.start <= MAXIMUM for span in spans)
    sent = line({"document": to_json(document)})
    received = from_json(json.loads(sent)["document"])
    assert len(received.sections) == len(document.sections)
    assert [len(each.text) for each in received.sections] == [len(each.text) for each in document.sections]

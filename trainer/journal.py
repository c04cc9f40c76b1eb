"""Work that is done piece by piece and may be cut off: what is done is kept, and only the rest is done again.

One JSON object a line, synced as it is added; the first line says for which inputs. A journal for other inputs is begun
anew, and a last line that was cut off is dropped. It knows nothing of what the pieces are.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Journal:
    """The results of pieces by their names; a context manager."""

    def __init__(self, path: Path, inputs: dict[str, Any]) -> None:
        self._path = path
        self.done: dict[str, Any] = {}
        whole = self._read(inputs)
        path.parent.mkdir(parents=True, exist_ok=True)
        if whole:
            os.truncate(path, whole)
            self._file = path.open("a", encoding="utf-8")
        else:
            self._file = path.open("w", encoding="utf-8")
            self._write({"inputs": inputs})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, name: str, result: Any) -> None:
        """Keep a piece's result, which JSON must hold."""
        self.done[name] = result
        self._write({"name": name, "result": result})

    def remove(self) -> None:
        """Close and delete: the whole result stands elsewhere now."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read(self, inputs: dict[str, Any]) -> int:
        """Fill `done`. Returns the length of the whole lines in bytes; 0 where there is nothing to go on from."""
        try:
            lines = self._path.read_bytes().splitlines(keepends=True)
        except OSError:
            return 0
        whole = 0
        for number, line in enumerate(lines):
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n") or (number == 0 and row.get("inputs") != inputs):
                break
            if number:
                self.done[row["name"]] = row["result"]
            whole += len(line)
        return whole

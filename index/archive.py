"""Looks into ZIP archives without trusting them.

Comes in: a ZIP file, or what is built as one (an EPUB), by its path or its bytes. Goes out: its entries under names
that are safe and readable, or the bytes of one entry. Refused are names that lead out of the archive, archives that
unpack to too much, and encrypted entries. Knows nothing of what kinds of files are manuals.
"""

from __future__ import annotations

import lzma
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from index.charset import is_plausible
from index.errors import ManualUnreadable
from index.records import Skipped

_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
LARGEST_UNPACKED = 4 * 1024**3  # bytes, all entries together
MOST_ENTRIES = 100_000
LARGEST_RATIO = 200  # unpacked to packed; HTML reaches about 20
_RATIO_COUNTS_FROM = 64 * 1024**2  # bytes unpacked; below that a ratio harms nobody
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, OverflowError, RuntimeError, ValueError),
)
"""What zipfile raises for a broken archive; NotImplementedError, for a method it does not know, is a RuntimeError."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive: its name with forward slashes, and its unpacked size in bytes."""

    name: str
    size: int


class Archive:
    """An open archive, as a context manager. `shown` names it in errors and `kind` says what it is meant to be.

    Raises ManualUnreadable: gone, damaged, or one that would unpack to more than any manual does.
    """

    def __init__(self, file: Path | BinaryIO, shown: str, kind: str = "ZIP file") -> None:
        self._shown = shown
        self._kind = kind
        try:
            self._zip = zipfile.ZipFile(file)
        except FileNotFoundError as error:
            raise ManualUnreadable(
                f"{shown} is gone; check that the folder or drive is still there and import it again."
            ) from error
        except _BROKEN as error:
            raise ManualUnreadable(
                f"{shown} can't be opened as {_a(kind)} ({_plain(error)}); download it again."
            ) from error
        infos = [info for info in self._zip.infolist() if not info.is_dir()]
        try:
            self._check_whole(infos)
        except ManualUnreadable:
            self._zip.close()
            raise
        self._infos: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            self._infos.setdefault(readable_name(info), info)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing can be read afterwards."""
        self._zip.close()

    def entries(self) -> tuple[list[Entry], list[Skipped]]:
        """The files in the archive, and those refused with the reason."""
        found: list[Entry] = []
        refused: list[Skipped] = []
        for name, info in self._infos.items():
            reason = self._refusal(info, name)
            if reason:
                refused.append(Skipped(f"{self._shown}!/{name}", reason))
            else:
                found.append(Entry(name, info.file_size))
        return found, refused

    def read(self, name: str, limit: int) -> bytes:
        """The bytes of the entry that `entries` gave under this name. Raises ManualUnreadable: gone, damaged,
        encrypted, or more than `limit` bytes when unpacked, whatever its header claims."""
        shown = f"{self._shown}!/{name}"
        info = self._infos.get(name)
        if info is None:
            raise ManualUnreadable(f"{shown} is no longer in the {self._kind}; import it again.")
        reason = self._refusal(info, name)
        if reason:
            raise ManualUnreadable(reason)
        try:
            with self._zip.open(info) as packed:
                data = packed.read(limit + 1)
        except _BROKEN as error:
            raise ManualUnreadable(
                f"{shown} is damaged inside the {self._kind} ({_plain(error)}); download the {self._kind} again."
            ) from error
        if len(data) > limit:
            raise ManualUnreadable(
                f"{shown} unpacks to more than {limit // 1024**2} MiB, the limit for such a file; "
                "split it and import the parts."
            )
        return data

    def _check_whole(self, infos: list[zipfile.ZipInfo]) -> None:
        if len(infos) > MOST_ENTRIES:
            raise ManualUnreadable(
                f"{self._shown} holds {len(infos)} files, and {MOST_ENTRIES} is the limit for {_a(self._kind)}; "
                "unpack it and import the folder."
            )
        unpacked = sum(info.file_size for info in infos)
        packed = max(1, sum(info.compress_size for info in infos))
        if unpacked > LARGEST_UNPACKED or (unpacked > _RATIO_COUNTS_FROM and unpacked > packed * LARGEST_RATIO):
            raise ManualUnreadable(
                f"{self._shown} would unpack to {unpacked // 1024**2} MiB from {packed // 1024**2} MiB, which no "
                "manual does; if you trust it, unpack it and import the folder."
            )

    def _refusal(self, info: zipfile.ZipInfo, name: str) -> str:
        shown = f"{self._shown}!/{name}"
        if name.startswith("/") or re.match(r"^[A-Za-z]:", name) or ".." in name.split("/"):
            return (
                f"{shown} has a name that leads out of the {self._kind}; "
                "if you trust it, unpack it and import the folder."
            )
        if info.flag_bits & _ENCRYPTED:
            return (
                f"{shown} is protected with a password; unpack the {self._kind} with the password "
                "and import the folder."
            )
        return ""


def entries(path: Path) -> tuple[list[Entry], list[Skipped]]:
    """The files in a ZIP, and those refused with the reason. Raises ManualUnreadable where the whole ZIP is refused."""
    with Archive(path, str(path)) as archive:
        return archive.entries()


def read_entry(path: Path, name: str, limit: int) -> bytes:
    """The bytes of one entry, as `Archive.read` gives them, where only one is wanted."""
    with Archive(path, str(path)) as archive:
        return archive.read(name, limit)


def readable_name(info: zipfile.ZipInfo) -> str:
    """An entry's name as its maker wrote it. Windows writes CP932 on a Japanese machine and does not say so."""
    raw = info.orig_filename.split("\0", 1)[0]
    if not info.flag_bits & _UTF8_NAME and not raw.isascii():
        try:
            data = raw.encode("cp437")
        except UnicodeEncodeError:
            data = b""
        for charset in ("utf-8", "cp932"):
            try:
                name = data.decode(charset)
            except UnicodeDecodeError:
                continue
            if name and (charset == "utf-8" or is_plausible(name) or _has_japanese(name)):
                raw = name
                break
    return raw.replace("\\", "/")


def _has_japanese(name: str) -> bool:
    return re.search(r"[\u3041-\u30ff\u4e00-\u9fff]", name) is not None


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'AEIO' else 'a'} {kind}"


def _plain(error: BaseException) -> str:
    """The first line of what a library says of a broken file: it may quote the file's own bytes."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]

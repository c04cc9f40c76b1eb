"""Looks into ZIP archives without trusting them.

Comes in: the path of a ZIP file. Goes out: its entries under names that are safe and readable, or the bytes of one
entry. Refused are names that lead out of the archive, archives that unpack to too much, and encrypted entries.
Knows nothing of what kinds of files are manuals.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from index.charset import is_plausible
from index.errors import ManualUnreadable
from index.records import Skipped

_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
LARGEST_UNPACKED = 4 * 1024**3  # bytes, all entries together
MOST_ENTRIES = 100_000
LARGEST_RATIO = 200  # unpacked to packed; HTML reaches about 20
_RATIO_COUNTS_FROM = 64 * 1024**2  # bytes unpacked; below that a ratio harms nobody


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive: its name with forward slashes, and its unpacked size in bytes."""

    name: str
    size: int


def entries(path: Path) -> tuple[list[Entry], list[Skipped]]:
    """The files in a ZIP, and those refused with the reason. Raises ManualUnreadable where the whole ZIP is refused."""
    found: list[Entry] = []
    refused: list[Skipped] = []
    with _open(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        _check_whole(path, infos)
        for info in infos:
            name = readable_name(info)
            shown = f"{path}!/{name}"
            reason = _refusal(info, name, shown)
            if reason:
                refused.append(Skipped(shown, reason))
            else:
                found.append(Entry(name, info.file_size))
    return found, refused


def read_entry(path: Path, name: str, limit: int) -> bytes:
    """The bytes of the entry that `entries` gave under this name. Raises ManualUnreadable: gone, damaged, encrypted, or
    more than `limit` bytes when unpacked, whatever its header claims."""
    shown = f"{path}!/{name}"
    with _open(path) as archive:
        info = next((each for each in archive.infolist() if readable_name(each) == name), None)
        if info is None:
            raise ManualUnreadable(f"{shown} is no longer in the ZIP file; import it again.")
        reason = _refusal(info, name, shown)
        if reason:
            raise ManualUnreadable(reason)
        try:
            with archive.open(info) as packed:
                data = packed.read(limit + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            raise ManualUnreadable(
                f"{shown} is damaged inside the ZIP file ({error}); download the ZIP file again."
            ) from error
    if len(data) > limit:
        raise ManualUnreadable(
            f"{shown} unpacks to more than {limit // 1024**2} MiB, the limit for such a file; "
            "split it and import the parts."
        )
    return data


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


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise ManualUnreadable(
            f"{path} is gone; check that the folder or drive is still there and import it again."
        ) from error
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise ManualUnreadable(f"{path} can't be opened as a ZIP file ({error}); download it again.") from error


def _check_whole(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MOST_ENTRIES:
        raise ManualUnreadable(
            f"{path} holds {len(infos)} files, and {MOST_ENTRIES} is the limit for a ZIP file; "
            "unpack it and import the folder."
        )
    unpacked = sum(info.file_size for info in infos)
    packed = max(1, sum(info.compress_size for info in infos))
    if unpacked > LARGEST_UNPACKED or (unpacked > _RATIO_COUNTS_FROM and unpacked > packed * LARGEST_RATIO):
        raise ManualUnreadable(
            f"{path} would unpack to {unpacked // 1024**2} MiB from {packed // 1024**2} MiB, which no manual does; "
            "if you trust it, unpack it and import the folder."
        )


def _refusal(info: zipfile.ZipInfo, name: str, shown: str) -> str:
    if name.startswith("/") or re.match(r"^[A-Za-z]:", name) or ".." in name.split("/"):
        return f"{shown} has a name that leads out of the ZIP file; if you trust it, unpack it and import the folder."
    if info.flag_bits & _ENCRYPTED:
        return f"{shown} is protected with a password; unpack the ZIP file with the password and import the folder."
    return ""

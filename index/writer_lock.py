"""One writer at a time in a library, across processes; readers need no lock.

The operating system holds the lock on an open file, so it ends with its process, however that ends; the file itself
stays and only says which process wrote last.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from index import errors

FILE = "writer.lock"


class WriterLock:
    """`with WriterLock(folder):` is the only writer of that library inside. Raises LibraryBusy if another one is
    writing and does not end within `patience` seconds, LibraryUnwritable if the folder can't be written."""

    def __init__(self, folder: Path, *, patience: float = 0.0) -> None:
        self._folder = folder
        self._patience = patience
        self._file: IO[bytes] | None = None

    def __enter__(self) -> WriterLock:
        deadline = time.monotonic() + self._patience
        while not self._take():
            if time.monotonic() >= deadline:
                raise errors.LibraryBusy(
                    f"Process {_holder(self._folder)} is writing the library in {self._folder}: wait until it is done."
                )
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            _unlock(self._file)
            self._file.close()
            self._file = None
        if isinstance(error, OSError):
            raise disk_trouble(error, self._folder) from error

    def _take(self) -> bool:
        try:
            file = (self._folder / FILE).open("a+b", buffering=0)
            try:
                taken = _lock(file)
            except BaseException:
                file.close()
                raise
        except OSError as error:
            raise disk_trouble(error, self._folder) from error
        if not taken:
            file.close()
            return False
        with contextlib.suppress(OSError):  # on a full disk nobody is told who holds it
            file.truncate(0)
            file.write(
                f"\0{os.getpid()}\n".encode()
            )  # the first byte is what Windows locks; it stays readable around it
        self._file = file
        return True


def disk_trouble(error: OSError, folder: Path) -> errors.TebikiError:
    """What the system's refusal means for the user whose library lies in `folder`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return errors.DiskFull(f"The disk of {folder} is full: free some space and go on; what was stored is whole.")
    if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
        return errors.LibraryUnwritable(
            f"The disk of {folder} can't lock files: keep the library on a disk of this machine."
        )
    why = error.strerror or str(error)
    if error.errno in (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE) or not folder.is_dir():
        return errors.LibraryUnreachable(
            f"The library in {folder} can't be reached ({why}): see that its disk or stick is in place."
        )
    return errors.LibraryUnwritable(
        f"The library in {folder} can't be written ({why}): check the folder's permissions."
    )


def writing_process(folder: Path) -> int | None:
    """The process that is writing this library just now, 0 for one that can't be told; None while nobody is."""
    try:
        file = (folder / FILE).open("r+b", buffering=0)
    except OSError:
        return None
    with file:
        if _lock(file, shared=True):  # who only looks does not take another who looks for a writer
            _unlock(file)
            return None
    holder = _holder(folder)
    return int(holder) if holder.isdecimal() else 0


def _holder(folder: Path) -> str:
    try:
        with (folder / FILE).open("rb") as file:
            file.seek(1)
            return file.read().decode("ascii").strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes], *, shared: bool = False) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes], *, shared: bool = False) -> bool:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

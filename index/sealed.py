"""A signed container: many files in one, of which no bit can be changed without its being noticed.

    magic | members, each deflated, one after the other | manifest (JSON) | signature (64 bytes) | manifest's length (8)

The manifest names every member with its sizes and the SHA-256 of its stored bytes, and the signer's public key; the
Ed25519 signature covers the manifest. Members are checked before they are unpacked, so nothing that was not signed ever
reaches zlib, let alone SQLite. It knows nothing of what the members are, nor whom one trusts.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from index.errors import LibraryPackRefused
from index.signing import Signer

MAGIC = b"TEBIKI PACK 1\r\n\x1a\n"  # the line ends show at once whether a transfer "as text" spoiled it
_CONTEXT = b"tebiki library pack 1\0"  # what is signed here can't be taken for a signature of something else
_LENGTH = struct.Struct(">Q")
_SIGNATURE = 64
_MOST_MANIFEST = 16 * 1024 * 1024
_CHUNK = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)?")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the container: its bytes unpacked and as stored, and the SHA-256 of the stored ones."""

    name: str
    size: int
    stored: int
    sha256: str


def seal(path: Path, members: Mapping[str, Path], facts: Mapping[str, Any], key: Ed25519PrivateKey, name: str) -> None:
    """Write `members` (name in the container: file) and `facts` (anything JSON holds) to `path`, signed by `key`.

    Raises OSError; what was written until then is left to the caller, who writes beside the place that counts.
    """
    with path.open("wb") as file:
        file.write(MAGIC)
        written = [_write_member(file, each, members[each]) for each in members]
        signer = {"key": key.public_key().public_bytes_raw().hex(), "name": name}
        manifest = json.dumps(
            {"signer": signer, "facts": dict(facts), "members": [asdict(member) for member in written]},
            ensure_ascii=False,
        ).encode()
        file.write(manifest + key.sign(_CONTEXT + manifest) + _LENGTH.pack(len(manifest)))


class Sealed:
    """A container whose signature was found right; its members are checked when they are unpacked."""

    def __init__(self, path: Path, signer: Signer, facts: Mapping[str, Any], members: tuple[Member, ...]) -> None:
        """Use `Sealed.open`."""
        self.path, self.signer, self.facts, self.members = path, signer, facts, members

    @classmethod
    def open(cls, path: Path) -> Sealed:
        """Read the manifest and check its signature. Raises LibraryPackRefused."""
        try:
            with path.open("rb") as file:
                return cls._read(path, file)
        except OSError as error:
            raise LibraryPackRefused(f"{path} can't be read ({error.strerror}): check the path.") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(path) from error

    @classmethod
    def _read(cls, path: Path, file: IO[bytes]) -> Sealed:
        if file.read(len(MAGIC)) != MAGIC:
            raise LibraryPackRefused(
                f"{path} is not a library pack, or one of another version: make it with 'tebiki library export'."
            )
        end = file.seek(-_LENGTH.size, io.SEEK_END)
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
        if not 0 < length <= min(_MOST_MANIFEST, end - len(MAGIC) - _SIGNATURE):
            raise _damaged(path)
        start = file.seek(end - _SIGNATURE - length)
        manifest, signature = file.read(length), file.read(_SIGNATURE)
        found = json.loads(manifest)
        signer = Signer(bytes.fromhex(found["signer"]["key"]), str(found["signer"]["name"]))
        if not signer.signed(_CONTEXT + manifest, signature):
            raise LibraryPackRefused(
                f"The signature of {path} is wrong: it was changed after it was signed; get it anew from its maker."
            )
        members = tuple(Member(**member) for member in found["members"])
        if len(MAGIC) + sum(member.stored for member in members) != start:
            raise _damaged(path)
        if not all(_NAME.fullmatch(member.name) for member in members):
            raise _damaged(path)
        return cls(path, signer, found["facts"], members)

    def unpack(self, folder: Path) -> None:
        """Check every member, then write them into `folder`. Raises LibraryPackRefused, OSError."""
        with self.path.open("rb") as file:
            file.seek(len(MAGIC))
            for member in self.members:
                if _digest(file, member.stored) != member.sha256:
                    raise _damaged(self.path)
            file.seek(len(MAGIC))
            for member in self.members:
                place = folder / member.name
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("wb") as unpacked:
                    size = sum(unpacked.write(part) for part in _inflated(file, member))
                if size != member.size:
                    raise _damaged(self.path)


def _damaged(path: Path) -> LibraryPackRefused:
    return LibraryPackRefused(f"{path} is damaged or not whole: copy it again, or get it anew from its maker.")


def _write_member(file: IO[bytes], name: str, source: Path) -> Member:
    deflate = zlib.compressobj(level=1)  # embeddings hardly shrink and text does at once: more effort gains little
    digest, size, stored = hashlib.sha256(), 0, 0
    with source.open("rb") as content:
        while chunk := content.read(_CHUNK):
            size += len(chunk)
            packed = deflate.compress(chunk)
            digest.update(packed)
            stored += file.write(packed)
    packed = deflate.flush()
    digest.update(packed)
    stored += file.write(packed)
    return Member(name, size, stored, digest.hexdigest())


def _digest(file: IO[bytes], length: int) -> str:
    digest = hashlib.sha256()
    while length > 0 and (chunk := file.read(min(_CHUNK, length))):
        digest.update(chunk)
        length -= len(chunk)
    return digest.hexdigest()


def _inflated(file: IO[bytes], member: Member) -> Iterator[bytes]:
    inflate = zlib.decompressobj()
    left = member.stored
    while left > 0:
        chunk = file.read(min(_CHUNK, left))
        left -= len(chunk)
        yield inflate.decompress(chunk)
    yield inflate.flush()

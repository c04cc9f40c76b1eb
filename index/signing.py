"""Ed25519 keys: one's own, with which packs are signed, and those of others whose packs are accepted.

Comes in: folders and bytes. Goes out: signatures, and whether a signer is known here. It knows nothing of what is
signed. Keys are named by their *fingerprint*: the first 20 bytes of the SHA-256 of the raw public key, in hexadecimal,
in groups of four, short enough to be compared over the telephone and long enough not to be made to match.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from index.derived import sync_entry
from index.errors import KeyUnusable

OWN = "signing-key.pem"
TRUSTED = "trusted-signers.json"
_BYTES = 20  # of the hash: 160 bits


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed: `key` is the raw public key (32 bytes), `name` what the signer calls itself, which proves nothing."""

    key: bytes
    name: str

    @property
    def fingerprint(self) -> str:
        """The key's name for people, such as "1f2e 93ab ..." (ten groups)."""
        digest = hashlib.sha256(self.key).hexdigest()[: 2 * _BYTES]
        return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` (64 bytes) of `message` was made with this key."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class KeyRing:
    """The keys in one folder, which is made when the first one is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def own(self) -> Ed25519PrivateKey:
        """The key that signs here, made at the first use, for this user's eyes only. Raises KeyUnusable."""
        path = self._folder / OWN
        try:
            if not path.exists():
                self._make(path)
            key = load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise KeyUnusable(f"{path} can't be used ({error.strerror}): check the folder's permissions.") from error
        except (ValueError, TypeError) as error:
            raise KeyUnusable(f"{path} holds no key: put back a copy, or move it away for a new one.") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyUnusable(f"{path} is no Ed25519 key: put back a copy, or move it away for a new one.")
        return key

    def own_signer(self, name: str = "") -> Signer:
        """The public half of one's own key."""
        return Signer(self.own().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), name)

    def accepts(self, signer: Signer) -> bool:
        """Whether packs of this signer are accepted here: one's own are, and those that were trusted by hand."""
        if _plain(signer.fingerprint) in self._trusted():
            return True
        return (self._folder / OWN).exists() and self.own_signer().key == signer.key

    def trust(self, signer: Signer) -> None:
        """Accept packs of this signer from now on. Raises KeyUnusable where that can't be written down."""
        path = self._folder / TRUSTED
        known = {**self._trusted(), _plain(signer.fingerprint): signer.name}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write(path, json.dumps(known, ensure_ascii=False, indent=2).encode(), 0o644)
        except OSError as error:
            raise KeyUnusable(f"{path} can't be written ({error.strerror}): check the folder's permissions.") from error

    def _trusted(self) -> dict[str, str]:
        path = self._folder / TRUSTED
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise KeyUnusable(f"{path} can't be read: put back a copy, or delete it and trust signers anew.") from error
        return {str(key): str(name) for key, name in found.items()} if isinstance(found, dict) else {}

    def _make(self, path: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(path, pem, 0o600, replace=False)


def same_fingerprint(one: str, other: str) -> bool:
    """Whether two fingerprints name the same key, however they were typed (spaces, colons, hyphens, capitals)."""
    return len(_plain(one)) == 2 * _BYTES and _plain(one) == _plain(other)


def _plain(fingerprint: str) -> str:
    return "".join(character for character in fingerprint.lower() if character.isalnum())


def _write(path: Path, content: bytes, mode: int, *, replace: bool = True) -> None:
    """Put a file in place whole. Without `replace`, who comes second of two makers keeps the first one's."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            beside.replace(path)
        else:
            _link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    sync_entry(path.parent)


def _link(beside: Path, path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        try:
            os.link(beside, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if not path.exists():
                beside.replace(path)

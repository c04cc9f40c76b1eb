"""Writes small PDF files by hand, so that tests know every byte that the reader meets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_FONTS = {"body": "Helvetica", "bold": "Helvetica-Bold", "code": "Courier"}


@dataclass(frozen=True, slots=True)
class Put:
    """A line of text on a page: baseline `y` and left edge `x` in points from the lower left corner."""

    text: str
    y: float
    x: float = 72
    size: float = 11
    font: str = "body"


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An outline entry that leads to a page (from 0)."""

    title: str
    page: int


def paragraph(top: float, *lines: str, pitch: float = 14, **put: float) -> list[Put]:
    """Lines one below the other from `top`."""
    return [Put(line, top - pitch * at, **put) for at, line in enumerate(lines)]  # type: ignore[arg-type]


Stroke = tuple[float, float, float, float]
"""A drawn line from x, y to x, y, in points from the lower left corner."""


def grid(xs: list[float], ys: list[float]) -> list[Stroke]:
    """The lines of a table with columns between `xs` and rows between `ys`."""
    across = [(xs[0], y, xs[-1], y) for y in ys]
    return across + [(x, min(ys), x, max(ys)) for x in xs]


def write_pdf(
    pages: list[list[Put]],
    *,
    outline: list[Bookmark] | None = None,
    title: str = "",
    password: str = "",
    lines: list[list[Stroke]] | None = None,
) -> bytes:
    """A PDF of A4 pages with Latin text, optionally with bookmarks, a title, drawn lines for each page, or RC4
    encryption under a password."""
    bodies: list[bytes] = [b"", b""]  # 1: catalog, 2: page tree
    fonts = {name: len(bodies) + at + 1 for at, name in enumerate(_FONTS)}
    bodies += [f"<< /Type /Font /Subtype /Type1 /BaseFont /{base} >>".encode() for base in _FONTS.values()]
    resources = " ".join(f"/{name} {number} 0 R" for name, number in fonts.items())
    page_numbers = []
    for number, puts in enumerate(pages):
        drawn = lines[number] if lines and number < len(lines) else []
        stream = b"".join(_show(put) for put in puts)
        stream += b"".join(f"{a:g} {b:g} m {c:g} {d:g} l S\n".encode() for a, b, c, d in drawn)
        content = len(bodies) + 1
        bodies.append(_Stream(stream))
        page_numbers.append(len(bodies) + 1)
        bodies.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {content} 0 R "
            f"/Resources << /Font << {resources} >> >> >>".encode()
        )
    kids = " ".join(f"{number} 0 R" for number in page_numbers)
    bodies[1] = f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode()
    root = len(bodies) + 1 if outline else 0
    for at, mark in enumerate(outline or []):
        if at == 0:
            bodies.append(f"<< /Type /Outlines /First {root + 1} 0 R /Last {root + len(outline or [])} 0 R >>".encode())
        links = f"/Prev {root + at} 0 R " if at else ""
        links += f"/Next {root + at + 2} 0 R " if at + 1 < len(outline or []) else ""
        bodies.append(
            f"<< /Title ({mark.title}) /Parent {root} 0 R {links}/Dest [{page_numbers[mark.page]} 0 R /Fit] >>".encode()
        )
    bodies[0] = f"<< /Type /Catalog /Pages 2 0 R {f'/Outlines {root} 0 R' if root else ''} >>".encode()
    info = len(bodies) + 1 if title and not password else 0
    if info:
        bodies.append(f"<< /Title ({title}) >>".encode())
    return _assemble(bodies, f"/Info {info} 0 R" if info else "", password)


class _Stream(bytes):
    """The content of a stream object; other bodies are written as they are."""


def _show(line: Put) -> bytes:
    escaped = line.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{line.font} {line.size} Tf 1 0 0 1 {line.x} {line.y} Tm ({escaped}) Tj ET\n".encode("cp1252")


def _assemble(bodies: list[bytes], trailer: str, password: str) -> bytes:
    identity = b"0123456789abcdef"
    key = b""
    if password:
        owner = _rc4(hashlib.md5(_padded(password)).digest()[:5], _padded(password))
        key = hashlib.md5(_padded(password) + owner + b"\xfc\xff\xff\xff" + identity).digest()[:5]
        bodies.append(
            f"<< /Filter /Standard /V 1 /R 2 /O <{owner.hex()}> /U <{_rc4(key, _PAD).hex()}> /P -4 >>".encode()
        )
        trailer += f" /Encrypt {len(bodies)} 0 R"
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        if isinstance(body, _Stream):
            data = bytes(body)
            if key:
                data = _rc4(hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0").digest()[:10], data)
            body = f"<< /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    ids = f"[<{identity.hex()}> <{identity.hex()}>]"
    out += f"trailer << /Size {len(bodies) + 1} /Root 1 0 R /ID {ids} {trailer} >>".encode()
    return bytes(out) + f"\nstartxref\n{table}\n%%EOF\n".encode()


def _padded(password: str) -> bytes:
    return (password.encode() + _PAD)[:32]


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)

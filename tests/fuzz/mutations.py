"""Makes broken files of whole ones: bytes and a random source in, bytes out. The same seed gives the same file."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
import zlib
from collections.abc import Sequence

_LARGEST = 200_000  # bytes of an input
_NUMBERS = (b"0", b"-1", b"1", b"65536", b"2147483648", b"99999999999999999999999", b"1e309", b"NaN", b"0x7fffffff")


def mutated(kind: str, seeds: Sequence[bytes], words: Sequence[bytes], source: random.Random) -> bytes:
    """One input: a seed changed in one to eight places. ZIP files are mostly changed inside, and packed anew, since a
    wrong checksum would end the reading at once."""
    seed = source.choice(seeds)
    if kind in ("epub", "docx", "zip") and source.random() < 0.85:
        return _inside(seed, words, source)
    if kind == "gz" and source.random() < 0.8:
        return gzip.compress(_changed(gzip.decompress(seed), words, [seed], source), 1)
    if kind == "pdf" and source.random() < 0.3:
        return _repeated(_changed(seed, words, seeds, source), source)
    if source.random() < 0.02:
        return source.randbytes(source.randrange(1, 4000))
    return _changed(seed, words, seeds, source)


def _changed(data: bytes, words: Sequence[bytes], seeds: Sequence[bytes], source: random.Random) -> bytes:
    for _ in range(source.choice((1, 1, 2, 3, 5, 8))):
        at = source.randrange(len(data) + 1)
        length = min(len(data) - at, int(source.expovariate(1 / 40)))
        way = source.randrange(9)
        if way == 0:  # bits
            data = data[:at] + bytes(byte ^ (1 << source.randrange(8)) for byte in data[at : at + 3]) + data[at + 3 :]
        elif way == 1:
            data = data[:at] + data[at + length :]
        elif way == 2:  # a stretch again, elsewhere
            to = source.randrange(len(data) + 1)
            data = data[:to] + data[at : at + length * 4] + data[to:]
        elif way == 3:
            data = data[:at] + source.randbytes(length + 1) + data[at + length :]
        elif way == 4:
            data = data[: max(1, at)]
        elif way == 5:  # the end of another file
            other = source.choice(seeds)
            data = data[:at] + other[source.randrange(len(other) + 1) :]
        elif way == 6:
            data = data[:at] + source.choice(_NUMBERS) + data[at + length % 4 :]
        elif way == 7 and words:  # nested or repeated words of the grammar
            many = source.choice((1, 1, 1, 2, 50, 2000))
            data = data[:at] + source.choice(words) * many + data[at:]
        elif words:
            data = data[:at] + source.choice(words) + data[at + length :]
    return data[:_LARGEST]


def _inside(seed: bytes, words: Sequence[bytes], source: random.Random) -> bytes:
    """A ZIP with one or two of its files changed, gone, doubled, or under another name."""
    with zipfile.ZipFile(io.BytesIO(seed)) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    names = list(files)
    for _ in range(source.choice((1, 1, 2))):
        name = source.choice(names)
        way = source.randrange(12)
        if way == 0:
            files.pop(name, None)
        elif way == 1 and name in files:
            files[source.choice(("../" + name, "/" + name, "C:\\" + name, name * 40, name.upper()))] = files.pop(name)
        elif way == 2:
            files[name] = files.get(source.choice(names), b"")
        else:
            files[name] = _changed(files.get(name, b""), words, list(files.values()) or [b"x"], source)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", source.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, data in files.items():
            archive.writestr(name[:60_000], data)
    return packed.getvalue()


def _repeated(data: bytes, source: random.Random) -> bytes:
    """A PDF one of whose streams is packed (Flate), since most real ones are and errors lie there too."""
    start = data.find(b"stream\n", source.randrange(len(data) + 1))
    end = data.find(b"\nendstream", start)
    if start < 0 or end < 0:
        return data
    packed = zlib.compress(data[start + 7 : end])
    return data[: start + 7] + packed + data[end:]

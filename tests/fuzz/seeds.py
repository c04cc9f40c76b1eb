"""What fuzzing begins with: small valid files of each kind, and parts of real manuals where they are cached.

Comes in: nothing but the cache of `benchmarks.corpora`. Goes out: for each kind its seeds as bytes, and words of its
grammar that mutations put in.
"""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import corpora
from tests.index.epub_files import page, write_epub
from tests.index.pdf_files import Bookmark, Put, paragraph, write_pdf

KINDS = ("html", "md", "txt", "epub", "pdf", "docx", "gz", "zip")
_LARGEST = 8_000  # bytes of a seed; larger ones are cut, so that many inputs are tried in the time there is
_REAL = {
    "html": (("slurm-wlm-doc", "*.html"), ("debian-reference-ja", "ch0*.ja.html"), ("bacula-doc", "*.html")),
    "txt": (("debian-reference-ja", "*.txt.gz"),),
}

_HTML_WORDS = """<table> <tr> <td\tcolspan=9> <td\trowspan=999999> <th> </table> <dl> <dt> <dd> <ul>
<ol\tstart=999999999> <li> </li> <pre> </pre> <h1> </h1> <h2\tid=x> <p> <br/> <a\thref=#> <a\tid='x'/>
<img\talt='[x]'> <sup>1</sup> <nav> <div\tclass=note> <div\tclass='toc'> <!-- --> <script> </script> <title>
&#xD800; &#0; &nbsp; &#1114112; <![CDATA[ <svg> <math> <template> <caption> <meta\tcharset=shift_jis>
<?xml\tencoding='utf-16'?> <body> </html> <b> <i>"""
_XML_WORDS = """<item/> <itemref/idref=''/> <navPoint> <meta/> <dc:title> <w:p> <w:tbl> <w:tr> <w:tc>
<w:vMerge/> <w:sdt> <w:gridSpan\tw:val='99999999'/> <w:numPr> <w:ilvl\tw:val='-1'/> <w:outlineLvl\tw:val='x'/>
&amp; &x; <!DOCTYPE ]]> href='../../x' xmlns='' <w:numId\tw:val='7'/> <w:pStyle\tw:val='Heading1'/> <w:drawing>
<mc:AlternateContent>"""
_PDF_WORDS = """/Type /Page /Kids /Count 99999999 /MediaBox [0\t0\t0\t0] /Contents /Font /Rotate 90 stream
endstream endobj BT ET Tj Tf re f S l m cm q Q -1 1e38 nan << >> ( ) /Parent /First /Next /Dest /Encrypt
/Length 0 xref trailer /Root"""
_MARKDOWN_WORDS = "# ## --- === ``` ~~~ > | |- :-: * 1. - [x](y) ![a](b) <!-- --> ** __ ` \\ {#id} 9999999999999999."


WORDS: dict[str, tuple[bytes, ...]] = {
    "html": tuple(word.replace("\t", " ").encode() for word in _HTML_WORDS.replace("\n", " ").split(" ")),
    "md": (*(word.encode() for word in _MARKDOWN_WORDS.split()), b"\n\n", b"    ", b"\n| a | b |\n|---|---|\n"),
    "txt": (
        b"\x0c",
        b"\n====\n",
        b"\n1.2 Title\n",
        "\n第1章 ".encode(),
        b"\t\t",
        b"\n\n",
        b"\x1b$B",
        b"\x00",
        b"\xff\xfe",
    ),
    "xml": tuple(word.encode() for word in _XML_WORDS.replace("\n", " ").split(" ")),
    "pdf": tuple(b" " + word.encode() + b" " for word in _PDF_WORDS.replace("\n", " ").split(" ")),
}


def seeds(kind: str) -> list[bytes]:
    """Valid files of a kind, small ones first."""
    made = {
        "html": [page(_BODY, "Ports - The guide").encode(), page(_JAPANESE, "手引き").encode("utf-8")],
        "md": [_MARKDOWN.encode()],
        "txt": [_TEXT.encode(), _TEXT.encode("utf-16"), "第1章 起動\n\n起動します。\n".encode("cp932")],
        "epub": _epubs(),
        "pdf": [*_pdfs()[:-1] * 3, _pdfs()[-1]],
        "docx": [_docx()],
        "gz": [gzip.compress(_TEXT.encode()), gzip.compress(_BODY.encode())],
        "zip": [_zip()],
    }[kind]
    return [*made, *_real(kind)]


def _real(kind: str) -> Iterator[bytes]:
    for package, pattern in _REAL.get(kind, ()):
        folder = corpora.folder(package)
        for path in sorted(folder.glob(pattern))[:12] if folder.is_dir() else ():
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            start = random.Random(path.name).randrange(max(1, len(data) - _LARGEST))
            yield data[: _LARGEST // 2] + data[start : start + _LARGEST // 2]


_BODY = """<div class="nav"><a href="index.html">Home</a></div><h1>Ports</h1>
<p>The manager listens on <code>20243/tcp</code>.
<h2 id="fw">Firewall</h2><table>
<caption>Table 1: Ports</caption><tr><th>Name</th><th>Port</th></tr><tr>
<td rowspan="2">a</td>
<td>1</td></tr><tr><td>2</td></tr></table>
<dl><dt id="o">-o <i>file</i></dt><dd>Writes to <b>file</b>.<p>Again.</dd></dl>

<ul><li>One<ul><li>Two</li></ul></li></ul><ol start="3"><li>Three</li></ol>
<div class="note"><h3>Note</h3>Be careful.</div>
<pre>ajsentry -h host
  -F service</pre><p><b>(1) Run in</b><br>text job<sup>#1</sup> 2<sup>10</sup> <img src="a.gif" alt="[Figure]"></p>"""
_JAPANESE = """<h1>1. 起動と停止</h1><p>サービスを停止するには
コマンドを実行してください。</p><h2>1.1 ポート番号</h2><table><tr><th>サービス</th><th>ポート</th></tr><tr><td>管理</td>
<td>20243</td></tr></table><p>[図データ]</p>"""
_MARKDOWN = """---
title: Guide
version: 2.1
---
# Ports {#ports}

The *manager* listens on `20243/tcp`; see [below](#x).

| Name | Port |
|:-----|-----:|
| a \\| b | `1|2` |

1. One
   more
   - two

```sh
ajsentry -h
```

> Note: be careful.

Set-ext
-------
    indented
"""
_TEXT = """The guide

1. Ports
========

The manager listens on 20243/tcp.
It is so.

1.1 Firewall

- one
- two
  more

NAME
    ajsentry   -h host
\x0cPage 2
"""


def _epubs() -> list[bytes]:
    pages = {"cover.xhtml": page("<img src='c.png' alt='Cover'/>"), "a.xhtml": page(_BODY), "b.xhtml": page(_JAPANESE)}
    contents = [(1, "Ports", "a.xhtml"), (2, "Firewall", "a.xhtml#fw"), (1, "起動", "b.xhtml")]
    return [write_epub(pages, version=version, contents=contents, guide={"cover": "cover.xhtml"}) for version in (2, 3)]


def _pdfs() -> list[bytes]:
    first = [Put("1. Ports", 760, size=18, font="bold"), *paragraph(700, "The manager listens on", "port 20243.")]
    code = [Put("ajsentry -h host", 600, font="code"), Put("  -F service", 586, font="code")]
    second = paragraph(760, "Goes on here.", "- an item", "- another")
    grid = [(72, 400, 272, 400), (72, 380, 272, 380), (72, 360, 272, 360)]
    grid += [(x, 360, x, 400) for x in (72, 172, 272)]
    cells = [Put("Name", 386, 76), Put("Port", 386, 176), Put("a", 366, 76), Put("1", 366, 176)]
    return [
        write_pdf([[*first, *code], second], outline=[Bookmark("Ports", 0), Bookmark("More", 1)], title="Guide"),
        write_pdf([[*first, *cells], second, second], lines=[grid]),
        write_pdf([first], password="x"),
    ]


def _docx() -> bytes:
    import docx

    word = docx.Document()
    word.add_heading("Ports", 1)
    word.add_paragraph("The manager listens on 20243/tcp.")
    word.add_paragraph("One", style="List Bullet")
    word.add_paragraph("Two", style="List Number")
    table = word.add_table(2, 2)
    table.cell(0, 0).text, table.cell(0, 1).text, table.cell(1, 0).text = "Name", "Port", "a"
    table.cell(1, 0).merge(table.cell(1, 1))
    packed = io.BytesIO()
    word.save(packed)
    return packed.getvalue()


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/a.html", page(_BODY))
        archive.writestr("m/b.txt", _TEXT)
        archive.writestr(zipfile.ZipInfo("m/第1章.md"), _MARKDOWN)
    return packed.getvalue()


def file_name(kind: str) -> str:
    """The name that an input of a kind is read under."""
    return {"gz": "guide.html.gz"}.get(kind, f"guide.{kind}")


def path_for(folder: Path, kind: str) -> Path:
    """Where an input of a kind is put for the readers that want a file."""
    return folder / file_name(kind)

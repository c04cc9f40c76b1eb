"""Bring real manuals for tests and benchmarks out of Debian packages, without installing the packages.

    python -m benchmarks.corpora            bring what is missing, print where each manual lies
    python -m benchmarks.corpora slurm      only those whose name contains "slurm"
    python -m benchmarks.corpora --more     also the large ones that only timings need (90 MB of packages)

Comes in: names of Debian packages. Goes out: one folder a package under the cache (`$TEBIKI_CORPORA`, by default
`~/.cache/tebiki/corpora`), holding the package's tree as `dpkg -x` lays it out. Nothing is committed or installed.
`apt-get` does the download, so this is for developers' machines; the program itself never runs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Corpus:
    """A Debian package and the folder in it that holds the manual as a user would drop it on the window."""

    package: str
    manual: str
    language: str


CORPORA = (
    Corpus("slurm-wlm-doc", "usr/share/doc/slurm-wlm/html", "en"),
    Corpus("bacula-doc", "usr/share/doc/bacula-doc/html/main", "en"),
    Corpus("postgresql-doc-15", "usr/share/doc/postgresql-doc-15/html", "en"),
    Corpus("debian-reference-ja", "usr/share/debian-reference", "ja"),
    Corpus("aptitude-doc-ja", "usr/share/doc/aptitude/html/ja", "ja"),
    Corpus("debian-policy", "usr/share/doc/debian-policy", "en"),
    Corpus("debian-handbook", "usr/share/doc/debian-handbook/html/en-US", "en"),
)

MORE = (
    Corpus("libreoffice-help-ja", "usr/share/libreoffice/help/ja", "ja"),
    Corpus("lilypond-doc-html-ja", "usr/share/doc/lilypond/html/Documentation", "ja"),
    Corpus("gimp-help-ja", "usr/share/gimp/2.0/help/ja", "ja"),
    Corpus("kicad-doc-ja", "usr/share/doc/kicad/help/ja", "ja"),
    Corpus("developers-reference-ja", "usr/share/developers-reference/ja", "ja"),
    Corpus("debian-edu-doc-ja", "usr/share/doc/debian-edu-doc-ja", "ja"),
    Corpus("maint-guide-ja", "usr/share/doc/maint-guide-ja/html", "ja"),
    Corpus("debian-faq-ja", "usr/share/doc/debian/FAQ/ja", "ja"),
    Corpus("apache2-doc", "usr/share/doc/apache2-doc/manual/ja", "ja"),
    Corpus("linux-doc-6.1", "usr/share/doc/linux-doc-6.1/html", "en"),
    Corpus("python3.11-doc", "usr/share/doc/python3.11/html", "en"),
    Corpus("python-django-doc", "usr/share/doc/python-django-doc/html", "en"),
    Corpus("python-sqlalchemy-doc", "usr/share/doc/python-sqlalchemy-doc/html", "en"),
    Corpus("sqlite3-doc", "usr/share/doc/sqlite3", "en"),
    Corpus("git-doc", "usr/share/doc/git-doc", "en"),
    Corpus("bind9-doc", "usr/share/doc/bind9-doc", "en"),
)
"""What it takes, with the ones above, to come to 100,000 passages in two languages; brought for timings only."""


class CorpusMissing(Exception):
    """The package could not be brought; the message says why."""


def cache() -> Path:
    """The folder that holds the corpora: `$TEBIKI_CORPORA`, else `~/.cache/tebiki/corpora`."""
    named = os.environ.get("TEBIKI_CORPORA")
    return Path(named) if named else Path.home() / ".cache" / "tebiki" / "corpora"


def folder(package: str) -> Path:
    """Where a corpus's manual lies, brought or not. Raises KeyError for a package that is not listed."""
    corpus = {corpus.package: corpus for corpus in (*CORPORA, *MORE)}[package]
    return cache() / package / corpus.manual


def bring(corpus: Corpus) -> Path:
    """Download and unpack one package unless it is there already; return the manual's folder.

    Unpacked beside and moved into place, so that an interrupted run leaves nothing half done. Raises CorpusMissing.
    """
    manual = folder(corpus.package)
    if manual.is_dir():
        return manual
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise CorpusMissing(f"{corpus.package} can't be brought: this machine has no apt-get and dpkg.")
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache(), prefix=".bring-") as work:
        downloaded = subprocess.run(
            ["apt-get", "download", "-q", corpus.package], cwd=work, capture_output=True, text=True, check=False
        )
        packages = list(Path(work).glob("*.deb"))
        if not packages:
            said = (downloaded.stderr.strip().splitlines() or ["apt-get said nothing"])[-1]
            raise CorpusMissing(f"{corpus.package} can't be brought (run 'apt-get update' first?): {said}")
        tree = Path(work) / "tree"
        subprocess.run(["dpkg", "-x", str(packages[0]), str(tree)], check=True)
        target = cache() / corpus.package
        shutil.rmtree(target, ignore_errors=True)
        tree.rename(target)
    if not manual.is_dir():
        raise CorpusMissing(f"{corpus.package} came without the folder {corpus.manual}: this release lays it out anew.")
    return manual


def main(wanted: list[str]) -> int:
    """Bring the corpora whose name contains one of `wanted` (if empty, those that tests use); 0 if all are there."""
    missing = 0
    more = "--more" in wanted
    wanted = [part for part in wanted if part != "--more"]
    for corpus in (*CORPORA, *MORE) if more or wanted else CORPORA:
        if wanted and not any(part in corpus.package for part in wanted):
            continue
        try:
            print(f"{corpus.package}\t{bring(corpus)}")
        except CorpusMissing as error:
            missing += 1
            print(error, file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

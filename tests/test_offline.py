"""The whole path on real manuals with no network at all: each call runs in a namespace without an interface."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

NO_NETWORK = ["unshare", "--user", "--map-root-user", "--net"]


def has_namespaces() -> bool:
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.corpora,
    pytest.mark.model,
    pytest.mark.skipif(not has_namespaces(), reason="this kernel gives no network namespaces to this user"),
]


def offline(*arguments: str | Path, timeout: float = 280) -> Any:
    """A call of the command line with `--json`, in a namespace in which not even the loopback interface is up."""
    command = [*NO_NETWORK, sys.executable, "-m", "desktop", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_namespace_has_no_network() -> None:
    script = "import socket; socket.create_connection(('127.0.0.1', 9), timeout=2)"
    done = subprocess.run([*NO_NETWORK, sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "unreachable" in done.stderr


@pytest.fixture(scope="module")
def slurm(slurm_manual: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with the Slurm manual, by words alone: what an operator has seconds after the import."""
    library = tmp_path_factory.mktemp("slurm") / "library"
    report = offline("import", slurm_manual, "--library", library)
    assert report["passages"] > 2000
    return library


@pytest.fixture(scope="module")
def debian(debian_reference_ja: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with the Japanese Debian reference."""
    library = tmp_path_factory.mktemp("debian") / "library"
    report = offline("import", debian_reference_ja, "--library", library)
    assert report["passages"] > 500
    return library


def test_every_page_of_the_slurm_manual_is_read(slurm_manual: Path, slurm: Path) -> None:
    pages = [*slurm_manual.glob("*.html"), *slurm_manual.glob("*.pdf")]
    assert len(pages) == 133
    again = offline("import", slurm_manual, "--library", slurm)
    assert again["unchanged"] == 132
    left_out = {"documentation.html": "only links", "tutorial_intro_files.tar.gz": "not read"}  # a contents page, a TAR
    assert {Path(one["path"]).name for one in again["skipped"]} == set(left_out)
    assert all(left_out[Path(one["path"]).name] in one["reason"] for one in again["skipped"])


@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("How is a job array submitted?", "job_array.html"),
        ("Which sbatch option sends a signal to the batch shell before the time limit?", "sbatch.html"),
        ("SRUN_CPUS_PER_TASK", "sbatch.html"),
        ("How are nodes powered down to save energy?", "power_save.html"),
    ],
)
def test_a_plain_question_finds_the_right_slurm_page(slurm: Path, question: str, source: str) -> None:
    hits = offline("search", question, "--library", slurm, "--top", "5")
    assert source in [hit["source"] for hit in hits], [hit["source"] for hit in hits]


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("依存関係が壊れたパッケージを直すには", "ch02"),
        ("起動時のブートローダーは何を読み込みますか", "ch03"),
        ("ロケールを設定する方法", "ch08"),
    ],
)
def test_a_plain_question_finds_the_right_japanese_page(debian: Path, question: str, page: str) -> None:
    hits = offline("search", question, "--library", debian, "--top", "5")
    assert page in [hit["source"].split(".")[0] for hit in hits], [hit["source"] for hit in hits]


def cited(library: Path, answer: Any) -> str:
    """The first citation's text at its offsets in the cited source."""
    citation = answer["citations"][0]
    ids = [one["id"] for one in offline("library", "list", "--library", library) if one["title"] == citation["manual"]]
    text = offline("library", "text", ids[0], citation["source"], "--library", library)["text"]
    assert text[citation["start"] : citation["end"]] == citation["quote"]
    return str(citation["quote"])


def test_an_english_question_is_answered_with_a_quote_that_is_there(slurm: Path) -> None:
    question = "Which sbatch option makes --signal go to the batch shell only?"
    answer = offline("ask", question, "--library", slurm)
    assert not answer["abstained"]
    assert answer["language"] == "en"
    assert cited(slurm, answer)


def test_a_japanese_question_is_answered_with_a_quote_that_is_there(debian: Path) -> None:
    answer = offline("ask", "sudo を設定するには", "--library", debian)
    assert not answer["abstained"]
    assert answer["language"] == "ja"
    assert "sudo" in cited(debian, answer)


@pytest.mark.parametrize(
    "question", ["Who painted the ceiling of the Sistine Chapel?", "How do I bake sourdough bread?"]
)
def test_a_question_about_something_else_is_refused(slurm: Path, question: str) -> None:
    answer = offline("ask", question, "--library", slurm)
    assert answer["abstained"]
    assert "not in the manuals" in answer["answer"].lower()
    assert not answer["citations"]


def test_a_japanese_question_about_something_else_is_refused(debian: Path) -> None:
    answer = offline("ask", "富士山の標高は何メートルですか", "--library", debian)
    assert answer["abstained"]
    assert "マニュアルには見当たりません" in answer["answer"]

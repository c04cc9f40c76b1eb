"""A book that lies in its folder in several formats is read once; what says anything else is read too."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from index.library import Library
from index.same_text import is_same, sentences_of, share_held
from tests.index.pdf_files import paragraph, write_pdf
from tests.index.small_manuals import bring_in

SENTENCES = [f"Step {n} starts the service number {n} on the host named example{n}." for n in range(90)]


def html(sentences: list[str], version: str = "") -> str:
    stated = f'<meta name="version" content="{version}">' if version else ""
    return f"<title>The guide</title>{stated}<h1>Steps</h1>" + "".join(f"<p>{text}</p>" for text in sentences)


def pdf(sentences: list[str], front: str = "") -> bytes:
    pages = [paragraph(760, *sentences[at : at + 30], pitch=24) for at in range(0, len(sentences), 30)]
    return write_pdf([paragraph(760, front), *pages] if front else pages, title="The guide")


def titles(library: Path) -> list[str]:
    with Library.open(library) as opened:
        return sorted(Path(file.source).name for manual in opened.manuals() for file in opened.store.files(manual.id))


def test_a_text_and_a_pdf_beside_the_same_pages_are_left_out_with_the_reason(tmp_path: Path) -> None:
    folder = tmp_path / "manual"
    folder.mkdir()
    (folder / "steps.html").write_text(html(SENTENCES))
    (folder / "a-guide.pdf").write_bytes(pdf(SENTENCES))
    (folder / "guide.txt").write_text("\n\n".join(SENTENCES))
    for _ in range(2):  # and again when the folder is imported again
        report = bring_in(tmp_path / "library", folder)
        assert titles(tmp_path / "library") == ["steps.html"]
        assert sorted(Path(each.path).name for each in report.skipped) == ["a-guide.pdf", "guide.txt"]
        assert all("has the same text as the HTML pages beside it" in each.reason for each in report.skipped)


def test_a_pdf_that_says_more_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "manual"
    folder.mkdir()
    (folder / "steps.html").write_text(html(SENTENCES[:40]))
    (folder / "guide.pdf").write_bytes(pdf(SENTENCES))
    bring_in(tmp_path / "library", folder)
    assert titles(tmp_path / "library") == ["guide.pdf", "steps.html"]


def test_a_pdf_of_another_version_is_read_though_it_says_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "manual"
    folder.mkdir()
    (folder / "steps.html").write_text(html(SENTENCES, version="13.0"))
    (folder / "guide.pdf").write_bytes(pdf(SENTENCES, "Version 12.0"))
    bring_in(tmp_path / "library", folder)
    assert titles(tmp_path / "library") == ["guide.pdf", "steps.html"]


def test_a_pdf_given_by_itself_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "manual"
    folder.mkdir()
    (folder / "steps.html").write_text(html(SENTENCES))
    (folder / "guide.pdf").write_bytes(pdf(SENTENCES))
    bring_in(tmp_path / "library", folder)
    bring_in(tmp_path / "library", folder / "guide.pdf")
    assert titles(tmp_path / "library") == ["guide.pdf", "steps.html"]


def test_short_files_are_never_said_to_be_anothers(tmp_path: Path) -> None:
    folder = tmp_path / "manual"
    folder.mkdir()
    (folder / "steps.html").write_text(html(SENTENCES))
    (folder / "note.txt").write_text(SENTENCES[3])
    bring_in(tmp_path / "library", folder)
    assert titles(tmp_path / "library") == ["note.txt", "steps.html"]


@given(st.lists(st.text(min_size=20, max_size=60), max_size=60), st.lists(st.text(max_size=40), max_size=20))
def test_a_book_holds_itself_whatever_stands_around_it(book: list[str], more: list[str]) -> None:
    own = sentences_of(book)
    assert share_held(own, sentences_of([*more, *book])) == (1.0 if own else 0.0)


def test_lines_broken_elsewhere_change_nothing_in_japanese() -> None:
    text = [f"ジョブネット{n}を実行するホストのサービスを起動してください" for n in range(60)]
    wrapped = [part.replace("実行する", "実行 する") for part in text]
    assert is_same(sentences_of(text), sentences_of(wrapped))

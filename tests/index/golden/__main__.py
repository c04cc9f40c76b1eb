"""Write the expected readings anew, to be looked through and committed: python -m tests.index.golden"""

from __future__ import annotations

from pathlib import Path

from index.reading import read_file
from tests.index.golden import real_pages
from tests.index.golden.rendering import rendered

PAGES = Path(__file__).parent / "pages"


def main() -> None:
    """Write each page's reading beside it, and what is kept of the readings of real pages."""
    for page in sorted(PAGES.glob("*.html")):
        page.with_suffix(".txt").write_text(rendered(read_file(page, page.name)), encoding="utf-8")
    real_pages.write()


if __name__ == "__main__":
    main()

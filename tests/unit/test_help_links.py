"""Beside every file to be downloaded stands the way to the help with opening it in Excel."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parents[2] / "webapp" / "templates"
_DOWNLOADED = re.compile(r"<a\b[^<]*\sdownload>")
PAGES = [
    path.relative_to(TEMPLATES).as_posix()
    for path in sorted(TEMPLATES.rglob("*.html"))
    if _DOWNLOADED.search(path.read_text(encoding="utf-8"))
]


def test_there_are_such_pages() -> None:
    assert {"runs/show.html", "wizard/information.html", "crossrefs/_head.html"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_a_download_leads_to_the_help(page: str) -> None:
    text = (TEMPLATES / page).read_text(encoding="utf-8")
    assert '{% include "help/_link.html" %}' in text

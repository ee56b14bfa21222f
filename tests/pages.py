"""Pages as one reads them."""

from __future__ import annotations

import html
import re


def words_of(markup: str) -> str:
    """The words in a piece of a page, with a blank between any two."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())

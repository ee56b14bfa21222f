"""A web page as tags and texts, taken in pieces: what is cut at the end of one waits for more."""

from __future__ import annotations

import html
import re
from typing import Protocol

# A quote counts only behind an equals sign, as browsers have it: <td title=5"> ends at its bracket.
# What is tried is never tried again (possessive), and a value is at most so long: no page takes
# longer than its length to read.
_LONGEST_VALUE = 4_096
_VALUE = rf"=\s*+(?:\"[^\"]{{0,{_LONGEST_VALUE}}}+\"|'[^']{{0,{_LONGEST_VALUE}}}+')"
_TOKEN = re.compile(
    rf"<(?:(/?)([a-zA-Z][^\s/>]{{0,100}}+)((?:[^<>=]++|{_VALUE}|=)*+)>|(!--)|[!?/][^<>]*+>)"
)
_ATTRIBUTE = re.compile(r"([^\s=/>\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]*)))?")
_AHEAD = 2 * _LONGEST_VALUE
_LONGEST_TAG = 1 << 17
_LONGEST_TEXT = 1 << 18
_ENDS = {
    "-->": re.compile("-->"),
    **{
        name: re.compile(f"(?=</{name})", re.IGNORECASE)
        for name in ("script", "style", "textarea", "title", "xmp")
    },
}
_RAW = _ENDS.keys() - {"-->"}

Attributes = dict[str, str]


class TooLongError(ValueError):
    """Raised at a tag of a length that no page has."""


class Handler(Protocol):
    """What is done with a page's parts. Names of elements are in small letters."""

    def start(self, name: str, attributes: str) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, text: str) -> None:
        """A text with its references (&amp;) resolved, once for what stands between two tags."""
        ...


class Tokens:
    """Takes a page in pieces, and gives its handler tags and texts."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._held = ""
        self._texts: list[str] = []
        self._until = ""

    def take(self, piece: str, *, at_end: bool = False) -> None:
        """Handle all that is whole, up to a little before the end of what has come."""
        text = self._held + piece
        size = len(text)
        last = size if at_end else size - _AHEAD
        at = 0
        search, texts = _TOKEN.search, self._texts
        while at < last:
            if self._until:
                at = self._skip(text, at)
                if self._until:
                    break
                continue
            match = search(text, at)
            if match is None or match.start() >= last:
                at = self._keep(text, at, last, at_end=at_end or match is not None)
                break
            begin = match.start()
            if begin > at:
                texts.append(text[at:begin])
            at = match.end()
            self._take(match)
        self._held = text[at:]
        if at_end or sum(map(len, texts)) > _LONGEST_TEXT:
            self._flush()

    def _take(self, match: re.Match[str]) -> None:
        slash, name, attributes, comment = match.groups()
        if name is None:
            self._until = "-->" if comment else ""
            return
        if self._texts:
            self._flush()
        name = name.lower()
        if slash:
            self._handler.end(name)
            return
        self._handler.start(name, attributes)
        if name in _RAW and not attributes.endswith("/"):
            self._until = name

    def _keep(self, text: str, at: int, last: int, *, at_end: bool) -> int:
        """Where no tag is complete: all up to the next that may begin is text."""
        begin = -1 if at_end else text.find("<", at)
        if begin >= 0 and len(text) - begin > _LONGEST_TAG:
            raise TooLongError(begin)
        end = max(at, min(last, begin) if begin >= 0 else last)
        self._texts.append(text[at:end])
        return end

    def _skip(self, text: str, at: int) -> int:
        """Past a comment, or to the end tag of what holds no tags."""
        place = find_end_of(self._until, text, at)
        if place is None:
            return max(at, len(text) - 16)
        self._until = ""
        return place

    def _flush(self) -> None:
        whole = "".join(self._texts)
        self._texts.clear()
        if whole:
            self._handler.text(html.unescape(whole) if "&" in whole else whole)


def find_end_of(what: str, text: str, at: int) -> int | None:
    """Where a comment is over (`-->`), or where the end tag of an element begins that holds no
    tags; None where that is not in this text."""
    found = _ENDS[what].search(text, at)
    return found.end() if found else None


def read_attributes(text: str) -> Attributes:
    """The attributes of a tag; of one that is there twice, the first."""
    found: Attributes = {}
    for match in _ATTRIBUTE.finditer(text):
        value = next((part for part in match.groups()[1:] if part is not None), "")
        found.setdefault(match[1].lower(), html.unescape(value))
    return found

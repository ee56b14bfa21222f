"""XML read as a stream, without the parts of XML that can be turned against its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO
from xml.parsers import expat

from webapp.rules.reading.package import DAMAGED
from webapp.rules.reading.tables import UnreadableError

BLOCK = 1 << 16
# A tag or attribute longer than this is never in a workbook; expat would hold all of it.
_MAX_TOKEN = 4 * 1024 * 1024

Start = Callable[[str, dict[str, str]], object]
End = Callable[[str], object]
Text = Callable[[str], object]


def make_parser(encoding: str | None = None) -> expat.XMLParserType:
    """A parser that refuses a document type, and with it every entity that could be expanded.

    `encoding` is for text that does not say what it is in itself.
    """
    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    parser.buffer_size = BLOCK
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _refuse_doctype(*_: object) -> None:
    raise UnreadableError(DAMAGED)


def feed(parser: expat.XMLParserType, file: BinaryIO) -> Iterator[None]:
    """Feed a part to the parser block by block, and give way after each one."""
    fed = 0
    while block := file.read(BLOCK):
        parser.Parse(block, False)
        fed += len(block)
        if fed - parser.CurrentByteIndex > _MAX_TOKEN:
            raise UnreadableError(DAMAGED)
        yield
    parser.Parse(b"", True)
    yield


def local(name: str) -> str:
    """The name of an element without its namespace prefix."""
    return name.rpartition(":")[2]


def list_elements(file: BinaryIO, *wanted: str) -> list[tuple[str, str, dict[str, str]]]:
    """(parent, element, attributes) of the wanted elements of a small part, in order."""
    found: list[tuple[str, str, dict[str, str]]] = []
    path: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        name = local(name)
        if name in wanted:
            if len(found) >= 200_000:
                raise UnreadableError(DAMAGED)
            found.append((path[-1] if path else "", name, attributes))
        path.append(name)

    parser = make_parser()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: path.pop()
    for _ in feed(parser, file):
        pass
    return found

"""A file as blocks of complete lines, in constant memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from webapp.rules.reading.encodings import bom_length, make_decoder
from webapp.rules.reading.tables import Dialect, Limits, Refusal, Source, UnreadableError

# Small enough for a block, its lines and its records to stay in the processor's cache.
READ_SIZE = 1 << 16
_COUNTED = 1 << 20

# str.splitlines also splits at these; a CSV reader does not.
_OTHER_BREAKS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def line_too_long(limits: Limits) -> Refusal:
    return Refusal(
        "line_too_long",
        f"This file has a single line of more than {limits.max_line // 1_000_000} million "
        "characters, so it has no rows that can be told apart; save it again as CSV, with one line "
        "for each record.",
    )


class LineCounter:
    """Bytes on their way through: counts the lines and refuses one that doesn't end."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._newlines = 0
        self._returns = 0
        self._since_line = 0

    def read(self, size: int) -> bytes:
        block = self._file.read(size)
        newlines = block.count(b"\n")
        self._newlines += newlines
        # Carriage returns end the lines only where nothing else does.
        if not self._newlines:
            self._returns += block.count(b"\r")
        ended = max(block.rfind(b"\n"), -1 if newlines else block.rfind(b"\r"))
        self._since_line = len(block) - ended - 1 + (self._since_line if ended < 0 else 0)
        if self._since_line > self._limits.max_line:
            raise UnreadableError(line_too_long(self._limits))
        return block

    def read_rest(self) -> None:
        while self.read(_COUNTED):
            pass

    @property
    def lines(self) -> int:
        """How many lines there are, the last one also when it lacks its ending."""
        return (self._newlines or self._returns) + (self._since_line > 0)


def split_lines(text: str) -> list[str]:
    """The lines of a text with their endings; only LF, CR and CRLF end a line."""
    if any(character in text for character in _OTHER_BREAKS):
        return list(io.StringIO(text, newline=""))
    return text.splitlines(True)


def read_line_blocks(source: Source, dialect: Dialect, limits: Limits) -> Iterator[list[str]]:
    """Blocks of complete lines, together all of the file; the last line may lack its ending."""
    decoder = make_decoder(dialect.encoding)
    with source.open() as file:
        file.seek(bom_length(dialect.encoding) if dialect.had_bom else 0)
        parts: list[str] = []
        held = 0
        at_end = False
        while not at_end:
            data = file.read(READ_SIZE)
            at_end = not data
            text = decoder.decode(data, at_end)
            cut = len(text) if at_end else _last_line_end(text)
            if not cut and not at_end:
                parts.append(text)
                held += len(text)
                if held > limits.max_line:
                    raise UnreadableError(line_too_long(limits))
                continue
            parts.append(text[:cut])
            whole = parts[0] if len(parts) == 1 else "".join(parts)
            parts = [text[cut:]] if cut < len(text) else []
            held = len(text) - cut
            if at_end:
                whole = whole.rstrip("\x1a")  # how programs for DOS end a file
            if whole:
                yield split_lines(whole)


def _last_line_end(text: str) -> int:
    """Where the last complete line ends. A CR at the very end may be half of a CRLF."""
    newline = text.rfind("\n")
    if newline >= 0:
        return newline + 1
    return text.rfind("\r", 0, len(text) - 1) + 1 if text else 0

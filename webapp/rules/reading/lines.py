"""A file as blocks of complete lines, in constant memory."""

from __future__ import annotations

import io
from collections.abc import Iterator

from webapp.rules.reading.encodings import bom_length, make_decoder
from webapp.rules.reading.tables import Dialect, Limits, Refusal, Source, UnreadableError

# Small enough for a block, its lines and its records to stay in the processor's cache.
READ_SIZE = 1 << 16

# str.splitlines also splits at these; a CSV reader does not.
_OTHER_BREAKS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def line_too_long(limits: Limits) -> Refusal:
    return Refusal(
        "line_too_long",
        f"This file has a single line of more than {limits.max_line // 1_000_000} million "
        "characters, so it has no rows that can be told apart; save it again as CSV, with one line "
        "for each record.",
    )


def split_lines(text: str) -> list[str]:
    """The lines of a text with their endings; only LF, CR and CRLF end a line."""
    if any(character in text for character in _OTHER_BREAKS):
        return list(io.StringIO(text, newline=""))
    return text.splitlines(True)


def read_line_blocks(source: Source, dialect: Dialect, limits: Limits) -> Iterator[list[str]]:
    """Blocks of complete lines, together all of the file; the last line may lack its ending."""
    return map(split_lines, read_text_blocks(source, dialect, limits))


def read_text_blocks(source: Source, dialect: Dialect, limits: Limits) -> Iterator[str]:
    """The same as text that is not split yet."""
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
                yield whole


def _last_line_end(text: str) -> int:
    """Where the last complete line ends. A CR at the very end may be half of a CRLF."""
    newline = text.rfind("\n")
    if newline >= 0:
        return newline + 1
    return text.rfind("\r", 0, len(text) - 1) + 1 if text else 0


def read_part(source: Source, dialect: Dialect, start: int, size: int) -> list[str]:
    """The complete lines in a part of the file; its last line, where the part reaches the end."""
    # Wide characters begin at multiples of four, counted from the file's start.
    before = start % 4
    start -= before
    with source.open() as file:
        file.seek(start)
        data = file.read(before + size)
    at_end = start + len(data) >= source.size
    lines = split_lines(make_decoder(dialect.encoding).decode(data, at_end))
    if at_end and lines:
        lines[-1] = lines[-1].rstrip("\x1a")
        lines = lines if lines[-1] else lines[:-1]
    return lines[1:] if at_end else lines[1:-1]

"""Reads damaged and random files in a process of its own, whose memory is limited.

`python -m tests.unit.rules.reading.fuzzing SEED COUNT` prints the slowest file's seconds and the
process's peak memory as JSON; an exception ends it.
"""

from __future__ import annotations

import json
import random
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.reading_corpus.styles import DELIMITERS, text_of
from tests.reading_corpus.tables import TABLES, WIDE
from tests.reading_corpus.writing import Style
from tests.unit.rules.reading.sources import Bytes
from webapp.rules.reading import Examination, Refusal, UnreadableError, examine, read_records

MOST_MEMORY = 2 * 1024**3
"""Of addresses, which is more than what is used."""
SIGNS = b"\"',;\t|\n\r\\\x00\x1a\xff\xfe\xc3\xa9=<{PK"


def random_bytes(chance: random.Random) -> bytes:
    """Bytes of one kind or another, up to a quarter of a megabyte."""
    size = int(2 ** chance.uniform(0, 18))
    pool = chance.choice((bytes(range(256)), SIGNS, b"ab,\n", b'",\n', b"1;,\t \n", b"\r\n", b'"'))
    return bytes(chance.choices(pool, k=size))


def mutated_table(chance: random.Random) -> bytes:
    """A table with bytes replaced, put in, taken out, repeated or moved."""
    table = chance.choice((*TABLES, WIDE))
    style = Style(
        chance.choice(list(DELIMITERS.values())),
        chance.choice("\"'"),
        ending=chance.choice(("\n", "\r\n", "\r")),
        quotes_all=chance.random() < 0.3,
    )
    data = bytearray(
        text_of(table, style).encode(chance.choice(("utf-8", "utf-16", "cp1252")), "replace")
    )
    for _ in range(chance.randint(1, 40)):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + int(2 ** chance.uniform(0, 10)))
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = bytes([chance.choice(SIGNS)])
            case 1:
                data[at:at] = bytes([chance.choice(SIGNS)])
            case 2:
                del data[at : at + 1 + chance.randrange(3)]
            case 3:
                data[at:at] = data[at:end]
            case _:
                del data[at:end]
    return bytes(data)


MAKERS: tuple[Callable[[random.Random], bytes], ...] = (random_bytes, mutated_table)


def read_through(data: bytes) -> None:
    """An answer whatever it is, and every row whole or with a fault."""
    source = Bytes(data)
    found = examine(source, may_lack_rows=True)
    if isinstance(found, Refusal):
        assert found.message.endswith(".")
        return
    assert isinstance(found, Examination)
    width = len(found.columns)
    last = 0
    try:
        for batch in read_records(source, found.dialect):
            for number, row in zip(batch.row_numbers, batch.rows, strict=True):
                assert number > last
                last = number
                assert number in batch.faults or len(row) == width
    except UnreadableError:
        return


def peak_memory() -> int:
    """The most memory that this process has held, in kB.

    ``ru_maxrss`` is at least what the process held that started this one, here all of the tests'.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)[1])  # type: ignore[index]


def main(seed: int, count: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    slowest = 0.0
    worst = -1
    for number in range(seed, seed + count):
        chance = random.Random(number)
        data = MAKERS[number % len(MAKERS)](chance)
        # What it costs, whatever else the machine is doing
        started = time.process_time()
        try:
            read_through(data)
        except Exception:
            sys.stderr.write(f"file {number}\n")
            raise
        took = time.process_time() - started
        if took > slowest:
            slowest, worst = took, number
    peak = peak_memory() / 1024
    sys.stdout.write(json.dumps({"seconds": slowest, "file": worst, "peak_mb": peak}) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))

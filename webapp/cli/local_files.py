"""Files given on the command line: how they are opened, read and said to be wrong."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from webapp.rules.reading import (
    Batch,
    Choices,
    Examination,
    Refusal,
    examine,
    read_records,
)

if TYPE_CHECKING:
    from webapp.rules.doctor import Doctor

NOTHING_IN_IT = ("empty", "blank")
"""The codes of refusals that say there is nothing to read."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine as `rules.reading` reads it."""

    path: Path
    size: int

    @property
    def name(self) -> str:
        return self.path.name

    def open(self) -> BinaryIO:
        """A seekable binary file."""
        return self.path.open("rb")


def choices_of(options: argparse.Namespace) -> Choices:
    """What the command line says about how a file is to be read."""
    return Choices(
        encoding=options.encoding,
        delimiter=options.delimiter,
        sheet=options.sheet,
        member=options.member,
    )


def examine_file(path: Path, choices: Choices) -> tuple[LocalFile, Examination] | Refusal:
    """The file and what is in it, or the sentence that says why it can't be read."""
    if not path.is_file():
        wrong = "is not a file" if path.exists() else "does not exist"
        return Refusal("no_file", f"This {wrong}; check its name.")
    try:
        source = LocalFile(path, path.stat().st_size)
        found = examine(source, choices=choices, may_lack_rows=True)
    except OSError as error:
        return unopened(error)
    return found if isinstance(found, Refusal) else (source, found)


def unopened(error: OSError) -> Refusal:
    """What the operating system says against it."""
    return Refusal("unopened", f"This can't be done: {error.strerror or error}.")


def read_rows(source: LocalFile, found: Examination) -> Iterator[Batch]:
    """The records, as the examination says they are to be read."""
    return read_records(source, found.dialect)


def well_formed(batch: Batch) -> tuple[list[int], list[list[str]]]:
    """The rows to be shown, with their numbers: those that are not set aside, and those that are
    only for a quotation mark in a number, a date or a code."""
    if not batch.faults:
        return batch.row_numbers, batch.rows
    faults = batch.faults.keys() - batch.as_written
    kept = [at for at, number in enumerate(batch.row_numbers) if number not in faults]
    return [batch.row_numbers[at] for at in kept], [batch.rows[at] for at in kept]


def make_doctor(columns: Iterable[str]) -> Doctor:
    """A doctor for these columns; a name that is one of ours says what its column holds."""
    from webapp.rules.doctor import ColumnSeen, Doctor
    from webapp.rules.fields import STANDARD_FIELDS

    known = {field.column for field in STANDARD_FIELDS}
    seen = []
    for position, name in enumerate(columns):
        key = name.strip().upper().replace(" ", "_")
        seen.append(ColumnSeen(position, name, key if key in known else None))
    return Doctor(seen)

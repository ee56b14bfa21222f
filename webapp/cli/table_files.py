"""What `datasync clean` writes: a table as UTF-8 CSV (RFC 4180), and the rows set aside."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Writer

SUFFIX = ".csv"
REJECTED_SUFFIX = ".rejected.csv"
REJECTED_HEADER = ("ROW", "REASON", "RAW")


@dataclass(frozen=True, slots=True)
class Targets:
    """Where one file's table goes, and where the rows that were set aside."""

    table: Path
    rejected: Path
    note: str = ""


def choose_targets(files: Sequence[Path], out: Path | None, out_dir: Path | None) -> list[Targets]:
    """Names for every file's table, no two alike: where two would be, the later one keeps its
    full name."""
    if out is not None:
        return [Targets(out, out.with_name(out.stem + REJECTED_SUFFIX))]
    folder = out_dir or Path()
    taken: set[str] = set()
    targets = []
    for path in files:
        name = next(name for name in _names(path) if not taken & _written(name))
        taken |= _written(name)
        table = folder / (name + SUFFIX)
        note = "" if name == path.stem else f"{path.stem}{SUFFIX} is another file's table already."
        targets.append(Targets(table, folder / (name + REJECTED_SUFFIX), note))
    return targets


def _names(path: Path) -> Iterable[str]:
    yield path.stem
    yield path.name
    number = 2
    while True:
        yield f"{path.name}-{number}"
        number += 1


def _written(name: str) -> set[str]:
    # Folded: some file systems take A.csv and a.csv for the same file
    return {(name + SUFFIX).casefold(), (name + REJECTED_SUFFIX).casefold()}


class TableFiles:
    """Both files, complete or not there: they get their names when all is written."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._opened = ExitStack()
        self._parts: dict[Path, Path] = {}
        self._rejected: Writer | None = None

    def __enter__(self) -> TableFiles:
        self._targets.table.parent.mkdir(parents=True, exist_ok=True)
        self._table = self._open(self._targets.table)
        return self

    def _open(self, target: Path) -> Writer:
        # Where the name is a link, what it leads to is replaced
        target = target.resolve()
        part = target.with_name(f".datasync-{os.getpid()}-{len(self._parts)}.part")
        self._parts[part] = target
        return csv.writer(
            self._opened.enter_context(
                part.open("w", encoding="utf-8", errors="replace", newline="", buffering=1 << 16)
            ),
            lineterminator="\r\n",
        )

    def write_header(self, names: Sequence[str]) -> None:
        """The names of the columns; to be called first."""
        self._table.writerow(names)

    def write_rows(self, rows: Iterable[Sequence[str]]) -> None:
        """Rows of the table."""
        self._table.writerows(rows)

    def set_aside(self, number: int, reason: str, raw: str) -> None:
        """A row that is not written; the file of such rows is made with the first."""
        if self._rejected is None:
            self._rejected = self._open(self._targets.rejected)
            self._rejected.writerow(REJECTED_HEADER)
        self._rejected.writerow((number, reason, raw))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._opened.close()
            if kind is None:
                self._finish()
        finally:
            for part in self._parts:
                part.unlink(missing_ok=True)

    def _finish(self) -> None:
        if self._rejected is None:
            # That of an earlier run would be taken for this one's
            self._targets.rejected.unlink(missing_ok=True)
        for part, target in reversed(list(self._parts.items())):
            part.replace(target)

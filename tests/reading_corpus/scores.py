"""How well a file is read: header, records and cells against the clean table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from tests.reading_corpus.cases import Case
from tests.reading_corpus.tables import Row
from tests.unit.rules.reading.sources import Bytes
from webapp.rules.reading import OutsideKind, Refusal, UnreadableError, examine, read_records


@dataclass(slots=True)
class Read:
    """What the reader made of a file."""

    header: Row = ()
    has_header: bool = True
    rows: list[Row] = field(default_factory=list)
    set_aside: int = 0
    """Rows that are not read, and said: set aside, or named as not of the table."""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """F1 of the names, the records and the cells; and how many records were read wrongly without
    a word, or lost."""

    header: float
    records: float
    cells: float
    wrong: int
    lost: int
    set_aside: int
    """Rows nobody can read surely that were set aside."""

    @property
    def is_perfect(self) -> bool:
        return self.header == self.records == self.cells == 1.0


def read(data: bytes) -> Read:
    """Examine and read, told nothing."""
    source = Bytes(data)
    found = examine(source, may_lack_rows=True)
    if isinstance(found, Refusal):
        return Read(refusal=found.message)
    result = Read(found.columns, bool(found.dialect.header_rows))
    result.set_aside = sum(part.kind != OutsideKind.TITLE for part in found.outside)
    try:
        for batch in read_records(source, found.dialect):
            for number, row in zip(batch.row_numbers, batch.rows, strict=True):
                if number not in batch.faults:
                    result.rows.append(tuple(row))
            result.set_aside += len(batch.faults)
    except UnreadableError as error:
        result.refusal = error.refusal.message
    return result


def score(case: Case, got: Read) -> Score:
    """The scores of one file."""
    wanted, set_aside = _wanted_rows(case, got)
    unmatched = Counter(got.rows) - Counter(wanted)
    lost = len(wanted) - sum((Counter(wanted) & Counter(got.rows)).values())
    return Score(
        _score_header(case, got),
        f1(wanted, got.rows),
        f1(_cells(wanted), _cells(got.rows)),
        sum(unmatched.values()),
        lost,
        set_aside,
    )


def _wanted_rows(case: Case, got: Read) -> tuple[list[Row], int]:
    """The rows to be read, the ones nobody can read surely as they were read if that will do."""
    required = [row for at, row in enumerate(case.table.rows) if at not in case.free]
    left = Counter(got.rows) - Counter(required)
    wanted = list(required)
    set_aside = 0
    for at, others in case.free.items():
        accepted = (case.table.rows[at], *others)
        taken = next((row for row in accepted if left[row]), None)
        if taken is None and set_aside < got.set_aside:
            set_aside += 1
            continue
        wanted.append(taken or accepted[0])
        left[wanted[-1]] -= 1
    return wanted, set_aside


def _score_header(case: Case, got: Read) -> float:
    if not case.has_header:
        return float(not got.has_header and len(got.header) == case.table.width)
    names = case.header or case.table.header
    if case.names_may_differ:
        return _score_loosely(case, names, got.header)
    return f1(enumerate(names), enumerate(got.header))


def _score_loosely(case: Case, names: Row, got: Row) -> float:
    """A name that can't be told may be anything but that of another column."""
    if len(got) != len(names):
        return 0.0
    right = sum(
        name == wanted or (at in case.names_may_differ and name not in names)
        for at, (wanted, name) in enumerate(zip(names, got, strict=True))
    )
    return right / len(names)


def _cells(rows: Iterable[Row]) -> list[tuple[int, str]]:
    return [cell for row in rows for cell in enumerate(row)]


def f1(wanted: Iterable[Hashable], got: Iterable[Hashable]) -> float:
    """The harmonic mean of precision and recall; 1 where nothing is wanted and nothing there."""
    needed, found = Counter(wanted), Counter(got)
    total = sum(needed.values()) + sum(found.values())
    return 2 * sum((needed & found).values()) / total if total else 1.0

"""What all kinds of damage share: a batch as it is looked at, tallies, mends and findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from webapp.rules.doctor.contract import (
    MOST_CHANGES,
    MOST_EXAMPLES,
    Change,
    DamageKind,
    Example,
    Finding,
    Repair,
)
from webapp.rules.doctor.uses import Purpose, Purposes, Use

# No cell holds a NUL (reading.Batch), so it can stand between cells
BETWEEN = "\0"

Around = tuple[str, ...]
MendCell = Callable[[str, Around], str | None]


@dataclass(frozen=True, slots=True)
class Mend:
    """How the cells of one column are put right: a pure function of the cell and those it reads.

    `may_concern` dismisses most texts without looking around. `mend` gives the new text, or None
    where the cell stays as it is.
    """

    position: int
    reads: tuple[int, ...]
    mend: MendCell
    may_concern: Callable[[str], bool]
    why: str
    """Ends the sentence of a repaired row."""


MakeMends = Callable[[Repair], Sequence[Mend]]


class Glance:
    """A batch of rows, column by column; what is asked of it is worked out once."""

    def __init__(self, numbers: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        self.numbers = numbers
        self.rows = rows
        self._columns = list(zip(*rows, strict=True)) if rows else []
        self._counts: dict[int, Counter[str]] = {}
        self._texts: dict[int, str] = {}

    def cells(self, position: int) -> Sequence[str]:
        """The cells of a column."""
        return self._columns[position]

    def counts(self, position: int) -> Counter[str]:
        """The distinct cells of a column, each with its number of rows."""
        found = self._counts.get(position)
        if found is None:
            found = self._counts[position] = Counter(self._columns[position])
        return found

    def text(self, position: int) -> str:
        """The distinct cells as one text, so that one search dismisses them all."""
        found = self._texts.get(position)
        if found is None:
            found = self._texts[position] = BETWEEN.join(self.counts(position))
        return found


@dataclass(slots=True)
class Tally:
    """The rows of one sort: how many, the first examples, the distinct texts."""

    rows: int = 0
    texts: dict[str, list[Any]] = field(default_factory=dict)
    """Text -> what was around it first, number of rows."""
    examples: list[tuple[int, str, Around, str]] = field(default_factory=list)

    def add(self, text: str, rows: int, around: Around = ()) -> None:
        """Count rows with this text."""
        self.rows += rows
        known = self.texts.get(text)
        if known is not None:
            known[1] += rows
        elif len(self.texts) < MOST_CHANGES:
            self.texts[text] = [around, rows]

    def wants_example(self, text: str) -> bool:
        """Whether a row with this text would still be shown."""
        return len(self.examples) < MOST_EXAMPLES and all(
            text != seen for _, seen, _, _ in self.examples
        )

    def show(self, row: int, text: str, context: str, around: Around = ()) -> None:
        """Keep a row as an example."""
        self.examples.append((row, text, around, context))


def merged(tallies: Iterable[Tally]) -> Tally:
    """Several tallies as one."""
    whole = Tally()
    for tally in tallies:
        kept = 0
        for text, (around, rows) in tally.texts.items():
            whole.add(text, rows, around)
            kept += rows
        whole.rows += tally.rows - kept
        whole.examples += tally.examples
    whole.examples = sorted(whole.examples)[:MOST_EXAMPLES]
    return whole


class Watch(Protocol):
    """Looks out for one kind of damage in one column, or in some that belong together."""

    def look(self, glance: Glance) -> None:
        """Take in a batch."""
        ...

    def findings(self) -> Iterable[Finding]:
        """What there is, once every row was seen."""
        ...


class Describe:
    """Whose row an example is, in a few words."""

    def __init__(self, purposes: Purposes) -> None:
        first = purposes.having(Use.FIRST_NAME)
        last = purposes.having(Use.LAST_NAME)
        names = [found[0].position for found in (first, last) if found]
        others = [found.position for found in purposes.having(Use.EMAIL, Use.CODE)[:1]]
        self._names, self._others = names, others

    def __call__(self, row: Sequence[str], position: int) -> str:
        for places in (self._names, self._others):
            words = [row[place].strip() for place in places if place != position]
            told = " ".join(word for word in words if word)
            if told:
                return told[:80]
        return ""


def make_finding(
    kind: DamageKind,
    purpose: Purpose,
    tally: Tally,
    *,
    title: str,
    evidence: str,
    advice: str,
    make_mends: MakeMends | None = None,
    rule: str = "",
    reads: tuple[int, ...] = (),
    options: Mapping[str, Any] | None = None,
) -> Finding:
    """A finding whose examples are what its own repair makes of them.

    Without `make_mends` it only tells.
    """
    # The heading as it stands, so that it can be compared with the file's
    column = purpose.column.name
    repair = Repair(kind, purpose.position, column, None, rule, reads, options or {})
    mend: MendCell | None = None
    if make_mends is not None:
        mend = make_mends(repair)[0].mend
    examples = tuple(
        Example(row, text, mend(text, around) if mend else None, context)
        for row, text, around, context in tally.examples
    )
    changes = [
        Change(text, (mend(text, around) or "") if mend else "", rows)
        for text, (around, rows) in tally.texts.items()
    ]
    changes.sort(key=lambda change: (-change.rows, change.before))
    return Finding(
        kind=kind,
        position=purpose.position,
        column=column,
        rows=tally.rows,
        examples=examples,
        changes=tuple(changes) if mend else (),
        can_repair=mend is not None,
        title=title,
        evidence=evidence,
        advice=advice,
        rule=repair.rule,
        reads=repair.reads,
        options=repair.options,
    )

"""What the doctor says of a file and what a person can accept of it: plain values, kept as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol

MOST_CHANGES = 200
MOST_EXAMPLES = 3


class DamageKind(StrEnum):
    """Every way a spreadsheet damages a column. The text is stored; never rename one."""

    LOST_ZEROS = "lost_zeros"
    LOST_DIGITS = "lost_digits"
    BECAME_DATE = "became_date"
    SWAPPED_DATES = "swapped_dates"
    MOJIBAKE = "mojibake"
    SHIFTED_COLUMNS = "shifted_columns"
    SHORT_PHONE = "short_phone"
    NULL_WORD = "null_word"
    STRAY_BLANKS = "stray_blanks"
    APOSTROPHE = "apostrophe"


@dataclass(frozen=True, slots=True)
class ColumnSeen:
    """A column of the file. `field` is the catalogue's column name, None where nobody knows it."""

    position: int
    name: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One damaged cell; `after` is None where it can't be told what it was."""

    row: int
    before: str
    after: str | None
    context: str


@dataclass(frozen=True, slots=True)
class Change:
    """One distinct text, what it becomes, and in how many rows."""

    before: str
    after: str
    rows: int


@dataclass(frozen=True, slots=True)
class Repair:
    """What a person accepted. It says all that a later read needs to do the same again.

    `values` None means every cell the finding is about; else only cells with these texts.
    """

    kind: DamageKind
    position: int
    column: str
    values: frozenset[str] | None = None
    rule: str = ""
    reads: tuple[int, ...] = ()
    """The positions of the other cells of the row that the rule looks at."""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """The stored form; equal repairs are equal texts."""
        return {
            "kind": str(self.kind),
            "position": self.position,
            "column": self.column,
            "values": None if self.values is None else sorted(self.values),
            "rule": self.rule,
            "reads": list(self.reads),
            "options": dict(self.options),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Repair:
        """The repair that was stored."""
        values = data.get("values")
        return cls(
            DamageKind(data["kind"]),
            data["position"],
            data["column"],
            None if values is None else frozenset(values),
            data.get("rule", ""),
            tuple(data.get("reads", ())),
            data.get("options", {}),
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of damage in one column; a finding that concerns several stands at the first."""

    kind: DamageKind
    position: int
    column: str
    rows: int
    examples: tuple[Example, ...]
    changes: tuple[Change, ...]
    """The distinct texts, the most frequent first; at most 200 are kept."""
    can_repair: bool
    title: str
    evidence: str
    advice: str
    rule: str = ""
    reads: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def id(self) -> str:
        """Names the finding within its file."""
        return f"{self.kind}:{self.position}"

    def repair(self, values: Iterable[str] | None = None) -> Repair:
        """The repair of all its cells, or only of those with the given texts."""
        if not self.can_repair:
            raise ValueError(f"{self.id} can't be repaired")
        chosen = None if values is None else frozenset(values)
        return Repair(
            self.kind, self.position, self.column, chosen, self.rule, self.reads, self.options
        )

    def to_json(self) -> dict[str, Any]:
        """The stored form."""
        return asdict(self) | {
            "kind": str(self.kind),
            "examples": [asdict(example) for example in self.examples],
            "changes": [asdict(change) for change in self.changes],
            "reads": list(self.reads),
            "options": dict(self.options),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """The finding that was stored."""
        return cls(
            kind=DamageKind(data["kind"]),
            position=data["position"],
            column=data["column"],
            rows=data["rows"],
            examples=tuple(Example(**example) for example in data["examples"]),
            changes=tuple(Change(**change) for change in data["changes"]),
            can_repair=data["can_repair"],
            title=data["title"],
            evidence=data["evidence"],
            advice=data["advice"],
            rule=data.get("rule", ""),
            reads=tuple(data.get("reads", ())),
            options=data.get("options", {}),
        )


class Knowledge(Protocol):
    """What the database can say. It is asked a few hundred times at most, when all rows are seen.

    What it said is written into the repair: a repair never asks again.
    """

    def zips_of(self, city: str, state: str) -> Collection[str]:
        """The ZIPs stored for a city (blank state: in any); empty when none is known."""
        ...

    def knows_value(self, field: str, value: str) -> bool:
        """Whether an active record has exactly this value in the field."""
        ...


class _NoKnowledge:
    def zips_of(self, city: str, state: str) -> Collection[str]:
        return ()

    def knows_value(self, field: str, value: str) -> bool:
        return False


NO_KNOWLEDGE: Knowledge = _NoKnowledge()
